use super::TransportOptions;
use crate::expect::ExpectContinue;

/// What HTTP itself is spoken with. A value that was not set is hyper's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Http {
    pub(crate) title_case: bool,
    pub(crate) max_headers: Option<usize>,
    pub(crate) max_head_size: Option<usize>,
    pub(crate) max_buffer_size: Option<usize>,
    pub(crate) stream_window: Option<u32>,
    pub(crate) connection_window: Option<u32>,
    pub(crate) adaptive_window: bool,
    pub(crate) max_frame_size: Option<u32>,
    pub(crate) max_header_list_size: Option<u32>,
    pub(crate) max_send_buffer_size: Option<usize>,
    pub(crate) header_table_size: Option<u32>,
    pub(crate) max_reset_streams: Option<usize>,
    pub(crate) expect: Option<ExpectContinue>,
}

impl Http {
    /// hyper's own, for what it does not tell.
    const MAX_HEADERS: usize = 100;
    const MAX_BUFFER_SIZE: usize = 8192 + 4096 * 100;
    const MAX_HEADER_LIST_SIZE: u32 = 16 * 1024;

    /// How large hyper's buffers may become, where that is not its own affair: a head must fit in.
    pub(crate) fn buffer_size(&self) -> Option<usize> {
        let head = self.max_head_size.filter(|size| *size > self.max_buffer_size.unwrap_or(Self::MAX_BUFFER_SIZE));
        head.or(self.max_buffer_size)
    }

    /// How many octets and how many headers the head of an answer may have over HTTP/1.1.
    pub(crate) fn head_limits(&self) -> (usize, usize) {
        let buffer = self.buffer_size().unwrap_or(Self::MAX_BUFFER_SIZE);
        (self.max_head_size.unwrap_or(buffer), self.max_headers.unwrap_or(Self::MAX_HEADERS))
    }

    /// The same over HTTP/2, in octets as it counts them.
    pub(crate) fn header_list_limit(&self) -> u32 {
        self.max_header_list_size.unwrap_or(Self::MAX_HEADER_LIST_SIZE)
    }
}

/// The most headers that an answer may be allowed. A map has room for half as many again, for what layers add.
const HEADERS: usize = 16_384;

/// The least buffer that hyper takes, and the largest that anybody can want.
const BUFFER: (usize, usize) = (8192, 1 << 30);

/// What a window can be: one of nothing would never let anything through, and the largest is HTTP/2's
/// ([RFC 9113 §6.9.1](https://www.rfc-editor.org/rfc/rfc9113#section-6.9.1)).
const WINDOW: (u32, u32) = (1, (1 << 31) - 1);

/// That of a connection begins with this much, and can only grow
/// ([RFC 9113 §6.9.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.9.2)).
const CONNECTION_WINDOW: u32 = 65_535;

/// [RFC 9113 §6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2), `SETTINGS_MAX_FRAME_SIZE`.
const FRAME: (u32, u32) = (1 << 14, (1 << 24) - 1);

/// How HTTP is spoken. A value beyond the range that is named with an option counts as the nearest within it.
impl TransportOptions {
    /// Writes header names in HTTP/1.1 as `Content-Type`, for servers that compare them with their case. By default they
    /// are written in lower case, which HTTP/2 does always.
    #[must_use]
    pub fn http1_title_case_headers(self, title_case: bool) -> Self {
        self.http(|http| http.title_case = title_case)
    }

    /// How many headers an answer may have over HTTP/1.1, and as many its trailers. By default 100; 16,384 are the most.
    ///
    /// With more the call fails by [`HeadRefused`](crate::HeadRefused). Any number that is set here costs an allocation
    /// for each answer if it is above 100.
    #[must_use]
    pub fn http1_max_headers(self, headers: usize) -> Self {
        self.http(|http| http.max_headers = Some(headers.min(HEADERS)))
    }

    /// How many octets the head of an answer may have over HTTP/1.1, its status line included, and as many its trailers.
    /// By default as many as the [buffer](Self::http1_max_buffer_size), and 16 KiB for the trailers; at most 2³⁰.
    ///
    /// With more the call fails by [`HeadRefused`](crate::HeadRefused). Where that is larger than the buffer may be, the
    /// buffer may be as large.
    #[must_use]
    pub fn http1_max_head_size(self, octets: usize) -> Self {
        self.http(|http| http.max_head_size = Some(octets.min(BUFFER.1)))
    }

    /// How many octets of an HTTP/1.1 connection are kept in memory in each direction, unread or unsent. By default
    /// 417,792; from 8,192 to 2³⁰.
    #[must_use]
    pub fn http1_max_buffer_size(self, octets: usize) -> Self {
        self.http(|http| http.max_buffer_size = Some(octets.clamp(BUFFER.0, BUFFER.1)))
    }

    /// How many octets a server may send in an HTTP/2 stream before they are read (`SETTINGS_INITIAL_WINDOW_SIZE`,
    /// [RFC 9113 §6.9](https://www.rfc-editor.org/rfc/rfc9113#section-6.9)). By default 2 MiB; from 1 to 2³¹ − 1.
    ///
    /// A download comes no faster than this much in each round trip.
    #[must_use]
    pub fn http2_initial_stream_window(self, octets: u32) -> Self {
        self.http(|http| http.stream_window = Some(octets.clamp(WINDOW.0, WINDOW.1)))
    }

    /// How many octets a server may send in all streams of an HTTP/2 connection together before they are read. By
    /// default 5 MiB; from 65,535 to 2³¹ − 1.
    #[must_use]
    pub fn http2_initial_connection_window(self, octets: u32) -> Self {
        self.http(|http| http.connection_window = Some(octets.clamp(CONNECTION_WINDOW, WINDOW.1)))
    }

    /// Measures how much is under way in a round trip over HTTP/2, by pings while data comes, and makes both windows as
    /// large: they begin with 65,535 octets, whatever was set, and end with 16 MiB. By default the windows stay as they
    /// are.
    #[must_use]
    pub fn http2_adaptive_window(self, adaptive: bool) -> Self {
        self.http(|http| http.adaptive_window = adaptive)
    }

    /// How many octets of content a server may put into one HTTP/2 frame (`SETTINGS_MAX_FRAME_SIZE`,
    /// [RFC 9113 §4.2](https://www.rfc-editor.org/rfc/rfc9113#section-4.2)). By default 16,384, which is the least;
    /// 16,777,215 are the most.
    #[must_use]
    pub fn http2_max_frame_size(self, octets: u32) -> Self {
        self.http(|http| http.max_frame_size = Some(octets.clamp(FRAME.0, FRAME.1)))
    }

    /// How large the head of an answer may be over HTTP/2: the octets of all names and values, and 32 more for each header
    /// (`SETTINGS_MAX_HEADER_LIST_SIZE`, [RFC 9113 §6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2)). By
    /// default 16 KiB.
    ///
    /// With more the call fails by [`HeadRefused`](crate::HeadRefused).
    #[must_use]
    pub fn http2_max_header_list_size(self, octets: u32) -> Self {
        self.http(|http| http.max_header_list_size = Some(octets))
    }

    /// How many octets of a request's body an HTTP/2 stream keeps in memory unsent, beyond the chunk that the body
    /// yielded last. By default 1 MiB; from 1 to 2³² − 1.
    #[must_use]
    pub fn http2_max_send_buffer_size(self, octets: usize) -> Self {
        let most = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        self.http(|http| http.max_send_buffer_size = Some(octets.clamp(1, most)))
    }

    /// How many octets the server's table for the compression of headers may have (`SETTINGS_HEADER_TABLE_SIZE`,
    /// [RFC 7541 §4.2](https://www.rfc-editor.org/rfc/rfc7541#section-4.2)). By default 4,096; 0 has nothing compressed
    /// by reference to an earlier head.
    #[must_use]
    pub fn http2_header_table_size(self, octets: u32) -> Self {
        self.http(|http| http.header_table_size = Some(octets))
    }

    /// How many streams of an HTTP/2 connection that were reset here, because their answers were not wanted any more,
    /// are remembered for a second, so that what a server still sends in them passes unnoticed. By default 50. In one
    /// that is forgotten it is an error of the stream (`STREAM_CLOSED`), and servers count those.
    #[must_use]
    pub fn http2_max_concurrent_reset_streams(self, streams: usize) -> Self {
        self.http(|http| http.max_reset_streams = Some(streams))
    }

    /// Has requests with a body ask whether the server wants it before it is sent; a request overrides that with
    /// `PerRequest<ExpectContinue>`. By default bodies are sent at once.
    #[must_use]
    pub fn expect_continue(self, expect: impl Into<Option<ExpectContinue>>) -> Self {
        self.http(|http| http.expect = expect.into())
    }

    fn http(mut self, change: impl FnOnce(&mut Http)) -> Self {
        change(&mut self.http);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_counts_as_the_nearest_that_is_not() {
        let least = TransportOptions::default()
            .http1_max_buffer_size(0)
            .http2_initial_stream_window(0)
            .http2_initial_connection_window(0)
            .http2_max_frame_size(0)
            .http2_max_send_buffer_size(0)
            .http;
        assert_eq!(
            (least.max_buffer_size, least.stream_window, least.connection_window),
            (Some(8192), Some(1), Some(65_535))
        );
        assert_eq!((least.max_frame_size, least.max_send_buffer_size), (Some(16_384), Some(1)));
        let most = TransportOptions::default()
            .http1_max_headers(usize::MAX)
            .http1_max_head_size(usize::MAX)
            .http1_max_buffer_size(usize::MAX)
            .http2_initial_stream_window(u32::MAX)
            .http2_initial_connection_window(u32::MAX)
            .http2_max_frame_size(u32::MAX)
            .http2_max_send_buffer_size(usize::MAX)
            .http;
        assert_eq!(
            (most.max_headers, most.max_head_size, most.max_buffer_size),
            (Some(16_384), Some(1 << 30), Some(1 << 30))
        );
        assert_eq!((most.stream_window, most.connection_window), (Some((1 << 31) - 1), Some((1 << 31) - 1)));
        assert_eq!((most.max_frame_size, most.max_send_buffer_size), (Some(16_777_215), Some(u32::MAX as usize)));
    }

    #[test]
    fn the_buffer_has_room_for_the_largest_head() {
        for (head, buffer, expected, limit) in [
            (None, None, None, 417_792),
            (Some(1000), None, None, 1000),
            (Some(500_000), None, Some(500_000), 500_000),
            (Some(20_000), Some(10_000), Some(20_000), 20_000),
            (None, Some(10_000), Some(10_000), 10_000),
            (Some(1000), Some(10_000), Some(10_000), 1000),
        ] {
            let http = Http { max_head_size: head, max_buffer_size: buffer, ..Http::default() };
            assert_eq!((http.buffer_size(), http.head_limits().0), (expected, limit), "{head:?} {buffer:?}");
        }
    }
}
