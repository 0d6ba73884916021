use std::fmt;

use serde_json::error::Category;

/// A body is not JSON, or not of the shape that was asked for.
///
/// Its text says where, and which field is missing. Unlike that of [`serde`](Self::serde), it repeats nothing of the
/// body, which may be a secret: errors are logged.
pub struct InvalidJson(serde_json::Error);

impl InvalidJson {
    pub(crate) fn new(error: serde_json::Error) -> Self {
        Self(error)
    }

    /// What `serde_json` says. Its text may quote the body.
    #[must_use]
    pub fn serde(&self) -> &serde_json::Error {
        &self.0
    }
}

impl fmt::Display for InvalidJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = (self.0.line(), self.0.column());
        let what = match self.0.classify() {
            Category::Eof => "the JSON ends too early",
            Category::Data => {
                let text = self.0.to_string();
                // The one message with a name in it that is the type's and not the body's.
                if text.starts_with("missing field `") {
                    return f.write_str(&text);
                }
                "the JSON has another shape than was asked for"
            }
            Category::Syntax | Category::Io => "the body is not JSON",
        };
        write!(f, "{what}, at line {line} column {column}")
    }
}

impl fmt::Debug for InvalidJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvalidJson({self})")
    }
}

impl std::error::Error for InvalidJson {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Token {
        #[expect(dead_code, reason = "never read")]
        id: u8,
    }

    #[test]
    fn the_text_says_what_is_wrong_and_quotes_nothing() {
        for (body, text) in [
            (r#""secret""#, "the JSON has another shape than was asked for, at line 1 column 8"),
            (r#"{"id": "secret"}"#, "the JSON has another shape than was asked for, at line 1 column 15"),
            (r#"{"secret": 1}"#, "the JSON has another shape than was asked for, at line 1 column 9"),
            ("{}", "missing field `id` at line 1 column 2"),
            (r#"{"id""#, "the JSON ends too early, at line 1 column 5"),
            ("<secret>", "the body is not JSON, at line 1 column 1"),
        ] {
            let error = InvalidJson::new(serde_json::from_str::<Token>(body).unwrap_err());
            assert_eq!(error.to_string(), text, "{body}");
            assert!(!format!("{error:?}").contains("secret"));
        }
    }
}
