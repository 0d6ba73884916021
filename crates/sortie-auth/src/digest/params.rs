//! Challenges and parameters in the fields of HTTP authentication
//! ([RFC 9110 §11](https://www.rfc-editor.org/rfc/rfc9110#section-11)), as servers really send them: with white space
//! where there should be none, quotes where they are not needed and the other way round, and several challenges in one
//! field.

/// A challenge, or credentials: a scheme and what it says.
#[derive(Debug)]
pub(super) struct Offer {
    /// In lower case.
    scheme: Vec<u8>,
    pub(super) params: Params,
}

impl Offer {
    pub(super) fn is_digest(&self) -> bool {
        self.scheme == b"digest"
    }
}

/// Parameters, their names in lower case and their values without quotes.
#[derive(Debug, Default)]
pub(super) struct Params(Vec<(Vec<u8>, Vec<u8>)>);

impl Params {
    /// The value of a parameter: of the last, as curl has it, where a broken server sent several.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.0.iter().rfind(|(known, _)| known == name.as_bytes());
        found.map(|(_, value)| value.as_slice())
    }

    /// Whether a parameter has this value, without regard to case.
    pub(super) fn says(&self, name: &str, value: &str) -> bool {
        self.get(name).is_some_and(|found| found.eq_ignore_ascii_case(value.as_bytes()))
    }

    /// How many octets they have together.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}

/// The challenges of a field, or the one set of credentials. What cannot be read is left out, with the rest of its field
/// if that has no end.
pub(super) fn offers(field: &[u8]) -> Vec<Offer> {
    let mut found: Vec<Offer> = Vec::new();
    let mut reader = Reader(field);
    while let Some(word) = reader.word() {
        match reader.value() {
            Value::None => found.push(Offer { scheme: word, params: Params::default() }),
            Value::Is(value) => {
                if let Some(offer) = found.last_mut() {
                    offer.params.0.push((word, value));
                }
            }
            Value::Endless => {
                // Half a challenge is none.
                found.pop();
                break;
            }
        }
    }
    found
}

/// The parameters of a field that has nothing else, such as `Authentication-Info`.
pub(super) fn params(field: &[u8]) -> Params {
    let mut found = Params::default();
    let mut reader = Reader(field);
    while let Some(word) = reader.word() {
        match reader.value() {
            Value::None => {}
            Value::Is(value) => found.0.push((word, value)),
            Value::Endless => break,
        }
    }
    found
}

/// What follows a word.
enum Value {
    /// No equals sign: the word is a scheme.
    None,
    Is(Vec<u8>),
    /// A quoted string without its second quote.
    Endless,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next token, in lower case; `None` at the end.
    fn word(&mut self) -> Option<Vec<u8>> {
        loop {
            self.skip(|octet| is_space(octet) || octet == b',');
            let token = self.take(is_token);
            if !token.is_empty() {
                return Some(token.to_ascii_lowercase());
            }
            if self.0.is_empty() {
                return None;
            }
            // The rest of what is no token, a token68 for example.
            self.take(|octet| octet != b',' && !is_space(octet));
        }
    }

    fn value(&mut self) -> Value {
        let before = self.0;
        self.skip(is_space);
        let Some(after) = self.0.strip_prefix(b"=") else {
            self.0 = before;
            return Value::None;
        };
        self.0 = after;
        self.skip(is_space);
        match self.0.strip_prefix(b"\"") {
            Some(quoted) => self.unquote(quoted),
            None => Value::Is(self.take(|octet| octet != b',' && !is_space(octet)).to_vec()),
        }
    }

    /// Reads a quoted string after its first quote.
    fn unquote(&mut self, quoted: &[u8]) -> Value {
        let mut value = Vec::new();
        let mut octets = quoted.iter().copied().enumerate();
        while let Some((at, octet)) = octets.next() {
            match octet {
                b'"' => {
                    let read = self.0.len() - quoted.len() + at + 1;
                    self.0 = &self.0[read..];
                    return Value::Is(value);
                }
                b'\\' => value.extend(octets.next().map(|(_, escaped)| escaped)),
                _ => value.push(octet),
            }
        }
        Value::Endless
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.0.iter().position(|octet| !wanted(*octet)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn skip(&mut self, unwanted: impl Fn(u8) -> bool) {
        self.take(unwanted);
    }
}

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// [RFC 9110 §5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2)
fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(offers: &[Offer]) -> String {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let offers = offers.iter().map(|Offer { scheme, params }| {
            let params: Vec<_> =
                params.0.iter().map(|(name, value)| format!("{}=<{}>", text(name), text(value))).collect();
            format!("{} {}", text(scheme), params.join(" ")).trim_end().to_owned()
        });
        offers.collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn challenges_are_read_as_servers_send_them() {
        for (field, read) in [
            // RFC 9110 §11.6.1
            (
                r#"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#,
                r#"basic realm=<simple> | newauth realm=<apps> type=<1> title=<Login to "apps">"#,
            ),
            (
                r#"Digest realm="a", nonce="b==", qop="auth, auth-int""#,
                "digest realm=<a> nonce=<b==> qop=<auth, auth-int>",
            ),
            (r#"dIGEST REALM=a,NONCE=b==,qop=auth"#, "digest realm=<a> nonce=<b==> qop=<auth>"),
            ("Digest \t realm = \"a\" ,\tnonce\t=\tb , ,, stale = TRUE ,", "digest realm=<a> nonce=<b> stale=<TRUE>"),
            (r#"Digest realm="a" nonce="b""#, "digest realm=<a> nonce=<b>"),
            (r#"Digest realm="a, Basic b=\"c\\", nonce="""#, r#"digest realm=<a, Basic b="c\> nonce=<>"#),
            (r#"Negotiate, NTLM, Digest realm="a""#, "negotiate | ntlm | digest realm=<a>"),
            (r#"Negotiate YII/+a==, Digest realm="a""#, "negotiate | yii | digest realm=<a>"),
            (r#"Basic YWI=, Digest realm="a""#, "basic ywi=<> | digest realm=<a>"),
            (r#", Basic realm=a,Digest realm=b"#, "basic realm=<a> | digest realm=<b>"),
            (r#"Digest realm="a" , Digest realm="without an end"#, "digest realm=<a>"),
            (r#"Digest realm="a\"#, ""),
            (r#"realm="of nobody", Basic"#, "basic"),
            ("Digest", "digest"),
            ("Digest @@ realm=a, (b)=c", "digest realm=<a>"),
            ("", ""),
            (" , ", ""),
            ("=", ""),
        ] {
            assert_eq!(shown(&offers(field.as_bytes())), read, "{field}");
        }
    }

    #[test]
    fn octets_beyond_ascii_stay_as_they_are() {
        let offers = offers(b"Digest realm=\"\xe4\xc3\xa4\"");
        assert_eq!(offers[0].params.get("realm"), Some(&b"\xe4\xc3\xa4"[..]));
    }

    #[test]
    fn parameters_alone_are_read_too() {
        let read = params(br#" nextnonce = "a\"b", QOP=auth,rspauth="", nc=00000001"#);
        assert_eq!(read.get("nextnonce"), Some(&br#"a"b"#[..]));
        assert!(read.says("qop", "AUTH") && read.says("rspauth", "") && read.says("nc", "00000001"));
        assert_eq!(read.get("cnonce"), None);
        assert_eq!(params(br#"a=1, b="endless"#).len(), 2);
    }
}
