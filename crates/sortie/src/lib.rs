//! HTTP client sessions, as a stack of tower layers over a pooled hyper connector.
mod builder;
mod error;
mod into_url;
mod mount;
mod one_shot;
mod request;
mod response;
mod session;
mod setter;
mod settings;
mod stack;
mod text;
mod userinfo;

pub use builder::SessionBuilder;
pub use error::{Error, ErrorKind};
pub use into_url::{IntoUrl, InvalidUrl};
pub use mount::Mount;
pub use one_shot::{delete, get, head, options, patch, post, put, request};
pub use request::RequestBuilder;
pub use response::Response;
pub use session::{Pending, Session};
pub use setter::Invalid;

#[cfg(feature = "cookies")]
pub use sortie_cookies as cookies;
pub use sortie_core as core;
pub use sortie_core::{Body, BoxError};
pub use sortie_layers as layers;
pub use sortie_layers::{auth, hooks, redirect, retry, timeout};
pub use sortie_transport as transport;
pub use sortie_transport::Transport;
