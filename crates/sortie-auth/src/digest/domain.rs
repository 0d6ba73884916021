use http::Uri;
use http::uri::Scheme;
use sortie_core::Origin;

/// The beginning of the URIs of a protection space.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Prefix {
    origin: Option<Origin>,
    path: String,
}

/// What `domain` says, as the challenge of `origin`: all of the origin if it says nothing.
///
/// What is no absolute URI and no absolute path is left out, and so is another origin without TLS where the challenge
/// came over TLS: a response is not to be shown on the way there.
pub(super) fn prefixes(domain: &[u8], origin: Option<&Origin>) -> Vec<Prefix> {
    let domain = String::from_utf8_lossy(domain);
    let mut uris = domain.split_ascii_whitespace().peekable();
    if uris.peek().is_none() {
        return vec![Prefix { origin: origin.cloned(), path: "/".to_owned() }];
    }
    uris.filter_map(|uri| prefix(uri, origin)).collect()
}

fn prefix(uri: &str, origin: Option<&Origin>) -> Option<Prefix> {
    if uri.starts_with('/') && !uri.starts_with("//") {
        let path = uri.parse::<Uri>().ok()?.path().to_owned();
        return (!has_dots(&path)).then(|| Prefix { origin: origin.cloned(), path });
    }
    let absolute: Uri = match uri.strip_prefix("//") {
        Some(rest) => format!("{}://{rest}", origin?.scheme()).parse().ok()?,
        None => uri.parse().ok()?,
    };
    let named = Origin::of(&absolute)?;
    let is_downgrade =
        origin.is_some_and(|origin| origin.scheme() == &Scheme::HTTPS) && named.scheme() != &Scheme::HTTPS;
    let path = absolute.path().to_owned();
    (!is_downgrade && !has_dots(&path)).then_some(Prefix { origin: Some(named), path })
}

impl Prefix {
    /// Whether a URI begins with it, on the boundary of a segment.
    pub(super) fn covers(&self, uri: &Uri) -> bool {
        let is_of_origin = match &self.origin {
            Some(origin) => origin.is(uri),
            None => uri.authority().is_none(),
        };
        if !is_of_origin || self.path == "/" {
            return is_of_origin;
        }
        // Where dots lead is the server's to say.
        !has_dots(uri.path())
            && uri
                .path()
                .strip_prefix(&self.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/'))
    }

    pub(super) fn len(&self) -> usize {
        self.path.len()
    }
}

/// Whether a path has a segment of one or two dots, also with some of them percent-encoded.
fn has_dots(path: &str) -> bool {
    path.split('/').any(|segment| matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(challenged: &str, domain: &str, asked: &str) -> bool {
        let origin = Origin::of(&challenged.parse().unwrap());
        let asked: Uri = asked.parse().unwrap();
        prefixes(domain.as_bytes(), origin.as_ref()).iter().any(|prefix| prefix.covers(&asked))
    }

    #[test]
    fn without_a_domain_it_is_the_whole_origin_and_nothing_else() {
        for domain in ["", "  "] {
            for (asked, is_covered) in [
                ("http://a/", true),
                ("http://A:80/x/../y?q", true),
                ("https://a/", false),
                ("http://a:81/", false),
                ("http://b/", false),
                ("/x", false),
            ] {
                assert_eq!(covered("http://a/deep/down", domain, asked), is_covered, "{asked}");
            }
            assert!(covered("/deep", domain, "/x") && !covered("/deep", domain, "http://a/"));
        }
    }

    #[test]
    fn a_domain_is_a_list_of_beginnings_that_end_with_a_segment() {
        for (domain, asked, is_covered) in [
            ("/a", "http://a/a", true),
            ("/a", "http://a/a/b", true),
            ("/a", "http://a/a?b", true),
            ("/a", "http://a/ab", false),
            ("/a", "http://a/", false),
            ("/a/", "http://a/a/b", true),
            ("/a/", "http://a/a", false),
            ("/a?b", "http://a/a/c", true),
            ("/", "http://a/any/thing", true),
            ("/a", "http://a/a/../b", false),
            ("/a", "http://a/a/%2E%2e/b", false),
            ("/a", "http://a/a/.b/c..", true),
            ("/a", "http://b/a", false),
            ("/a  /b", "http://a/b/c", true),
            ("http://a/x http://b:81/y", "http://b:81/y/z", true),
            ("http://a/x http://b:81/y", "http://b/y", false),
            ("http://b", "http://b/any", true),
            ("https://a/", "https://a/x", true),
            ("//c/p", "http://c/p", true),
            // Neither absolute nor readable: nothing.
            ("a/b", "http://a/a/b", false),
            ("http://[", "http://a/", false),
            ("\u{e4}", "http://a/", false),
            ("/a/..", "http://a/", false),
        ] {
            assert_eq!(covered("http://a/a/x", domain, asked), is_covered, "{domain} {asked}");
        }
    }

    #[test]
    fn a_challenge_over_tls_is_not_for_servers_without() {
        assert!(covered("https://a/", "https://b/", "https://b/"));
        assert!(!covered("https://a/", "http://b/ http://a/", "http://b/"));
        assert!(!covered("https://a/", "http://b/ http://a/", "http://a/"));
    }
}
