//! The order of the tower, written once.

use std::task::{Context, Poll};

#[cfg(feature = "decompress")]
use http::header::ACCEPT_ENCODING;
use http::header::{ACCEPT, HeaderName, USER_AGENT};
use http::{Request, Response};
#[cfg(feature = "cookies")]
use sortie_cookies::{CookieOptions, CookiesLayer};
use sortie_core::{Body, BoxError, BoxHttp, HttpService, PerRequest};
#[cfg(feature = "decompress")]
use sortie_decompress::DecompressLayer;
use sortie_layers::auth::{AuthOptions, DefaultHeader};
use sortie_layers::headers::HeadersOptions;
use sortie_layers::mounts::Mounts;
use sortie_layers::{AuthLayer, BaseUrlLayer, HeadersLayer, HooksLayer, QueryLayer, RedirectLayer, TimeoutLayer};
use sortie_transport::Transport;
use tower::ServiceBuilder;
use tower_service::Service;

use crate::mount::Mount;
use crate::settings::Settings;

mod given;
mod seam;

pub(crate) use given::Given;
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

/// The mount's own service, or the session's by the mount's road.
fn innermost(mount: &Mount, wire: &Wire) -> Wire {
    match (&mount.transport, wire) {
        (Some(own), _) => given(own.clone()),
        (None, Either::Left(Erase(transport))) => pooled(mount.road.over(transport)),
        (None, Either::Right(_)) => wire.clone(),
    }
}

/// The tower, outermost layer first. A macro, for the towers have different types.
macro_rules! layers {
    ($tower:ident, $settings:expr, $wire:expr) => {{
        let settings: &Settings = $settings;
        let mounts = settings.mounts.iter().fold(Mounts::new(), |mounts, (prefix, of)| {
            mounts.mount(prefix.clone(), mount_layers!($tower, settings, of, $wire))
        });
        let tower = ServiceBuilder::new()
            // Covers redirects, retries, back-off and the body: the caller's patience is with the call as a whole.
            .layer($tower::limit(TimeoutLayer::total(settings.timeout)))
            // These three prepare the caller's request, not the ones a redirect leads to: outside Redirect, so that
            // what a hop stripped is not added again.
            .layer($tower::optional(BaseUrlLayer::new(settings.base_url.clone())))
            .layer($tower::optional(QueryLayer::new(settings.query.clone())))
            .layer(HeadersLayer::new(defaults(settings, $tower::HAS_OVERRIDES)));
        // Inside the default headers, among which an `Accept-Encoding` is one set by hand; outside Redirect and Retry, so
        // that only the body that comes to the caller is decoded.
        #[cfg(feature = "decompress")]
        let tower = tower.layer(decompress(settings));
        let tower = tower
            // Outside everything that depends on the origin: what stands below is decided anew for every hop.
            .layer(RedirectLayer::new(settings.redirect.clone()).shares_head($tower::SHARES_HEAD))
            .layer($tower::optional(SeamLayer::new(&settings.hop_layers)))
            // The session's hooks, then the request's; a mount's own come after them, within the mount.
            .layer($tower::optional(HooksLayer::new(settings.hooks.clone())))
            .service(mounts);
        BoxHttp::new(Erase(tower))
    }};
}

/// What stands below Mounts, for one mount, outermost layer first.
macro_rules! mount_layers {
    ($tower:ident, $settings:expr, $mount:expr, $wire:expr) => {{
        let (settings, mount, wire): (&Settings, &Mount, &Wire) = ($settings, $mount, $wire);
        let wire_layers = settings.wire_layers.iter().chain(&mount.wire_layers);
        let retry = mount.retry.as_ref().unwrap_or(&settings.retry).clone();
        let tower = ServiceBuilder::new()
            .layer($tower::optional(SeamLayer::new(&mount.layers)))
            // One hop with its retries and its body; what the mount's own layers do is not on its clock.
            .layer($tower::optional(TimeoutLayer::hop(mount.timeout)))
            .layer($tower::optional(HooksLayer::fixed(mount.hooks.clone())))
            // Below Mounts, so that what is for this mount alone cannot leave it.
            .layer($tower::optional(HeadersLayer::for_mount(mount.headers.clone())))
            .layer($tower::optional(QueryLayer::for_mount(mount.query.clone())))
            .layer(retry.shares_head($tower::SHARES_HEAD))
            // Inside Retry: each attempt is signed by itself, with a fresh nonce count and date.
            .layer(AuthLayer::new(auth(settings, mount)));
        // Inside Auth and Retry: the jar sees every answer, the 401 and the 503 too, and every send reads it anew.
        #[cfg(feature = "cookies")]
        let tower = tower.layer(CookiesLayer::new(cookies(settings, mount)));
        let tower = tower
            // The session's, then the mount's: they see what is handed to the transport, once per send.
            .layer($tower::optional(SeamLayer::new(wire_layers)))
            // Of hooks the session's come first, too, and none hides what is sent from them.
            .layer($tower::optional(HooksLayer::fixed(settings.wire_hooks.clone())))
            .layer($tower::optional(HooksLayer::fixed(mount.wire_hooks.clone())))
            // Innermost: its clock is that of one send, and it ends at the response's head. An auth may set it for the
            // request that it signs.
            .layer(TimeoutLayer::attempt(mount.attempt_over(settings.timeout)))
            .service(innermost(mount, wire));
        $tower::boxed(tower)
    }};
}

/// The towers of a session: the whole one, and a lower one for the calls to which the rest of it does nothing.
///
/// A layer that has nothing to do still costs its move of the request, of its future and of the response, and most
/// sessions have a dozen of those. So where the settings give them nothing to do, a request without extensions, which
/// has no override for them either, and with an absolute URI does not pass them.
#[derive(Clone)]
pub(crate) struct Tower {
    whole: BoxHttp,
    lower: Option<BoxHttp>,
}

impl Tower {
    pub(crate) fn of(whole: BoxHttp) -> Self {
        Self { whole, lower: None }
    }

    pub(crate) fn whole(&self) -> BoxHttp {
        self.whole.clone()
    }
}

impl Service<Request<Body>> for Tower {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = <BoxHttp as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let is_relative = request.uri().authority().is_none();
        match &mut self.lower {
            Some(lower) if request.extensions().is_empty() && !is_relative => lower.call(request),
            _ => self.whole.call(request),
        }
    }
}

pub(crate) fn session(settings: &Settings, wire: &Wire) -> Tower {
    let tower = Tower {
        whole: layers!(whole, settings, wire),
        lower: asks_for_nothing_optional(settings).then(|| match settings.timeout.total {
            Some(PerRequest::Use(_)) => layers!(limited, settings, wire),
            _ => layers!(lower, settings, wire),
        }),
    };
    if settings.layers.is_empty() {
        return tower;
    }
    // The user's layers see the call as the caller sees it.
    Tower::of(wrap(BoxHttp::new(tower), &settings.layers))
}

/// Whether every layer in `optional` would pass on each request without extensions, if it is not for the base URL, and
/// its answer, as it is. A policy of redirects may give the next request extensions.
fn asks_for_nothing_optional(settings: &Settings) -> bool {
    settings.query.is_empty()
        && settings.hop_layers.is_empty()
        && settings.hooks.is_empty()
        && settings.wire_hooks.is_empty()
        && settings.wire_layers.is_empty()
        && !settings.redirect.has_policy()
        && settings.mounts.iter().all(|(_, mount)| mount.asks_for_nothing_optional())
}

/// Every layer.
mod whole {
    pub(super) use super::limited::limit;
    use super::{Body, BoxHttp, Erase, HttpService};

    pub(super) fn optional<L>(layer: L) -> L {
        layer
    }

    /// Boxed, so that the layers above move a small future.
    pub(super) fn boxed<S>(mount: S) -> BoxHttp
    where
        S: HttpService<Body>,
        Erase<S>: HttpService<Body>,
    {
        BoxHttp::new(Erase(mount))
    }

    pub(super) const SHARES_HEAD: bool = false;
    /// A request may bring an auth of its own.
    pub(super) const HAS_OVERRIDES: bool = true;
}

/// Without the optional ones. Nothing is left between Redirect and Retry that changes a request.
mod lower {
    use tower_layer::Identity;

    pub(super) fn optional<L>(_: L) -> Identity {
        Identity::new()
    }

    pub(super) use optional as limit;

    /// As it is: there are few layers above, and the box for the call takes it in.
    pub(super) fn boxed<S>(mount: S) -> S {
        mount
    }

    pub(super) const SHARES_HEAD: bool = true;
    pub(super) const HAS_OVERRIDES: bool = false;
}

/// The same, with a time limit for the call: what a session sets most.
mod limited {
    pub(super) use super::lower::{HAS_OVERRIDES, SHARES_HEAD, boxed, optional};

    pub(super) fn limit<L>(layer: L) -> L {
        layer
    }
}

/// The default headers, of which those are named that a mount's header or an auth may replace: nobody else asks.
///
/// An auth may put its key into any header: of the request's own, nobody knows before. Only the two that every session
/// has are left out where no mount sets them, so that most requests carry no list.
fn defaults(settings: &Settings, has_overrides: bool) -> HeadersOptions {
    let set_by_mount = |name: &HeaderName| settings.mounts.iter().any(|(_, mount)| mount.headers.contains_key(name));
    let has_auth = settings.auth.is_some() || settings.mounts.iter().any(|(_, mount)| mount.auth.is_some());
    let by_auth = |name: &HeaderName| (has_overrides || has_auth) && *name != ACCEPT && *name != USER_AGENT;
    let replaceable = |name: &&HeaderName| by_auth(name) || set_by_mount(name);
    let names: Vec<_> = settings.headers.keys().filter(replaceable).cloned().collect();
    HeadersOptions::from(settings.headers.clone()).replaceable(names)
}

/// Its `Accept-Encoding` is listed only where a mount has one in its place; see [`defaults`].
#[cfg(feature = "decompress")]
fn decompress(settings: &Settings) -> DecompressLayer {
    let set_by_mount = settings.mounts.iter().any(|(_, mount)| mount.headers.contains_key(ACCEPT_ENCODING));
    DecompressLayer::new(settings.decompress).replaceable(set_by_mount)
}

/// A mount's auth acts wherever its prefix matches, the session's only while the chain is where the caller sent it; a
/// netrc looks for itself whose server it is.
fn auth(settings: &Settings, mount: &Mount) -> AuthOptions {
    if matches!(mount.auth, Some(PerRequest::Off)) {
        return AuthOptions::default().default_header(DefaultHeader::Remove);
    }
    let mut options = AuthOptions::default();
    options.fallback.clone_from(&settings.netrc);
    match (&mount.auth, &settings.auth) {
        (Some(PerRequest::Use(auth)), _) => options.mount(auth.clone()),
        (_, Some(auth)) => options.session(auth.clone()),
        (_, None) => options,
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

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_layers::hooks::Hooks;
    use sortie_layers::redirect::{Action, RedirectOptions};
    use std::time::Duration;

    #[test]
    fn whatever_gives_an_optional_layer_something_to_do_takes_the_short_way_away() {
        let has_lower = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            settings.mounts.push(("http://".parse().unwrap(), Mount::new()));
            change(&mut settings);
            session(&settings, &pooled(Transport::default())).lower.is_some()
        };
        assert!(has_lower(|_| ()));
        assert!(has_lower(|settings| settings.mounts[0].1 = Mount::new().no_auth()));
        #[cfg(feature = "cookies")]
        assert!(has_lower(|settings| settings.mounts[0].1 = Mount::new().no_cookies().no_auth()));
        assert!(has_lower(|settings| settings.redirect = RedirectOptions::none()));
        let changes: [fn(&mut Settings); 13] = [
            |settings| settings.redirect = RedirectOptions::default().policy(|_| Action::Follow),
            |settings| settings.query = [("a", "1")].into(),
            |settings| settings.hooks = Hooks::new().on_request(|_| ()),
            |settings| settings.hop_layers.push(user_layer(tower_layer::Identity::new())),
            |settings| settings.wire_layers.push(user_layer(tower_layer::Identity::new())),
            |settings| settings.mounts[0].1.timeout = Some(Duration::from_secs(1)),
            |settings| settings.mounts[0].1.hooks = Hooks::new().on_error(|_, _| ()),
            |settings| settings.wire_hooks = Hooks::new().on_request(|_| ()),
            |settings| settings.mounts[0].1.wire_hooks = Hooks::new().on_request(|_| ()),
            |settings| settings.mounts[0].1.query = [("a", "1")].into(),
            |settings| drop(settings.mounts[0].1.headers.insert(ACCEPT, http::HeaderValue::from_static("*/*"))),
            |settings| settings.mounts[0].1.layers.push(user_layer(tower_layer::Identity::new())),
            |settings| settings.mounts[0].1.wire_layers.push(user_layer(tower_layer::Identity::new())),
        ];
        assert_eq!(changes.map(has_lower), [false; 13]);
    }
}
