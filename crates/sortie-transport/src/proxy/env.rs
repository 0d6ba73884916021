use super::proxies::{Key, Proxies, Rule};
use super::proxy::Proxy;

impl Proxies {
    /// What the environment says: `HTTP_PROXY` for `http` origins, `HTTPS_PROXY` for `https` origins, `ALL_PROXY` for
    /// those without one of these, and `NO_PROXY` for [exceptions](Self::no_proxy).
    ///
    /// `lookup` reads a variable; nothing else is read. The name in lower case comes first, and an empty value is as
    /// none. `HTTP_PROXY` in upper case does not count where `REQUEST_METHOD` is set: in a CGI program it is what a client
    /// wrote into its `Proxy` header (httpoxy, CVE-2016-5385). A value that is no proxy is an error of the requests that
    /// would go by it, which names the variable and not the value.
    ///
    /// ```
    /// use sortie_transport::proxy::Proxies;
    ///
    /// let proxies = Proxies::from_env(|name| std::env::var(name).ok());
    /// # let _ = proxies;
    /// ```
    #[must_use]
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let is_cgi = lookup("REQUEST_METHOD").is_some();
        let mut proxies = Self::none();
        for (key, lower, upper) in [
            (Key::HTTP, "http_proxy", "HTTP_PROXY"),
            (Key::HTTPS, "https_proxy", "HTTPS_PROXY"),
            (Key::ALL, "all_proxy", "ALL_PROXY"),
        ] {
            let is_from_client = is_cgi && key == Key::HTTP;
            let found = set(lower).map(|value| (lower, value));
            let found = found.or_else(|| Some((upper, set(upper).filter(|_| !is_from_client)?)));
            let Some((name, value)) = found else { continue };
            let rule = match Proxy::new(value) {
                Ok(proxy) => Rule::By(proxy),
                Err(error) => Rule::Broken(error.in_variable(name)),
            };
            proxies = proxies.with(key, rule);
        }
        match set("no_proxy").or_else(|| set("NO_PROXY")) {
            Some(list) if !proxies.is_none() => proxies.no_proxy(list),
            _ => proxies,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::error::ProxyErrorKind;
    use super::*;

    fn env(variables: &str) -> Proxies {
        let variables: HashMap<_, _> = variables.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
        Proxies::from_env(|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn variables_in_both_cases_and_none() {
        for (variables, http, https) in [
            ("", "direct", "direct"),
            ("http_proxy=a", "a", "direct"),
            ("HTTP_PROXY=a", "a", "direct"),
            ("http_proxy=a HTTP_PROXY=b", "a", "direct"),
            ("http_proxy= HTTP_PROXY=b", "b", "direct"),
            ("HTTPS_PROXY=a", "direct", "a"),
            ("https_proxy=a HTTPS_PROXY=b", "direct", "a"),
            ("ALL_PROXY=a", "a", "a"),
            ("all_proxy=a ALL_PROXY=b http_proxy=c", "c", "a"),
            ("ALL_PROXY=a https_proxy=", "a", "a"),
            ("ALL_PROXY=a NO_PROXY=a.test", "direct", "direct"),
            ("ALL_PROXY=a no_proxy=b.test NO_PROXY=a.test", "a", "a"),
            ("ALL_PROXY=a no_proxy= NO_PROXY=a.test", "direct", "direct"),
            ("ALL_PROXY=a NO_PROXY=*", "direct", "direct"),
            ("ALL_PROXY=a NO_PROXY=a.test:443", "a", "direct"),
            ("NO_PROXY=a.test", "direct", "direct"),
            // httpoxy (CVE-2016-5385)
            ("REQUEST_METHOD=GET HTTP_PROXY=evil", "direct", "direct"),
            ("REQUEST_METHOD=GET HTTP_PROXY=evil http_proxy=a HTTPS_PROXY=b", "a", "b"),
            ("REQUEST_METHOD=GET HTTP_PROXY=evil ALL_PROXY=a", "a", "a"),
        ] {
            let proxies = env(variables);
            let by = |uri: &str| {
                let chosen = proxies.choose(&uri.parse().unwrap()).unwrap();
                chosen.map_or("direct".to_owned(), |proxy| proxy.host().to_owned())
            };
            let found = (by("http://a.test/"), by("https://a.test/"));
            assert_eq!((found.0.as_str(), found.1.as_str()), (http, https), "{variables}");
        }
        assert!(env("NO_PROXY=a.test").is_none(), "nothing to look at for each request");
    }

    #[test]
    fn a_value_that_is_no_proxy_is_an_error_of_the_requests_it_is_for_and_names_the_variable() {
        let proxies = env("HTTPS_PROXY=ftp://u:secret@proxy all_proxy=http://a NO_PROXY=b.test");
        let error = proxies.choose(&"https://a.test/".parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ProxyErrorKind::InvalidSetting);
        let shown = error.to_string();
        assert!(shown.contains("HTTPS_PROXY") && !format!("{shown}{error:?}{proxies:?}").contains("secret"), "{shown}");
        assert!(proxies.choose(&"http://a.test/".parse().unwrap()).is_ok());
        assert!(proxies.choose(&"https://b.test/".parse().unwrap()).is_ok());
    }
}
