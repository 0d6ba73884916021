//! What does the `Cookie` field of a request say, when several have something to say?

use http::HeaderValue;

use crate::RequestCookies;
use crate::parse::{split, trim};

/// One field of the cookies given for the request, those of a `Cookie` header set by hand, and the jar's: each name
/// once, by the first in that order that has it. Two of one name within the same source both stay, for the source meant
/// it.
///
/// `None` if there are none at all.
pub(crate) fn merge<'a>(
    request: Option<&'a RequestCookies>,
    hand: impl Iterator<Item = &'a HeaderValue>,
    jar: Option<&'a HeaderValue>,
) -> Option<HeaderValue> {
    let mut field = Vec::new();
    let mut names: Vec<&[u8]> = Vec::new();
    for (name, value) in request.iter().flat_map(|cookies| cookies.iter()) {
        names.push(name.as_bytes());
        let equals: &[u8] = if name.is_empty() { b"" } else { b"=" };
        append(&mut field, &[name.as_bytes(), equals, value.as_bytes()]);
    }
    let known = names.len();
    for pair in hand.flat_map(pairs) {
        let name = name(pair);
        if !names[..known].contains(&name) {
            names.push(name);
            append(&mut field, &[pair]);
        }
    }
    for pair in jar.into_iter().flat_map(pairs) {
        let name = name(pair);
        if !names.contains(&name) {
            append(&mut field, &[pair]);
        }
    }
    if field.is_empty() {
        return None;
    }
    // All parts come from header values, or have been checked to be able to stand in one.
    let mut field = HeaderValue::try_from(field).ok()?;
    field.set_sensitive(true);
    Some(field)
}

fn append(field: &mut Vec<u8>, parts: &[&[u8]]) {
    if !field.is_empty() {
        field.extend_from_slice(b"; ");
    }
    parts.iter().for_each(|part| field.extend_from_slice(part));
}

fn pairs(field: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    field.as_bytes().split(|&octet| octet == b';').map(trim).filter(|pair| !pair.is_empty())
}

fn name(pair: &[u8]) -> &[u8] {
    split(pair).map_or(b"", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use http::Extensions;

    use super::*;

    #[test]
    fn each_name_once_by_who_stands_first() {
        for (request, hand, jar, expected) in [
            ("", &[][..], "", None),
            ("", &[], "a=1; b=2", Some("a=1; b=2")),
            ("", &["a=hand"], "a=1; b=2", Some("a=hand; b=2")),
            ("a=own", &["a=hand; b=hand"], "a=1; b=2; c=3", Some("a=own; b=hand; c=3")),
            ("a=own", &[], "a=1; a=2; c=3", Some("a=own; c=3")),
            ("", &["a=1", "b=2"], "c=3", Some("a=1; b=2; c=3")),
            ("", &["a=1; a=2"], "a=3", Some("a=1; a=2")),
            ("", &[" a = 1 ;; b=2;"], "", Some("a = 1; b=2")),
            ("", &["token"], "other; a=1", Some("token; a=1")),
            ("", &["A=1"], "a=2", Some("A=1; a=2")),
            ("", &["a=x=y"], "a=2", Some("a=x=y")),
        ] {
            let mut extensions = Extensions::new();
            if let Some((name, value)) = request.split_once('=') {
                RequestCookies::add(&mut extensions, name, value).unwrap();
            }
            let hand: Vec<_> = hand.iter().map(|field| HeaderValue::from_static(field)).collect();
            let jar = (!jar.is_empty()).then(|| HeaderValue::from_static(jar));
            let merged = merge(extensions.get(), hand.iter(), jar.as_ref());
            assert_eq!(merged.as_ref().map(|field| field.to_str().unwrap()), expected);
            assert!(merged.is_none_or(|field| field.is_sensitive()));
        }
    }
}
