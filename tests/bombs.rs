//! How much memory a session needs for a body that decodes to 10 GiB: as little as for any other.
//!
//! Each case is a process of its own, by this very binary: the most memory that a process has had (`VmHWM`) never
//! shrinks. The server is in the first process, which starts the others one after the other.

#![expect(clippy::unwrap_used, reason = "the lint knows tests by their attribute, and this binary has none")]

use std::process::Command;

use bytes::Bytes;
use compression_codecs::brotli::params::EncoderParams;
use compression_codecs::core::Level;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::flate::params::FlateEncoderParams;
use compression_codecs::{BrotliEncoder, EncodeV2, GzipEncoder, ZstdEncoder};
use sortie::core::find;
use sortie::decompress::{DecompressError, DecompressOptions};
use sortie::{Body, Session};
use sortie_testkit::{TestServer, reply};

/// What a block of a bomb decodes to, and how many there are: 10 GiB in all.
const BLOCK: usize = 10 * 1024 * 1024;
const BLOCKS: usize = 1024;
/// The most that a bomb may be on the wire, lest it be none.
const WIRE: usize = 12 * 1024 * 1024;

/// The most memory that a client may have had.
const LIMIT_KIB: u64 = 64 * 1024;
const CAP: u64 = 100_000_000;

const CODINGS: [&str; 3] = ["gzip", "br", "zstd"];
/// `capped` has the default limit of density beside the [`CAP`], and meets that first: `bytes()` alone would hold as much as
/// the cap lets through, which is what `cap-alone` counts and `max-body` bounds.
const CASES: [&str; 6] = ["chunk", "bytes", "capped", "cap-alone", "max-body", "redirect"];

/// What `max-body` lets `bytes()` hold.
const MAX_BODY: u64 = 16 * 1024 * 1024;

/// Where a case is told to the process that is to run it.
const CASE: &str = "SORTIE_BOMB";

fn main() {
    if let Ok(case) = std::env::var(CASE) {
        let (case, url) = case.split_once(' ').unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(run(case, url));
    }
    if sortie_tests::is_ignored("bombs", "some ten seconds and /proc") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    println!("peak memory of a client, for a body that decodes to 10 GiB (limit {LIMIT_KIB} KiB):");
    for coding in CODINGS {
        let (first, block) = bomb(coding);
        let wire = first.len() + BLOCKS * block.len();
        assert!(wire <= WIRE, "{coding}: {wire} octets");
        let server = TestServer::from_fn(move |request| {
            let body = Body::segments(std::iter::once(first.clone()).chain(std::iter::repeat_n(block.clone(), BLOCKS)));
            let headers = [("content-encoding", coding), ("location", "/ok")];
            std::future::ready(match request.uri().path() {
                "/ok" => reply(200, [], "ok"),
                "/redirect" => reply(302, headers, body),
                _ => reply(200, headers, body),
            })
        });
        for case in CASES {
            let path = if case == "redirect" { "/redirect" } else { "/bomb" };
            let case_and_url = format!("{case} {}", server.url(path));
            let output = Command::new(std::env::current_exe().unwrap()).env(CASE, case_and_url).output().unwrap();
            assert!(output.status.success(), "{coding} {case}: {}", String::from_utf8_lossy(&output.stderr));
            let told = String::from_utf8(output.stdout).unwrap();
            let peak: u64 = told.trim().parse().unwrap();
            println!("  {coding:4} ({wire:>8} octets)  {case:9}  {peak:>6} KiB");
            assert!(peak < LIMIT_KIB, "{coding} {case}: {peak} KiB");
        }
    }
    println!("test result: ok. 1 passed; 0 failed");
}

/// One case, in a process that does nothing else; prints the most memory it has had, in KiB.
async fn run(case: &str, url: &str) {
    let options = DecompressOptions::default().max_size(CAP);
    let builder = Session::builder().no_env();
    let session = match case {
        "capped" => builder.decompress(options),
        "cap-alone" => builder.decompress(options.no_max_ratio()),
        "max-body" => builder.decompress(options.no_max_ratio()).max_body(MAX_BODY),
        _ => builder,
    };
    let mut response = session.build().unwrap().get(url).send().await.unwrap();
    match case {
        "chunk" => assert!(response.chunk().await.unwrap().is_some_and(|chunk| chunk.iter().all(|octet| *octet == 0))),
        "redirect" => {
            assert!(response.decoded().is_none() && response.history().len() == 1);
            assert_eq!(response.bytes().await.unwrap(), "ok");
        }
        "max-body" => {
            let error = response.bytes().await.unwrap_err();
            let text = sortie_testkit::told(&error);
            assert!(text.contains(&MAX_BODY.to_string()) && text.contains("max_body"), "{text}");
        }
        "cap-alone" => {
            let counts = response.decoded().unwrap().clone();
            let error = loop {
                match response.chunk().await {
                    Ok(chunk) => assert!(chunk.is_some(), "it ended"),
                    Err(error) => break error,
                }
            };
            assert!(matches!(find(&error), Some(DecompressError::TooLarge { limit: CAP, .. })), "{error:?}");
            assert!(counts.decoded_bytes() > CAP - 64 * 1024 && counts.decoded_bytes() <= CAP, "{counts:?}");
        }
        _ => {
            let error = response.bytes().await.unwrap_err();
            assert!(matches!(find(&error), Some(DecompressError::TooDense { .. })), "{error:?}");
        }
    }
    println!("{}", sortie_tests::memory_kib("VmHWM").unwrap());
}

/// What a bomb begins with, and the block that is repeated after it.
fn bomb(coding: &str) -> (Bytes, Bytes) {
    let zeros = vec![0; BLOCK];
    match coding {
        // Members and frames stand for themselves.
        "gzip" => (Bytes::new(), encode(&mut GzipEncoder::new(FlateEncoderParams::from(Level::Best)), &zeros, true)),
        "zstd" => (Bytes::new(), encode(&mut ZstdEncoder::new(3), &zeros, true)),
        // What is flushed ends with an octet; from the second block on, one is like the other.
        _ => {
            let mut encoder = BrotliEncoder::new(EncoderParams::default().window_size(16));
            let first = encode(&mut encoder, &zeros, false);
            (first, encode(&mut encoder, &zeros, false))
        }
    }
}

fn encode(encoder: &mut dyn EncodeV2, content: &[u8], finish: bool) -> Bytes {
    let mut encoded = Vec::new();
    let mut space = vec![0; 64 * 1024];
    let mut input = PartialBuffer::new(content);
    loop {
        let mut output = WriteBuffer::new_initialized(&mut space);
        let has_ended = if !input.unwritten().is_empty() {
            encoder.encode(&mut input, &mut output).map(|()| false)
        } else if finish {
            encoder.finish(&mut output)
        } else {
            encoder.flush(&mut output)
        };
        let has_ended = has_ended.unwrap();
        encoded.extend_from_slice(output.written());
        if has_ended {
            return encoded.into();
        }
    }
}
