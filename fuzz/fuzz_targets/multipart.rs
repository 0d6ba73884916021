//! Whatever names and types a form's parts have: each part has the headers that were asked for and no others, and its
//! content is where it should be.

#![no_main]

use futures_util::FutureExt;
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use sortie::Session;
use sortie::body::{Multipart, Part};

fuzz_target!(|input: (String, String, Option<String>, Vec<u8>)| {
    let (name, file_name, mime, content) = input;
    let part = Part::new(content.clone()).file_name(&*file_name);
    let part = match &mime {
        Some(mime) => part.mime(mime.as_bytes()),
        None => part,
    };
    let form = Multipart::new().part(&*name, part).text("last", "end");
    let Ok(request) = Session::new().post("http://a.test/").multipart(form).build() else {
        assert!(mime.is_some(), "a name is no reason to refuse a part");
        return;
    };
    let length = request.body().content_length();
    let boundary = request.headers()["content-type"].to_str().expect("ASCII")["multipart/form-data; boundary=".len()..].to_owned();
    let bytes = request.into_body().collect().now_or_never().expect("it is in memory").expect("no part fails").to_bytes();
    assert_eq!(length, Some(bytes.len() as u64));

    let begin = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"");
    let rest = bytes.strip_prefix(begin.as_bytes()).expect("a disposition");
    let end = rest.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of the headers");
    let (head, body) = (&rest[..end], &rest[end + 4..]);
    // Two quoted strings, and a type if there is one: a name adds no line and no quote of its own.
    let lines = head.split(|octet| *octet == b'\n').count();
    assert_eq!(lines, 1 + usize::from(mime.is_some()), "a name began another line");
    let disposition = head.split(|octet| *octet == b'\r').next().unwrap_or_default();
    assert_eq!(disposition.iter().filter(|octet| **octet == b'"').count(), 3, "a name ended early");
    let after = body.strip_prefix(&*content).expect("the content, as it was");
    assert!(after.starts_with(format!("\r\n--{boundary}\r\n").as_bytes()));
});
