//! Whatever a server sends as `Link`: the parser does not panic, and a link that it finds, written as it should be, is
//! found again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sortie::links::Link;
use sortie::{Body, Response};

fn links(field: &[u8]) -> Option<Vec<Link>> {
    let value = http::HeaderValue::from_bytes(field).ok()?;
    let response = http::Response::builder().header("link", value).body(Body::empty()).expect("valid");
    Some(Response::from(response).links())
}

fuzz_target!(|field: &[u8]| {
    let Some(found) = links(field) else { return };
    // Not every URL of `file:` is read as it was written by the same crate.
    let is_stable = |url: &url::Url| url::Url::parse(url.as_str()).as_ref() == Ok(url);
    for link in found {
        if !is_stable(link.url()) || !link.anchor().is_none_or(is_stable) {
            continue;
        }
        let relations: Vec<_> = link.relations().collect();
        assert!(relations.iter().all(|of| of.chars().all(|c| !c.is_ascii_whitespace() && !c.is_ascii_uppercase())));
        // It ended at a `>`, so it has none.
        let quoted = |text: &str| text.replace('\\', r"\\").replace('"', r#"\""#);
        let mut written = format!("<{}>; rel=\"{}\"", link.url(), quoted(&relations.join(" ")));
        if let Some(anchor) = link.anchor() {
            written += &format!("; anchor=\"{}\"", quoted(anchor.as_str()));
        }
        let again = links(written.as_bytes()).expect("a URL and names are a header's value");
        assert_eq!(again.len(), 1, "{written}");
        assert_eq!((again[0].url(), again[0].anchor()), (link.url(), link.anchor()), "{written}");
        assert_eq!(again[0].relations().collect::<Vec<_>>(), relations, "{written}");
    }
});
