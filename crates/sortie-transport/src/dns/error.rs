use std::error::Error;
use std::fmt;
use std::sync::Arc;

use sortie_core::BoxError;

use super::Name;

/// A name could not be looked up. Its source is what the resolver says. Clones share it: all who waited for the look-up get
/// it.
#[derive(Clone, Debug)]
pub struct ResolveError(Arc<Failed>);

#[derive(Debug)]
struct Failed {
    name: Name,
    source: BoxError,
}

impl ResolveError {
    pub(super) fn new(name: Name, source: impl Into<BoxError>) -> Self {
        Self(Arc::new(Failed { name, source: source.into() }))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.name.as_str()
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name {} could not be looked up", self.0.name)
    }
}

impl Error for ResolveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0.source)
    }
}
