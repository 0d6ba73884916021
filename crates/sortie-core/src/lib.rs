//! The vocabulary that the layers of [sortie] share.
//!
//! A sortie layer works over any `tower_service::Service<http::Request<B>>`, alone or with the others. What ties them
//! together when they do stand together is here, and nothing else is: no layer, no runtime, no transport.
//!
//! | what | for |
//! |---|---|
//! | [`Body`], [`Replay`] | one body type for both directions, and the question whether it can be sent again |
//! | [`PerRequest`] | an override of a layer's options for one request, in its extensions |
//! | [`Origin`], [`Chain`] | who may receive what was meant for whom, over a chain of redirects |
//! | [`Defaulted`], [`Without`], [`Prepared`] | which headers nobody asked for, which nobody wants, and whether they are there |
//! | [`Deadline`] | when the call ends |
//! | [`Outcome`], [`Fault`], [`Phase`], [`Elapsed`] | what a failure may have done on the wire, and which clock ran out |
//! | [`auth`] | how a scheme signs requests and answers challenges |
//! | [`unix_socket`] | the path of a Unix socket in the place of a URL's host |
//! | [`HttpService`], [`BoxHttp`] | the service shape that everything here has, and its boxed form |
//! | [`InFlight`], [`Ticket`] | counting what is under way, bodies included |
//!
//! [sortie]: https://docs.rs/sortie

pub mod auth;
mod body;
mod deadline;
mod defaulted;
mod error;
mod in_flight;
mod origin;
mod outcome;
mod per_request;
mod prepared;
mod replay;
mod service;
pub mod unix_socket;
mod without;

pub use body::{Body, LengthMismatch, Progress};
pub use deadline::Deadline;
pub use defaulted::Defaulted;
pub use error::{BoxError, causes, find};
pub use in_flight::{InFlight, Ticket};
pub use origin::{Chain, Origin};
pub use outcome::{Elapsed, Fault, Outcome, Phase};
pub use per_request::PerRequest;
pub use prepared::Prepared;
pub use replay::Replay;
pub use service::{BoxFuture, BoxHttp, CallWhenReady, HttpService, call_when_ready};
pub use without::Without;
