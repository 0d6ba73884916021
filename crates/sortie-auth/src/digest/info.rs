//! What a server says once it has let a request in: `Authentication-Info` and `Proxy-Authentication-Info`
//! ([RFC 7616 §3.5](https://www.rfc-editor.org/rfc/rfc7616#section-3.5)).

use http::HeaderValue;

use super::Qop;
use super::algorithm::Algorithm;
use super::params::{Params, offers, params};
use super::respond::{Account, Session, Signed, response};

/// What `Authentication-Info` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Info {
    pub(super) next_nonce: Option<Vec<u8>>,
    rspauth: Option<Vec<u8>>,
    /// It is about the content too.
    over_content: bool,
}

impl Info {
    pub(super) fn of<'a>(fields: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        fields.into_iter().map(|field| params(field.as_bytes())).fold(Self::default(), |info, params| Self {
            // An empty one is what some send to say that there is none.
            next_nonce: value(&params, "nextnonce").filter(|nonce| !nonce.is_empty()).or(info.next_nonce),
            rspauth: value(&params, "rspauth").or(info.rspauth),
            over_content: info.over_content || params.says("qop", Qop::AuthInt.name()),
        })
    }
}

/// What a request was signed with, read from its own header.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) realm: Vec<u8>,
    pub(super) nonce: Vec<u8>,
    pub(super) algorithm: Algorithm,
    nc: String,
    cnonce: String,
    qop: Option<Qop>,
    uri: String,
}

impl Sent {
    /// `None` if it is not one of Digest.
    pub(super) fn of(credentials: &HeaderValue) -> Option<Self> {
        let offers = offers(credentials.as_bytes());
        let said = &offers.first().filter(|offer| offer.is_digest())?.params;
        let text = |name| value(said, name).and_then(|value| String::from_utf8(value).ok());
        Some(Self {
            realm: value(said, "realm")?,
            nonce: value(said, "nonce")?,
            algorithm: match said.get("algorithm") {
                Some(name) => Algorithm::named(name)?,
                None => Algorithm::default(),
            },
            nc: text("nc").unwrap_or_default(),
            cnonce: text("cnonce").unwrap_or_default(),
            qop: [Qop::Auth, Qop::AuthInt].into_iter().find(|qop| said.says("qop", qop.name())),
            uri: text("uri")?,
        })
    }
}

/// Whether the server has proven that it knows the password, too; `None` if it does not claim to, or if its proof is
/// over the content, as the request's was, which has not come yet.
pub(super) fn is_proven(account: Account<'_>, sent: &Sent, session: Option<&Session>, info: &Info) -> Option<bool> {
    let claimed = info.rspauth.as_ref()?;
    if sent.qop == Some(Qop::AuthInt) {
        return None;
    }
    // RFC 7616 §3.5: by the same quality as the request; whoever answers is not to say that nothing is checked.
    if info.over_content {
        return Some(false);
    }
    let Sent { realm, nonce, algorithm, nc, cnonce, qop, uri } = sent;
    let signed = Signed { algorithm: *algorithm, realm, nonce, session, nc, cnonce, qop: *qop };
    // RFC 7616 §3.5: as the request's, without the method.
    let expected = response(account, &signed, "", uri, b"");
    Some(claimed.eq_ignore_ascii_case(expected.as_bytes()))
}

fn value(params: &Params, name: &str) -> Option<Vec<u8>> {
    params.get(name).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::super::algorithm::Hash;
    use super::*;

    fn info(fields: &[&str]) -> Info {
        let fields: Vec<_> = fields.iter().map(|field| HeaderValue::from_str(field).unwrap()).collect();
        Info::of(&fields)
    }

    fn sent(field: &str) -> Sent {
        Sent::of(&HeaderValue::from_str(field).unwrap()).unwrap()
    }

    #[test]
    fn the_next_nonce_and_the_proof_are_read() {
        for (fields, next_nonce, rspauth, over_content) in [
            (
                &[r#"nextnonce="n2", qop=auth, rspauth="ab", cnonce="c", nc=00000001"#][..],
                Some("n2"),
                Some("ab"),
                false,
            ),
            (&["NextNonce = n2"], Some("n2"), None, false),
            (&[r#"qop="auth-int" , rspauth=ab"#], None, Some("ab"), true),
            (&["nextnonce=n2", "rspauth=ab"], Some("n2"), Some("ab"), false),
            (&[r#"nextnonce="", rspauth="""#], None, Some(""), false),
            (&[r#"nextnonce="endless"#], None, None, false),
            (&[""], None, None, false),
            (&[], None, None, false),
        ] {
            let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
            let expected = Info { next_nonce: bytes(next_nonce), rspauth: bytes(rspauth), over_content };
            assert_eq!(info(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn only_who_knows_the_password_can_prove_it() {
        let account = Account { user: "u", password: "p" };
        let md5 = |text: &str| Hash::Md5.of(&[text.as_bytes()]);
        let (key, request) = (md5("u:r:p"), md5(":/x"));
        let with_qop = md5(&format!("{key}:n:0000000a:c:auth:{request}"));
        let without = md5(&format!("{key}:n:{request}"));
        let in_session = md5(&format!("{}:n:0000000a:c:auth:{request}", md5(&format!("{key}:first:c"))));
        let auth = r#"Digest username="u", realm="r", uri="/x", nonce="n", nc=0000000a, qop=auth, cnonce="c""#;
        let (sess, int) = (format!("{auth}, algorithm=MD5-sess"), auth.replace("=auth", "=auth-int"));
        let old = r#"Digest username="u", realm="r", uri="/x", nonce="n""#;
        let session = Session { nonce: b"first".to_vec(), cnonce: "c".to_owned() };
        for (field, rspauth, proven) in [
            (auth, &with_qop, Some(true)),
            (auth, &with_qop.to_uppercase(), Some(true)),
            (auth, &without, Some(false)),
            (auth, &String::new(), Some(false)),
            (old, &without, Some(true)),
            (old, &with_qop, Some(false)),
            (&sess, &in_session, Some(true)),
            (&sess, &with_qop, Some(false)),
            // Over content that has not come.
            (&int, &with_qop, None),
        ] {
            let info = info(&[&format!("rspauth=\"{rspauth}\"")]);
            assert_eq!(is_proven(account, &sent(field), Some(&session), &info), proven, "{field} {rspauth}");
        }
        for (field, said, proven) in [
            (auth, format!("rspauth=\"{with_qop}\", qop=auth"), Some(true)),
            (auth, format!("rspauth=\"{with_qop}\", qop=auth-int"), Some(false)),
            (auth, "rspauth=00, qop=auth-int".to_owned(), Some(false)),
            (old, "rspauth=00, qop=auth-int".to_owned(), Some(false)),
            (&int, "rspauth=00, qop=auth-int".to_owned(), None),
            (&int, "rspauth=00, qop=auth".to_owned(), None),
            (auth, "nextnonce=n, qop=auth-int".to_owned(), None),
        ] {
            assert_eq!(is_proven(account, &sent(field), None, &info(&[&said])), proven, "{field} {said}");
        }
    }

    #[test]
    fn credentials_of_another_scheme_are_not_read() {
        for field in ["Basic dTpw", "Bearer abc", "Digest", "Digest realm=r, nonce=n", "Digest realm=r, uri=\"/\""] {
            assert!(Sent::of(&HeaderValue::from_str(field).unwrap()).is_none(), "{field}");
        }
    }
}
