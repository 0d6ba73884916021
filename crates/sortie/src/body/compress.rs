use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use compression_codecs::EncodeV2;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue};
use http_body::{Body as HttpBody, Frame};
use sortie_core::{Body, BoxError, Replay};

use crate::setter;

/// How a request's body is compressed ([`RequestBuilder::compress`](crate::RequestBuilder::compress)); at the level that
/// the coding's library takes by default, but 5 of 11 for `br`, whose default is for files that are compressed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Coding {
    /// `gzip` ([RFC 1952](https://www.rfc-editor.org/rfc/rfc1952)).
    #[cfg(feature = "gzip")]
    Gzip,
    /// `br`, Brotli ([RFC 7932](https://www.rfc-editor.org/rfc/rfc7932)).
    #[cfg(feature = "br")]
    Br,
    /// `zstd`, Zstandard ([RFC 8878](https://www.rfc-editor.org/rfc/rfc8878)).
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Coding {
    /// Its name in `Content-Encoding`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => "gzip",
            #[cfg(feature = "br")]
            Self::Br => "br",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
        }
    }

    fn encoder(self) -> Box<dyn EncodeV2 + Send + Sync> {
        match self {
            #[cfg(feature = "gzip")]
            Self::Gzip => Box::new(compression_codecs::GzipEncoder::new(
                compression_codecs::flate::params::FlateEncoderParams::from(compression_codecs::core::Level::Default),
            )),
            #[cfg(feature = "br")]
            Self::Br => Box::new(compression_codecs::BrotliEncoder::new(
                compression_codecs::brotli::params::EncoderParams::default()
                    .quality(compression_codecs::core::Level::Precise(5)),
            )),
            #[cfg(feature = "zstd")]
            Self::Zstd => Box::new(compression_codecs::ZstdEncoder::new(0)),
        }
    }
}

/// `body` in this coding, which `headers` then tell after those that they tell already.
pub(super) fn apply(body: Body, coding: Coding, headers: &mut HeaderMap) -> Result<Body, setter::Invalid> {
    const SETTER: &str = "RequestBuilder::compress";
    if body.is_end_stream() {
        return Ok(body);
    }
    if headers.contains_key(CONTENT_LENGTH) {
        return Err(setter::Invalid::new(SETTER, "a Content-Length by hand cannot be right for a compressed body"));
    }
    setter::append(SETTER, headers, CONTENT_ENCODING, HeaderValue::from_static(coding.name()))?;
    Ok(compress(body, coding))
}

/// `body` in this coding; it can be sent again if that can.
fn compress(body: Body, coding: Coding) -> Body {
    if body.replay().is_none() {
        return Body::new(Compressed::new(body, coding));
    }
    Body::factory(None, move || Compressed::new(body.replay().expect("a body that was never read"), coding))
}

/// How much is compressed before it is handed on, in octets.
const BLOCK: usize = 16 * 1024;

/// A body that is compressed while it is read. Trailers pass.
struct Compressed {
    body: Body,
    encoder: Box<dyn EncodeV2 + Send + Sync>,
    input: Bytes,
    stage: Stage,
}

enum Stage {
    Reading,
    /// The body has ended, with these trailers.
    Finishing(Option<Frame<Bytes>>),
    /// All is compressed; the trailers follow.
    Finished(Option<Frame<Bytes>>),
}

impl Compressed {
    fn new(body: Body, coding: Coding) -> Self {
        Self { body, encoder: coding.encoder(), input: Bytes::new(), stage: Stage::Reading }
    }

    /// Compresses what was read, and everything that is held back if nothing follows; whether there is nothing left to do.
    fn encode(&mut self, block: &mut [u8]) -> std::io::Result<(usize, bool)> {
        let mut output = WriteBuffer::new_initialized(block);
        let done = if matches!(self.stage, Stage::Finishing(_)) {
            self.encoder.finish(&mut output)?
        } else {
            let mut input = PartialBuffer::new(&*self.input);
            self.encoder.encode(&mut input, &mut output)?;
            let taken = input.written_len();
            self.input = self.input.split_off(taken);
            self.input.is_empty()
        };
        Ok((output.written_len(), done))
    }
}

impl HttpBody for Compressed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            match &mut this.stage {
                Stage::Finished(trailers) => return Poll::Ready(trailers.take().map(Ok)),
                Stage::Reading if this.input.is_empty() => {
                    let frame = ready!(Pin::new(&mut this.body).poll_frame(cx)).transpose()?;
                    match frame.map(Frame::into_data) {
                        Some(Ok(data)) => this.input = data,
                        Some(Err(trailers)) => this.stage = Stage::Finishing(Some(trailers)),
                        None => this.stage = Stage::Finishing(None),
                    }
                    continue;
                }
                Stage::Reading | Stage::Finishing(_) => {}
            }
            let mut block = vec![0; BLOCK];
            let (written, done) = this.encode(&mut block)?;
            if let Stage::Finishing(trailers) = &mut this.stage
                && done
            {
                this.stage = Stage::Finished(trailers.take());
            }
            if written > 0 {
                block.truncate(written);
                return Poll::Ready(Some(Ok(Frame::data(block.into()))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, StreamBody};
    use sortie_core::find;

    fn codings() -> Vec<Coding> {
        vec![
            #[cfg(feature = "gzip")]
            Coding::Gzip,
            #[cfg(feature = "br")]
            Coding::Br,
            #[cfg(feature = "zstd")]
            Coding::Zstd,
        ]
    }

    /// Undone by the decoders of the same library, in one go.
    fn undo(coding: Coding, coded: &[u8]) -> Vec<u8> {
        use compression_codecs::DecodeV2;
        let mut decoder: Box<dyn DecodeV2> = match coding {
            #[cfg(feature = "gzip")]
            Coding::Gzip => Box::new(compression_codecs::GzipDecoder::new()),
            #[cfg(feature = "br")]
            Coding::Br => Box::new(compression_codecs::BrotliDecoder::new()),
            #[cfg(feature = "zstd")]
            Coding::Zstd => Box::new(compression_codecs::ZstdDecoder::new()),
        };
        let mut input = PartialBuffer::new(coded);
        let (mut all, mut ended) = (Vec::new(), false);
        while !ended {
            let mut block = vec![0; BLOCK];
            let mut output = WriteBuffer::new_initialized(&mut block);
            ended = decoder.decode(&mut input, &mut output).unwrap();
            let written = output.written_len();
            assert!(ended || written > 0, "{coding:?} ends too early");
            all.extend_from_slice(&block[..written]);
        }
        assert!(input.unwritten().is_empty(), "{coding:?} ends too late");
        all
    }

    #[tokio::test]
    async fn what_is_compressed_can_be_read_again_and_sent_again_if_the_body_can() {
        let noise: Vec<u8> = (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for coding in codings() {
            for content in [Vec::new(), b"x".to_vec(), vec![b'a'; 1_000_000], noise.clone()] {
                let body = compress(Body::from(content.clone()), coding);
                let again = body.replay().unwrap();
                for body in [body, again] {
                    assert_eq!(body.content_length(), None);
                    let coded = body.collect().await.unwrap().to_bytes();
                    assert!(undo(coding, &coded) == content, "{coding:?} of {} octets", content.len());
                }
            }
        }
    }

    #[tokio::test]
    async fn trailers_pass_and_errors_do_too() {
        let trailers = HeaderMap::from_iter([(http::header::ETAG, "x".parse().unwrap())]);
        for coding in codings() {
            let frames = [Ok::<_, BoxError>(Frame::data(Bytes::from("abc"))), Ok(Frame::trailers(trailers.clone()))];
            let body = compress(Body::new(StreamBody::new(futures_util::stream::iter(frames))), coding);
            assert!(body.replay().is_none());
            let collected = body.collect().await.unwrap();
            assert_eq!(collected.trailers(), Some(&trailers));
            assert_eq!(undo(coding, &collected.to_bytes()), b"abc");
            let broken = compress(Body::factory(Some(9), || Body::from("abc")), coding);
            let error = broken.collect().await.unwrap_err();
            assert!(find::<sortie_core::LengthMismatch>(&*error).is_some(), "{error}");
        }
    }
}
