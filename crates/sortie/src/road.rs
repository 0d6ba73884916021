use sortie_transport::Transport;
use sortie_transport::proxy::Proxies;
#[cfg(feature = "tls")]
use sortie_transport::tls::Tls;

/// By which road the session's own transport sends, where a session or a mount says so.
#[derive(Clone, Default)]
pub(crate) struct Road {
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
    pub(crate) proxies: Option<Proxies>,
}

impl Road {
    /// The same pool, by this road.
    pub(crate) fn over(&self, transport: &Transport) -> Transport {
        let mut by = transport.clone();
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            by = by.with_tls(tls.clone());
        }
        if let Some(proxies) = &self.proxies {
            by = by.with_proxies(proxies.clone());
        }
        by
    }

    /// The one of the two setters, that of TLS or that of proxies, that was called.
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "there is no setter of TLS"))]
    pub(crate) fn setter(&self, [tls, proxies]: [&'static str; 2]) -> Option<&'static str> {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return Some(tls);
        }
        self.proxies.as_ref().map(|_| proxies)
    }
}
