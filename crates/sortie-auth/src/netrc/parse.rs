//! The words of a `.netrc`, and what they say.

use super::error::{NetrcError, What};
use super::table::{Entry, Table};

const UNKNOWN: &str = "a word that is none of machine, default, login, user, password, account and macdef \
                       (white space in a name or password? put it in quotes)";
const STRAY: &str = "it belongs to no machine: machine or default must come before it";

pub(super) fn parse(text: &str) -> Result<Table, NetrcError> {
    let mut words = Words::new(text);
    let mut entries: Vec<(Option<String>, Entry)> = Vec::new();
    while let Some(keyword) = words.keyword()? {
        let keyword = keyword.to_ascii_lowercase();
        match &*keyword {
            "machine" => match words.value()? {
                Some(host) if !host.is_empty() => entries.push((Some(host), Entry::default())),
                _ => return Err(words.wrong("machine without a host")),
            },
            "default" => entries.push((None, Entry::default())),
            "macdef" => {
                words.value()?;
                words.skip_macro();
            }
            "login" | "user" | "password" | "account" => {
                let Some((_, entry)) = entries.last_mut() else { return Err(words.wrong(STRAY)) };
                let Some(value) = words.value()? else { return Err(words.wrong("the text ends before the value")) };
                match &*keyword {
                    "password" => entry.password = value,
                    "account" => {}
                    _ => entry.login = value,
                }
            }
            _ => return Err(words.wrong(UNKNOWN)),
        }
    }
    Ok(Table::of(entries))
}

/// What is left of the text.
struct Words<'a> {
    rest: &'a str,
    /// That of the word that was read last.
    line: usize,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 }
    }

    fn wrong(&self, what: &'static str) -> NetrcError {
        NetrcError::new(What::Syntax(what)).line_is(self.line)
    }

    fn take(&mut self) -> Option<char> {
        let taken = self.rest.chars().next()?;
        self.rest = &self.rest[taken.len_utf8()..];
        self.line += usize::from(taken == '\n');
        Some(taken)
    }

    fn skip_space(&mut self) {
        while self.rest.starts_with(|next: char| next.is_ascii_whitespace()) {
            self.take();
        }
    }

    /// Up to the end of the line, without it.
    fn rest_of_line(&mut self) -> &'a str {
        let line = self.rest.split('\n').next().unwrap_or_default();
        self.rest = &self.rest[line.len()..];
        line
    }

    /// The next word where a keyword may stand, and so a comment too.
    fn keyword(&mut self) -> Result<Option<String>, NetrcError> {
        loop {
            self.skip_space();
            if !self.rest.starts_with('#') {
                return self.value();
            }
            self.rest_of_line();
        }
    }

    /// The next word, whatever it is.
    fn value(&mut self) -> Result<Option<String>, NetrcError> {
        self.skip_space();
        match self.rest.chars().next() {
            None => Ok(None),
            Some('"') => self.quoted().map(Some),
            Some(_) => self.plain().map(Some),
        }
    }

    fn plain(&mut self) -> Result<String, NetrcError> {
        let mut word = String::new();
        while !self.rest.is_empty() && !self.rest.starts_with(|next: char| next.is_ascii_whitespace()) {
            match self.take() {
                Some('\\') => word.push(self.escaped()?),
                other => word.extend(other),
            }
        }
        Ok(word)
    }

    fn quoted(&mut self) -> Result<String, NetrcError> {
        let opened = self.line;
        let mut word = String::new();
        self.take();
        loop {
            match self.take() {
                Some('"') => break,
                Some('\\') => word.push(match self.escaped()? {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    other => other,
                }),
                Some(other) => word.push(other),
                None => return Err(NetrcError::new(What::Syntax("a quote without its end")).line_is(opened)),
            }
        }
        if self.rest.is_empty() || self.rest.starts_with(|next: char| next.is_ascii_whitespace()) {
            Ok(word)
        } else {
            Err(self.wrong("white space must follow the end of a quote (a quote in it is written \\\")"))
        }
    }

    /// What a backslash stands before. The end of a line is most likely no part of a password that ends in a backslash.
    fn escaped(&mut self) -> Result<char, NetrcError> {
        if self.rest.starts_with(['\n', '\r']) {
            return Err(self.wrong("a backslash at the end of the line (one that is meant is written \\\\)"));
        }
        self.take().ok_or_else(|| self.wrong("a backslash at the end of the text"))
    }

    /// The lines of a macro, up to a blank one.
    fn skip_macro(&mut self) {
        self.rest_of_line();
        while self.take().is_some() {
            if self.rest_of_line().trim().is_empty() {
                return;
            }
        }
    }
}
