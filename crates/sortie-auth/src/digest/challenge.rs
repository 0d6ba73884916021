//! What a server asks for, and which of its challenges is answered.

use http::HeaderValue;

use super::Qop;
use super::algorithm::Algorithm;
use super::params::{Params, offers};

/// How many octets the parameters of a challenge may have together: as much as many servers take for a whole head, and
/// an answer has to repeat nearly all of it.
const LONGEST: usize = 8 * 1024;

/// A challenge that can be answered.
#[derive(Clone, Debug)]
pub(super) struct Challenge {
    pub(super) realm: Vec<u8>,
    pub(super) nonce: Vec<u8>,
    pub(super) opaque: Option<Vec<u8>>,
    pub(super) algorithm: Algorithm,
    /// As the server spelled it, which is how it is to be repeated; `None` if it named none.
    pub(super) algorithm_name: Option<Vec<u8>>,
    pub(super) qop: Offered,
    /// The request was signed with a nonce that is too old, and otherwise well.
    pub(super) stale: bool,
    pub(super) userhash: bool,
    pub(super) utf_8: bool,
    /// URIs between white space.
    pub(super) domain: Vec<u8>,
}

/// The qualities of protection that a server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    /// It says nothing about them: RFC 2069.
    Nothing,
    Auth,
    AuthInt,
    Both,
}

impl Offered {
    /// `None` if there is none among them that is known here.
    fn of(params: &Params) -> Option<Self> {
        let Some(list) = params.get("qop") else { return Some(Self::Nothing) };
        let has = |wanted: Qop| {
            let wanted = wanted.name().as_bytes();
            list.split(|octet| *octet == b',').any(|qop| qop.trim_ascii().eq_ignore_ascii_case(wanted))
        };
        match (has(Qop::Auth), has(Qop::AuthInt)) {
            (true, false) => Some(Self::Auth),
            (false, true) => Some(Self::AuthInt),
            (true, true) => Some(Self::Both),
            // Some of RFC 2617's time send an empty one and mean none.
            (false, false) => list.trim_ascii().is_empty().then_some(Self::Nothing),
        }
    }
}

impl Challenge {
    fn of(params: &Params) -> Option<Self> {
        if params.len() > LONGEST {
            return None;
        }
        let given = |name: &str| params.get(name).map(<[u8]>::to_vec);
        let algorithm_name = given("algorithm");
        Some(Self {
            realm: given("realm")?,
            nonce: given("nonce")?,
            opaque: given("opaque"),
            algorithm: match &algorithm_name {
                Some(name) => Algorithm::named(name)?,
                None => Algorithm::default(),
            },
            algorithm_name,
            qop: Offered::of(params)?,
            stale: params.says("stale", "true"),
            userhash: params.says("userhash", "true"),
            utf_8: params.says("charset", "utf-8"),
            domain: given("domain").unwrap_or_default(),
        })
    }

    /// Whether the server is one that has read RFC 7616, and not only its predecessors.
    pub(super) fn is_modern(&self) -> bool {
        self.utf_8 || self.userhash || !self.algorithm.is_md5()
    }
}

/// The challenge to answer: of those that can be, that of the strongest hash function, and of equally strong ones the
/// first, for servers put first what they prefer.
///
/// Where it is not known whether the body is in memory, `content` is true.
pub(super) fn choose<'a>(fields: impl IntoIterator<Item = &'a HeaderValue>, content: bool) -> Option<Challenge> {
    let offers = fields.into_iter().flat_map(|field| offers(field.as_bytes()));
    let known = offers.filter(super::params::Offer::is_digest).filter_map(|offer| Challenge::of(&offer.params));
    let answerable = known.filter(|challenge| content || challenge.qop != Offered::AuthInt);
    // Of equal ones `reduce` keeps the first, `max_by_key` would take the last.
    answerable.reduce(|best, next| if next.algorithm.hash > best.algorithm.hash { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(fields: &[&str], content: bool) -> Option<Challenge> {
        let fields: Vec<HeaderValue> = fields.iter().map(|field| HeaderValue::from_str(field).unwrap()).collect();
        choose(&fields, content)
    }

    /// The nonce of the challenge that is chosen.
    fn nonce(fields: &[&str]) -> String {
        chosen(fields, true).map_or("none".into(), |challenge| String::from_utf8(challenge.nonce).unwrap())
    }

    #[test]
    fn the_strongest_challenge_is_answered_and_what_is_unknown_is_skipped() {
        const MD5: &str = r#"Digest realm="a", nonce="md5""#;
        const SHA: &str = r#"Digest realm="a", nonce="sha", algorithm=SHA-256"#;
        const SHA_SESS: &str = r#"Digest realm="a", nonce="sess", algorithm="sha-256-SESS""#;
        const SHA_512: &str = r#"Digest realm="a", nonce="512", algorithm=SHA-512-256, qop="auth""#;
        const UNKNOWN: &str = r#"Digest realm="a", nonce="unknown", algorithm=SHA3-512"#;
        const TOKEN: &str = r#"Digest realm="a", nonce="token", qop="token""#;
        for (fields, nonce_of) in [
            (&[MD5][..], "md5"),
            (&[MD5, SHA], "sha"),
            (&[SHA, MD5], "sha"),
            (&[MD5, SHA_512, SHA], "512"),
            (&[SHA, SHA_SESS], "sha"),
            (&[SHA_SESS, SHA], "sess"),
            (&[UNKNOWN, MD5], "md5"),
            (&[UNKNOWN], "none"),
            (&[TOKEN, MD5], "md5"),
            (&[TOKEN], "none"),
            (&["Basic realm=\"a\"", MD5], "md5"),
            (&["Basic realm=\"a\", Digest realm=\"a\", nonce=\"md5\", algorithm=MD5"], "md5"),
            (
                &["Digest realm=\"a\", nonce=\"1\", algorithm=SHA, Digest realm=\"a\", nonce=\"2\", Basic realm=\"c\""],
                "2",
            ),
            (&["Basic realm=\"a\"", "Negotiate"], "none"),
            (&["Digest nonce=\"no realm\"", MD5], "md5"),
            (&["Digest realm=\"no nonce\""], "none"),
            (&["Digest realm=\"\", nonce=\"\""], ""),
            (&["Digest"], "none"),
            (&[], "none"),
        ] {
            assert_eq!(nonce(fields), nonce_of, "{fields:?}");
        }
    }

    #[test]
    fn a_challenge_that_no_request_could_repeat_is_none() {
        let of = |length| format!("Digest realm=\"a\", nonce=\"{}\"", "x".repeat(length));
        assert!(chosen(&[&of(LONGEST - 100)], true).is_some());
        assert!(chosen(&[&of(LONGEST)], true).is_none());
    }

    #[test]
    fn qualities_of_protection_are_read_from_a_list_with_white_space() {
        for (qop, offered) in [
            ("", Some(Offered::Nothing)),
            (", qop=\"\"", Some(Offered::Nothing)),
            (", qop=auth", Some(Offered::Auth)),
            (", qop=\"AUTH\"", Some(Offered::Auth)),
            (", qop=\"auth-int\"", Some(Offered::AuthInt)),
            (", qop=\"auth,auth-int\"", Some(Offered::Both)),
            (", qop=\" auth-int ,\tfoo , auth\"", Some(Offered::Both)),
            (", qop=\"authentic\"", None),
        ] {
            let field = format!("Digest realm=a, nonce=b{qop}");
            assert_eq!(chosen(&[&field], true).map(|challenge| challenge.qop), offered, "{field}");
        }
    }

    #[test]
    fn without_the_body_at_hand_a_challenge_that_needs_none_is_taken() {
        let int = r#"Digest realm="a", nonce="int", algorithm=SHA-256, qop="auth-int""#;
        let both = r#"Digest realm="a", nonce="both", qop="auth, auth-int""#;
        for (fields, content, nonce) in
            [(&[int, both], true, Some(&b"int"[..])), (&[int, both], false, Some(b"both")), (&[int, int], false, None)]
        {
            assert_eq!(chosen(fields, content).map(|challenge| challenge.nonce).as_deref(), nonce);
        }
    }

    #[test]
    fn what_else_a_challenge_says_is_read_without_regard_to_case() {
        let field =
            "Digest realm=a, nonce=b, stale=TRUE, userhash=\"True\", charset=\"utf-8\", opaque=\"\", domain=\"/ /b\"";
        let challenge = chosen(&[field], true).unwrap();
        assert!(challenge.stale && challenge.userhash && challenge.utf_8);
        assert_eq!((challenge.opaque.as_deref(), &*challenge.domain), (Some(&b""[..]), &b"/ /b"[..]));
        let challenge = chosen(&["Digest realm=a, nonce=b, stale=false, userhash=false"], true).unwrap();
        assert!(!(challenge.stale || challenge.userhash || challenge.utf_8));
        assert_eq!(challenge.opaque, None);
    }
}
