use std::fmt;
use std::sync::Arc;

use http::{Extensions, HeaderMap, Method, StatusCode, request};
use sortie_core::{BoxError, BoxFuture, Chain};
use url::Url;

use super::history::Shown;
use super::next_hop::{Route, extend};
use super::{Hop, RedirectOptions};

/// What a [policy](RedirectOptions::policy) makes of a redirect.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// It is followed, if the other options let it.
    Follow,
    /// It is the call's answer; [`NextRequest`](super::NextRequest) follows it by hand.
    Stop,
    /// The call fails with [`Failed`](super::Failed), which has this error as its source.
    Fail(BoxError),
}

impl Action {
    /// [`Fail`](Self::Fail) with any error, or a text.
    pub fn fail(error: impl Into<BoxError>) -> Self {
        Self::Fail(error.into())
    }
}

/// What becomes of the content of a request that is redirected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Content {
    /// The next request has it again; a body that can be sent only once is an error then.
    Keep,
    /// The next request has none, nor the headers that describe it.
    Drop,
}

/// A redirect that may be followed, for a [policy](RedirectOptions::policy) to look at: the next request in the making,
/// and what led to it.
///
/// Of the request it has all headers and extensions, and the rules of the [module](super) come after the policy: what a
/// foreign origin must not have is dropped even if the policy put it there.
pub struct Attempt {
    pub(super) head: request::Parts,
    pub(super) content: Content,
    pub(super) route: Route,
    pub(super) status: StatusCode,
    pub(super) response_headers: HeaderMap,
    pub(super) history: Vec<Hop>,
    pub(super) options: Arc<RedirectOptions>,
}

impl Attempt {
    /// Of a redirect with this status. `head` is that of the next request, as far as the status decides about it.
    pub(super) fn new(
        head: request::Parts,
        content: Content,
        route: Route,
        status: StatusCode,
        response_headers: HeaderMap,
        history: Vec<Hop>,
        options: Arc<RedirectOptions>,
    ) -> Self {
        Self { head, content, route, status, response_headers, history, options }
    }

    /// The status of the redirect.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers of the redirect.
    #[must_use]
    pub fn response_headers(&self) -> &HeaderMap {
        &self.response_headers
    }

    /// The redirects that were followed before this one, oldest first.
    #[must_use]
    pub fn history(&self) -> &[Hop] {
        &self.history
    }

    /// The URL that redirects, with its fragment and without userinfo.
    #[must_use]
    pub fn from(&self) -> &Url {
        self.route.from.url()
    }

    /// The URL of the next request, with its fragment and without userinfo.
    #[must_use]
    pub fn url(&self) -> &Url {
        self.route.to.url()
    }

    /// Goes there instead. Userinfo is dropped, and no fragment is inherited.
    ///
    /// Whether credentials may go along is decided by this URL, not by the one that the server named.
    pub fn set_url(&mut self, url: Url) {
        self.route.to = self.route.from.replaced_by(url);
    }

    /// Whether the next request goes to a foreign origin, or has been at one: without credentials, that is.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        // What makes no URI cannot be followed anyway.
        let Ok(uri) = self.route.to.uri() else { return true };
        extend(&self.head, &uri, &self.options).is_some_and(|chain| chain.crossed)
    }

    /// The method of the next request, as the status wants it.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// Uses another method. It says nothing about the content: see [`set_content`](Self::set_content).
    pub fn set_method(&mut self, method: Method) {
        self.head.method = method;
    }

    /// What becomes of the content, as the status wants it.
    #[must_use]
    pub fn content(&self) -> Content {
        self.content
    }

    /// Keeps or drops the content, whatever the status says.
    pub fn set_content(&mut self, content: Content) {
        self.content = content;
    }

    /// The headers of the request. Those that a foreign origin must not have, and those of a content that is dropped,
    /// are still among them.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The headers, to change.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.head.headers
    }

    /// The extensions of the request, overrides of its layers among them.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        &self.head.extensions
    }

    /// The extensions, to change. What is done to [`Chain`] is undone.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.head.extensions
    }

    /// Asks the policy, if there is one.
    pub(super) async fn judge(&mut self) -> Action {
        let Some(policy) = self.options.policy.clone() else { return Action::Follow };
        let chain = self.head.extensions.get::<Chain>().cloned();
        let action = match policy {
            Policy::Sync(policy) => policy(self),
            Policy::Async(policy) => policy(self).await,
        };
        // Where the chain has been decides about credentials, and no policy can make that undone.
        match chain {
            Some(chain) => drop(self.head.extensions.insert(chain)),
            None => drop(self.head.extensions.remove::<Chain>()),
        }
        action
    }
}

/// Without queries and fragments, and names of headers only: the rest may be secret.
impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("status", &self.status)
            .field("from", &Shown(self.from()))
            .field("method", &self.head.method)
            .field("url", &Shown(self.url()))
            .field("headers", &self.head.headers.keys().collect::<Vec<_>>())
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

/// A policy that answers at once, or one that may wait.
#[derive(Clone)]
pub(super) enum Policy {
    Sync(Arc<dyn Fn(&mut Attempt) -> Action + Send + Sync>),
    Async(Arc<AsyncPolicy>),
}

type AsyncPolicy = dyn for<'a> Fn(&'a mut Attempt) -> BoxFuture<'a, Action> + Send + Sync;
