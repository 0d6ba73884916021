//! What a server says before its answer.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, Request, StatusCode};

use crate::expect::Held;
use crate::pool::conn::Conn;
use crate::upload::Upload;

/// How many interim answers are listened to.
const MOST: usize = 100;

/// A callback for the interim answers to a request, as an extension of it: `103 Early Hints`, `102 Processing`,
/// `100 Continue` ([RFC 9110 §15.2](https://www.rfc-editor.org/rfc/rfc9110#section-15.2)).
///
/// It is called in the order in which they come, from the connection's task, so it must not block; if it panics, its
/// connection ends and its call fails. A `101 Switching Protocols` is not an interim answer but the response.
///
/// They are shown over HTTP/1.1 alone: over HTTP/2 the callback is never called. After 100 of them the call fails by
/// [`TooManyInformational`].
///
/// ```
/// use http::Request;
/// use http::header::LINK;
/// use sortie_core::Body;
/// use sortie_transport::OnInformational;
///
/// # fn example() -> http::Result<()> {
/// let request = Request::get("http://example.com/")
///     .extension(OnInformational::new(|head| {
///         for link in head.headers().get_all(LINK) {
///             println!("{}: {link:?}", head.status());
///         }
///     }))
///     .body(Body::empty())?;
/// # let _ = request;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OnInformational(Arc<dyn Fn(&InformationalHead<'_>) + Send + Sync>);

impl OnInformational {
    /// This callback, for each interim answer.
    #[must_use]
    pub fn new(callback: impl Fn(&InformationalHead<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(callback))
    }
}

impl fmt::Debug for OnInformational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnInformational").finish_non_exhaustive()
    }
}

/// An interim answer, which has no body.
#[derive(Clone, Copy)]
pub struct InformationalHead<'a> {
    status: StatusCode,
    headers: &'a HeaderMap,
}

impl<'a> InformationalHead<'a> {
    /// Its status: 100, or 102 to 199.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }
}

impl fmt::Debug for InformationalHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("InformationalHead").field("status", &self.status).field("headers", &names).finish()
    }
}

/// A server sent more than 100 interim answers and no other, to a request that listens to them
/// ([`OnInformational`], [`ExpectContinue`](crate::ExpectContinue)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooManyInformational;

impl fmt::Display for TooManyInformational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server sent more than {MOST} interim answers (1xx) and no other")
    }
}

impl Error for TooManyInformational {}

/// Has hyper tell of the interim answers to `request` over `conn`, if anybody wants to know.
pub(crate) fn listen(request: &mut Request<Upload>, conn: &Arc<Conn>, held: Option<Arc<Held>>) {
    let told = request.extensions().get::<OnInformational>().cloned();
    if told.is_some() || held.is_some() {
        let listener = Listener { conn: conn.clone(), told, held, count: AtomicUsize::new(0) };
        hyper::ext::on_informational(request, move |head| listener.hear(head.status(), head.headers()));
    }
}

/// hyper drops it, within the connection's task, before it hands the answer over.
struct Listener {
    conn: Arc<Conn>,
    told: Option<OnInformational>,
    held: Option<Arc<Held>>,
    count: AtomicUsize,
}

impl Listener {
    fn hear(&self, status: StatusCode, headers: &HeaderMap) {
        if self.count.fetch_add(1, Ordering::Relaxed) >= MOST {
            return self.conn.end_flood();
        }
        if status == StatusCode::CONTINUE
            && let Some(held) = &self.held
        {
            held.release();
        }
        if let Some(OnInformational(tell)) = &self.told {
            tell(&InformationalHead { status, headers });
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.held.as_ref().is_some_and(|held| held.answered()) {
            self.conn.withhold();
        }
    }
}
