//! Bodies to decode.

use compression_codecs::brotli::params::EncoderParams;
use compression_codecs::core::Level;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::flate::params::FlateEncoderParams;
use compression_codecs::{BrotliEncoder, DeflateEncoder, EncodeV2, GzipEncoder, ZlibEncoder, ZstdEncoder};

use crate::Coding;

/// A coding, and what encodes in it.
type Way = (Coding, fn(&[u8]) -> Vec<u8>);

/// Everything that `deflate` may mean, and one way for each other coding; of those that are compiled in.
pub(super) fn ways() -> Vec<Way> {
    let ways: [Way; 5] = [
        (Coding::Gzip, gzip),
        (Coding::Deflate, zlib),
        (Coding::Deflate, bare),
        (Coding::Br, br),
        (Coding::Zstd, zstd),
    ];
    ways.into_iter().filter(|(coding, _)| coding.is_compiled_in()).collect()
}

/// In the one way, of a coding that is compiled in.
pub(super) fn encode(coding: Coding, content: &[u8]) -> Vec<u8> {
    let ways = ways();
    let (_, encode) = ways.iter().find(|(way, _)| *way == coding).expect("compiled in");
    encode(content)
}

pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    run(&mut GzipEncoder::new(FlateEncoderParams::from(Level::Default)), content)
}

pub(super) fn zlib(content: &[u8]) -> Vec<u8> {
    run(&mut ZlibEncoder::new(FlateEncoderParams::from(Level::Default)), content)
}

pub(super) fn bare(content: &[u8]) -> Vec<u8> {
    run(&mut DeflateEncoder::new(FlateEncoderParams::from(Level::Default)), content)
}

pub(super) fn br(content: &[u8]) -> Vec<u8> {
    run(&mut BrotliEncoder::new(EncoderParams::default().window_size(20)), content)
}

pub(super) fn zstd(content: &[u8]) -> Vec<u8> {
    run(&mut ZstdEncoder::new(3), content)
}

fn run(encoder: &mut dyn EncodeV2, content: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let mut space = vec![0; 64 * 1024];
    let mut input = PartialBuffer::new(content);
    while !input.unwritten().is_empty() {
        let mut output = WriteBuffer::new_initialized(&mut space);
        encoder.encode(&mut input, &mut output).expect("encodes");
        encoded.extend_from_slice(output.written());
    }
    loop {
        let mut output = WriteBuffer::new_initialized(&mut space);
        let is_finished = encoder.finish(&mut output).expect("finishes");
        encoded.extend_from_slice(output.written());
        if is_finished {
            return encoded;
        }
    }
}
