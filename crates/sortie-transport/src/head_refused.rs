use std::error::Error;
use std::fmt;

use sortie_core::find;

use crate::options::Http;

/// The head of an answer is not one that is taken; the [`source`](Error::source) is what hyper says of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum HeadRefused {
    /// It is too large, over HTTP/1.1.
    #[non_exhaustive]
    TooLarge {
        /// How many octets it may have: `TransportOptions::http1_max_head_size`, or `http1_max_buffer_size`.
        octets: usize,
        /// How many headers it may have: `TransportOptions::http1_max_headers`.
        headers: usize,
        /// What hyper says.
        source: hyper::Error,
    },
    /// It is too large, over HTTP/2, or no HTTP: what speaks HTTP/2 does not tell them apart.
    #[non_exhaustive]
    Http2 {
        /// How large it may be: `TransportOptions::http2_max_header_list_size`.
        octets: u32,
        /// What hyper says.
        source: hyper::Error,
    },
}

impl HeadRefused {
    /// This, if it is what happened; the error itself otherwise.
    pub(crate) fn or(error: hyper::Error, http: &Http) -> Result<Self, hyper::Error> {
        // `is_parse_too_large` is for servers only.
        if error.is_parse() && error.to_string() == "message head is too large" {
            let (octets, headers) = http.head_limits();
            return Ok(Self::TooLarge { octets, headers, source: error });
        }
        let refusal = find::<h2::Error>(&error).filter(|h2| h2.is_library());
        let is_reset = |h2: &h2::Error| h2.is_reset() && h2.reason() == Some(h2::Reason::PROTOCOL_ERROR);
        // Four times as large as it may be, it ends the connection.
        let is_end = |h2: &h2::Error| h2.is_go_away() && h2.to_string().contains("header_list_way_too_large");
        if refusal.is_some_and(|h2| is_reset(h2) || is_end(h2)) {
            return Ok(Self::Http2 { octets: http.header_list_limit(), source: error });
        }
        Err(error)
    }
}

impl fmt::Display for HeadRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { octets, headers, .. } => write!(
                f,
                "the answer's head has more than {octets} octets (TransportOptions::http1_max_head_size) or more than \
                 {headers} headers (TransportOptions::http1_max_headers)"
            ),
            Self::Http2 { octets, .. } => write!(
                f,
                "the answer's head is larger than {octets} octets (TransportOptions::http2_max_header_list_size), or \
                 breaks the rules of HTTP/2"
            ),
        }
    }
}

impl Error for HeadRefused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::TooLarge { source, .. } | Self::Http2 { source, .. } => Some(source),
        }
    }
}
