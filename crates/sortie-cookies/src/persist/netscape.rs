//! The `cookies.txt` of curl, wget and yt-dlp; the [module](super) describes it.

use std::borrow::Cow;

use cookie::SameSite;

use super::{LoadError, bare, host, is_site, seconds, time};
use crate::parse::trim;
use crate::store::Accepted;

// Python's reader wants the first line as it is.
const HEAD: &[u8] = b"# Netscape HTTP Cookie File\n# Written by sortie-cookies. Edit it at your own risk.\n\n";
const HTTP_ONLY: &[u8] = b"#HttpOnly_";
const MARKS: &[u8] = b"# sortie: ";

/// The text of these cookies.
pub(super) fn write(cookies: &mut dyn Iterator<Item = Accepted<'_>>) -> Vec<u8> {
    let mut text = HEAD.to_vec();
    cookies.filter(can_stand).for_each(|cookie| write_line(&mut text, &cookie));
    text
}

fn can_stand(cookie: &Accepted<'_>) -> bool {
    let parts = [cookie.path.as_bytes(), cookie.name, cookie.value];
    !cookie.domain.starts_with('.') && !parts.into_iter().flatten().any(|&octet| octet == b'\t')
}

fn write_line(text: &mut Vec<u8>, cookie: &Accepted<'_>) {
    let truth = |is_true| if is_true { "TRUE" } else { "FALSE" };
    write_marks(text, cookie);
    if cookie.http_only {
        text.extend_from_slice(HTTP_ONLY);
    }
    let dot = if cookie.host_only { "" } else { "." };
    // Curl knows IPv6 addresses without their brackets.
    let domain = bare(&cookie.domain);
    let expires = cookie.expires.map_or(0, seconds);
    let (tail, secure) = (truth(!cookie.host_only), truth(cookie.secure));
    text.extend_from_slice(format!("{dot}{domain}\t{tail}\t{}\t{secure}\t{expires}\t", cookie.path).as_bytes());
    text.extend_from_slice(cookie.name);
    text.push(b'\t');
    text.extend_from_slice(cookie.value);
    text.push(b'\n');
}

/// What the format has no field for.
fn write_marks(text: &mut Vec<u8>, cookie: &Accepted<'_>) {
    let site = cookie.same_site.map(|site| format!("SameSite={site}"));
    let partition = cookie.partition.as_ref().map(|partition| format!("Partition={partition}"));
    let marks: Vec<_> = site.into_iter().chain(partition).collect();
    if !marks.is_empty() {
        text.extend_from_slice(MARKS);
        text.extend_from_slice(marks.join("; ").as_bytes());
        text.push(b'\n');
    }
}

/// The cookies of a text; the rules of the jar are not yet applied to them.
pub(super) fn read(text: &[u8]) -> Result<Vec<Accepted<'_>>, LoadError> {
    let text = text.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(text);
    let mut cookies = Vec::new();
    let mut marks = Marks::default();
    for (number, line) in (1..).zip(text.split(|&octet| octet == b'\n')) {
        let damaged = |what| LoadError::Damaged { line: number, what };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (line, http_only) = line.strip_prefix(HTTP_ONLY).map_or((line, false), |rest| (rest, true));
        if trim(line).is_empty() || line.starts_with(b"#") {
            marks = line.strip_prefix(MARKS).map_or(Ok(Marks::default()), read_marks).map_err(damaged)?;
            continue;
        }
        let mut cookie = read_line(line).map_err(damaged)?;
        cookie.http_only = http_only;
        Marks { same_site: cookie.same_site, partition: cookie.partition } = std::mem::take(&mut marks);
        cookies.push(cookie);
    }
    Ok(cookies)
}

/// What stands in a comment before a cookie.
#[derive(Default)]
struct Marks<'a> {
    same_site: Option<SameSite>,
    partition: Option<Cow<'a, str>>,
}

fn read_marks(text: &[u8]) -> Result<Marks<'_>, &'static str> {
    let mut marks = Marks::default();
    let text = std::str::from_utf8(text).map_err(|_| "the marks in the comment are not UTF-8")?;
    for mark in text.split(';').map(str::trim) {
        match mark.split_once('=') {
            Some(("SameSite", "Strict")) => marks.same_site = Some(SameSite::Strict),
            Some(("SameSite", "Lax")) => marks.same_site = Some(SameSite::Lax),
            Some(("SameSite", "None")) => marks.same_site = Some(SameSite::None),
            Some(("Partition", site)) if is_site(site) => marks.partition = Some(site.into()),
            _ => return Err("the marks in the comment are not SameSite and Partition"),
        }
    }
    Ok(marks)
}

fn read_line(line: &[u8]) -> Result<Accepted<'_>, &'static str> {
    let fields: Vec<_> = line.split(|&octet| octet == b'\t').collect();
    let (domain, tail, path, secure, expires, name, value) = match *fields {
        [domain, tail, path, secure, expires, name, value] => (domain, tail, path, secure, expires, name, value),
        // Whatever strips white space from the ends of lines takes an empty value along with its tab.
        [domain, tail, path, secure, expires, name] => (domain, tail, path, secure, expires, name, &b""[..]),
        _ => return Err("a cookie has seven fields parted by tabs"),
    };
    let path = std::str::from_utf8(path).map_err(|_| "the path is not UTF-8")?;
    Ok(Accepted {
        name: trim(name),
        value: trim(value),
        domain: read_domain(domain).ok_or("the domain is not one")?,
        host_only: !read_truth(tail).ok_or("the second field is neither TRUE nor FALSE")?,
        // As curl has it.
        path: if path.starts_with('/') { path } else { "/" },
        secure: read_truth(secure).ok_or("the fourth field is neither TRUE nor FALSE")?,
        http_only: false,
        same_site: None,
        partition: None,
        expires: read_expiry(expires).ok_or("the expiry is not a number")?.map(time),
    })
}

fn read_domain(field: &[u8]) -> Option<Cow<'_, str>> {
    let domain = std::str::from_utf8(field).ok()?;
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    // An address without its brackets has more than one colon.
    match domain.split_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()) => host(name),
        _ => host(domain),
    }
}

fn read_truth(field: &[u8]) -> Option<bool> {
    match field {
        _ if field.eq_ignore_ascii_case(b"TRUE") => Some(true),
        _ if field.eq_ignore_ascii_case(b"FALSE") => Some(false),
        _ => None,
    }
}

/// Seconds since 1970, or none for a session cookie. What does not fit is far away.
fn read_expiry(field: &[u8]) -> Option<Option<u64>> {
    let is_number = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    let mut parts = trim(field).splitn(2, |&octet| octet == b'.');
    let (whole, fraction) = (parts.next()?, parts.next().unwrap_or_default());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let add = |seconds: u64, digit: &u8| seconds.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(Some(whole.iter().fold(0, add)).filter(|&seconds| seconds > 0))
}
