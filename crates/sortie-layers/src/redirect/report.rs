use std::fmt;
use std::sync::Arc;

use http::header::HeaderName;
use http::{Method, StatusCode};
use sortie_core::BoxError;
use url::Url;

use super::history::Shown;

/// What was decided about a redirect: for [`RedirectOptions::report`](super::RedirectOptions::report).
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Report<'a> {
    /// The status of the redirect.
    pub status: StatusCode,
    /// The method of the request that met it.
    pub method: &'a Method,
    /// The URL that redirects, without userinfo; `None` if it cannot be told as a URL. Its query may hold secrets.
    pub from: Option<&'a Url>,
    /// Where it leads, or where the policy would rather go; `None` if that is no URL. Its query may hold secrets.
    pub to: Option<&'a Url>,
    /// How many redirects of the call were followed before this one.
    pub followed: usize,
    /// What was decided.
    pub verdict: Verdict<'a>,
}

/// What was decided about a redirect.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Verdict<'a> {
    /// It is followed.
    #[non_exhaustive]
    Followed {
        /// The method of the next request.
        method: &'a Method,
        /// The headers that the next request goes without: credentials that stay behind, what described a content that
        /// is dropped, and what the policy removed.
        dropped: &'a [HeaderName],
    },
    /// It is the call's answer.
    Stopped,
    /// The call fails with this error, in [`Failed`](super::Failed).
    Failed(&'a BoxError),
}

/// Without queries and fragments: they may hold secrets.
impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("status", &self.status)
            .field("method", &self.method)
            .field("from", &self.from.map(Shown))
            .field("to", &self.to.map(Shown))
            .field("followed", &self.followed)
            .field("verdict", &self.verdict)
            .finish()
    }
}

/// Who is told.
pub(super) type Reporter = Arc<dyn Fn(&Report<'_>) + Send + Sync>;
