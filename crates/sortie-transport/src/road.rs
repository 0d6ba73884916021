//! By which road a handle of a transport sends: whom it trusts, what it speaks, and where it connects to.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http::Extensions;
use sortie_core::{Chain, PerRequest};

use crate::options::{TransportOptions, Versions};
#[cfg(feature = "tls")]
pub(crate) use crate::tls::Tls;

/// Names a `Tls` handle; 0 is the default one.
pub(crate) type TlsId = u64;

/// Stands for the policy of a transport that speaks no TLS.
#[cfg(not(feature = "tls"))]
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls;

#[cfg(not(feature = "tls"))]
impl Tls {
    pub(crate) fn id(&self) -> TlsId {
        0
    }
}

/// What is connected to for an origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum At {
    /// The addresses of its name.
    #[default]
    Name,
    /// This address, whatever the name's are.
    Address(SocketAddr),
    /// The Unix socket at this path.
    Unix(Arc<Path>),
}

/// Every part of it is a part of the route, so that no two policies share a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Road {
    pub(crate) versions: Versions,
    pub(crate) tls: Tls,
    pub(crate) at: At,
}

impl Road {
    pub(crate) fn new(options: &TransportOptions) -> Self {
        Self { versions: options.versions, tls: options.tls.clone(), at: At::Name }
    }

    /// Whom a request trusts: the policy that it brings, unless its chain of redirects has come to a foreign origin,
    /// which is not to be shown a client identity that was meant for another.
    pub(crate) fn tls_for<'a>(&'a self, extensions: &'a Extensions) -> &'a Tls {
        match PerRequest::<Tls>::of(extensions) {
            Some(PerRequest::Use(own)) if !Chain::has_crossed(extensions) => own,
            _ => &self.tls,
        }
    }
}
