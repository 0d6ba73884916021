//! A public suffix list that is read at run time.

use std::collections::HashMap;
use std::fmt;

use crate::PublicSuffixes;

/// A list in the format of `public_suffix_list.dat`, for one that is newer than the compiled-in [`PslSuffixes`], and for
/// rules of one's own: both are text, and texts can be joined.
///
/// Rules may be written in Unicode. Both sections of the list, ICANN's and the private one, count. What no rule matches
/// is under the rule `*`: a single label is a public suffix. A look-up takes the labels of the domain.
///
/// [`PslSuffixes`]: crate::PslSuffixes
///
/// ```
/// use sortie_cookies::{Jar, JarOptions, PublicSuffixes, SuffixList};
///
/// let mine = "// Each tenant has its own.\ntenants.internal\n*.sandbox.internal\n!shared.sandbox.internal\n";
/// let list = SuffixList::parse(mine)?;
/// assert!(list.is_public_suffix("tenants.internal"));
/// assert!(list.is_public_suffix("anyone.sandbox.internal"));
/// assert!(!list.is_public_suffix("shared.sandbox.internal"));
/// let jar = Jar::with_options(JarOptions::default().public_suffixes(list));
/// # Ok::<_, sortie_cookies::SuffixListError>(())
/// ```
#[derive(Clone, Default)]
pub struct SuffixList {
    rules: HashMap<Box<str>, Rules>,
}

/// Which kinds of rule there are for one domain: itself, `*.` before it, `!` before it.
#[derive(Clone, Copy, Default)]
struct Rules {
    exact: bool,
    wildcard: bool,
    exception: bool,
}

impl SuffixList {
    /// Reads a list, in time linear in its length: one rule per line, up to the first white space; `//` begins a comment.
    ///
    /// # Errors
    ///
    /// [`SuffixListError`] for a line that is no rule. It is not skipped, for each missing rule opens a suffix.
    pub fn parse(text: &str) -> Result<Self, SuffixListError> {
        let mut list = Self::default();
        for (number, line) in (1..).zip(text.trim_start_matches('\u{FEFF}').lines()) {
            let rule = line.split_whitespace().next().unwrap_or_default();
            if !rule.is_empty() && !rule.starts_with("//") {
                list.add(rule).ok_or(SuffixListError { line: number })?;
            }
        }
        Ok(list)
    }

    fn add(&mut self, rule: &str) -> Option<()> {
        if rule == "*" {
            return Some(());
        }
        let (exception, rule) = rule.strip_prefix('!').map_or((false, rule), |rest| (true, rest));
        let (wildcard, rule) = rule.strip_prefix("*.").map_or((false, rule), |rest| (true, rest));
        // Other lists begin rules with a dot. Host names are under the IDNA rules of URLs.
        let Ok(url::Host::Domain(domain)) = url::Host::parse(rule.strip_prefix('.').unwrap_or(rule)) else {
            return None;
        };
        if (exception && wildcard) || domain.contains('*') || domain.split('.').any(str::is_empty) {
            return None;
        }
        let rules = self.rules.entry(domain.into()).or_default();
        match (exception, wildcard) {
            (true, _) => rules.exception = true,
            (_, true) => rules.wildcard = true,
            _ => rules.exact = true,
        }
        Some(())
    }

    /// The public suffix of a name without a final dot: the parent of an exception, else the longest that a rule names,
    /// else the last label.
    fn suffix<'d>(&self, name: &'d str) -> &'d str {
        let mut longest = None;
        let (mut domain, mut child) = (name, None);
        loop {
            let rules = self.rules.get(domain).copied().unwrap_or_default();
            let parent = domain.split_once('.').map(|(_, parent)| parent);
            if rules.exception {
                return parent.unwrap_or(domain);
            }
            if rules.wildcard {
                longest = longest.or(child);
            }
            if rules.exact {
                longest = longest.or(Some(domain));
            }
            let Some(parent) = parent else { return longest.unwrap_or(domain) };
            child = Some(domain);
            domain = parent;
        }
    }
}

impl PublicSuffixes for SuffixList {
    fn is_public_suffix(&self, domain: &str) -> bool {
        let name = domain.strip_suffix('.').unwrap_or(domain);
        self.suffix(name).len() == name.len()
    }

    fn registrable_domain<'d>(&self, host: &'d str) -> &'d str {
        let name = host.strip_suffix('.').unwrap_or(host);
        let above = name.len() - self.suffix(name).len();
        // Without the dot before the suffix; and nothing is before it if the host is one.
        let start = above.checked_sub(1).and_then(|dot| name[..dot].rfind('.')).map_or(0, |dot| dot + 1);
        &host[start..]
    }
}

impl fmt::Debug for SuffixList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SuffixList").field("domains", &self.rules.len()).finish_non_exhaustive()
    }
}

/// A line of a public suffix list that is no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SuffixListError {
    /// The line, the first being 1.
    pub line: usize,
}

impl fmt::Display for SuffixListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the public suffix list is no rule", self.line)
    }
}

impl std::error::Error for SuffixListError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PslSuffixes;

    /// Rules of each kind, some of the real list.
    const LIST: &str = "\u{FEFF}// ===BEGIN ICANN DOMAINS===\n\
        com\n\
        jp   // what follows white space is no part of a rule\n\
        ac.jp\r\n\
        kyoto.jp\n\
        ide.kyoto.jp\n\
        *.kobe.jp\n\
        !city.kobe.jp\n\
        *.ck\n\
        !www.ck\n\
        uk\n\
        co.uk\n\
        \n\
        cn\n\
        公司.cn\n\
        中国\n\
        \t// ===BEGIN PRIVATE DOMAINS===\n\
        blogspot.com\n\
        *.compute.example.com\n\
        *\n";

    // The algorithm at publicsuffix.org/list: what `LIST` has and what it has not.
    #[test]
    fn the_longest_rule_counts_unless_there_is_an_exception() {
        let list = SuffixList::parse(LIST).unwrap();
        for (host, suffix, registrable) in [
            ("com", "com", "com"),
            ("example.com", "com", "example.com"),
            ("b.example.com", "com", "example.com"),
            ("unlisted", "unlisted", "unlisted"),
            ("example.unlisted", "unlisted", "example.unlisted"),
            ("a.b.example.unlisted", "unlisted", "example.unlisted"),
            ("jp", "jp", "jp"),
            ("test.jp", "jp", "test.jp"),
            ("ac.jp", "ac.jp", "ac.jp"),
            ("www.test.ac.jp", "ac.jp", "test.ac.jp"),
            ("ide.kyoto.jp", "ide.kyoto.jp", "ide.kyoto.jp"),
            ("a.b.ide.kyoto.jp", "ide.kyoto.jp", "b.ide.kyoto.jp"),
            ("other.kyoto.jp", "kyoto.jp", "other.kyoto.jp"),
            ("kobe.jp", "jp", "kobe.jp"),
            ("c.kobe.jp", "c.kobe.jp", "c.kobe.jp"),
            ("a.b.c.kobe.jp", "c.kobe.jp", "b.c.kobe.jp"),
            ("city.kobe.jp", "kobe.jp", "city.kobe.jp"),
            ("www.city.kobe.jp", "kobe.jp", "city.kobe.jp"),
            ("ck", "ck", "ck"),
            ("test.ck", "test.ck", "test.ck"),
            ("a.b.test.ck", "test.ck", "b.test.ck"),
            ("www.ck", "ck", "www.ck"),
            ("a.www.ck", "ck", "www.ck"),
            ("blogspot.com", "blogspot.com", "blogspot.com"),
            ("me.blogspot.com", "blogspot.com", "me.blogspot.com"),
            ("compute.example.com", "com", "example.com"),
            ("eu.compute.example.com", "eu.compute.example.com", "eu.compute.example.com"),
            ("xn--55qx5d.cn", "xn--55qx5d.cn", "xn--55qx5d.cn"),
            ("a.b.xn--55qx5d.cn", "xn--55qx5d.cn", "b.xn--55qx5d.cn"),
            ("xn--fiqs8s", "xn--fiqs8s", "xn--fiqs8s"),
        ] {
            assert_eq!(list.suffix(host), suffix, "{host}");
            for dot in ["", "."] {
                let (host, registrable) = (format!("{host}{dot}"), format!("{registrable}{dot}"));
                assert_eq!(list.is_public_suffix(&host), suffix.len() + dot.len() == host.len(), "{host}");
                assert_eq!(list.registrable_domain(&host), registrable, "{host}");
            }
        }
    }

    #[test]
    fn an_empty_list_knows_single_labels() {
        let list = SuffixList::parse("// nothing\n").unwrap();
        assert!(list.is_public_suffix("com"));
        assert!(!list.is_public_suffix("co.uk"));
        assert_eq!(list.registrable_domain(""), "");
    }

    #[test]
    fn a_line_that_is_no_rule_is_named() {
        for rule in ["a..b", "!*.a", "a.*.b", "a/b", "**", "127.0.0.1", "!", "*."] {
            assert_eq!(SuffixList::parse(&format!("com\n\n{rule}\nnet")).unwrap_err().line, 3, "{rule}");
        }
    }

    #[test]
    fn registrable_domains_are_those_of_the_compiled_list() {
        for (host, expected) in [
            ("a.b.example.co.uk", "example.co.uk"),
            ("a.city.kawasaki.jp", "city.kawasaki.jp"),
            ("a.other.kawasaki.jp.", "a.other.kawasaki.jp."),
            ("co.uk", "co.uk"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(PslSuffixes.registrable_domain(host), expected, "{host}");
        }
    }
}
