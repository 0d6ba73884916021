use std::fmt;

use http::{HeaderValue, Method, Uri, response};

use super::Recipient;
use crate::BoxError;

/// An answer that an [`Auth`](super::Auth) is to examine.
pub struct Answer<'a> {
    method: &'a Method,
    uri: &'a Uri,
    response: &'a response::Parts,
    recipient: Recipient,
    proxy: Option<&'a str>,
    leg: usize,
    credentials: Option<&'a HeaderValue>,
}

impl<'a> Answer<'a> {
    /// The head that answered the request for `method` and `uri` on leg `leg`.
    #[must_use]
    pub fn new(
        method: &'a Method,
        uri: &'a Uri,
        response: &'a response::Parts,
        recipient: Recipient,
        leg: usize,
    ) -> Self {
        Self { method, uri, response, recipient, proxy: None, leg, credentials: None }
    }

    /// Of a [proxy](Recipient::Proxy), and which one: `scheme://host:port`, without userinfo.
    #[must_use]
    pub fn proxy_is(self, proxy: &'a str) -> Self {
        Self { recipient: Recipient::Proxy, proxy: Some(proxy), ..self }
    }

    /// With what the request carried in the recipient's [header](Recipient::header), if it carried anything.
    #[must_use]
    pub fn with_credentials(self, credentials: Option<&'a HeaderValue>) -> Self {
        Self { credentials, ..self }
    }

    /// The request's method.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.method
    }

    /// The request's URI.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        self.uri
    }

    /// The response's head.
    #[must_use]
    pub fn response(&self) -> &response::Parts {
        self.response
    }

    /// What the request carried in the recipient's [header](Recipient::header): what the scheme signed it with.
    #[must_use]
    pub fn credentials(&self) -> Option<&HeaderValue> {
        self.credentials
    }

    /// Who answered.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        self.recipient
    }

    /// Which proxy answered, as [`Unsigned::proxy`](super::Unsigned::proxy) has it.
    #[must_use]
    pub fn proxy(&self) -> Option<&str> {
        self.proxy
    }

    /// How many times the attempt had been sent before the one that this answers.
    #[must_use]
    pub fn leg(&self) -> usize {
        self.leg
    }
}

/// Without the URI and the headers: they may hold secrets.
impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("method", &self.method)
            .field("status", &self.response.status)
            .field("recipient", &self.recipient)
            .field("proxy", &self.proxy)
            .field("leg", &self.leg)
            .finish_non_exhaustive()
    }
}

/// What an [`Auth`](super::Auth) makes of an answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// It goes to the caller as it is.
    Accept,
    /// It is a challenge that this scheme can answer: sign again and send again, if a leg is left.
    Resend,
    /// The same, over the connection that this answer came by and no other: the next leg of a handshake that
    /// [authenticates the connection](super::Auth::connection_owner). If that connection has ended, the call fails with an
    /// error that says so, and [`Outcome::Connect`](crate::Outcome::Connect), so that a retry begins anew.
    Continue,
    /// It is not to be believed: the call ends with an error that has this one as its source.
    Fail(BoxError),
}

/// What follows an answer that was examined.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// It is the call's.
    End,
    /// The request is signed and sent again: the next leg.
    Again {
        /// Whether it must go over the connection that the answer came by.
        same_connection: bool,
    },
    /// The call fails, for the answer is not to be believed.
    Fail(BoxError),
}

impl Verdict {
    /// What follows the answer to leg number `leg`, counted from 0, of a scheme with that many further
    /// [`legs`](super::Auth::legs): a challenge to the last one is the answer.
    #[must_use]
    pub fn step(self, leg: usize, legs: usize) -> Step {
        match self {
            Self::Resend if leg < legs => Step::Again { same_connection: false },
            Self::Continue if leg < legs => Step::Again { same_connection: true },
            Self::Fail(error) => Step::Fail(error),
            Self::Accept | Self::Resend | Self::Continue => Step::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_answered_while_a_leg_is_left() {
        let again = |same| format!("{:?}", Step::Again { same_connection: same });
        for (verdict, leg, legs, step) in [
            (Verdict::Accept, 0, 2, "End".to_owned()),
            (Verdict::Resend, 0, 0, "End".to_owned()),
            (Verdict::Resend, 0, 1, again(false)),
            (Verdict::Resend, 1, 1, "End".to_owned()),
            (Verdict::Continue, 1, 2, again(true)),
            (Verdict::Continue, 2, 2, "End".to_owned()),
            (Verdict::Fail("no".into()), 2, 2, "Fail(\"no\")".to_owned()),
        ] {
            let name = format!("{verdict:?} {leg} {legs}");
            assert_eq!(format!("{:?}", verdict.step(leg, legs)), step, "{name}");
        }
    }

    #[test]
    fn an_answer_shows_neither_the_query_nor_a_cookie() {
        let uri = Uri::from_static("http://a/?key=secret");
        let response = http::Response::builder().status(401).header("set-cookie", "id=secret").body(()).unwrap();
        let (parts, ()) = response.into_parts();
        let credentials = HeaderValue::from_static("secret");
        let answer = Answer::new(&Method::GET, &uri, &parts, Recipient::Server, 0).with_credentials(Some(&credentials));
        let shown = format!("{answer:?}{answer:#?}");
        assert!(shown.contains("401") && !shown.contains("secret"), "{shown}");
    }
}
