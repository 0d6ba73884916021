//! One coding being undone.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use compression_codecs::DecodeV2;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};

use crate::{Coding, DecompressError};

/// Memory for output is taken in blocks that begin with this and double up to [`LARGEST_BLOCK`]: a short body needs no
/// more, and a long one is not handed out in pieces that small.
const FIRST_BLOCK: usize = 8 * 1024;
/// Also the most that is decoded at once.
pub(crate) const LARGEST_BLOCK: usize = 64 * 1024;
/// What is left of a block is given up for a new one if it is less than this.
const LEAST_SPACE: usize = 512;

/// A coding of a body, and the input that has not been decoded yet.
pub(crate) struct Stage {
    coding: Coding,
    codec: Option<Codec>,
    at: At,
    input: Bytes,
    /// The last call filled its output: there may be more without any further input.
    more: bool,
    output: Output,
    /// What went wrong after something had been decoded.
    failed: Option<DecompressError>,
}

type Codec = Box<dyn DecodeV2 + Send + Sync>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    /// Within a member, of whose signature so many octets are still to be checked.
    Within {
        unchecked: usize,
    },
    /// After the last octet of a member.
    End,
}

impl Stage {
    pub(crate) fn new(coding: Coding) -> Self {
        Self {
            coding,
            codec: None,
            at: At::Start,
            input: Bytes::new(),
            more: false,
            output: Output::default(),
            failed: None,
        }
    }

    /// Gives it more to decode, once it has decoded what it had.
    pub(crate) fn feed(&mut self, input: Bytes) {
        debug_assert!(self.input.is_empty(), "what was there is decoded first");
        self.input = input;
    }

    /// The next octets, at most [`LARGEST_BLOCK`]; none if it needs input.
    pub(crate) fn decode(&mut self) -> Result<Bytes, DecompressError> {
        if let Some(failed) = self.failed.take() {
            return Err(failed);
        }
        if self.input.is_empty() && !self.more {
            return Ok(Bytes::new());
        }
        let mut block = std::mem::take(&mut self.output);
        let (written, result) = self.fill(block.space());
        let decoded = block.take(written);
        self.output = block;
        match result {
            Err(failed) if decoded.is_empty() => Err(failed),
            Err(failed) => {
                self.failed = Some(failed);
                Ok(decoded)
            }
            Ok(()) => Ok(decoded),
        }
    }

    /// Whether the body may end here: before its first octet, or after the last of a member.
    pub(crate) fn may_end(&self) -> bool {
        matches!(self.at, At::Start | At::End)
    }

    pub(crate) fn coding(&self) -> Coding {
        self.coding
    }

    /// Decodes into `space` until it is full or nothing comes any more.
    fn fill(&mut self, space: &mut [u8]) -> (usize, Result<(), DecompressError>) {
        let mut output = WriteBuffer::new_initialized(space);
        let mut input = std::mem::take(&mut self.input);
        let mut result = Ok(());
        while result.is_ok() && !output.has_no_spare_space() && (self.more || !input.is_empty()) {
            result = self.step(&mut input, &mut output);
        }
        self.input = input;
        (output.written_len(), result)
    }

    fn step(&mut self, input: &mut Bytes, output: &mut WriteBuffer<'_>) -> Result<(), DecompressError> {
        self.begin(input)?;
        let Some(codec) = &mut self.codec else { return Ok(()) };
        let had_input = !input.is_empty();
        let before = output.written_len();
        let mut unread = PartialBuffer::new(&input[..]);
        let result = codec.decode(&mut unread, output);
        let read = unread.written_len();
        input.advance(read);
        let has_ended = match result {
            Ok(has_ended) => has_ended,
            // zlib calls it an error if there is nothing to do. One that is real comes again with more input.
            Err(_) if !had_input => false,
            Err(source) => return Err(self.corrupt(source)),
        };
        // A decoder may hold back more than it has given, even if there was room for it: it is asked until none comes.
        self.more = !has_ended && output.written_len() > before;
        if has_ended {
            self.at = At::End;
        } else if had_input && read == 0 && !self.more {
            return Err(self.corrupt(io::Error::other("the decoder takes no input")));
        }
        Ok(())
    }

    /// Readies the decoder for what the input begins with.
    fn begin(&mut self, input: &[u8]) -> Result<(), DecompressError> {
        let Some(first) = input.first() else { return Ok(()) };
        match self.at {
            At::Start => {
                self.codec = Some(codec(self.coding, *first).map_err(|source| self.corrupt(source))?);
                self.at = At::Within { unchecked: 0 };
                Ok(())
            }
            At::End => {
                let unchecked = signature(self.coding).len();
                if let Some(codec) = self.codec.as_mut().filter(|_| unchecked > 0) {
                    codec.reinit().map_err(|source| DecompressError::Corrupt { coding: self.coding, source })?;
                }
                self.check(input, unchecked)
            }
            At::Within { unchecked: 0 } => Ok(()),
            At::Within { unchecked } => self.check(input, unchecked),
        }
    }

    /// Checks what a further member begins with. The decoder takes all of that at once.
    fn check(&mut self, input: &[u8], unchecked: usize) -> Result<(), DecompressError> {
        let signature = signature(self.coding);
        let expected = &signature[signature.len() - unchecked..];
        let fits = expected.iter().zip(input).all(|(expected, octet)| expected.contains(octet));
        if unchecked == 0 || !fits {
            return Err(DecompressError::TrailingData { coding: self.coding });
        }
        self.at = At::Within { unchecked: unchecked.saturating_sub(input.len()) };
        Ok(())
    }

    fn corrupt(&self, source: io::Error) -> DecompressError {
        DecompressError::Corrupt { coding: self.coding, source }
    }
}

/// What each octet of the beginning of a further member may be; nothing for a coding that has only one.
fn signature(coding: Coding) -> &'static [&'static [u8]] {
    match coding {
        Coding::Gzip => &[&[0x1f], &[0x8b], &[0x08]],
        // A frame, or one to skip, of which there are sixteen kinds (RFC 8878 §3.1).
        Coding::Zstd => &[
            &[0x28, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f],
            &[0xb5, 0x2a],
            &[0x2f, 0x4d],
            &[0xfd, 0x18],
        ],
        Coding::Deflate | Coding::Br => &[],
    }
}

/// A decoder for a body that begins with `first`.
fn codec(coding: Coding, first: u8) -> io::Result<Codec> {
    match coding {
        #[cfg(feature = "gzip")]
        Coding::Gzip => Ok(Box::new(compression_codecs::GzipDecoder::new())),
        #[cfg(feature = "deflate")]
        Coding::Deflate if is_zlib(first) => Ok(Box::new(compression_codecs::ZlibDecoder::new())),
        #[cfg(feature = "deflate")]
        Coding::Deflate => Ok(Box::new(compression_codecs::DeflateDecoder::new())),
        // "Large window Brotli" is no `br`: a window of up to 1 GiB would be the sender's to choose. RFC 7932 §9.1 has
        // these bits for invalid.
        #[cfg(feature = "br")]
        Coding::Br if first & 0x7f == 0x11 => Err(io::Error::other("the window is larger than RFC 7932 allows")),
        #[cfg(feature = "br")]
        Coding::Br => Ok(Box::new(compression_codecs::BrotliDecoder::new())),
        #[cfg(feature = "zstd")]
        Coding::Zstd => {
            // RFC 9659 §3: no window of more than 8 MiB.
            let window = compression_codecs::zstd::params::DParameter::window_log_max(23);
            Ok(Box::new(compression_codecs::ZstdDecoder::new_with_params(&[window])))
        }
        #[expect(clippy::allow_attributes, reason = "whether it can be reached depends on the features")]
        #[allow(unreachable_patterns)]
        _ => Err(io::Error::other(format!("not compiled in (it begins with {first:#04x})"))),
    }
}

/// Whether a `deflate` body that begins with this octet has the zlib format (RFC 1950 §2.2: method 8, a window of at most
/// 32 KiB). A bare one begins so only if its first block is not compressed and has bits set that mean nothing.
#[cfg(feature = "deflate")]
fn is_zlib(first: u8) -> bool {
    first & 0x0f == 8 && first >> 4 <= 7
}

/// Memory to decode into, handed out as it fills.
///
/// Pieces of one block share it, so that a body of very many very short pieces takes no more memory than it has octets.
#[derive(Default)]
struct Output {
    block: BytesMut,
    last: usize,
}

impl Output {
    fn space(&mut self) -> &mut [u8] {
        if self.block.len() < LEAST_SPACE {
            self.last = (self.last * 2).clamp(FIRST_BLOCK, LARGEST_BLOCK);
            self.block = BytesMut::zeroed(self.last);
        }
        &mut self.block
    }

    fn take(&mut self, written: usize) -> Bytes {
        self.block.split_to(written).freeze()
    }
}
