//! Asking whether a body is wanted before it is sent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use http::header::{EXPECT, HeaderMap, HeaderValue};
use http::{Extensions, Request};
use sortie_core::PerRequest;
use tokio::time::{Instant, Sleep};

use crate::request::Length;
use crate::timeouts::{after, clock};
use crate::upload::Upload;

/// Sends `Expect: 100-continue` with the head of a request and its body only when the server says so, or says nothing
/// ([RFC 9110 §10.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1)).
///
/// | comes first | the body |
/// |---|---|
/// | a `100 Continue` (HTTP/1.1) | follows |
/// | the end of [`wait`](Self::wait) | follows: the server may not know the header |
/// | the answer | is not sent |
///
/// It is an [option of the transport](crate::TransportOptions::expect_continue); `PerRequest<ExpectContinue>` in a
/// request's extensions overrides that, and with `PerRequest::Off` the body is sent at once. A request that was given
/// `Expect: 100-continue` by hand waits too, for as long as these say or a second. Nothing is asked for a request
/// without a body, or one that expects something else.
///
/// An answer that came instead of a `100`, a `417 Expectation Failed` among them, is the response like any other. Its
/// HTTP/1.1 connection is closed after it, since the server cannot know whether the body is still to come; over HTTP/2
/// its stream alone is reset. Who gets a 417 sends again without asking.
///
/// Over HTTP/2 hyper does not show the `100`, so that the body always follows after the wait. The wait counts against no
/// limit of [`PhaseTimeouts`](crate::PhaseTimeouts).
///
/// ```
/// use http::Request;
/// use sortie_core::{Body, PerRequest};
/// use sortie_transport::ExpectContinue;
/// use std::time::Duration;
///
/// # fn example(archive: Body) -> http::Result<()> {
/// let upload = Request::put("https://example.com/archive")
///     .extension(PerRequest::Use(ExpectContinue::default().wait(Duration::from_secs(5))))
///     .body(archive)?;
/// # let _ = upload;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpectContinue {
    wait: Duration,
    over: u64,
}

impl ExpectContinue {
    /// For how long the body waits. By default a second, as in curl.
    #[must_use]
    pub fn wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// Asks only for bodies of more octets than this, and for those whose length is not known. By default 0: for all. curl
    /// asks from 1 MiB on.
    #[must_use]
    pub fn over(self, octets: u64) -> Self {
        Self { over: octets, ..self }
    }
}

impl Default for ExpectContinue {
    fn default() -> Self {
        Self { wait: Duration::from_secs(1), over: 0 }
    }
}

/// Holds the request's body back, if it is to wait, and says so in its head. To be called last: a head that is full is
/// sent without.
pub(crate) fn hold(request: &mut Request<Upload>, option: Option<ExpectContinue>, length: Length) -> Option<Arc<Held>> {
    let wait = wait(request.headers(), request.extensions(), option, length)?;
    if !request.headers().contains_key(EXPECT) {
        request.headers_mut().try_insert(EXPECT, HeaderValue::from_static("100-continue")).ok()?;
    }
    let held = Arc::new(Held::default());
    request.body_mut().wait(Hold { held: held.clone(), wait, clock: None });
    Some(held)
}

/// For how long a request's body is to wait; `None` if it is to be sent at once.
fn wait(
    headers: &HeaderMap,
    extensions: &Extensions,
    option: Option<ExpectContinue>,
    length: Length,
) -> Option<Duration> {
    let expect = match PerRequest::of(extensions) {
        Some(PerRequest::Off) => return None,
        Some(PerRequest::Use(own)) => Some(*own),
        None => option,
    };
    let is_over = |expect: &ExpectContinue| match length {
        Length::Exact(octets) => octets > expect.over,
        Length::Unknown => true,
    };
    match headers.get(EXPECT) {
        _ if length == Length::Exact(0) => None,
        None => expect.filter(is_over).map(|expect| expect.wait),
        Some(by_hand) if by_hand.as_bytes().trim_ascii().eq_ignore_ascii_case(b"100-continue") => {
            Some(expect.unwrap_or_default().wait)
        }
        Some(_) => None,
    }
}

const WAITS: u8 = 0;
const FOLLOWS: u8 = 1;
const WITHHELD: u8 = 2;

/// Whether a body that waits is wanted. What is said first counts.
#[derive(Debug, Default)]
pub(crate) struct Held {
    state: AtomicU8,
    upload: AtomicWaker,
}

impl Held {
    /// The body is to follow.
    pub(crate) fn release(&self) {
        self.decide(FOLLOWS);
        self.upload.wake();
    }

    /// The answer has come; whether the body will never be sent.
    pub(crate) fn answered(&self) -> bool {
        self.decide(WITHHELD) == WITHHELD
    }

    pub(crate) fn is_withheld(&self) -> bool {
        self.state.load(Ordering::Acquire) == WITHHELD
    }

    fn decide(&self, to: u8) -> u8 {
        match self.state.compare_exchange(WAITS, to, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => to,
            Err(decided) => decided,
        }
    }
}

/// The body's side of it.
pub(crate) struct Hold {
    held: Arc<Held>,
    wait: Duration,
    /// From the moment in which hyper asks for the body, for then the head is on its way.
    clock: Option<Pin<Box<Sleep>>>,
}

impl Hold {
    /// Ready when the body is to follow; never if it is not wanted.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.held.upload.register(cx.waker());
        let mut state = self.held.state.load(Ordering::Acquire);
        if state == WAITS {
            if self.clock.is_none() {
                self.clock = clock(after(Instant::now(), self.wait));
            }
            if self.clock.as_mut().is_none_or(|clock| clock.as_mut().poll(cx).is_ready()) {
                state = self.held.decide(FOLLOWS);
            }
        }
        if state == FOLLOWS { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_and_for_how_long() {
        use Length::{Exact, Unknown};
        let secs = |n| Some(Duration::from_secs(n));
        let option = Some(ExpectContinue::default().wait(Duration::from_secs(3)).over(10));
        let own = |n| Some(PerRequest::Use(ExpectContinue::default().wait(Duration::from_secs(n))));
        for (by_hand, own, option, length, expected) in [
            (None, None, None, Exact(100), None),
            (None, None, option, Exact(0), None),
            (None, None, option, Exact(10), None),
            (None, None, option, Exact(11), secs(3)),
            (None, None, option, Unknown, secs(3)),
            (None, own(5), option, Exact(1), secs(5)),
            (None, own(5), None, Unknown, secs(5)),
            (None, Some(PerRequest::Off), option, Exact(100), None),
            (Some("100-continue"), None, None, Exact(1), secs(1)),
            (Some("100-Continue"), None, option, Exact(1), secs(3)),
            (Some("100-continue"), own(5), None, Exact(1), secs(5)),
            (Some("100-continue"), None, None, Exact(0), None),
            (Some("100-continue"), Some(PerRequest::Off), None, Exact(1), None),
            (Some("miracles"), own(5), option, Exact(100), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(by_hand.map(|value| (EXPECT, HeaderValue::from_static(value))));
            let mut extensions = Extensions::new();
            if let Some(own) = own {
                extensions.insert(own);
            }
            let found = wait(&headers, &extensions, option, length);
            assert_eq!(found, expected, "{by_hand:?} {own:?} {option:?} {length:?}");
        }
    }

    #[test]
    fn what_is_said_first_counts() {
        let held = Held::default();
        held.release();
        assert!(!held.answered() && !held.is_withheld());
        let held = Held::default();
        assert!(held.answered());
        held.release();
        assert!(held.is_withheld());
    }
}
