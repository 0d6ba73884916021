use std::fmt;

use http::header::CONTENT_DISPOSITION;

use crate::Response;
use crate::field::{self, Cursor, parameter};

mod safe_name;

/// What a server would have done with a body: shown or saved, and under which name
/// ([RFC 6266](https://www.rfc-editor.org/rfc/rfc6266)).
///
/// ```
/// use sortie::ContentDisposition;
///
/// let field = b"attachment; filename=\"EURO rates\"; filename*=UTF-8''..%2f%e2%82%ac%20rates";
/// let disposition = ContentDisposition::parse(field).unwrap();
/// assert!(disposition.is_attachment());
/// assert_eq!(disposition.filename(), Some("../\u{20ac} rates"));
/// assert_eq!(disposition.safe_filename().as_deref(), Some("\u{20ac} rates"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ContentDisposition {
    kind: String,
    parameters: Vec<(String, String)>,
}

impl ContentDisposition {
    /// Reads a field's value; `None` if it does not begin with a type.
    ///
    /// Octets beyond ASCII are UTF-8, else Latin-1. What is wrong in the parameters is left out.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = field::text(value);
        let mut cursor = Cursor(&text);
        let kind = cursor.until(&[';']).trim_matches([' ', '\t']).to_ascii_lowercase();
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if kind.is_empty() || !kind.chars().all(is_token) {
            return None;
        }
        Some(Self { kind, parameters: cursor.parameters(None) })
    }

    /// The type, in lower case: `attachment`, `inline`, `form-data`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether it is to be saved: any type but `inline` ([§4.2](https://www.rfc-editor.org/rfc/rfc6266#section-4.2)).
    #[must_use]
    pub fn is_attachment(&self) -> bool {
        self.kind != "inline"
    }

    /// A parameter: the first of this name, in any case. One in the extended form, `filename*`, is found as `filename`, and
    /// goes before the plain one ([RFC 8187](https://www.rfc-editor.org/rfc/rfc8187)).
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        parameter(&self.parameters, name)
    }

    /// The name, by `filename*` or `filename`, as the server sent it.
    ///
    /// Never save to it: it may be a path, `..` among its segments. [`safe_filename`](Self::safe_filename) is for that.
    #[must_use]
    pub fn filename(&self) -> Option<&str> {
        self.parameter("filename")
    }

    /// A name that stays within the folder that it is joined to, on every system; `None` if nothing is left of the
    /// server's ([RFC 6266 §4.3](https://www.rfc-editor.org/rfc/rfc6266#section-4.3)).
    ///
    /// It is what stands after the last `/` or `\`, without control characters and those that turn the direction of text,
    /// without dots and spaces at its ends (a hidden file is not a server's to make), with `_` in the place of
    /// `< > : " | ? *` and before a name that is a device on Windows, and of 200 octets at most, its extension kept.
    #[must_use]
    pub fn safe_filename(&self) -> Option<String> {
        safe_name::of(self.filename()?)
    }
}

/// The type only: a name may be secret.
impl fmt::Debug for ContentDisposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentDisposition").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Response {
    /// What the server would have done with the body, by `Content-Disposition`; `None` without a valid one.
    ///
    /// ```no_run
    /// # async fn example(response: sortie::Response) -> Result<(), sortie::Error> {
    /// let name = response.content_disposition().and_then(|disposition| disposition.safe_filename());
    /// response.save_to(std::path::Path::new("downloads").join(name.unwrap_or("unnamed".into()))).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn content_disposition(&self) -> Option<ContentDisposition> {
        ContentDisposition::parse(self.headers().get(CONTENT_DISPOSITION)?.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Named after the cases of greenbytes' conformance tests for RFC 6266 (tc2231); what they leave to the client is decided
    // as Chromium does it, but for quoted extended values, which are read.
    #[test]
    fn names_are_read_as_rfc_6266_says() {
        for (case, field, filename) in [
            ("inlonly", &b"inline"[..], None),
            ("inlwithasciifilename", b"inline; filename=\"foo.html\"", Some("foo.html")),
            ("attonlyucase", b"ATTACHMENT", None),
            ("attwithfnescapedchar", b"attachment; filename=\"f\\oo.html\"", Some("foo.html")),
            (
                "attwithfnescapedquote",
                b"attachment; filename=\"\\\"quoting\\\" tested.html\"",
                Some("\"quoting\" tested.html"),
            ),
            (
                "attwithquotedsemicolon",
                b"attachment; filename=\"Here's a semicolon;.html\"",
                Some("Here's a semicolon;.html"),
            ),
            ("attwithfilenameandextparam", b"attachment; foo=\"\\\"\\\\\";filename=\"foo.html\"", Some("foo.html")),
            ("attwithasciifilenameucase", b"attachment; FILENAME=\"foo.html\"", Some("foo.html")),
            ("attwithfntoken", b"attachment; filename=foo.html", Some("foo.html")),
            ("attwithfntokensq", b"attachment; filename='foo.bar'", Some("'foo.bar'")),
            ("attwithtokfncommanq", b"attachment; filename=foo,bar.html", Some("foo,bar.html")),
            ("attfnbrokentoken", b"attachment; filename=foo[1](2).html", Some("foo[1](2).html")),
            ("attwithasciifilenamenqws", b"attachment; filename=foo bar.html ;x=y", Some("foo bar.html")),
            ("attwithisofnplain", b"attachment; filename=\"foo-\xE4.html\"", Some("foo-\u{e4}.html")),
            ("attwithutf8fnplain", b"attachment; filename=\"foo-\xC3\xA4.html\"", Some("foo-\u{e4}.html")),
            ("attwithfnrawpctenca", b"attachment; filename=\"foo-%41.html\"", Some("foo-%41.html")),
            (
                "attrfc2047quoted",
                b"attachment; filename=\"=?ISO-8859-1?Q?foo-=E4.html?=\"",
                Some("=?ISO-8859-1?Q?foo-=E4.html?="),
            ),
            ("attwithnamepct", b"attachment; name=\"foo.html\"", None),
            ("attwithisofn2231iso", b"attachment; filename*=iso-8859-1''foo-%E4.html", Some("foo-\u{e4}.html")),
            (
                "attwithfn2231utf8",
                b"attachment; filename*=UTF-8''foo-%c3%a4-%e2%82%ac.html",
                Some("foo-\u{e4}-\u{20ac}.html"),
            ),
            ("attwithfn2231noc", b"attachment; filename*=''foo-%c3%a4-%e2%82%ac.html", None),
            ("attwithfn2231utf8-bad", b"attachment; filename*=utf-8''foo-%E4.html", None),
            ("attwithfn2231ws2", b"attachment; filename*= UTF-8''foo-%c3%a4.html", Some("foo-\u{e4}.html")),
            ("attwithfn2231ws1", b"attachment; filename *=UTF-8''foo-%c3%a4.html", None),
            ("attwithfn2231quot", b"attachment; filename*=\"UTF-8''foo-%c3%a4.html\"", Some("foo-\u{e4}.html")),
            ("attwithfn2231abspathdisguised", b"attachment; filename*=UTF-8''%5cfoo.html", Some("\\foo.html")),
            ("attfncont", b"attachment; filename*0=\"foo.\"; filename*1=\"html\"", None),
            (
                "attfnboth",
                b"attachment; filename=\"foo-ae.html\"; filename*=UTF-8''foo-%c3%a4.html",
                Some("foo-\u{e4}.html"),
            ),
            (
                "attfnboth2",
                b"attachment; filename*=UTF-8''foo-%c3%a4.html; filename=\"foo-ae.html\"",
                Some("foo-\u{e4}.html"),
            ),
            ("attwith2filenames", b"attachment; filename=\"foo.html\"; filename=\"bar.html\"", Some("foo.html")),
            ("attbrokenquotedfn2", b"attachment; filename=\"bar", Some("bar")),
            ("attmissingdelim", b"attachment; foo=foo filename=bar", None),
        ] {
            let disposition = ContentDisposition::parse(field).unwrap();
            assert_eq!(disposition.filename(), filename, "{case}");
            assert_eq!(disposition.is_attachment(), !field.starts_with(b"inline"), "{case}");
        }
        for field in
            [&b""[..], b"filename=foo.html", b"\"attachment\"; filename=x", b"; filename=x", b"a b; filename=x"]
        {
            assert!(ContentDisposition::parse(field).is_none(), "{}", field.escape_ascii());
        }
    }

    #[test]
    fn its_parameters_are_there_and_debug_shows_no_name() {
        let disposition = ContentDisposition::parse(b"Form-Data; Name=\"secret\"; size=7").unwrap();
        assert_eq!((disposition.kind(), disposition.parameter("NAME")), ("form-data", Some("secret")));
        assert_eq!(disposition.safe_filename(), None);
        assert!(!format!("{disposition:?}").contains("secret"));
    }
}
