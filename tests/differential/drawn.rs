//! What a client draws by lot, put into a form in which two can be equal: the boundaries of multipart, and what Digest
//! makes of a nonce of its own.

use crate::wire::Seen;

/// A request without it.
pub(crate) fn without(request: &Seen) -> Seen {
    let mut request = request.clone();
    for (name, value) in &mut request.headers {
        if matches!(&**name, "authorization" | "proxy-authorization")
            && let Some(parameters) = value.strip_prefix("Digest ")
        {
            *value = format!("Digest {}", digest(parameters));
        }
    }
    request.head = request.head.iter().map(|line| blanked(line)).collect();
    let boundary = request.headers.iter().find_map(|(name, value)| {
        let (_, boundary) = value.split_once("multipart/form-data; boundary=")?;
        (name == "content-type").then(|| boundary.trim_matches('"').to_owned())
    });
    if let Some(boundary) = boundary {
        without_boundary(&mut request, &boundary);
    }
    request
}

/// The parameters by name and without quotes, which are the client's choice. What depends on its own nonce is not shown;
/// whether it is right, the tests against vectors and real servers tell.
fn digest(parameters: &str) -> String {
    let of = |parameter: &str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        (name.trim().to_owned(), value.to_owned())
    };
    let mut all: Vec<_> = parameters.split(", ").map(of).collect();
    all.sort();
    let has_nonce = all.iter().any(|(name, _)| name == "cnonce");
    let shown = all.iter().map(|(name, value)| match &**name {
        "cnonce" => "cnonce".to_owned(),
        "response" if has_nonce => "response".to_owned(),
        _ => format!("{name}={value}"),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// A line of a head with its quotes, and without what depends on the client's own nonce.
fn blanked(line: &str) -> String {
    let has_nonce = line.contains(" Digest ") && line.contains("cnonce=");
    let blank = |line: String, name: &str| {
        let begins = format!("{name}=\"");
        let Some((before, rest)) = line.split_once(&begins) else { return line };
        rest.split_once('"').map_or_else(|| line.clone(), |(_, after)| format!("{before}{begins}{name}\"{after}"))
    };
    if has_nonce { ["cnonce", "response"].into_iter().fold(line.to_owned(), blank) } else { line.to_owned() }
}

fn without_boundary(request: &mut Seen, boundary: &str) {
    const DRAWN: &str = "boundary";
    let length = request.body.len().to_string();
    request.body = replaced(&request.body, boundary.as_bytes(), DRAWN.as_bytes());
    for (name, value) in &mut request.headers {
        match &**name {
            "content-type" => *value = value.replace(boundary, DRAWN).replace('"', ""),
            // A right one stays right.
            "content-length" if *value == length => *value = request.body.len().to_string(),
            _ => {}
        }
    }
    for line in &mut request.head {
        *line = line.replace(boundary, DRAWN);
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("content-length")
            && value == length
        {
            *line = format!("{name}: {}", request.body.len());
        }
    }
}

fn replaced(octets: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), octets);
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(headers: &[(&str, &str)], body: &str) -> Seen {
        Seen {
            origin: "http://a.test",
            connection: 1,
            at: std::time::Instant::now(),
            method: "POST".into(),
            target: "/".into(),
            head: headers.iter().map(|(name, value)| format!("{name}: {value}")).collect(),
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: body.into(),
        }
    }

    #[test]
    fn of_digest_only_what_a_nonce_of_the_clients_own_changes_is_left_out() {
        let [drawn, other] = [
            "response=\"ab\", cnonce=\"01\", qop=auth, nc=00000001",
            "nc=00000001, qop=\"auth\", cnonce=\"02\", response=\"cd\"",
        ];
        let of = |parameters: &str| {
            without(&seen(&[("authorization", &format!("Digest {parameters}"))], "")).headers[0].1.clone()
        };
        assert_eq!(of(drawn), "Digest cnonce nc=00000001 qop=auth response");
        assert_eq!(of(drawn), of(other));
        assert_eq!(of("response=\"ab\", realm=\"a b\""), "Digest realm=a b response=ab");
    }

    #[test]
    fn of_digest_as_it_came_the_order_and_the_quotes_stay() {
        for (came, shown) in [
            ("response=\"ab\", cnonce=\"01\", qop=auth", "response=\"response\", cnonce=\"cnonce\", qop=auth"),
            ("qop=\"auth\", cnonce=\"02\", response=\"c\"", "qop=\"auth\", cnonce=\"cnonce\", response=\"response\""),
            ("realm=\"a b\", response=\"ab\"", "realm=\"a b\", response=\"ab\""),
        ] {
            let request = without(&seen(&[("Authorization", &format!("Digest {came}"))], ""));
            assert_eq!(request.head, [format!("Authorization: Digest {shown}")]);
        }
    }

    #[test]
    fn a_boundary_is_replaced_where_it_stands_and_nothing_else() {
        let of = |boundary: &str, length: &str| {
            let body = format!("--{boundary}\r\n\r\nx\r\n--{boundary}--\r\n");
            let length = if length.is_empty() { body.len().to_string() } else { length.to_owned() };
            let content_type = format!("multipart/form-data; boundary={boundary}");
            let request = without(&seen(&[("content-length", &length), ("content-type", &content_type)], &body));
            (request.headers, request.head, request.body)
        };
        assert_eq!(of("abc", ""), of("much-longer", ""));
        assert_ne!(of("abc", ""), of("abc", "7"));
        assert_eq!(of("abc", "").2, b"--boundary\r\n\r\nx\r\n--boundary--\r\n");
        let plain = seen(&[("content-type", "text/plain")], "abc");
        assert_eq!(without(&plain).body, plain.body);
    }
}
