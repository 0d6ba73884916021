//! Connections that lead by a proxy.

use std::sync::{Mutex, PoisonError};

use sortie_core::{BoxError, Phase};
use tokio::time::Instant;

use super::{Connector, Place, Progress, Raw, dns};
use crate::info::ConnectTimes;
#[cfg(feature = "tls")]
use crate::options::Versions;
use crate::proxy::{Destination, Proxy};
use crate::road::At;
use crate::route::Route;

impl Connector {
    /// A byte stream to the route's origin through `proxy`, or to the proxy itself if it forwards requests.
    pub(super) async fn dial_by(
        &self,
        proxy: &Proxy,
        route: &Route,
        progress: &Progress,
        times: &mut ConnectTimes,
    ) -> Result<Raw, BoxError> {
        // Its settings are looked at before anything is dialled, and what is sent may have to be signed.
        progress.enter(Phase::Proxy);
        let forwarded = route.forwarder().is_some();
        let destination = Destination { host: route.bare_host(), port: route.port, forwarded };
        // A handshake may need more than one connection: the last one's times are told.
        let noted = Mutex::new((ConnectTimes::default(), Instant::now()));
        let dial = || async {
            let mut times = ConnectTimes::default();
            let raw = self.dial_proxy(proxy, progress, &mut times).await?;
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = (times, Instant::now());
            self.speak_tls(proxy, raw).await
        };
        let resolve = || async {
            progress.enter(Phase::Dns);
            Ok(dns::resolve(route.bare_host(), route.port).await?)
        };
        let raw = proxy.open(destination, dial, resolve).await?;
        let (connect, since) = noted.into_inner().unwrap_or_else(PoisonError::into_inner);
        *times = ConnectTimes { proxy: Some(since.elapsed()), ..connect };
        Ok(raw)
    }

    async fn dial_proxy(&self, proxy: &Proxy, progress: &Progress, times: &mut ConnectTimes) -> Result<Raw, BoxError> {
        progress.enter(Phase::Dns);
        let place = Place { scheme: proxy.scheme(), host: proxy.host(), port: proxy.port(), at: &At::Name };
        let raw = self.dial(place, progress, times).await.map_err(|error| proxy.unreachable(error))?;
        progress.enter(Phase::Proxy);
        Ok(raw)
    }

    #[cfg(feature = "tls")]
    async fn speak_tls(&self, proxy: &Proxy, raw: Raw) -> Result<Raw, BoxError> {
        if proxy.scheme() != "https" {
            return Ok(raw);
        }
        // CONNECT is spoken over HTTP/1.1 here, and so is what is forwarded.
        let spoken = proxy.tls_policy().connect(proxy.bare_host(), Versions::Http1Only, raw).await;
        let (stream, _) = spoken.map_err(|error| proxy.tls_failed(error.into()))?;
        Ok(Raw::Tls(Box::new(stream)))
    }

    #[cfg(not(feature = "tls"))]
    async fn speak_tls(&self, _: &Proxy, raw: Raw) -> Result<Raw, BoxError> {
        // A proxy of https cannot be made without the feature.
        Ok(raw)
    }
}
