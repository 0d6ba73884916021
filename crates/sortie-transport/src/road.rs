//! By which road a handle of a transport sends: whom it trusts, what it speaks, and where it connects to.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http::Extensions;
use sortie_core::auth::{ConnectionOwner, SameConnection};
use sortie_core::{Chain, PerRequest};

use crate::error::InvalidRequest;
use crate::options::{TransportOptions, Versions};
use crate::proxy::Proxies;
#[cfg(feature = "tls")]
pub(crate) use crate::tls::Tls;

/// Names a `Tls` handle; 0 is the default one.
pub(crate) type TlsId = u64;

/// Stands for the policy of a transport that speaks no TLS. Its field is for clippy, which would have the default of a
/// unit struct written without `default`.
#[cfg(not(feature = "tls"))]
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls(());

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
    /// `None` if nothing was said of them.
    pub(crate) proxies: Option<Proxies>,
}

/// For a request that is to have none.
static NO_PROXIES: Proxies = Proxies::none();

impl Road {
    pub(crate) fn new(options: &TransportOptions) -> Self {
        Self { versions: options.versions, tls: options.tls.clone(), at: At::Name, proxies: options.proxies.clone() }
    }

    /// Whom a request trusts: the policy that it brings, unless its chain of redirects has come to a foreign origin,
    /// which is not to be shown a client identity that was meant for another.
    pub(crate) fn tls_for<'a>(&'a self, extensions: &'a Extensions) -> &'a Tls {
        match PerRequest::<Tls>::of(extensions) {
            Some(PerRequest::Use(own)) if !Chain::has_crossed(extensions) => own,
            _ => &self.tls,
        }
    }

    /// What a request speaks. `Off` is as if the transport had been told nothing.
    fn versions_for(&self, extensions: &Extensions) -> Versions {
        match PerRequest::<Versions>::of(extensions) {
            Some(PerRequest::Use(own)) => *own,
            Some(PerRequest::Off) => Versions::default(),
            None => self.versions,
        }
    }

    /// Whose connections a request goes by, if they are somebody's, and what is spoken over them: an owner is known by
    /// the connection alone, which HTTP/2 shares among requests that have nothing to do with each other.
    pub(crate) fn versions_and_owner_for(
        &self,
        extensions: &Extensions,
    ) -> Result<(Versions, Option<ConnectionOwner>), InvalidRequest> {
        let versions = self.versions_for(extensions);
        match (versions, extensions.get::<SameConnection>()) {
            (Versions::Http2Only, Some(_)) => Err(InvalidRequest::OwnConnectionOverHttp2),
            (_, Some(same)) => Ok((Versions::Http1Only, Some(same.owner()))),
            (versions, None) => Ok((versions, None)),
        }
    }

    /// By which proxies a request may go: those that it brings, unless its chain of redirects has come to a foreign
    /// origin, to which it was not said how to go. That it is to have none holds all the way.
    pub(crate) fn proxies_for<'a>(&'a self, extensions: &'a Extensions) -> &'a Proxies {
        match PerRequest::<Proxies>::of(extensions) {
            Some(PerRequest::Use(own)) if !Chain::has_crossed(extensions) => own,
            Some(PerRequest::Off) => &NO_PROXIES,
            _ => self.proxies(),
        }
    }

    /// By which proxies a request may go that says nothing of them.
    pub(crate) fn proxies(&self) -> &Proxies {
        self.proxies.as_ref().unwrap_or(&NO_PROXIES)
    }
}
