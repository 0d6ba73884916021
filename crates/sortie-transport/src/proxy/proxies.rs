use std::fmt;
use std::sync::Arc;

use http::Uri;
use sortie_core::{BoxError, Origin};

use super::bypass::Bypass;
use super::error::{ProxyError, ProxyErrorKind};
use super::proxy::{Proxy, host_and_port};

/// Which requests go by which proxy. The default is that none does.
///
/// Of several rules the one counts that says most: `scheme://host:port`, then `scheme://host`, `scheme`,
/// `all://host:port`, `all://host`, and at last `all`. A later rule takes the place of one for the same.
///
/// ```
/// use sortie_transport::proxy::{Proxies, Proxy};
///
/// let proxies = Proxies::all(Proxy::new("socks5h://proxy.example")?)
///     .https(Proxy::new("http://proxy.example:3128")?)
///     .host("https://api.example.com", Proxy::new("http://other.example")?)?
///     .direct("all://static.example.com")?
///     .no_proxy("localhost, 10.0.0.0/8, .internal");
/// let by = |uri: &str| proxies.choose(&uri.parse().unwrap()).unwrap().map(|proxy| proxy.to_string());
///
/// assert_eq!(by("http://example.com/").as_deref(), Some("socks5h://proxy.example:1080"));
/// assert_eq!(by("https://example.com/").as_deref(), Some("http://proxy.example:3128"));
/// assert_eq!(by("https://api.example.com/users").as_deref(), Some("http://other.example:80"));
/// assert_eq!(by("http://static.example.com/logo"), None);
/// assert_eq!(by("http://db.internal/"), None);
/// # Ok::<_, sortie_transport::proxy::ProxyError>(())
/// ```
#[derive(Clone, Default)]
pub struct Proxies(Option<Arc<Rules>>);

#[derive(Clone, Default)]
struct Rules {
    /// What says most comes first.
    rules: Vec<(Key, Rule)>,
    bypass: Bypass,
    choose: Option<Choose>,
    /// Asked where nothing here decides.
    otherwise: Proxies,
}

/// What a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    scheme: Option<Scheme>,
    host: Option<Box<str>>,
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug)]
pub(super) enum Rule {
    Direct,
    By(Proxy),
    /// A setting that was to be a proxy and is none.
    Broken(ProxyError),
}

type Choose = Arc<dyn Fn(&Uri) -> Result<Option<Proxy>, BoxError> + Send + Sync>;

impl Proxies {
    /// No proxy: every request goes directly. The default.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// This proxy for all that no other rule is for.
    #[must_use]
    pub fn all(proxy: Proxy) -> Self {
        Self::none().with(Key::ALL, Rule::By(proxy))
    }

    /// This proxy for `http` origins.
    #[must_use]
    pub fn http(self, proxy: Proxy) -> Self {
        self.with(Key::HTTP, Rule::By(proxy))
    }

    /// This proxy for `https` origins.
    #[must_use]
    pub fn https(self, proxy: Proxy) -> Self {
        self.with(Key::HTTPS, Rule::By(proxy))
    }

    /// This proxy for one host: `https://host`, or `all://host` for both schemes, with a port if it is for that alone.
    ///
    /// # Errors
    ///
    /// [`InvalidSetting`](ProxyErrorKind::InvalidSetting) if `of` is nothing of that form.
    pub fn host(self, of: impl AsRef<str>, proxy: Proxy) -> Result<Self, ProxyError> {
        Ok(self.with(Key::parse(of.as_ref())?, Rule::By(proxy)))
    }

    /// No proxy for these origins, whatever the rules that say less: as for [`host`](Self::host), or `http`, `https` or
    /// `all`.
    ///
    /// # Errors
    ///
    /// [`InvalidSetting`](ProxyErrorKind::InvalidSetting) if `of` is nothing of that form.
    pub fn direct(self, of: impl AsRef<str>) -> Result<Self, ProxyError> {
        let key = match of.as_ref() {
            "all" => Key::ALL,
            "http" => Key::HTTP,
            "https" => Key::HTTPS,
            other => Key::parse(other)?,
        };
        Ok(self.with(key, Rule::Direct))
    }

    /// No proxy for the origins in this list, which is written as `NO_PROXY` is, beside those of earlier lists. It comes
    /// before every rule.
    ///
    /// Its entries are divided by commas or spaces:
    ///
    /// | entry | origins |
    /// |---|---|
    /// | `example.com`, `.example.com` | that host and all below it |
    /// | `*.example.com` | the hosts below it alone |
    /// | `10.0.0.1`, `::1`, `[::1]` | that address, as it stands in the URL: names are not looked up for it |
    /// | `10.0.0.0/8`, `fd00::/8` | the addresses of that network |
    /// | any of these with `:8080` after it | those at that port; an IPv6 address is then in brackets |
    /// | `*` | all |
    ///
    /// Case does not matter, nor does a dot at the end of a name. An entry of another form is for nothing.
    #[must_use]
    pub fn no_proxy(self, list: impl AsRef<str>) -> Self {
        self.change(|rules| rules.bypass.add(list.as_ref()))
    }

    /// Has a closure choose by the request's URI, which is absolute: `None` sends it directly.
    ///
    /// It is asked for each request, each hop of a redirect among them, where no rule of these `Proxies` is for it. It
    /// runs within the call, so it may not wait. Equal proxies share connections, whether or not they were made anew.
    ///
    /// ```
    /// use sortie_transport::proxy::{Proxies, Proxy};
    ///
    /// let farm = [Proxy::new("http://one.example")?, Proxy::new("http://two.example")?];
    /// let proxies = Proxies::choose_with(move |uri| {
    ///     let host = uri.host().unwrap_or_default();
    ///     Ok(farm.get(host.len() % 3).cloned())
    /// });
    /// # let _ = proxies;
    /// # Ok::<_, sortie_transport::proxy::ProxyError>(())
    /// ```
    #[must_use]
    pub fn choose_with<F>(choose: F) -> Self
    where
        F: Fn(&Uri) -> Result<Option<Proxy>, BoxError> + Send + Sync + 'static,
    {
        Self::none().change(|rules| rules.choose = Some(Arc::new(choose)))
    }

    /// With others that are asked where these have nothing to say: those of the environment, say, below explicit ones.
    #[must_use]
    pub fn or(self, otherwise: Self) -> Self {
        if self.is_none() {
            return otherwise;
        }
        self.change(|rules| rules.otherwise = std::mem::take(&mut rules.otherwise).or(otherwise))
    }

    /// Whether there is no rule at all.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The proxy for a request of this URI; `None` if it goes directly.
    ///
    /// # Errors
    ///
    /// Of a rule that was to be a proxy and is none, which only [`from_env`](Self::from_env) makes, and of a closure
    /// that chooses.
    pub fn choose(&self, uri: &Uri) -> Result<Option<Proxy>, ProxyError> {
        self.decide(uri).unwrap_or(Ok(None))
    }

    /// `None` where nothing decides.
    fn decide(&self, uri: &Uri) -> Option<Result<Option<Proxy>, ProxyError>> {
        let rules = self.0.as_ref()?;
        let scheme = match uri.scheme_str()? {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            // A Unix socket is on this machine.
            _ => return None,
        };
        let (host, port) = (uri.host()?, Origin::port_of(uri)?);
        if rules.bypass.contains(host, port) {
            return Some(Ok(None));
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let rule = rules.rules.iter().find(|(key, _)| key.is_for(scheme, host, port)).map(|(_, rule)| rule);
        match (rule, &rules.choose) {
            (Some(Rule::Direct), _) => Some(Ok(None)),
            (Some(Rule::By(proxy)), _) => Some(Ok(Some(proxy.clone()))),
            (Some(Rule::Broken(error)), _) => Some(Err(error.clone())),
            (None, Some(choose)) => {
                Some(choose(uri).map_err(|error| ProxyError::new(ProxyErrorKind::Choice).because(error)))
            }
            (None, None) => rules.otherwise.decide(uri),
        }
    }

    pub(super) fn with(self, key: Key, rule: Rule) -> Self {
        self.change(|rules| {
            rules.rules.retain(|(known, _)| *known != key);
            let at = rules.rules.partition_point(|(known, _)| known.rank() < key.rank());
            rules.rules.insert(at, (key, rule));
        })
    }

    fn change(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(self.0.get_or_insert_default()));
        self
    }
}

impl Key {
    pub(super) const ALL: Self = Self { scheme: None, host: None, port: None };
    pub(super) const HTTP: Self = Self { scheme: Some(Scheme::Http), ..Self::ALL };
    pub(super) const HTTPS: Self = Self { scheme: Some(Scheme::Https), ..Self::ALL };

    fn parse(text: &str) -> Result<Self, ProxyError> {
        let invalid = || {
            ProxyError::setting("a rule is for `https://host`, `http://host` or `all://host`, with or without a port")
        };
        let (scheme, authority) = text.split_once("://").ok_or_else(invalid)?;
        let scheme = match scheme {
            "http" => Some(Scheme::Http),
            "https" => Some(Scheme::Https),
            "all" => None,
            _ => return Err(invalid()),
        };
        let (host, port) = host_and_port(authority.strip_suffix('/').unwrap_or(authority)).map_err(|_| invalid())?;
        let host = host.strip_suffix('.').map(Box::from).unwrap_or(host);
        Ok(Self { scheme, host: Some(host), port })
    }

    fn is_for(&self, scheme: Scheme, host: &str, port: u16) -> bool {
        self.scheme.is_none_or(|own| own == scheme)
            && self.host.as_ref().is_none_or(|own| own.eq_ignore_ascii_case(host))
            && self.port.is_none_or(|own| own == port)
    }

    /// The lowest is asked first: a scheme says more than a host, as in requests.
    fn rank(&self) -> (bool, bool, bool) {
        (self.scheme.is_none(), self.host.is_none(), self.port.is_none())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scheme {
            Some(Scheme::Http) => "http",
            Some(Scheme::Https) => "https",
            None => "all",
        })?;
        if let Some(host) = &self.host {
            write!(f, "://{host}")?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The rules without users, passwords and headers.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rules) = &self.0 else { return f.write_str("Proxies(none)") };
        let mut debug = f.debug_struct("Proxies");
        for (key, rule) in &rules.rules {
            debug.field(&key.to_string(), rule);
        }
        debug.field("no_proxy", &rules.bypass);
        debug.field("choose_with", &rules.choose.is_some());
        debug.field("or", &rules.otherwise).finish()
    }
}

#[cfg(test)]
mod tests;
