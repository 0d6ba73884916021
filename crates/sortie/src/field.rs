//! What fields with parameters have in common: `Link`, `Content-Disposition`.

use std::borrow::Cow;
use std::collections::HashSet;

use percent_encoding::percent_decode_str;

/// A field's value as text: UTF-8 if it is that, else Latin-1, which is what HTTP once had.
pub(crate) fn text(value: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(value) {
        Ok(text) => text.into(),
        Err(_) => value.iter().copied().map(char::from).collect::<String>().into(),
    }
}

/// What is left to read of a field's value. Every character is looked at once.
#[derive(Debug)]
pub(crate) struct Cursor<'a>(pub(crate) &'a str);

impl<'a> Cursor<'a> {
    pub(crate) fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    /// Whether `c` comes next; it is skipped then.
    pub(crate) fn eat(&mut self, c: char) -> bool {
        let rest = self.0.strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// All before the first of `stops`, or the end.
    pub(crate) fn until(&mut self, stops: &[char]) -> &'a str {
        let (found, rest) = self.0.split_at(self.0.find(stops).unwrap_or(self.0.len()));
        self.0 = rest;
        found
    }

    /// A quoted string, of which the first quote has been read. The end of the field ends it as well.
    fn quoted(&mut self) -> String {
        let mut value = String::new();
        loop {
            value.push_str(self.until(&['"', '\\']));
            if self.eat('"') || self.0.is_empty() {
                return value;
            }
            // A backslash, and what it stands before.
            self.eat('\\');
            let mut rest = self.0.chars();
            value.extend(rest.next());
            self.0 = rest.as_str();
        }
    }

    /// The parameters that come next, each after a `;`, up to `end` or what is none
    /// ([RFC 8288 B.3](https://www.rfc-editor.org/rfc/rfc8288#appendix-B.3)): names in lower case, values without
    /// their quotes.
    ///
    /// A parameter in the extended form (`title*`) has the plain one's name, and takes its place; one that cannot be
    /// decoded is left out.
    pub(crate) fn parameters(&mut self, end: Option<char>) -> Vec<(String, String)> {
        let end = end.unwrap_or(';');
        let (mut plain, mut extended) = (Vec::new(), Vec::new());
        loop {
            self.skip_space();
            if !self.eat(';') {
                break;
            }
            self.skip_space();
            let name = self.until(&['=', ';', end]).trim_end_matches([' ', '\t']).to_ascii_lowercase();
            let mut value = String::new();
            if self.eat('=') {
                self.skip_space();
                value = if self.eat('"') {
                    let value = self.quoted();
                    // What stands between the quote and the next parameter belongs to none.
                    self.until(&[';', end]);
                    value
                } else {
                    self.until(&[';', end]).trim_end_matches([' ', '\t']).to_owned()
                };
            }
            match name.strip_suffix('*') {
                _ if name.is_empty() => {}
                Some(base) => extended.extend(extended_value(&value).map(|value| (base.to_owned(), value))),
                None => plain.push((name, value)),
            }
        }
        let replaced: HashSet<&str> = extended.iter().map(|(name, _): &(String, _)| name.as_str()).collect();
        plain.retain(|(name, _): &(String, _)| !replaced.contains(name.as_str()));
        extended.append(&mut plain);
        extended
    }
}

/// The value of the first parameter of this name.
pub(crate) fn parameter<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// `UTF-8'en'%e2%82%ac%20rates` ([RFC 8187 §3.2.1](https://www.rfc-editor.org/rfc/rfc8187#section-3.2.1)), and in the
/// Latin-1 of its predecessor.
fn extended_value(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    let octets = percent_decode_str(encoded);
    if charset.eq_ignore_ascii_case("utf-8") {
        octets.decode_utf8().ok().map(Cow::into_owned)
    } else {
        charset.eq_ignore_ascii_case("iso-8859-1").then(|| octets.map(char::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_they_are_written() {
        let pairs = |all: &[(&str, &str)]| -> Vec<(String, String)> {
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        for (field, expected, rest) in [
            ("", &[][..], ""),
            ("; a=1;B = \"x;,y\" ;c", &[("a", "1"), ("b", "x;,y"), ("c", "")], ""),
            (";a=1, b=2", &[("a", "1")], ", b=2"),
            (r#";a="q\"\\uote""#, &[("a", r#"q"\uote"#)], ""),
            (r#";a="no end, not ever"#, &[("a", "no end, not ever")], ""),
            (r#";a="\"#, &[("a", "")], ""),
            (";a=\"1\"junk;b=2", &[("a", "1"), ("b", "2")], ""),
            (";;=x;a", &[("a", "")], ""),
            (";a=1;a*=UTF-8'en'%e2%82%ac;a=2", &[("a", "\u{20ac}")], ""),
            (";a=1;a*=UTF-8''%ff", &[("a", "1")], ""),
            (";b=1;a=2;b*=UTF-8''3;c=4;B*=UTF-8''5", &[("b", "3"), ("b", "5"), ("a", "2"), ("c", "4")], ""),
            (";a*=iso-8859-1''%a3;b*=koi8-r''%f0;c*=nothing", &[("a", "\u{a3}")], ""),
            (";a*=\"utf-8''b%20c\"", &[("a", "b c")], ""),
        ] {
            let mut cursor = Cursor(field);
            assert_eq!(cursor.parameters(Some(',')), pairs(expected), "{field}");
            assert_eq!(cursor.0, rest, "{field}");
        }
        assert_eq!(Cursor(";a=1, 2;b").parameters(None), pairs(&[("a", "1, 2"), ("b", "")]));
    }

    #[test]
    fn fields_are_utf_8_else_latin_1() {
        assert_eq!(text("\u{e9}".as_bytes()), "\u{e9}");
        assert_eq!(text(b"\xE9\x80"), "\u{e9}\u{80}");
    }
}
