use super::TransportOptions;
use crate::proxy::Proxies;

impl TransportOptions {
    /// By which [proxies](crate::proxy) requests go; a request overrides them with `PerRequest<Proxies>`. By default by
    /// none: the environment is not read unless it is asked ([`Proxies::from_env`]).
    #[must_use]
    pub fn proxies(self, proxies: Proxies) -> Self {
        Self { proxies: Some(proxies), ..self }
    }
}
