use std::fmt;
use std::sync::Arc;

use http::header::HeaderName;
use http::{Extensions, Uri};
use sortie_core::{BoxFuture, Origin};

use super::attempt::Policy;
use super::report::Reporter;
use super::{Action, Attempt, Report};

/// How redirects are followed: the configuration of a [`RedirectLayer`](super::RedirectLayer) and, as
/// `PerRequest<RedirectOptions>`, its override for one request.
#[derive(Clone)]
#[non_exhaustive]
pub struct RedirectOptions {
    /// How many redirects of one call are followed; 20 by default, as in browsers.
    pub limit: usize,
    /// What happens at one redirect more; an error by default.
    pub on_limit: OnLimit,
    /// Where redirects may lead; anywhere by default.
    pub scope: Scope,
    /// What happens at a redirect that leads elsewhere; an error by default.
    pub on_scope: OnScope,
    /// What `Referer` says; nothing by default, as in requests.
    pub referer: RefererPolicy,
    pub(super) policy: Option<Policy>,
    pub(super) reporter: Option<Reporter>,
    pub(super) sensitive: Vec<HeaderName>,
    pub(super) schemes: Vec<Arc<str>>,
    pub(super) trusted: Vec<Origin>,
    pub(super) forget: Vec<Forget>,
}

/// Removes one type from the extensions.
pub(super) type Forget = fn(&mut Extensions);

/// What happens at a redirect beyond the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnLimit {
    /// The call fails with [`TooManyRedirects`](super::TooManyRedirects).
    #[default]
    Error,
    /// The redirect itself is the call's answer.
    ReturnLast,
}

/// Where redirects may lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scope {
    /// To every origin.
    #[default]
    Anywhere,
    /// Only to where credentials may go along: the same scheme, host and port, `https` after `http` on their default
    /// ports, and origins that are [trusted](Danger::keep_credentials_across_origins).
    SameOrigin,
    /// Only to `https` URLs, also from `http` ones; a request in origin-form, which has no scheme, leads to none.
    HttpsOnly,
}

/// What happens at a redirect that leads out of the [`Scope`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnScope {
    /// The call fails with [`OutOfScope`](super::OutOfScope).
    #[default]
    Error,
    /// The redirect itself is the call's answer.
    ReturnLast,
}

/// What the `Referer` of a request after a redirect says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefererPolicy {
    /// The header is left as the request has it.
    #[default]
    Off,
    /// The URL that redirected, without userinfo and fragment, to the same origin; its origin to a foreign one; nothing
    /// from `https` to `http`. The policy of browsers ([Referrer Policy §3.7]).
    ///
    /// [Referrer Policy §3.7]: https://www.w3.org/TR/referrer-policy/#referrer-policy-strict-origin-when-cross-origin
    StrictOriginWhenCrossOrigin,
}

impl Default for RedirectOptions {
    fn default() -> Self {
        Self {
            // https://fetch.spec.whatwg.org/#http-redirect-fetch, step 7
            limit: 20,
            on_limit: OnLimit::default(),
            scope: Scope::default(),
            on_scope: OnScope::default(),
            referer: RefererPolicy::default(),
            policy: None,
            reporter: None,
            sensitive: Vec::new(),
            schemes: Vec::new(),
            trusted: Vec::new(),
            forget: Vec::new(),
        }
    }
}

impl RedirectOptions {
    /// No redirect is followed: the first one is the answer, and its [`NextRequest`](super::NextRequest) follows it by
    /// hand.
    #[must_use]
    pub fn none() -> Self {
        Self::default().limit(0).on_limit(OnLimit::ReturnLast)
    }

    /// How many redirects of one call are followed. 0 makes the first one meet [`on_limit`](Self::on_limit).
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// What happens at a redirect beyond the limit.
    #[must_use]
    pub fn on_limit(self, on_limit: OnLimit) -> Self {
        Self { on_limit, ..self }
    }

    /// Where redirects may lead.
    #[must_use]
    pub fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// What happens at a redirect that leads elsewhere.
    #[must_use]
    pub fn on_scope(self, on_scope: OnScope) -> Self {
        Self { on_scope, ..self }
    }

    /// Asks `policy` at each redirect within the limit whose `Location` is valid: it may follow, stop or fail, and change
    /// the next request. A policy set before is replaced.
    ///
    /// The other options have the last word: a policy cannot lead out of the scope, nor to a scheme that is not allowed,
    /// nor give credentials to a foreign origin. A mount or an auth of that origin's own can.
    ///
    /// ```
    /// use sortie_layers::redirect::{Action, RedirectOptions};
    ///
    /// let options = RedirectOptions::default().policy(|attempt| match attempt.url().host_str() {
    ///     Some("login.example.com") => Action::Stop,
    ///     Some(host) if host.ends_with(".example.com") => Action::Follow,
    ///     _ => Action::fail("not one of our servers"),
    /// });
    /// ```
    #[must_use]
    pub fn policy(self, policy: impl Fn(&mut Attempt) -> Action + Send + Sync + 'static) -> Self {
        Self { policy: Some(Policy::Sync(Arc::new(policy))), ..self }
    }

    /// [`policy`](Self::policy) with one that may wait; it is dropped with the call.
    ///
    /// ```
    /// use sortie_layers::redirect::{Action, RedirectOptions};
    ///
    /// # async fn is_known(_host: &str) -> bool { true }
    /// let options = RedirectOptions::default().policy_async(|attempt| {
    ///     Box::pin(async move {
    ///         let host = attempt.url().host_str().unwrap_or_default();
    ///         if is_known(host).await { Action::Follow } else { Action::fail("an unknown server") }
    ///     })
    /// });
    /// ```
    #[must_use]
    pub fn policy_async<F>(self, policy: F) -> Self
    where
        F: for<'a> Fn(&'a mut Attempt) -> BoxFuture<'a, Action> + Send + Sync + 'static,
    {
        Self { policy: Some(Policy::Async(Arc::new(policy))), ..self }
    }

    /// Tells `report` what is decided about each redirect: followed, stopped, or failed. A callback set before is
    /// replaced.
    ///
    /// A response without a `Location` is no redirect, and one that [`PerRequest::Off`](sortie_core::PerRequest::Off)
    /// leaves to the caller is not decided about.
    ///
    /// ```
    /// use sortie_layers::redirect::{RedirectOptions, Verdict};
    ///
    /// let options = RedirectOptions::default().report(|report| match report.verdict {
    ///     Verdict::Followed { dropped, .. } => println!("{report:?}: without {dropped:?}"),
    ///     _ => println!("{report:?}"),
    /// });
    /// ```
    #[must_use]
    pub fn report(self, report: impl Fn(&Report<'_>) + Send + Sync + 'static) -> Self {
        Self { reporter: Some(Arc::new(report)), ..self }
    }

    /// What `Referer` says.
    #[must_use]
    pub fn referer(self, referer: RefererPolicy) -> Self {
        Self { referer, ..self }
    }

    /// Adds a header that a foreign origin must not see.
    ///
    /// `Authorization`, `Cookie`, `Proxy-Authorization`, `Host` and every header with a value marked
    /// [sensitive](http::HeaderValue::set_sensitive) are always among them.
    #[must_use]
    pub fn sensitive(mut self, name: HeaderName) -> Self {
        self.sensitive.push(name);
        self
    }

    /// Adds a scheme that a redirect may lead to, beside `http` and `https`.
    ///
    /// A redirect within one origin needs no permission, whatever its scheme.
    #[must_use]
    pub fn allow_scheme(mut self, scheme: &str) -> Self {
        self.schemes.push(scheme.to_ascii_lowercase().into());
        self
    }

    /// Drops `T` from the request's extensions when a hop leads to a foreign origin. Other extensions stay.
    ///
    /// For types of your own that carry credentials to a layer of your own. sortie's own are ignored by their layers
    /// after such a hop.
    #[must_use]
    pub fn drop_on_crossing<T: Clone + Send + Sync + 'static>(mut self) -> Self {
        self.forget.push(|extensions| drop(extensions.remove::<T>()));
        self
    }

    /// Protects what `other` does, too: its [sensitive](Self::sensitive) headers and what it
    /// [drops](Self::drop_on_crossing). So a request's own options have what is set for all.
    #[must_use]
    pub fn protecting(mut self, other: &Self) -> Self {
        self.sensitive.extend_from_slice(&other.sensitive);
        self.forget.extend_from_slice(&other.forget);
        self
    }

    /// Whether there is a [policy](Self::policy), which may change anything of the next request.
    #[must_use]
    pub fn has_policy(&self) -> bool {
        self.policy.is_some()
    }

    /// Settings that can give credentials away.
    pub fn danger(self) -> Danger {
        Danger(self)
    }

    /// Whether a redirect may lead to `scheme` at all.
    pub(super) fn allows_scheme(&self, scheme: &str) -> bool {
        matches!(scheme, "http" | "https") || self.schemes.iter().any(|allowed| **allowed == *scheme)
    }

    /// Whether `uri` is of an origin that may have everything.
    pub(super) fn trusts(&self, uri: &Uri) -> bool {
        self.trusted.iter().any(|origin| origin.is(uri))
    }
}

impl fmt::Debug for RedirectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedirectOptions")
            .field("limit", &self.limit)
            .field("on_limit", &self.on_limit)
            .field("scope", &self.scope)
            .field("on_scope", &self.on_scope)
            .field("policy", &self.policy.is_some())
            .field("report", &self.reporter.is_some())
            .field("referer", &self.referer)
            .field("sensitive", &self.sensitive)
            .field("schemes", &self.schemes)
            .field("trusted", &self.trusted)
            .finish_non_exhaustive()
    }
}

/// The settings of [`RedirectOptions`] that can give credentials away.
#[derive(Debug)]
#[must_use = "a setting gives the options back"]
pub struct Danger(RedirectOptions);

impl Danger {
    /// Treats these origins as the one that the caller asked: a redirect to one of them, or from it back to the first,
    /// keeps credential headers and leaves the session's and the request's auth and cookies in force.
    ///
    /// That is right where one service answers under several origins. Credentials that were dropped once, on the way
    /// over any other origin, do not come back.
    ///
    /// ```
    /// use sortie_core::Origin;
    /// use sortie_layers::redirect::RedirectOptions;
    ///
    /// let uploads = Origin::of(&http::Uri::from_static("https://uploads.example.com/"));
    /// let options = RedirectOptions::default().danger().keep_credentials_across_origins(uploads);
    /// ```
    pub fn keep_credentials_across_origins(mut self, origins: impl IntoIterator<Item = Origin>) -> RedirectOptions {
        self.0.trusted.extend(origins);
        self.0
    }
}
