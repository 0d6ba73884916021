//! Where a request went, and where a `Location` leads from there.

use std::borrow::Cow;

use http::header::HeaderValue;
use http::uri::{Parts, PathAndQuery};
use http::{Extensions, Uri};
use percent_encoding::{AsciiSet, percent_encode};
use url::Url;

use super::{Fragment, InvalidLocation};

/// The base of a request in origin-form (`/path`), which does not say which server it is for. No server can have this
/// name ([RFC 2606 §2](https://www.rfc-editor.org/rfc/rfc2606#section-2)).
const NO_SERVER: &str = "http://origin-form.invalid";

/// The target of a request, as a URL without userinfo.
#[derive(Clone, Debug)]
pub(super) struct Place {
    url: Url,
    origin_form: bool,
}

impl Place {
    /// Where the request of this URI and these extensions goes.
    pub(super) fn of(uri: &Uri, extensions: &Extensions) -> Result<Self, InvalidLocation> {
        let origin_form = uri.scheme().is_none();
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let text = match (origin_form, path.starts_with('/')) {
            (true, true) => format!("{NO_SERVER}{path}"),
            // `OPTIONS *`, and a `CONNECT` to an authority.
            (true, false) => format!("{NO_SERVER}/"),
            (false, _) => uri.to_string(),
        };
        let mut url = Url::parse(&text).map_err(|error| InvalidLocation::base(error.into()))?;
        strip_userinfo(&mut url);
        url.set_fragment(extensions.get().map(Fragment::as_str));
        Ok(Self { url, origin_form })
    }

    /// Where `location` leads, by the URL standard.
    ///
    /// Userinfo in it is dropped, and the fragment is inherited if it has none
    /// ([RFC 9110 §10.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.2)).
    pub(super) fn resolve(&self, location: &HeaderValue) -> Result<Self, InvalidLocation> {
        let location = text(location.as_bytes());
        let mut url = self.url.join(&location).map_err(|error| InvalidLocation::target(error.into()))?;
        let origin_form = self.origin_form && is_relative(&location);
        if origin_form && !same_origin(&url, &self.url) {
            return Err(InvalidLocation::scheme_relative());
        }
        strip_userinfo(&mut url);
        if url.fragment().is_none() {
            url.set_fragment(self.url.fragment());
        }
        Ok(Self { url, origin_form })
    }

    /// Another place to go to instead, from where this one was seen. It stays in origin-form if `url` has the origin of
    /// this place.
    pub(super) fn replaced_by(&self, mut url: Url) -> Self {
        strip_userinfo(&mut url);
        let origin_form = self.origin_form && same_origin(&url, &self.url);
        Self { url, origin_form }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn into_url(self) -> Url {
        self.url
    }

    /// Whether `to` has the scheme, host and port of this.
    pub(super) fn has_origin_of(&self, to: &Self) -> bool {
        same_origin(&self.url, &to.url)
    }

    pub(super) fn fragment(&self) -> Option<Fragment> {
        self.url.fragment().map(Fragment::new)
    }

    /// The URI to send: no fragment, no userinfo, absolute unless the server is unknown.
    pub(super) fn uri(&self) -> Result<Uri, InvalidLocation> {
        let invalid = |error: http::Error| InvalidLocation::target(error.into());
        if !self.origin_form {
            let text = self.url.as_str();
            let text = text.split_once('#').map_or(text, |(text, _)| text);
            return Uri::try_from(text).map_err(|error| invalid(error.into()));
        }
        let mut parts = Parts::default();
        let path = match self.url.query() {
            Some(query) => Cow::Owned(format!("{}?{query}", self.url.path())),
            None => Cow::Borrowed(self.url.path()),
        };
        parts.path_and_query = Some(PathAndQuery::try_from(&*path).map_err(|error| invalid(error.into()))?);
        Uri::from_parts(parts).map_err(|error| invalid(error.into()))
    }

    /// The `Referer` for a request to `to`, by the policy `strict-origin-when-cross-origin`
    /// ([Referrer Policy §8.3](https://www.w3.org/TR/referrer-policy/#determine-requests-referrer)); `None` if nothing
    /// may be told.
    pub(super) fn referer(&self, to: &Self) -> Option<HeaderValue> {
        if self.origin_form || !is_web(&self.url) || !is_web(&to.url) {
            return None;
        }
        let mut referer = self.url.clone();
        referer.set_fragment(None);
        if !self.has_origin_of(to) {
            if self.url.scheme() == "https" && to.url.scheme() != "https" {
                return None;
            }
            referer.set_path("/");
            referer.set_query(None);
        }
        HeaderValue::try_from(referer.as_str()).ok()
    }
}

/// A `Location` as text, for the URL parser.
///
/// Octets beyond ASCII are UTF-8, as browsers read them; where they are not, each of them stands for itself,
/// percent-encoded. The Fetch standard leaves it open ([#883](https://github.com/whatwg/fetch/issues/883)); the
/// web-platform-tests (`fetch/api/redirect/redirect-location-escape`) want `%FF` for the octet 0xFF.
fn text(location: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(location) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => percent_encode(location, &AsciiSet::EMPTY).into(),
    }
}

fn is_relative(location: &str) -> bool {
    matches!(Url::parse(location), Err(url::ParseError::RelativeUrlWithoutBase))
}

/// `Url::origin` has none for schemes that the URL standard does not know.
fn same_origin(a: &Url, b: &Url) -> bool {
    (a.scheme(), a.host_str(), a.port_or_known_default()) == (b.scheme(), b.host_str(), b.port_or_known_default())
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

fn strip_userinfo(url: &mut Url) {
    // They fail only where there is no host and so no userinfo.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(base: &str, location: &[u8]) -> String {
        let (base, fragment) = base.split_once('#').map_or((base, None), |(base, f)| (base, Some(Fragment::new(f))));
        let mut extensions = Extensions::new();
        if let Some(fragment) = fragment {
            extensions.insert(fragment);
        }
        let place = Place::of(&base.parse().unwrap(), &extensions).unwrap();
        match place.resolve(&HeaderValue::from_bytes(location).unwrap()) {
            Ok(to) => match (to.uri(), to.fragment()) {
                (Ok(uri), Some(fragment)) => format!("{uri} #{}", fragment.as_str()),
                (Ok(uri), None) => uri.to_string(),
                (Err(error), _) => format!("error: {error}"),
            },
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn a_location_is_resolved_as_browsers_do() {
        for (base, location, expected) in [
            ("http://a/b/c?q", "d", "http://a/b/d"),
            ("http://a/b/c?q", "/d?e", "http://a/d?e"),
            ("http://a/b/c?q", "?e", "http://a/b/c?e"),
            ("http://a/b/c", "../../../d/./e/%2e%2e/f", "http://a/d/f"),
            ("https://a/b", "//c/d", "https://c/d"),
            ("http://a/b", "HTTPS://C:443/d", "https://c/d"),
            ("http://a/b", "http:d", "http://a/d"),
            ("http://a/b", "http:///d/e", "http://d/e"),
            ("http://a/b", "\\d\\e", "http://a/d/e"),
            ("http://a/b", "/\\c/d", "http://c/d"),
            ("http://a/b", "/d e", "http://a/d%20e"),
            ("http://a/b", "/\td", "http://a/d"),
            ("http://a/b", "/ä?x=☃", "http://a/%C3%A4?x=%E2%98%83"),
            ("http://a/b", "http://bücher.example/", "http://xn--bcher-kva.example/"),
            // Malformed escapes do not change the good ones beside them.
            ("http://a/b", "/%7e/%2F%zz", "http://a/%7e/%2F%zz"),
            ("http://a/b", "http://u:secret@a/d", "http://a/d"),
            ("http://u:secret@a/b", "d", "http://a/d"),
            ("http://[::1]:81/b", "/d", "http://[::1]:81/d"),
            ("http+unix://2f72756e/b/c", "d", "http+unix://2f72756e/b/d"),
            ("http://a/b", "http://a:99999/", "error: the redirect's Location is not a valid URL"),
            ("http://a/b", "http://[::1/", "error: the redirect's Location is not a valid URL"),
            ("http://a/b", "http://", "error: the redirect's Location is not a valid URL"),
        ] {
            assert_eq!(resolve(base, location.as_bytes()), expected, "{base} -> {location}");
        }
    }

    // The cases of the web-platform-tests' redirect-location-escape, and what they leave out.
    #[test]
    fn octets_that_are_not_utf8_stand_for_themselves() {
        for (location, expected) in [
            (&b"top.txt?%E2%98%83%e2%98%83"[..], "http://a/top.txt?%E2%98%83%e2%98%83"),
            (b"top.txt?\xe2\x98\x83", "http://a/top.txt?%E2%98%83"),
            (b"top.txt?\xe2\x98\x83%e2%98%83", "http://a/top.txt?%E2%98%83%e2%98%83"),
            (b"top.txt?%\xe2\x98\x83", "http://a/top.txt?%%E2%98%83"),
            (b"top.txt?\xff", "http://a/top.txt?%FF"),
            (b"/\xe9t\xe9?\xe2\x98\x83#\xff", "http://a/%E9t%E9?%E2%98%83 #%FF"),
            (b"http://b\xc3\xbccher.example/\xe9", "http://xn--bcher-kva.example/%E9"),
            (b"http://\xe9.example/", "error: the redirect's Location is not a valid URL"),
        ] {
            assert_eq!(resolve("http://a/b", location), expected, "{}", location.escape_ascii());
        }
    }

    #[test]
    fn every_octet_that_a_header_may_have_leads_to_a_uri() {
        for octet in (0x20..=0xff).chain([b'\t']).filter(|octet| *octet != 0x7f) {
            let location = [b"/p", &[octet][..], b"q?r", &[octet], b"s#t", &[octet], b"u"].concat();
            let to = resolve("http://a/b", &location);
            assert!(to.starts_with("http://a/p"), "{}: {to}", location.escape_ascii());
        }
    }

    #[test]
    fn a_fragment_is_inherited_or_replaced_and_not_in_the_uri() {
        for (base, location, expected) in [
            ("http://a/b#f", "/d", "http://a/d #f"),
            ("http://a/b#f", "/d#g", "http://a/d #g"),
            ("http://a/b#f", "/d#", "http://a/d #"),
            ("http://a/b", "#g", "http://a/b #g"),
            ("http://a/b", "/d", "http://a/d"),
        ] {
            assert_eq!(resolve(base, location.as_bytes()), expected, "{base} -> {location}");
        }
    }

    #[test]
    fn a_request_in_origin_form_stays_so_while_locations_are_relative() {
        for (base, location, expected) in [
            ("/b/c?q", "d", "/b/d"),
            ("/b/c?q", "?e", "/b/c?e"),
            ("//b/c", "d", "//b/d"),
            ("*", "d", "/d"),
            ("/b", "http://c/d", "http://c/d"),
            ("/b", "http://origin-form.invalid/d", "http://origin-form.invalid/d"),
        ] {
            assert_eq!(resolve(base, location.as_bytes()), expected, "{base} -> {location}");
        }
        assert!(resolve("/b", b"//c/d").starts_with("error: "));
    }

    #[test]
    fn a_referer_tells_a_foreign_origin_no_path_and_a_downgrade_nothing() {
        for (from, to, referer) in [
            ("http://a/b?c", "http://a/d", Some("http://a/b?c")),
            ("https://a/b?c", "https://d/", Some("https://a/")),
            ("http://a/b?c", "https://a/", Some("http://a/")),
            ("https://u:secret@a:81/b", "https://d/", Some("https://a:81/")),
            ("https://a/b", "http://a/", None),
            ("http+unix://2f/b", "http://a/", None),
            ("/b", "/d", None),
        ] {
            let place = |uri: &str| Place::of(&uri.parse().unwrap(), &Extensions::new()).unwrap();
            let value = place(from).referer(&place(to));
            assert_eq!(value.as_ref().map(|value| value.to_str().unwrap()), referer, "{from} -> {to}");
        }
    }
}
