use http::HeaderMap;
use http::header::LINK;
use url::Url;

use super::Link;
use crate::field::{self, Cursor};

/// The links of the `Link` fields in `headers` ([RFC 8288 B.2](https://www.rfc-editor.org/rfc/rfc8288#appendix-B.2)).
pub(super) fn links(headers: &HeaderMap, base: Option<&Url>) -> Vec<Link> {
    let mut links = Vec::new();
    for value in headers.get_all(LINK) {
        read(&field::text(value.as_bytes()), base, &mut links);
    }
    links
}

/// What is no link is skipped up to the next comma, for one damaged link is no reason to lose the others.
fn read(field: &str, base: Option<&Url>, links: &mut Vec<Link>) {
    let mut cursor = Cursor(field);
    while !cursor.0.is_empty() {
        cursor.skip_space();
        if cursor.eat('<') {
            let target = cursor.until(&['>']);
            if !cursor.eat('>') {
                return;
            }
            let parameters = cursor.parameters(Some(','));
            links.extend(link(target, parameters, base));
        }
        cursor.until(&[',']);
        cursor.eat(',');
    }
}

/// `None` if the target or the anchor is no URL, or a relative one of an unknown document.
fn link(target: &str, mut parameters: Vec<(String, String)>, base: Option<&Url>) -> Option<Link> {
    let url = resolve(target, base)?;
    let anchor = match field::parameter(&parameters, "anchor") {
        Some(anchor) => Some(resolve(anchor, base)?),
        None => None,
    };
    let relations = field::parameter(&parameters, "rel").unwrap_or_default();
    let relations = relations.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
    parameters.retain(|(name, _)| name != "rel" && name != "anchor");
    Some(Link { url, anchor, relations, parameters })
}

/// The URL of a reference, without credentials.
fn resolve(reference: &str, base: Option<&Url>) -> Option<Url> {
    let mut url = match base {
        Some(base) => base.join(reference).ok()?,
        None => Url::parse(reference).ok()?,
    };
    // As in a redirect's Location, there are no credentials to take from a server.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(url)
}
