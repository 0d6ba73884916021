use std::future::Future;

use sortie_core::BoxError;

use super::{Addresses, Name, Resolve};

/// The system's resolver, `getaddrinfo`, on threads for what blocks: it knows `/etc/hosts`, what else the system is set up
/// with, and the order of [RFC 6724](https://www.rfc-editor.org/rfc/rfc6724). It does not tell for how long an answer holds.
///
/// A look-up holds its thread for as long as the system takes, whoever still waits.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> impl Future<Output = Result<Addresses, BoxError>> + Send + 'static {
        look_up(name)
    }
}

async fn look_up(name: Name) -> Result<Addresses, BoxError> {
    Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect())
}
