//! The light tower layers of [sortie]'s HTTP client sessions.
//!
//! Each is a `tower_layer::Layer` that works alone over any `Service<http::Request<B>, Response = http::Response<RB>>`,
//! and each is configured by the options type that also overrides it for one request
//! ([`PerRequest`](sortie_core::PerRequest) in the request's extensions).
//!
//! | module | what it does | in `requests` |
//! |---|---|---|
//! | [`auth`] | signs requests and answers challenges | `session.auth` |
//! | [`base_url`] | makes `/path` an absolute URL | – |
//! | [`headers`] | fills in default headers | `session.headers` |
//! | [`hooks`] | runs callbacks on requests, responses and errors | `session.hooks` |
//! | [`mounts`] | picks a service by URL prefix | `session.mount` |
//! | [`query`] | appends default query parameters | `session.params` |
//! | [`redirect`] | follows redirects | `allow_redirects`, `max_redirects` |
//! | [`retry`] | sends again what failed | the adapter's `max_retries` |
//! | [`status`] | makes an error of a 4xx or 5xx | `raise_for_status` |
//! | [`timeout`] | limits the time of a call, a hop or an attempt | `timeout` |
//!
//! [sortie]: https://docs.rs/sortie

mod again;
pub mod auth;
pub mod base_url;
pub mod future;
pub mod headers;
pub mod hooks;
pub mod mounts;
pub mod query;
pub mod redirect;
pub mod retry;
pub mod status;
pub mod timeout;

pub use auth::AuthLayer;
pub use base_url::BaseUrlLayer;
pub use headers::HeadersLayer;
pub use hooks::HooksLayer;
pub use query::QueryLayer;
pub use redirect::RedirectLayer;
pub use retry::RetryLayer;
pub use status::StatusLayer;
pub use timeout::TimeoutLayer;
