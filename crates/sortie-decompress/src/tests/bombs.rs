//! Little that becomes much.

use super::encode::{encode, ways};
use super::*;
use crate::{Coding, Decoded};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_body_decodes_to_its_cap_and_no_further() {
    for (coding, encode) in ways() {
        let encoded = encode(&[7; 1000]);
        for (cap, passes) in [(1000, true), (999, false)] {
            let options = DecompressOptions::default().max_size(cap);
            let read = read(respond(options, coding.name(), pieces(&encoded, 1)).await.into_body()).await;
            assert_eq!(read.1.is_ok(), passes, "{coding} {cap}: {:?}", read.1);
            assert!(read.0.len() as u64 <= cap);
            if !passes {
                let text = "the body decodes to more than 999 octets (set by DecompressOptions::max_size)";
                assert_eq!(own(&read).to_string(), text);
            }
        }
    }
}

#[tokio::test]
async fn what_is_dense_beyond_measure_ends_soon_after_the_first_sixteen_mebibytes() {
    let zeros = vec![0; 40 * MIB];
    for (coding, encode) in ways() {
        let encoded = encode(&zeros);
        let options = DecompressOptions::default();
        let received = read(respond(options, coding.name(), pieces(&encoded, 16 * 1024)).await.into_body()).await;
        assert!(matches!(own(&received), DecompressError::TooDense { limit: 200 }), "{coding}: {:?}", received.1);
        assert!((16 * MIB - 64 * 1024..=16 * MIB).contains(&received.0.len()), "{coding}: {}", received.0.len());
        let whole = respond(options.no_max_ratio(), coding.name(), pieces(&encoded, 16 * 1024)).await;
        let (content, end) = read(whole.into_body()).await;
        assert!(end.is_ok() && content.len() == zeros.len());
    }
}

#[tokio::test]
async fn what_is_merely_dense_passes_and_so_does_a_short_body() {
    for (coding, encode) in ways() {
        // One part in fifty does not compress.
        let mut random = fastrand::Rng::with_seed(7);
        let content: Vec<u8> = (0..20 * MIB).map(|at| if at % 4096 < 80 { random.u8(..) } else { 0 }).collect();
        for content in [content, vec![0; 15 * MIB]] {
            let (decoded, end) = decode(coding.name(), pieces(&encode(&content), 16 * 1024)).await;
            assert!(end.is_ok() && decoded == content, "{coding}: {end:?}");
        }
    }
}

#[tokio::test]
async fn a_bomb_within_a_coding_goes_off_between_the_two() {
    // It comes to nothing at the end, so that no limit on what is decoded would see it.
    for (coding, _) in ways() {
        let hollow = encode(coding, &hollow(coding));
        let read = decode(&format!("{coding}, {coding}"), pieces(&hollow, 1024)).await;
        assert!(read.0.len() < 64, "{coding}");
        assert!(matches!(own(&read), DecompressError::TooDense { .. }), "{coding}: {:?}", read.1);
    }
}

/// 40 MiB that decode to next to nothing, and are easily compressed again.
fn hollow(coding: Coding) -> Vec<u8> {
    match coding {
        // The beginning of a member with a name of 40 MiB.
        Coding::Gzip => [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3][..], &vec![b'n'; 40 * MIB]].concat(),
        // A frame to skip.
        Coding::Zstd => [&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0x80, 2][..], &vec![0; 40 * MIB]].concat(),
        // Blocks of no length that are not compressed; in the zlib format their header stands before.
        Coding::Deflate => [&[0x78, 0x9c][..], &[0, 0, 0, 0xff, 0xff].repeat(8 * MIB)].concat(),
        // Blocks of metadata of no length.
        Coding::Br => [&[0x0c][..], &[0x06].repeat(40 * MIB)].concat(),
    }
}

#[tokio::test]
async fn a_poll_does_little_even_if_nothing_comes_of_it() {
    for (coding, _) in ways() {
        let hollow = encode(coding, &hollow(coding));
        let names = format!("{coding}, {coding}");
        let options = DecompressOptions::default().no_max_ratio();
        let response = respond(options, &names, pieces(&hollow, usize::MAX)).await;
        let mut body = response.into_body();
        let mut polls = 0;
        std::future::poll_fn(|cx| {
            polls += 1;
            match http_body::Body::poll_frame(Pin::new(&mut body), cx) {
                Poll::Ready(Some(Ok(_))) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                frame => frame.map(drop),
            }
        })
        .await;
        // Sixteen blocks of 64 KiB in each.
        assert!(polls >= 40, "{coding}: {polls}");
    }
}

#[tokio::test]
#[cfg(feature = "zstd")]
async fn a_window_larger_than_the_rfc_allows_is_refused() {
    // RFC 8878 §3.1.1.1.2: exponent 14 is 16 MiB, exponent 13 is 8 MiB.
    let frame = |exponent: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3, 1, 0, 0].to_vec();
    for (exponent, passes) in [(13, true), (14, false), (21, false)] {
        let read = decode("zstd", pieces(&frame(exponent), 1)).await;
        assert_eq!(read.1.is_ok(), passes, "{exponent}: {:?}", read.1);
        if !passes {
            assert!(matches!(own(&read), DecompressError::Corrupt { .. }));
        }
    }
}

#[tokio::test]
#[cfg(feature = "br")]
async fn a_large_window_of_brotli_is_refused() {
    // 0x11, then 30 bits of window; what follows is an empty last block.
    for body in [&[0x11, 0x1e, 0x03][..], &[0x91, 0x1e, 0x03]] {
        let read = decode("br", pieces(body, 1)).await;
        let error = own(&read);
        assert!(matches!(error, DecompressError::Corrupt { coding: Coding::Br, .. }), "{error:?}");
        assert!(std::error::Error::source(error).unwrap().to_string().contains("window"));
    }
}

#[tokio::test]
async fn pieces_that_are_kept_take_no_more_memory_than_they_have_octets() {
    for (coding, encode) in ways() {
        let mut random = fastrand::Rng::with_seed(7);
        let content: Vec<u8> = (0..20_000).map(|_| random.u8(..)).collect();
        let response = respond(DecompressOptions::default(), coding.name(), pieces(&encode(&content), 1)).await;
        assert!(response.extensions().get::<Decoded>().is_some());
        let mut kept = Vec::new();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            kept.push(frame.unwrap().into_data().unwrap());
        }
        // Each block is handed out from its beginning to its end, but for less than what is given up at its end.
        let mut breaks = 0;
        for pair in kept.windows(2) {
            breaks += usize::from(pair[0].as_ptr().wrapping_add(pair[0].len()) != pair[1].as_ptr());
        }
        assert!(breaks <= 3, "{coding}: {breaks} blocks for {} pieces", kept.len());
    }
}
