/// Text that comes in pieces, cut into lines at LF, CR and CR LF (WHATWG), however the pieces are cut.
///
/// Each octet is looked at once, and each line moved once.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    text: String,
    /// Where the first line begins: those before it have been given out.
    start: usize,
    /// Up to where there is no line's end.
    scanned: usize,
    /// The last line ended with CR: an LF that comes next belongs to it.
    after_cr: bool,
}

impl LineBuffer {
    /// Where to append more text.
    pub(crate) fn text(&mut self) -> &mut String {
        // What was given out goes all at once, when nothing or little is left to move.
        if self.start > 0 && self.start * 2 >= self.text.len() {
            self.text.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        &mut self.text
    }

    /// The next line that has ended, without its end.
    pub(crate) fn next_line(&mut self) -> Option<&str> {
        if self.after_cr && self.start < self.text.len() {
            self.after_cr = false;
            if self.text.as_bytes()[self.start] == b'\n' {
                self.start += 1;
                self.scanned = self.scanned.max(self.start);
            }
        }
        let Some(at) = self.text.as_bytes()[self.scanned..].iter().position(|octet| matches!(octet, b'\n' | b'\r'))
        else {
            self.scanned = self.text.len();
            return None;
        };
        let (from, end) = (self.start, self.scanned + at);
        // The line is given out at its CR: what comes next may be long in coming.
        self.after_cr = self.text.as_bytes()[end] == b'\r';
        self.start = end + 1;
        self.scanned = self.start;
        Some(&self.text[from..end])
    }

    /// What stands after the last line's end, in octets.
    pub(crate) fn unfinished(&self) -> usize {
        self.text.len() - self.start
    }

    /// The last line, which has no end; `None` if there is none.
    pub(crate) fn rest(&mut self) -> Option<&str> {
        let from = std::mem::replace(&mut self.start, self.text.len());
        self.scanned = self.start;
        (from < self.start).then(|| &self.text[from..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&str]) -> Vec<String> {
        let (mut buffer, mut lines) = (LineBuffer::default(), Vec::new());
        for piece in pieces {
            buffer.text().push_str(piece);
            while let Some(line) = buffer.next_line() {
                lines.push(line.to_owned());
            }
        }
        lines.extend(buffer.rest().map(str::to_owned));
        assert_eq!(buffer.rest(), None);
        lines
    }

    #[test]
    fn lines_end_like_on_the_web_however_the_text_is_cut() {
        for (text, expected) in [
            ("", &[][..]),
            ("one", &["one"]),
            ("one\n", &["one"]),
            ("one\ntwo\r\nthree\rfour", &["one", "two", "three", "four"]),
            ("\n\n", &["", ""]),
            ("\r\n\r\n", &["", ""]),
            ("\r\r", &["", ""]),
            ("\n\r", &["", ""]),
            ("a\r\n\nb", &["a", "", "b"]),
            ("a\r\r\nb", &["a", "", "b"]),
            // Ends of lines for Python's `str.splitlines`, and so for requests, but not on the web.
            ("a\u{b}b\u{c}c\u{85}d\u{2028}e", &["a\u{b}b\u{c}c\u{85}d\u{2028}e"]),
        ] {
            let all: Vec<char> = text.chars().collect();
            for size in 1..=all.len().max(1) {
                let pieces: Vec<String> = all.chunks(size).map(|piece| piece.iter().collect()).collect();
                let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
                assert_eq!(lines(&pieces), expected, "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn a_line_is_given_out_at_its_cr_and_empty_pieces_change_nothing() {
        let mut buffer = LineBuffer::default();
        buffer.text().push_str("a\r");
        assert_eq!(buffer.next_line(), Some("a"));
        assert_eq!(buffer.next_line(), None);
        assert_eq!(buffer.unfinished(), 0);
        buffer.text().push_str("\nb");
        assert_eq!(buffer.next_line(), None);
        assert_eq!(buffer.unfinished(), 1);
        assert_eq!(buffer.rest(), Some("b"));
        assert_eq!(lines(&["a\r", "", "\n", "", "b"]), ["a", "b"]);
    }
}
