use std::error::Error;
use std::fmt;
use std::sync::Arc;

use sortie_core::{BoxError, Elapsed, Fault, Outcome, Phase};

/// A request that cannot be sent as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The URI has no scheme: the transport sends absolute URIs only. A base URL makes them of paths.
    NoScheme,
    /// The URI has no host.
    NoHost,
    /// The URI's port is greater than 65535.
    BadPort,
    /// The scheme is neither `http` nor `https`, nor, where there are Unix sockets, `http+unix`.
    UnsupportedScheme(String),
    /// The host of an `http+unix` URI is not the path of a socket with each octet as two hexadecimal digits.
    BadUnixPath,
    /// The request is for another origin than the one that the service is bound to
    /// ([`Transport::origin`](crate::Transport::origin)).
    OtherOrigin {
        /// The service's own.
        bound: String,
    },
    /// The request has a `Content-Length` that is no number, or several that differ.
    BadContentLength,
    /// The request's `Content-Length` is not the length of its body.
    ContentLengthMismatch {
        /// What the header says.
        header: u64,
        /// The length of the body in octets; `None` if it is not known before it is sent.
        body: Option<u64>,
    },
    /// The request has both `Content-Length` and `Transfer-Encoding`, which servers may read differently
    /// ([RFC 9112 §6.1](https://www.rfc-editor.org/rfc/rfc9112#section-6.1): request smuggling).
    ContentLengthAndTransferEncoding,
    /// The request's `Transfer-Encoding` does not end in `chunked`, so that its body would have no end.
    BadTransferEncoding,
    /// The request has more headers than `http::HeaderMap` takes together with those that HTTP needs: 24,576.
    TooManyHeaders,
    /// The request is signed by a scheme that authenticates connections
    /// ([`Auth::connection_owner`](sortie_core::auth::Auth::connection_owner)), which HTTP/2 does not allow, and nothing
    /// else may be spoken ([`Versions::Http2Only`](crate::Versions)).
    OwnConnectionOverHttp2,
    /// The URI is `https` and the crate was built without its `tls` feature.
    TlsNotCompiled,
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme => {
                f.write_str("the request's URI has no scheme; the transport needs an absolute http or https URI")
            }
            Self::NoHost => f.write_str("the request's URI has no host"),
            Self::BadPort => f.write_str("the port of the request's URI is greater than 65535"),
            Self::OtherOrigin { bound } => {
                write!(f, "the service sends to {bound} alone: a path, or a URI of that origin (Transport::origin)")
            }
            Self::UnsupportedScheme(scheme) => {
                write!(f, "the scheme `{scheme}` is not supported; `http` and `https` are")
            }
            Self::BadUnixPath => f.write_str(
                "the host of the request's http+unix URI is no path in hexadecimal digits; `/run/a` is `2f72756e2f61`",
            ),
            Self::BadContentLength => f.write_str("the request's Content-Length is not one number"),
            Self::ContentLengthMismatch { header, body: Some(body) } => {
                write!(f, "the request's Content-Length is {header} and its body has {body} octets")
            }
            Self::ContentLengthMismatch { header, body: None } => write!(
                f,
                "the request's Content-Length is {header} and the length of its body is not known; \
                 give the length with the body (Body::factory) or leave the header out"
            ),
            Self::ContentLengthAndTransferEncoding => {
                f.write_str("the request has both Content-Length and Transfer-Encoding; leave both to the transport")
            }
            Self::TooManyHeaders => f.write_str("the request has too many headers; 24,576 are the most"),
            Self::BadTransferEncoding => f.write_str("the request's Transfer-Encoding does not end in chunked"),
            Self::OwnConnectionOverHttp2 => f.write_str(
                "the auth scheme authenticates connections, which needs HTTP/1.1, and Versions::Http2Only forbids it",
            ),
            Self::TlsNotCompiled => f.write_str("https needs the feature `tls` of sortie-transport"),
        }
    }
}

impl Error for InvalidRequest {}

/// No connection to an origin could be made. Clones share one cause: all who waited for the connect get it.
#[derive(Clone, Debug)]
pub struct ConnectError(Arc<Failed>);

#[derive(Debug)]
struct Failed {
    origin: Box<str>,
    phase: Phase,
    source: BoxError,
}

impl ConnectError {
    pub(crate) fn new(origin: impl fmt::Display, phase: Phase, source: impl Into<BoxError>) -> Self {
        Self(Arc::new(Failed { origin: origin.to_string().into(), phase, source: source.into() }))
    }

    /// How far the connection had come.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    pub(crate) fn fault(self) -> BoxError {
        Fault::new(Outcome::Connect { phase: self.0.phase }, self).into()
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connecting to {} failed ({})", self.0.origin, self.0.phase)
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0.source)
    }
}

/// All connections that the origin may have were busy until the acquire limit ran out.
///
/// Its source is the [`Elapsed`] limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcquireTimeout {
    /// How many connections were open or being made.
    pub open: usize,
    /// How many requests were waiting, this one included.
    pub waiting: usize,
    /// How many connections the origin may have: `TransportOptions::max_connections_per_origin`.
    pub cap: Option<usize>,
    /// How many connections all origins together may have: `TransportOptions::max_connections`.
    pub total_cap: Option<usize>,
    /// How many HTTP/2 connections the origin may have, where it speaks that:
    /// `TransportOptions::max_http2_connections_per_origin`.
    pub http2_cap: Option<usize>,
    elapsed: Elapsed,
}

impl AcquireTimeout {
    pub(crate) fn new(open: usize, waiting: usize, caps: [Option<usize>; 3], elapsed: Elapsed) -> Self {
        let [cap, total_cap, http2_cap] = caps;
        Self { open, waiting, cap, total_cap, http2_cap, elapsed }
    }
}

impl fmt::Display for AcquireTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection came free: {} open, {} requests waiting, ", self.open, self.waiting)?;
        let mut caps = [
            (self.http2_cap, "for HTTP/2 (TransportOptions::max_http2_connections_per_origin)"),
            (self.cap, "to the origin (TransportOptions::max_connections_per_origin)"),
            (self.total_cap, "to all origins (TransportOptions::max_connections)"),
        ]
        .into_iter()
        .filter_map(|(cap, what)| Some((cap?, what)));
        match caps.next() {
            Some((cap, what)) => write!(f, "at most {cap} allowed {what}")?,
            None => f.write_str("no cap")?,
        }
        caps.try_for_each(|(cap, what)| write!(f, ", {cap} {what}"))
    }
}

impl Error for AcquireTimeout {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.elapsed)
    }
}

/// The request's body failed while it was being sent; the [`source`](Error::source) is what it failed with.
#[derive(Debug)]
pub struct BodyFailed(BoxError);

impl BodyFailed {
    pub(crate) fn new(source: BoxError) -> Self {
        Self(source)
    }
}

impl fmt::Display for BodyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request's body failed")
    }
}

impl Error for BodyFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// Why a request was not sent, where nothing more need be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSent {
    Closed,
    NoRuntime,
    RuntimeGone,
    /// That many connections in a row ended before they took the request.
    Unserved(u8),
    /// The connection that it had to go by has ended.
    LegsParted,
}

impl NotSent {
    pub(crate) fn fault(self) -> BoxError {
        let outcome = match self {
            Self::Closed => Outcome::Closed,
            Self::NoRuntime | Self::RuntimeGone => Outcome::Connect { phase: Phase::Connect },
            Self::Unserved(_) | Self::LegsParted => Outcome::Connect { phase: Phase::Handshake },
        };
        Fault::new(outcome, self).into()
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("Transport::close was called"),
            Self::NoRuntime => {
                f.write_str("a connection can only be made within a tokio runtime, and there is none here")
            }
            Self::RuntimeGone => f.write_str("the tokio runtime was shut down while the connection was being made"),
            Self::LegsParted => {
                f.write_str("the connection on which the auth scheme had begun its handshake ended before the next leg")
            }
            Self::Unserved(n) => write!(f, "{n} connections in a row ended before they took the request"),
        }
    }
}

impl Error for NotSent {}
