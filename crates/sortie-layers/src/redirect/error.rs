use std::error::Error;
use std::fmt;

use sortie_core::BoxError;
use url::Url;

use super::history::Shown;
use super::{Content, History, Hop, Scope};

/// A call failed on its way through redirects; the [`source`](Error::source) says why.
///
/// Either a redirect could not be followed ([`TooManyRedirects`], [`InvalidLocation`], [`ForbiddenScheme`],
/// [`OutOfScope`], [`NotReplayable`], or what a [policy](super::RedirectOptions::policy) says), or a request after at least one redirect failed in the service below.
pub struct Failed {
    history: History,
    unfollowed: Option<Hop>,
    url: Option<Url>,
    source: BoxError,
}

impl Failed {
    pub(super) fn new(followed: Vec<Hop>, unfollowed: Option<Hop>, url: Option<Url>, source: BoxError) -> Self {
        Self { history: History::new(followed), unfollowed, url, source }
    }

    /// The redirects that were followed, oldest first.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The redirect that was not followed, if that is what failed.
    #[must_use]
    pub fn unfollowed(&self) -> Option<&Hop> {
        self.unfollowed.as_ref()
    }

    /// The URL of the request that failed, or whose answer could not be followed; `None` if it cannot be told as a URL.
    #[must_use]
    pub fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failed")
            .field("history", &self.history)
            .field("unfollowed", &self.unfollowed)
            .field("url", &self.url.as_ref().map(Shown))
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.unfollowed, self.history.len()) {
            (Some(hop), _) => write!(f, "a {} redirect could not be followed", hop.status().as_u16()),
            (None, 0) => f.write_str("a redirect could not be followed"),
            (None, 1) => f.write_str("the request after 1 redirect failed"),
            (None, followed) => write!(f, "the request after {followed} redirects failed"),
        }
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// There were more redirects than [`RedirectOptions::limit`](super::RedirectOptions::limit) allows.
///
/// [`Failed::history`] tells which; a limit that is too low can be raised, and
/// [`OnLimit::ReturnLast`](super::OnLimit::ReturnLast) makes the last redirect the answer instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyRedirects {
    limit: usize,
}

impl TooManyRedirects {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit }
    }

    /// How many redirects were allowed, and followed.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

impl fmt::Display for TooManyRedirects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} redirects (set by RedirectOptions::limit)", self.limit)
    }
}

impl Error for TooManyRedirects {}

/// A redirect's `Location` leads nowhere: together with the request's URL it makes no valid one.
#[derive(Debug)]
pub struct InvalidLocation {
    what: &'static str,
    source: Option<BoxError>,
}

impl InvalidLocation {
    pub(super) fn target(source: BoxError) -> Self {
        Self { what: "the redirect's Location is not a valid URL", source: Some(source) }
    }

    pub(super) fn base(source: BoxError) -> Self {
        Self { what: "the request's URI is not a URL that a Location can be resolved against", source: Some(source) }
    }

    pub(super) fn scheme_relative() -> Self {
        let what = "the redirect's Location has a host but no scheme, and the request's URI (in origin-form) has none";
        Self { what, source: None }
    }
}

impl fmt::Display for InvalidLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for InvalidLocation {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A redirect leads to a scheme that is neither `http` nor `https` nor
/// [allowed](super::RedirectOptions::allow_scheme), on another origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForbiddenScheme {
    scheme: Box<str>,
}

impl ForbiddenScheme {
    pub(super) fn new(scheme: &str) -> Self {
        Self { scheme: scheme.into() }
    }

    /// The scheme, in lower case.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }
}

impl fmt::Display for ForbiddenScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the redirect leads to the scheme `{}` (see RedirectOptions::allow_scheme)", self.scheme)
    }
}

impl Error for ForbiddenScheme {}

/// A redirect leads where [`RedirectOptions::scope`](super::RedirectOptions::scope) lets none lead.
///
/// [`OnScope::ReturnLast`](super::OnScope::ReturnLast) makes the redirect the answer instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfScope {
    scope: Scope,
}

impl OutOfScope {
    pub(super) fn new(scope: Scope) -> Self {
        Self { scope }
    }

    /// Where redirects may lead.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }
}

impl fmt::Display for OutOfScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scope {
            Scope::SameOrigin => "the redirect leads to another origin (see RedirectOptions::scope)",
            Scope::HttpsOnly => "the redirect does not lead to an https URL (see RedirectOptions::scope)",
            Scope::Anywhere => "the redirect is out of scope (see RedirectOptions::scope)",
        })
    }
}

impl Error for OutOfScope {}

/// A redirect asks for a body that cannot be had: the request's own again, which can be sent only once, or none at all
/// of a type that has no empty form ([`Replay::nothing`](sortie_core::Replay::nothing)).
///
/// A body of bytes or from `Body::factory` can be sent again. It is never replaced by an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotReplayable {
    what: &'static str,
}

impl NotReplayable {
    pub(super) fn of(content: Content) -> Self {
        Self {
            what: match content {
                Content::Keep => "the redirect needs the request's body again, and it can be sent only once",
                Content::Drop => "the redirect needs a request without a body, and the body's type has no empty form",
            },
        }
    }
}

impl fmt::Display for NotReplayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for NotReplayable {}
