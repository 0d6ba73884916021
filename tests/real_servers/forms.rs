//! Forms as a parser of mail reads them, which nobody wrote with sortie in mind.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sortie::Session;
use sortie::body::{File, Multipart, Part};
use sortie_testkit::{TestServer, reply};
use sortie_tests::{INSTALL_PYTHON, python};

use crate::program::folder;

/// What Python's own `email` package reads in a form that was sent.
async fn read(form: Multipart) -> Value {
    let sent: Arc<Mutex<(String, Vec<u8>)>> = Arc::default();
    let keep = sent.clone();
    let server = TestServer::from_fn(move |request| {
        let keep = keep.clone();
        async move {
            let content_type = request.headers()["content-type"].to_str().unwrap().to_owned();
            let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
            *keep.lock().unwrap() = (content_type, body.to_vec());
            reply(200, [], "")
        }
    });
    let session = Session::builder().no_env().build().unwrap();
    assert_eq!(session.post(server.url("/")).multipart(form).send().await.unwrap().status(), 200);
    let (content_type, body) = std::mem::take(&mut *sent.lock().unwrap());
    let mut command = Command::new(python());
    command.arg("-c").arg(include_str!("../servers/read_form.py")).arg(content_type);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}; {INSTALL_PYTHON}"));
    child.stdin.take().unwrap().write_all(&body).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn hex(content: &[u8]) -> String {
    content.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[tokio::test]
#[ignore = "needs python"]
async fn pythons_email_parser_reads_back_what_was_put_in() {
    let every_octet: Vec<u8> = (0..=255).chain(*b"\r\n--\r\n\r\n").collect();
    let path = folder("forms").join("a file.bin");
    fs::write(&path, &every_octet).unwrap();
    let form = Multipart::new()
        .text("title", "ä\r\n\nlast")
        .part("octets", Part::bytes(every_octet.clone()).file_name("ä 日.svg").mime("image/svg+xml"))
        .file("file", File::open(&path).await.unwrap())
        .text("", "");
    let form = read(form).await;
    let part = |name: &str, file_name: Value, r#type: &str, content: &[u8]| {
        let headers = if file_name.is_null() {
            json!(["Content-Disposition"])
        } else {
            json!(["Content-Disposition", "Content-Type"])
        };
        json!({"headers": headers, "name": name, "file_name": file_name, "type": r#type, "content": hex(content)})
    };
    let expected = [
        part("title", Value::Null, "text/plain", "ä\r\n\nlast".as_bytes()),
        part("octets", "ä 日.svg".into(), "image/svg+xml", &every_octet),
        part("file", "a file.bin".into(), "application/octet-stream", &every_octet),
        part("", Value::Null, "text/plain", b""),
    ];
    assert_eq!(form, json!({"parts": expected, "defects": []}));
    println!("Python's email: 4 parts of a form read back, with every octet in two of them");
}

#[tokio::test]
#[ignore = "needs python"]
async fn no_name_makes_a_header_a_parameter_or_a_part_for_pythons_email_parser() {
    // As given, and as they are read: the parser leaves percent signs as they are.
    let names = [
        ("a\"; filename=\"x", "a%22; filename=%22x", "a%22; filename=%22x"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil: 1", "a%0D%0AX-Evil: 1"),
        ("a\nX-Evil: 1", "a%0D%0AX-Evil: 1", "a%0AX-Evil: 1"),
        ("a\r\n\r\nbody\r\n--B--", "a%0D%0A%0D%0Abody%0D%0A--B--", "a%0D%0A%0D%0Abody%0D%0A--B--"),
        ("a; name=b; x=\"y", "a; name=b; x=%22y", "a; name=b; x=%22y"),
        ("../../etc/passwd", "../../etc/passwd", "../../etc/passwd"),
        ("C:\\new", "C:\\new", "C:\\new"),
        ("\\\"", "\\%22", "\\%22"),
        ("\\\"; filename=\\\"x", "\\%22; filename=\\%22x", "\\%22; filename=\\%22x"),
        ("100%22", "100%22", "100%22"),
        ("=?utf-8?q?x?=", "=?utf-8?q?x?=", "=?utf-8?q?x?="),
    ];
    let form = names.iter().fold(Multipart::new(), |form, (name, ..)| {
        form.part(*name, Part::bytes("content").file_name(*name)).text(*name, "no file")
    });
    // A backslash at the end escapes the closing quote for this parser, so it is read back only where no parameter follows.
    let form = read(form.text("C:\\", "no file")).await;
    let no_file = |field: &str| {
        json!({
            "headers": ["Content-Disposition"],
            "name": field,
            "file_name": null,
            "type": "text/plain",
            "content": hex(b"no file"),
        })
    };
    let expected: Vec<_> = names
        .iter()
        .flat_map(|(_, field, file)| {
            let with_file = json!({
                "headers": ["Content-Disposition", "Content-Type"],
                "name": field,
                "file_name": file,
                "type": "application/octet-stream",
                "content": hex(b"content"),
            });
            [with_file, no_file(field)]
        })
        .chain([no_file("C:\\")])
        .collect();
    assert_eq!(form, json!({"parts": expected, "defects": []}));
    println!("Python's email: {} hostile names read back, each within its quotes", names.len());
}
