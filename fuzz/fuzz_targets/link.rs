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
    for link in found {
        let relations: Vec<_> = link.relations().collect();
        assert!(relations.iter().all(|of| of.chars().all(|c| !c.is_ascii_whitespace() && !c.is_ascii_uppercase())));
        // No URL has a `>`, and no relation that is written within quotes may have a quote or a backslash.
        if relations.iter().any(|of| of.contains(['"', '\\'])) {
            continue;
        }
        let mut written = format!("<{}>; rel=\"{}\"", link.url(), relations.join(" "));
        link.anchor().into_iter().for_each(|anchor| written.push_str(&format!("; anchor=\"{anchor}\"")));
        let again = links(written.as_bytes()).expect("a URL and names are a header's value");
        assert_eq!(again.len(), 1, "{written}");
        assert_eq!((again[0].url(), again[0].anchor()), (link.url(), link.anchor()), "{written}");
        assert_eq!(again[0].relations().collect::<Vec<_>>(), relations, "{written}");
    }
});
