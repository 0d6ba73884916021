use super::*;
use http_body_util::BodyExt;

async fn written(form: Multipart) -> String {
    let (body, _) = form.with_boundary("B").unwrap();
    let length = body.content_length();
    let bytes = body.collect().await.unwrap().to_bytes();
    assert!(length.is_none_or(|length| length == bytes.len() as u64), "{length:?} {}", bytes.len());
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn parts_are_written_as_rfc_7578_has_it() {
    let form = Multipart::new()
        .text("a", "1\n2")
        .part("b", Part::bytes("<x>").file_name("b.xml").mime("text/xml").header("x-part", "7"));
    assert_eq!(
        written(form).await,
        "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\n2\r\n\
         --B\r\nContent-Disposition: form-data; name=\"b\"; filename=\"b.xml\"\r\n\
         Content-Type: text/xml\r\nx-part: 7\r\n\r\n<x>\r\n--B--\r\n"
    );
    assert_eq!(written(Multipart::new()).await, "--B--\r\n");
}

#[test]
fn names_are_escaped_as_browsers_escape_them() {
    for (name, field, file) in [
        ("plain", "plain", "plain"),
        ("a\"b", "a%22b", "a%22b"),
        ("a\nb", "a%0D%0Ab", "a%0Ab"),
        ("a\rb", "a%0D%0Ab", "a%0Db"),
        ("a\r\nb", "a%0D%0Ab", "a%0D%0Ab"),
        ("a\n\rb", "a%0D%0A%0D%0Ab", "a%0A%0Db"),
        ("100%22", "100%22", "100%22"),
        ("back\\slash", "back\\slash", "back\\slash"),
        ("smørrebrød 🥪", "smørrebrød 🥪", "smørrebrød 🥪"),
        ("", "", ""),
    ] {
        let head = String::from_utf8(Part::text("").file_name(name).head(name, "B", "")).unwrap();
        let expected = format!("--B\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{file}\"\r\n\r\n");
        assert_eq!(head, expected, "{name:?}");
    }
}

#[test]
fn a_form_has_a_length_if_all_parts_have_one_and_is_sent_again_if_all_can_be() {
    let nothing = || futures_util::stream::empty::<Result<Bytes, BoxError>>();
    for (part, length, again) in [
        (Part::text("x"), true, true),
        (Part::new(Body::factory(Some(1), || Body::from("x"))), true, true),
        (Part::new(Body::factory(None, || Body::from("x"))), false, true),
        (Part::new(Body::stream(nothing())), false, false),
        (Part::new(Body::sized_stream(1, nothing())), true, false),
        // Numbers that add up to more than there are.
        (Part::new(Body::factory(Some(u64::MAX), || Body::from("x"))), false, true),
    ] {
        let name = format!("{part:?}");
        let (body, _) = Multipart::new().text("a", "b").part("p", part).into_content().unwrap();
        assert_eq!((body.content_length().is_some(), body.replay().is_some()), (length, again), "{name}");
    }
}

#[tokio::test]
async fn what_is_left_of_a_form_is_known_after_each_frame() {
    let once = Body::sized_stream(3, futures_util::stream::iter(["o", "ne"].map(Ok::<_, BoxError>)));
    for (part, again) in [(Part::new(once), false), (Part::new(Body::segments(["o", "ne"].map(Bytes::from))), true)] {
        let form = Multipart::new().text("a", "b").part("p", part).text("", "").text("c", "d");
        let (mut body, _) = form.with_boundary("B").unwrap();
        assert_eq!(body.replay().is_some(), again);
        let mut left = body.content_length().unwrap();
        while let Some(frame) = body.frame().await {
            left -= frame.unwrap().into_data().unwrap().len() as u64;
            assert_eq!(body.content_length(), Some(left));
        }
        assert_eq!(left, 0);
    }
}

#[tokio::test]
async fn trailers_of_a_part_are_no_part_of_the_form() {
    let frames = [Ok::<_, BoxError>(Frame::data(Bytes::from("x"))), Ok(Frame::trailers(HeaderMap::new()))];
    let body = Body::new(http_body_util::StreamBody::new(futures_util::stream::iter(frames)));
    let text = written(Multipart::new().part("a", Part::new(body)).text("b", "y")).await;
    assert!(text.contains("x\r\n--B\r\n") && text.ends_with("y\r\n--B--\r\n"), "{text}");
}

// CVE-2026-34514 (aiohttp): a line break in a part's type began another header.
#[test]
fn what_no_header_may_hold_is_an_error_that_does_not_show_it() {
    for part in [
        Part::text("").mime("text/plain\r\nX-Evil: s3cret"),
        Part::text("").header("x-key", "s3cret\n"),
        Part::text("").header("s3cret:", "1"),
        Part::text("").header("content-disposition", "form-data; name=s3cret"),
    ] {
        let error = Multipart::new().part("a", part).into_content().unwrap_err().to_string();
        assert!(error.starts_with("Part::") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn each_form_has_a_boundary_of_its_own() {
    let boundary = || boundary().unwrap();
    assert_ne!(boundary(), boundary());
    // RFC 2046 §5.1.1: at most 70 characters, of a small set.
    assert!(boundary().len() <= 70 && boundary().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
}

#[test]
fn debug_shows_no_content() {
    let form = Multipart::new().part("a", Part::text("s3cret").header("x-key", "s3cret"));
    assert!(!format!("{form:?}").contains("s3cret"), "{form:?}");
}
