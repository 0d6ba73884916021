//! Cookies as browsers keep them: a jar after RFC 6265bis, and the tower layer that sends from it and fills it.
//!
//! [`CookiesLayer`] works over any `tower_service::Service<http::Request<B>>`. For every answer that passes it (a 401,
//! a 503 and a redirect too) it keeps what `Set-Cookie` says under the URI of that very request, and adds to every
//! request the cookies that belong to its URI. A request in origin-form (`/path`) has no host and passes unchanged.
//!
//! The [`Jar`] can be used alone: [`Jar::receive`] takes a `Set-Cookie` value, [`Jar::header`] gives a `Cookie` value.
//!
//! What it enforces that clients outside browsers seldom do: public suffixes, host-only cookies, `__Secure-` and
//! `__Host-` (and `__Http-`, `__Host-Http-`), no `Secure` cookie from an insecure server and none shadowed by one,
//! `SameSite` for requests that say who made them ([`SiteContext`]), `Partitioned` cookies ([`Partition`]), the 400-day
//! cap, the limits of size, and a bound on what a jar holds.
//!
//! [`persist`] keeps a jar on disk, as JSON or as the `cookies.txt` of curl, wget and yt-dlp.
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http::{Request, Response};
//! use sortie_cookies::{CookieOptions, CookiesLayer, Jar};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Infallible> {
//! let server = service_fn(|request: Request<()>| async move {
//!     let seen = request.headers().get("cookie").cloned();
//!     let response = Response::builder().header("set-cookie", "id=7; Path=/; Secure");
//!     Ok::<_, Infallible>(response.body(seen).expect("a valid response"))
//! });
//!
//! let jar = Jar::new();
//! let mut client = ServiceBuilder::new().layer(CookiesLayer::new(CookieOptions::jar(jar.clone()))).service(server);
//!
//! let get = || Request::get("https://example.com/").body(()).expect("a valid request");
//! assert_eq!(client.ready().await?.call(get()).await?.into_body(), None);
//! assert_eq!(client.ready().await?.call(get()).await?.into_body().unwrap(), "id=7");
//! assert_eq!(jar.len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Per-request override
//!
//! `PerRequest<CookieOptions>` in the request's extensions: `Use` for another jar, `Off` for none. It
//! holds for the whole chain of redirects: a jar gives each host only what is its own. [`RequestCookies`] are cookies
//! for this one request; they are bound to its origin and are not kept. A `Cookie` header set by hand is merged with
//! the jar's cookies, name by name, and its value wins; [`CookieOptions::hand_set`] makes it replace them. A cookie
//! given for the request stands before both.
//!
//! Two extensions say who makes a request: [`SiteContext`], whether another site does, and [`Partition`], under which
//! site at the top. A request without them is the program's own: same-site, and its own top level.
//!
//! # Response metadata
//!
//! [`set_by`] reads what an answer sets; what was kept is in the jar.
//!
//! # Order
//!
//! Inside redirects, retries and auth, so that cookies are chosen anew for every hop and attempt and those of every
//! answer are kept; outside the transport. What it adds to a request does not come back to the layers above, so nothing
//! accumulates.
//!
//! # Differences from requests
//!
//! - A `Cookie` header by hand does not switch the jar off.
//! - A cookie given for a request never stands beside one of the same name from the jar, and never goes to another
//!   origin.
//! - `Domain=co.uk` is refused, prefixes are kept, a `Secure` cookie cannot be set over `http`, `SameSite=None` and
//!   `Partitioned` want `Secure`, ports and expiry are those of RFC 6265bis. Hosts without a dot keep their name (no
//!   `.local`).
//! - A jar is bounded: 3300 cookies, 180 of a domain ([`JarOptions`]).
//! - A saved jar comes back as it was, with its host-only cookies; a file that is damaged is an error and changes nothing.
//! - The host is the URI's; a `Host` header does not change whose cookies these are.
//!
//! # Features
//!
//! `json`, on by default: cookies on disk as JSON. `cookies.txt` needs no feature.

mod cookie_store;
mod date;
mod domain;
mod jar;
mod layer;
mod merge;
mod parse;
mod partition;
mod path;
pub mod persist;
mod refused;
mod request_cookies;
mod retrieve;
mod site;
mod store;
mod suffix_list;

pub use cookie_store::{CookieRequest, CookieStore};
pub use domain::{PslSuffixes, PublicSuffixes};
pub use jar::{Jar, JarOptions, StoredCookie, Subscription};
pub use layer::{CookieOptions, Cookies, CookiesFuture, CookiesLayer, HandSet, set_by};
pub use parse::SetCookie;
pub use partition::Partition;
pub use refused::Refused;
pub use request_cookies::RequestCookies;
pub use site::SiteContext;
pub use suffix_list::{SuffixList, SuffixListError};
