use std::fmt;
use std::sync::Arc;

use sortie_transport::proxy::Proxies;

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Where what no one set is looked up.
#[derive(Clone, Default)]
pub(crate) enum Environment {
    /// The process's.
    #[default]
    Process,
    Given(Arc<Lookup>),
    Nothing,
}

impl Environment {
    pub(crate) fn given(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::Given(Arc::new(lookup))
    }

    /// The proxies that it names.
    pub(crate) fn proxies(&self) -> Proxies {
        match self {
            Self::Process => Proxies::from_env(|name| std::env::var(name).ok()),
            Self::Given(lookup) => Proxies::from_env(&**lookup),
            Self::Nothing => Proxies::none(),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "the process's",
            Self::Given(_) => "given",
            Self::Nothing => "nothing",
        })
    }
}
