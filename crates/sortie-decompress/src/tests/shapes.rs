//! Every coding, in every way that it may come.

use super::encode::{bare, encode, gzip, ways, zlib, zstd};
use super::*;
use crate::{Coding, Decoded};

/// Text that repeats itself somewhat, in lengths about those of the blocks.
fn contents() -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = |length: usize| (0..length).map(|at| if at % 3 == 0 { random.u8(..) } else { b'x' }).collect();
    vec![text(1), text(100), text(8 * 1024), text(8 * 1024 + 1), text(200_000), vec![0; 300_000], vec![0; 64 * 1024]]
}

#[tokio::test]
async fn every_coding_in_pieces_of_any_size_is_what_it_was() {
    for (coding, encode) in ways() {
        for content in contents() {
            let encoded = encode(&content);
            for size in [1, 2, 7, 1000, 16 * 1024, usize::MAX] {
                let (decoded, end) = decode(coding.name(), pieces(&encoded, size)).await;
                assert!(end.is_ok(), "{coding}, {} in {size}: {end:?}", content.len());
                assert!(decoded == content, "{coding}, {} in {size}", content.len());
            }
        }
    }
}

#[tokio::test]
async fn every_coding_upon_every_other_is_undone_in_turn() {
    let content = contents().swap_remove(4);
    for (inner, encode_inner) in ways() {
        for (outer, encode_outer) in ways() {
            let encoded = encode_outer(&encode_inner(&content));
            for size in [1, 5000] {
                let (decoded, end) = decode(&format!("{inner}, {outer}"), pieces(&encoded, size)).await;
                assert!(end.is_ok() && decoded == content, "{inner}, {outer} in {size}: {end:?}");
            }
        }
    }
}

#[tokio::test]
async fn five_codings_are_undone_and_six_are_an_error_when_they_are_read() {
    for (coding, encode) in ways() {
        let times = |n| (0..n).fold(b"content".to_vec(), |content, _| encode(&content));
        let names = |n| vec![coding.name(); n].join(", ");
        assert_eq!(decode(&names(5), pieces(&times(5), 3)).await.0, "content");
        let response = respond(DecompressOptions::default(), &names(6), pieces(&times(6), 3)).await;
        assert!(response.headers().contains_key(CONTENT_ENCODING));
        let read = read(response.into_body()).await;
        assert!(matches!(own(&read), DecompressError::TooManyCodings { codings: 6 }));
    }
}

#[tokio::test]
async fn what_was_received_so_far_is_decoded_so_far() {
    for (coding, encode) in ways() {
        // Long enough that a decoder must have seen all but its end.
        let content = contents().swap_remove(4);
        let encoded = encode(&content);
        let (first, rest) = encoded.split_at(encoded.len() - 1);
        let waits = [Does::Yields(first.to_vec().into()), Does::Waits, Does::Yields(rest.to_vec().into())];
        let response = respond(DecompressOptions::default(), coding.name(), waits.into()).await;
        let counts = response.extensions().get::<Decoded>().unwrap().clone();
        let mut body = response.into_body();
        let mut next = async || match std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll(cx))).await {
            Poll::Ready(frame) => frame.map(|frame| frame.unwrap().into_data().unwrap()),
            Poll::Pending => None,
        };
        let mut so_far = 0;
        while let Some(data) = next().await {
            so_far += data.len() as u64;
        }
        assert_eq!((counts.wire_bytes(), counts.decoded_bytes()), (first.len() as u64, so_far), "{coding}");
        // A block of zstd is 128 KiB.
        assert!(content.len() as u64 - so_far <= 128 * 1024, "{coding}: {so_far}");
    }
}

trait PollFrame {
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>;
}

impl PollFrame for DecompressBody<Body> {
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        http_body::Body::poll_frame(self, cx)
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error_after_what_it_had() {
    let content = contents().swap_remove(4);
    for (coding, encode) in ways() {
        let encoded = encode(&content);
        for left in [1, encoded.len() / 2, encoded.len() - 1] {
            let read = decode(coding.name(), pieces(&encoded[..left], 1000)).await;
            assert!(matches!(own(&read), DecompressError::Truncated { .. }), "{coding} {left}: {:?}", read.1);
            assert!(content.starts_with(&read.0));
        }
        let read = decode(coding.name(), [pieces(&encoded[..9], 9), vec![Does::Fails]].concat()).await;
        assert_eq!(read.1.unwrap_err().to_string(), "the connection broke");
    }
}

#[tokio::test]
async fn nothing_at_all_is_nothing() {
    for (coding, _) in ways() {
        for does in [vec![], vec![Does::Waits], vec![Does::Yields(Bytes::new()), Does::Waits]] {
            let (content, end) = decode(&format!("{coding}, {coding}"), does).await;
            assert!(content.is_empty() && end.is_ok());
        }
    }
}

#[tokio::test]
async fn what_comes_after_the_end_of_a_coding_is_an_error() {
    for (coding, encode) in ways() {
        let encoded = [&encode(b"content")[..], b"x"].concat();
        for size in [1, usize::MAX] {
            let read = decode(coding.name(), pieces(&encoded, size)).await;
            assert_eq!(read.0, "content", "{coding}");
            assert!(matches!(own(&read), DecompressError::TrailingData { .. }), "{coding}: {:?}", read.1);
        }
    }
    #[cfg(feature = "gzip")]
    for (trailing, is_trailing) in
        [(&[0x1f][..], false), (&[0x1f, 0], true), (&[0x1f, 0x8b, 7], true), (&[0x1f, 0x8b, 8], false)]
    {
        let encoded = [&gzip(b"content")[..], trailing].concat();
        for size in [1, usize::MAX] {
            let read = decode("gzip", pieces(&encoded, size)).await;
            let found = matches!(own(&read), DecompressError::TrailingData { .. });
            assert_eq!(found, is_trailing, "{trailing:?}: {:?}", read.1);
        }
    }
}

#[tokio::test]
#[cfg(feature = "gzip")]
async fn several_members_of_gzip_are_one_body() {
    let encoded = [gzip(b"one "), gzip(b""), gzip(b"two "), gzip(&[b'3'; 100_000])].concat();
    for size in [1, 11, usize::MAX] {
        let (content, end) = decode("gzip", pieces(&encoded, size)).await;
        assert!(end.is_ok() && content.starts_with(b"one two 333") && content.len() == 100_008, "{size}: {end:?}");
    }
}

#[tokio::test]
#[cfg(feature = "zstd")]
async fn several_frames_of_zstd_are_one_body_and_those_to_skip_are_skipped() {
    let skip = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let encoded = [&skip[..], &zstd(b"one "), &skip, &zstd(b"two"), &skip].concat();
    for size in [1, 5, usize::MAX] {
        let (content, end) = decode("zstd", pieces(&encoded, size)).await;
        assert!(end.is_ok() && content == "one two", "{size}: {end:?} {content:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_of_its_coding_is_an_error_that_says_so() {
    for (coding, _) in ways() {
        let read = decode(coding.name(), pieces(b"<html>not compressed</html>", 100)).await;
        let error = own(&read);
        // Any octets may be the beginning of bare deflate or br.
        let is_told = matches!(error, DecompressError::Corrupt { .. } | DecompressError::Truncated { .. });
        assert!(is_told, "{coding}: {error:?}");
    }
    #[cfg(feature = "gzip")]
    {
        let mut wrong_sum = gzip(b"content");
        let at = wrong_sum.len() - 8;
        wrong_sum[at] ^= 1;
        let read = decode("gzip", pieces(&wrong_sum, 3)).await;
        assert_eq!(read.0, "content");
        let text = own(&read).to_string();
        assert_eq!(
            text,
            "the body is not valid gzip, as its Content-Encoding says; without decompression it is left as it is"
        );
        assert!(std::error::Error::source(own(&read)).unwrap().to_string().contains("CRC"), "{read:?}");
    }
}

#[tokio::test]
#[cfg(feature = "deflate")]
async fn deflate_is_zlib_or_bare_by_its_first_octet() {
    let content = [&b"deflate "[..]; 50].concat();
    // A block that is not compressed, as an encoder writes what it cannot make shorter.
    let stored = [&[1, 3, 0, 0xfc, 0xff][..], b"abc"].concat();
    for (encoded, expected) in
        [(zlib(&content), &content[..]), (bare(&content), &content), (stored, b"abc"), (vec![3, 0], b"")]
    {
        let (decoded, end) = decode("deflate", pieces(&encoded, 1)).await;
        assert!(end.is_ok() && decoded == expected, "{encoded:?}: {end:?}");
    }
}

#[tokio::test]
async fn trailers_come_after_the_last_octet_and_only_after_a_whole_body() {
    let trailers = HeaderMap::from_iter([(http::header::ETAG, "\"1\"".parse().unwrap())]);
    for (coding, _) in ways() {
        let encoded = encode(coding, b"content");
        let with = |body: &[u8]| [pieces(body, 4), vec![Does::Trails(trailers.clone())]].concat();
        let (content, end) = decode(coding.name(), with(&encoded)).await;
        assert_eq!((&content[..], end.unwrap().as_ref()), (&b"content"[..], Some(&trailers)));
        let read = decode(coding.name(), with(&encoded[..encoded.len() - 1])).await;
        assert!(matches!(own(&read), DecompressError::Truncated { .. }), "{coding}");
        let empty = [Does::Yields(Bytes::new()), Does::Trails(trailers.clone())];
        let (content, end) = decode(Coding::name(coding), empty.into()).await;
        assert_eq!((content.len(), end.unwrap().as_ref()), (0, Some(&trailers)));
    }
}
