use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, request, response};

use super::Recipient;
use crate::Replay;

/// A request that an [`Auth`](super::Auth) is to sign.
pub struct Unsigned<'a> {
    parts: &'a mut request::Parts,
    recipient: Recipient,
    proxy: Option<&'a str>,
    challenge: Option<&'a response::Parts>,
    leg: usize,
    content: Option<&'a (dyn Content + Sync)>,
}

impl<'a> Unsigned<'a> {
    /// The head of a request on its first leg to the origin server.
    #[must_use]
    pub fn new(parts: &'a mut request::Parts) -> Self {
        Self { parts, recipient: Recipient::Server, proxy: None, challenge: None, leg: 0, content: None }
    }

    /// With who is to receive it.
    #[must_use]
    pub fn recipient_is(self, recipient: Recipient) -> Self {
        Self { recipient, ..self }
    }

    /// For a [proxy](Recipient::Proxy), and which one: `scheme://host:port`, without userinfo.
    #[must_use]
    pub fn proxy_is(self, proxy: &'a str) -> Self {
        Self { recipient: Recipient::Proxy, proxy: Some(proxy), ..self }
    }

    /// With the answer that led to this leg, counted from 1.
    #[must_use]
    pub fn challenged(self, challenge: &'a response::Parts, leg: usize) -> Self {
        Self { challenge: Some(challenge), leg, ..self }
    }

    /// With the body, for schemes that sign it.
    #[must_use]
    pub fn with_body<B: Replay + Sync>(self, body: &'a B) -> Self {
        Self { content: Some(body), ..self }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The URI, as the layers above left it.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The headers, to put the credentials in. Mark their values [sensitive](http::HeaderValue::set_sensitive).
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.parts.headers
    }

    /// The whole head, for schemes that sign more or put a signature into the query.
    pub fn parts_mut(&mut self) -> &mut request::Parts {
        self.parts
    }

    /// Who is to receive the credentials.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        self.recipient
    }

    /// Which proxy is to receive them, as `scheme://host:port`: what one proxy asked for is not for another. `None` for a
    /// server, and where whoever sends does not say.
    #[must_use]
    pub fn proxy(&self) -> Option<&str> {
        self.proxy
    }

    /// The answer that asked for this leg; `None` on the first one.
    #[must_use]
    pub fn challenge(&self) -> Option<&response::Parts> {
        self.challenge
    }

    /// How many times this attempt was sent before.
    #[must_use]
    pub fn leg(&self) -> usize {
        self.leg
    }

    /// The request's whole body, where it is in memory.
    #[must_use]
    pub fn content(&self) -> Option<Bytes> {
        self.content.and_then(Content::content)
    }
}

impl fmt::Debug for Unsigned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsigned")
            .field("method", &self.parts.method)
            .field("recipient", &self.recipient)
            .field("proxy", &self.proxy)
            .field("leg", &self.leg)
            .finish_non_exhaustive()
    }
}

trait Content {
    fn content(&self) -> Option<Bytes>;
}

impl<B: Replay> Content for B {
    fn content(&self) -> Option<Bytes> {
        Replay::content(self)
    }
}
