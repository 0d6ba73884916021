use bytes::Bytes;
use http_body_util::{Empty, Full};

/// Can this body be sent again?
///
/// Redirect, Retry and the answer to an auth challenge ask it before they send a body the first time. A body that
/// cannot be replayed makes them end with an error that says so where a further send would need it: an empty body is
/// never sent in its place.
///
/// Implement it for a body type of your own to use it with those layers.
pub trait Replay: Sized {
    /// The same body from its start, or `None` if it can be sent only once.
    ///
    /// It must be cheap: it is asked once for each send that might have to be repeated.
    fn replay(&self) -> Option<Self>;

    /// A body of this type with nothing in it: what is sent after a redirect that turned the request into a `GET`.
    ///
    /// `None`, as provided, makes such a redirect an error.
    fn nothing() -> Option<Self> {
        None
    }

    /// The whole content, where it is in memory. A signature over the body needs it (Digest's `auth-int`).
    fn content(&self) -> Option<Bytes> {
        None
    }
}

impl Replay for () {
    fn replay(&self) -> Option<Self> {
        Some(())
    }

    fn nothing() -> Option<Self> {
        Some(())
    }

    fn content(&self) -> Option<Bytes> {
        Some(Bytes::new())
    }
}

impl Replay for Bytes {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn nothing() -> Option<Self> {
        Some(Self::new())
    }

    fn content(&self) -> Option<Bytes> {
        Some(self.clone())
    }
}

impl Replay for String {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn nothing() -> Option<Self> {
        Some(Self::new())
    }

    fn content(&self) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(self.as_bytes()))
    }
}

impl Replay for Empty<Bytes> {
    fn replay(&self) -> Option<Self> {
        Some(*self)
    }

    fn nothing() -> Option<Self> {
        Some(Self::new())
    }

    fn content(&self) -> Option<Bytes> {
        Some(Bytes::new())
    }
}

impl Replay for Full<Bytes> {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn nothing() -> Option<Self> {
        Some(Self::default())
    }

    fn content(&self) -> Option<Bytes> {
        Some(crate::body::full_bytes(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Body;

    #[test]
    fn a_body_with_nothing_in_it_has_no_content_and_can_be_sent_again() {
        fn check<B: Replay>() {
            let nothing = B::nothing().unwrap();
            assert_eq!(nothing.content().unwrap(), "");
            assert!(nothing.replay().is_some());
        }
        check::<()>();
        check::<Bytes>();
        check::<String>();
        check::<Empty<Bytes>>();
        check::<Full<Bytes>>();
        check::<Body>();
    }
}
