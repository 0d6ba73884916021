//! The order of the tower, written once.

use http::header::{ACCEPT, HeaderName, USER_AGENT};
#[cfg(feature = "cookies")]
use sortie_cookies::{CookieOptions, CookiesLayer};
use sortie_core::{BoxHttp, PerRequest};
use sortie_layers::auth::{AuthOptions, DefaultHeader};
use sortie_layers::headers::HeadersOptions;
use sortie_layers::mounts::Mounts;
use sortie_layers::{AuthLayer, BaseUrlLayer, HeadersLayer, HooksLayer, QueryLayer, RedirectLayer, TimeoutLayer};
use sortie_transport::Transport;
use tower::ServiceBuilder;

use crate::mount::Mount;
use crate::settings::Settings;

mod seam;

use seam::{Either, Erase, SeamLayer, wrap};
pub(crate) use seam::{UserLayer, user_layer};

/// The innermost service: the session's own pool, or whatever service the user put in its place.
pub(crate) type Wire = Either<Erase<Transport>, BoxHttp>;

pub(crate) fn pooled(transport: Transport) -> Wire {
    Either::Left(Erase(transport))
}

pub(crate) fn given(service: BoxHttp) -> Wire {
    Either::Right(service)
}

/// The whole tower, outermost layer first.
pub(crate) fn session(settings: &Settings, wire: &Wire) -> BoxHttp {
    let mounts = settings
        .mounts
        .iter()
        .fold(Mounts::new(), |mounts, (prefix, of)| mounts.mount(prefix.clone(), mount(settings, of, wire)));
    let tower = ServiceBuilder::new()
        // Covers redirects, retries, back-off and the body: the caller's patience is with the call as a whole.
        .layer(TimeoutLayer::total(settings.timeout))
        // These three prepare the caller's request, not the ones a redirect leads to: outside Redirect, so that what
        // a hop stripped is not added again.
        .layer(BaseUrlLayer::new(settings.base_url.clone()))
        .layer(QueryLayer::new(settings.query.clone()))
        .layer(HeadersLayer::new(defaults(settings)))
        // Outside everything that depends on the origin: what stands below is decided anew for every hop.
        .layer(RedirectLayer::new(settings.redirect.clone()).shares_head(shares_head(settings)))
        .layer(SeamLayer::new(&settings.hop_layers))
        // The session's hooks, then the request's; a mount's own come after them, within the mount.
        .layer(HooksLayer::new(settings.hooks.clone()))
        .service(mounts);
    // The user's layers see the call as the caller sees it.
    wrap(BoxHttp::new(Erase(tower)), &settings.layers)
}

/// What stands below Mounts, for one mount, outermost layer first.
fn mount(settings: &Settings, mount: &Mount, wire: &Wire) -> BoxHttp {
    let wire_layers = settings.wire_layers.iter().chain(&mount.wire_layers);
    let wire = mount.transport.clone().map_or_else(|| wire.clone(), given);
    let retry = mount.retry.as_ref().unwrap_or(&settings.retry);
    let tower = ServiceBuilder::new()
        .layer(SeamLayer::new(&mount.layers))
        // One hop with its retries and its body; what the mount's own layers do is not on its clock.
        .layer(TimeoutLayer::hop(mount.timeout))
        .layer(HooksLayer::for_mount(mount.hooks.clone()))
        // Below Mounts, so that what is for this mount alone cannot leave it.
        .layer(HeadersLayer::for_mount(mount.headers.clone()))
        .layer(QueryLayer::for_mount(mount.query.clone()))
        .layer(retry.clone().shares_head(shares_head(settings)))
        // Inside Retry: each attempt is signed by itself, with a fresh nonce count and date.
        .layer(AuthLayer::new(auth(settings, mount)));
    // Inside Auth and Retry: the jar sees every answer, the 401 and the 503 too, and every send reads it anew.
    #[cfg(feature = "cookies")]
    let tower = tower.layer(CookiesLayer::new(cookies(settings, mount)));
    let tower = tower
        // The session's, then the mount's: they see what is handed to the transport, once per send.
        .layer(SeamLayer::new(wire_layers))
        // Innermost: its clock is that of one send, and it ends at the response's head.
        .layer(TimeoutLayer::attempt(mount.attempt_over(settings.timeout)))
        .service(wire);
    BoxHttp::new(Erase(tower))
}

/// The default headers, of which those are named that a mount's header or an auth may replace: nobody else asks.
///
/// An auth may put its key into any header. Only the two that every session has are left out where no mount sets them,
/// so that most requests carry no list.
fn defaults(settings: &Settings) -> HeadersOptions {
    let set_by_mount = |name: &HeaderName| settings.mounts.iter().any(|(_, mount)| mount.headers.contains_key(name));
    let replaceable = |name: &&HeaderName| (**name != ACCEPT && **name != USER_AGENT) || set_by_mount(name);
    let names: Vec<_> = settings.headers.keys().filter(replaceable).cloned().collect();
    HeadersOptions::from(settings.headers.clone()).replaceable(names)
}

/// Whether one copy of a request's head serves Redirect and Retry: nothing that stands between them changes a request
/// without overrides, and a session that follows nothing leaves none behind.
fn shares_head(settings: &Settings) -> bool {
    settings.redirect.limit > 0
        && settings.hop_layers.is_empty()
        && settings.hooks.is_empty()
        && settings.mounts.iter().all(|(_, mount)| mount.leaves_requests_alone())
}

/// A mount's auth acts wherever its prefix matches, the session's only while the chain is where the caller sent it.
fn auth(settings: &Settings, mount: &Mount) -> AuthOptions {
    let options = AuthOptions::default();
    match (&mount.auth, &settings.auth) {
        (Some(PerRequest::Off), _) => options.default_header(DefaultHeader::Remove),
        (None, None) => options,
        (Some(PerRequest::Use(auth)), _) => options.mount(auth.clone()),
        (None, Some(auth)) => options.session(auth.clone()),
    }
}

#[cfg(feature = "cookies")]
fn cookies(settings: &Settings, mount: &Mount) -> Option<CookieOptions> {
    match &mount.cookies {
        Some(PerRequest::Use(options)) => Some(options.clone()),
        Some(PerRequest::Off) => None,
        None => settings.cookies.clone(),
    }
}
