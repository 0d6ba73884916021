//! What does a `Set-Cookie` field say? RFC 6265bis §5.6, over octets.

use std::fmt;
use std::time::{Duration, SystemTime};

use cookie::{Cookie, Expiration, SameSite};

use crate::Refused;
use crate::date;

/// The most octets of a name and its value together (§5.6 step 5).
const MAX_PAIR: usize = 4096;
/// The most octets of an attribute's value; a longer attribute is as if it were not there (§5.6, attributes, step 6).
const MAX_ATTRIBUTE: usize = 1024;

/// One parsed `Set-Cookie` field: name, value and attributes as the server wrote them.
///
/// It says nothing about whether a jar would take the cookie from the server that sent it. Names and values are octets
/// (RFC 6265bis §5.6, last note): they need not be UTF-8.
///
/// ```
/// # use sortie_cookies::SetCookie;
/// let set = SetCookie::parse(b"id=7; Path=/; max-age=60; Secure")?;
/// assert_eq!((set.name(), set.value()), (&b"id"[..], &b"7"[..]));
/// assert_eq!(set.max_age(), Some(60));
/// # Ok::<_, sortie_cookies::Refused>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SetCookie<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) expires: Option<SystemTime>,
    pub(crate) max_age: Option<i64>,
    pub(crate) domain: Option<&'a [u8]>,
    pub(crate) path: Option<&'a [u8]>,
    pub(crate) secure: bool,
    pub(crate) http_only: bool,
    pub(crate) same_site: Option<SameSite>,
    pub(crate) partitioned: bool,
}

impl<'a> SetCookie<'a> {
    /// Parses the value of one `Set-Cookie` field, in time linear in its length. No input makes it panic.
    ///
    /// # Errors
    ///
    /// [`Refused::ControlCharacter`], [`Refused::TooLarge`] and [`Refused::Empty`]. Everything else is read somehow, as
    /// the algorithm has it: unknown and malformed attributes are left out, and the last of its kind counts.
    pub fn parse(field: &'a [u8]) -> Result<Self, Refused> {
        if field.iter().any(|&octet| is_control(octet)) {
            return Err(Refused::ControlCharacter);
        }
        let mut parts = field.split(|&octet| octet == b';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = split(pair).unwrap_or((b"", trim(pair)));
        check_size(name, value)?;
        let mut cookie = Self { name, value, ..Self::default() };
        for part in parts {
            let (name, value) = split(part).unwrap_or((trim(part), b""));
            if value.len() <= MAX_ATTRIBUTE {
                cookie.attribute(name, value);
            }
        }
        Ok(cookie)
    }

    /// A cookie made by hand, held to what the parser could have read.
    pub(crate) fn of(cookie: &'a Cookie<'_>) -> Result<Self, Refused> {
        let (name, value) = (cookie.name().as_bytes(), cookie.value().as_bytes());
        check_pair(name, value)?;
        if cookie.path().is_some_and(|path| path.bytes().any(is_control)) {
            return Err(Refused::ControlCharacter);
        }
        let seconds = |at: cookie::time::OffsetDateTime| u64::try_from(at.unix_timestamp()).unwrap_or(0);
        let after = |seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        Ok(Self {
            name,
            value,
            expires: cookie.expires_datetime().map(seconds).and_then(after),
            max_age: cookie.max_age().map(cookie::time::Duration::whole_seconds),
            domain: cookie.domain().map(str::as_bytes),
            path: cookie.path().map(str::as_bytes),
            secure: cookie.secure().unwrap_or(false),
            http_only: cookie.http_only().unwrap_or(false),
            same_site: cookie.same_site(),
            partitioned: cookie.partitioned().unwrap_or(false),
        })
    }

    fn attribute(&mut self, name: &[u8], value: &'a [u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("expires") {
            self.expires = date::parse(value).or(self.expires);
        } else if is("max-age") {
            self.max_age = seconds(value).or(self.max_age);
        } else if is("domain") {
            self.domain = Some(value);
        } else if is("path") {
            self.path = Some(value);
        } else if is("secure") {
            self.secure = true;
        } else if is("httponly") {
            self.http_only = true;
        } else if is("samesite") {
            self.same_site = same_site(value);
        } else if is("partitioned") {
            self.partitioned = true;
        }
    }

    /// The name; empty for a field without a name (`Set-Cookie: value`).
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.name
    }

    /// The value, quotes included where the server wrote some.
    #[must_use]
    pub fn value(&self) -> &'a [u8] {
        self.value
    }

    /// The instant of the last `Expires` attribute that is a date.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// The seconds of the last `Max-Age` attribute that is a number; zero or fewer deletes the cookie.
    #[must_use]
    pub fn max_age(&self) -> Option<i64> {
        self.max_age
    }

    /// The `Domain` attribute as written.
    #[must_use]
    pub fn domain(&self) -> Option<&'a [u8]> {
        self.domain
    }

    /// The `Path` attribute as written.
    #[must_use]
    pub fn path(&self) -> Option<&'a [u8]> {
        self.path
    }

    /// Whether there is a `Secure` attribute.
    #[must_use]
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// Whether there is an `HttpOnly` attribute.
    #[must_use]
    pub fn http_only(&self) -> bool {
        self.http_only
    }

    /// The `SameSite` attribute; `None` where it is absent or has an unknown value, which is the "Default" of §5.6.7.
    #[must_use]
    pub fn same_site(&self) -> Option<SameSite> {
        self.same_site
    }

    /// Whether there is a `Partitioned` attribute (CHIPS).
    #[must_use]
    pub fn partitioned(&self) -> bool {
        self.partitioned
    }

    /// As a [`Cookie`], with U+FFFD for what is not UTF-8.
    #[must_use]
    pub fn to_cookie(&self) -> Cookie<'static> {
        let text = |octets| String::from_utf8_lossy(octets).into_owned();
        let mut cookie = Cookie::new(text(self.name), text(self.value));
        if let Some(domain) = self.domain {
            cookie.set_domain(text(domain));
        }
        if let Some(path) = self.path {
            cookie.set_path(text(path));
        }
        if let Some(expires) = self.expires {
            cookie.set_expires(expiration(expires));
        }
        cookie.set_max_age(self.max_age.map(cookie::time::Duration::seconds));
        cookie.set_same_site(self.same_site);
        cookie.set_secure(self.secure.then_some(true));
        cookie.set_http_only(self.http_only.then_some(true));
        cookie.set_partitioned(self.partitioned.then_some(true));
        cookie
    }
}

/// Without the value, which is a secret as often as not.
impl fmt::Debug for SetCookie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetCookie").field("name", &String::from_utf8_lossy(self.name)).finish_non_exhaustive()
    }
}

/// The expiration of the `cookie` crate; it goes to the year 9999, beyond which nothing expires.
pub(crate) fn expiration(at: SystemTime) -> Expiration {
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let at = i64::try_from(seconds).ok().and_then(|at| cookie::time::OffsetDateTime::from_unix_timestamp(at).ok());
    at.map_or(Expiration::Session, Expiration::DateTime)
}

fn check_size(name: &[u8], value: &[u8]) -> Result<(), Refused> {
    match name.len() + value.len() {
        0 => Err(Refused::Empty),
        1..=MAX_PAIR => Ok(()),
        _ => Err(Refused::TooLarge),
    }
}

/// Whether a pair given by hand arrives at the server as that one pair.
pub(crate) fn check_pair(name: &[u8], value: &[u8]) -> Result<(), Refused> {
    check_size(name, value)?;
    if name.iter().chain(value).any(|&octet| is_control(octet)) {
        return Err(Refused::ControlCharacter);
    }
    let would_get_a_name = name.is_empty() && value.contains(&b'=');
    if would_get_a_name { Err(Refused::Syntax) } else { check_shape(name, value) }
}

/// Whether the parser could have read this name and this value.
fn check_shape(name: &[u8], value: &[u8]) -> Result<(), Refused> {
    let is_whole = |text: &[u8]| trim(text).len() == text.len() && !text.contains(&b';');
    if is_whole(name) && is_whole(value) && !name.contains(&b'=') { Ok(()) } else { Err(Refused::Syntax) }
}

/// Whether the parser could have read this cookie, all of it.
pub(crate) fn check_read(name: &[u8], value: &[u8], path: &str) -> Result<(), Refused> {
    check_size(name, value)?;
    if [name, value, path.as_bytes()].into_iter().flatten().any(|&octet| is_control(octet)) {
        return Err(Refused::ControlCharacter);
    }
    check_shape(name, value)
}

/// The control characters that end a cookie: all but the tab (§5.6 step 1).
pub(crate) fn is_control(octet: u8) -> bool {
    octet.is_ascii_control() && octet != b'\t'
}

/// Both sides of the first `=`, trimmed; `None` where there is none.
pub(crate) fn split(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pair.iter().position(|&octet| octet == b'=')?;
    Some((trim(&pair[..at]), trim(&pair[at + 1..])))
}

/// Without white space of either kind (space, tab) at both ends.
pub(crate) fn trim(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = octets {
        octets = rest;
    }
    octets
}

/// The number of a `Max-Age`, as near as 64 bits come to it (§5.6.2).
fn seconds(value: &[u8]) -> Option<i64> {
    let (negative, digits) = match value {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if value.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = digits.iter().fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Some(if negative { -count } else { count })
}

fn same_site(value: &[u8]) -> Option<SameSite> {
    let is = |known: &str| value.eq_ignore_ascii_case(known.as_bytes());
    match () {
        () if is("strict") => Some(SameSite::Strict),
        () if is("lax") => Some(SameSite::Lax),
        () if is("none") => Some(SameSite::None),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn name_and_value_are_what_stands_around_the_first_equals_sign() {
        for (field, name, value) in [
            ("a=b", "a", "b"),
            ("a=b=c", "a", "b=c"),
            ("a=", "a", ""),
            ("=b", "", "b"),
            ("b", "", "b"),
            (" \ta \t=\t b\t ", "a", "b"),
            ("a=\"b c\"", "a", "\"b c\""),
            ("a=b;", "a", "b"),
            ("a=b;;; ;", "a", "b"),
            ("a b=c d; Path=/", "a b", "c d"),
            ("a=b,c=d", "a", "b,c=d"),
            ("a\tb=c", "a\tb", "c"),
        ] {
            let set = SetCookie::parse(field.as_bytes()).unwrap();
            assert_eq!((set.name(), set.value()), (name.as_bytes(), value.as_bytes()), "{field:?}");
        }
    }

    #[test]
    fn a_field_without_name_and_value_is_refused() {
        for field in ["", "=", " ", ";", "; Path=/", " = ; Secure"] {
            assert_eq!(SetCookie::parse(field.as_bytes()), Err(Refused::Empty), "{field:?}");
        }
    }

    #[test]
    fn a_control_character_anywhere_refuses_the_whole_field() {
        for octet in (0..=0x1F_u8).chain([0x7F]) {
            for position in [0, 1, 2, 3, 5, 10] {
                let mut field = b"a=b; Path=/".to_vec();
                field.insert(position, octet);
                let refused = SetCookie::parse(&field) == Err(Refused::ControlCharacter);
                assert_eq!(refused, octet != b'\t', "{octet:#x} at {position}");
            }
        }
    }

    #[test]
    fn name_and_value_have_4096_octets_together() {
        let pair = |name: usize, value: usize| [vec![b'n'; name], b"=".to_vec(), vec![b'v'; value]].concat();
        for (name, value, fits) in [(1, 4095, true), (4096, 0, true), (1, 4096, false), (4097, 0, false)] {
            assert_eq!(SetCookie::parse(&pair(name, value)).is_ok(), fits, "{name} + {value}");
        }
        assert_eq!(SetCookie::parse(&[b'v'; 4097]), Err(Refused::TooLarge));
    }

    #[test]
    fn an_attribute_over_1024_octets_is_not_there() {
        for (length, there) in [(1024, true), (1025, false)] {
            let path = format!("/{}", "p".repeat(length - 1));
            let field = format!("a=b; Path=/; Path={path}");
            let set = SetCookie::parse(field.as_bytes()).unwrap();
            assert_eq!(set.path(), Some(if there { path.as_bytes() } else { b"/" }));
        }
    }

    #[test]
    fn attributes_are_known_in_any_case_and_the_last_one_counts() {
        let set = SetCookie::parse(
            b"a=b; DOMAIN=.x; domain= Y ;path=/a;PaTh; max-age=1; Max-Age=x; MAX-AGE=-2;\
              expires=never; Expires=Thu, 01 Jan 1970 00:00:07 GMT; expires=never; SECURE=no; httponly; \
              samesite=lax; SameSite=Strict; Partitioned; unknown=x",
        )
        .unwrap();
        let expected = SetCookie {
            name: b"a",
            value: b"b",
            expires: Some(UNIX_EPOCH + Duration::from_secs(7)),
            max_age: Some(-2),
            domain: Some(b"Y"),
            path: Some(b""),
            secure: true,
            http_only: true,
            same_site: Some(SameSite::Strict),
            partitioned: true,
        };
        assert!(set == expected);
    }

    #[test]
    fn a_max_age_is_digits_after_an_optional_minus() {
        for (value, expected) in [
            ("0", Some(0)),
            ("60", Some(60)),
            ("-1", Some(-1)),
            ("007", Some(7)),
            ("99999999999999999999", Some(i64::MAX)),
            ("-99999999999999999999", Some(-i64::MAX)),
            ("", None),
            ("+1", None),
            ("1.5", None),
            ("\"60\"", None),
            ("6 0", None),
            ("--1", None),
        ] {
            assert_eq!(seconds(value.as_bytes()), expected, "{value:?}");
        }
    }

    #[test]
    fn an_unknown_same_site_is_the_default() {
        for (value, expected) in [("None", Some(SameSite::None)), ("", None), ("Laxative", None)] {
            let field = format!("a=b; SameSite=Strict; SameSite={value}");
            assert_eq!(SetCookie::parse(field.as_bytes()).unwrap().same_site(), expected, "{value:?}");
        }
    }

    #[test]
    fn no_octets_make_it_panic() {
        let mut rng = fastrand::Rng::with_seed(1);
        let alphabet = b"aA=;, \t\"-.:/0129\x00\x7f\xff";
        for length in 0..2000 {
            let field: Vec<u8> = (0..length % 97).map(|_| alphabet[rng.usize(..alphabet.len())]).collect();
            if let Ok(set) = SetCookie::parse(&field) {
                assert!(set.name().len() + set.value().len() <= MAX_PAIR);
                let _ = set.to_cookie();
            }
            date::parse(&field);
        }
    }
}
