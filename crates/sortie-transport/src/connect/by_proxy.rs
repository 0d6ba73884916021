//! Connections that lead by a proxy.

use std::sync::{Mutex, PoisonError};

use sortie_core::{BoxError, Phase};
use tokio::time::Instant;

use super::{Connector, Noted, Place, Progress, Raw};
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
        noted: &mut Noted,
    ) -> Result<Raw, BoxError> {
        progress.enter(Phase::Connect);
        self.dialer.admit_by_proxy(route.bare_host(), route.port, proxy.is_told_addresses())?;
        // Its settings are looked at before anything is dialled, and what is sent may have to be signed.
        progress.enter(Phase::Proxy);
        let forwarded = route.forwarder().is_some();
        let destination = Destination { host: route.bare_host(), port: route.port, forwarded };
        // A handshake may need more than one connection: it is the last one that is told of.
        let last = Mutex::new((Noted::default(), Instant::now()));
        let dial = || async {
            let mut noted = Noted::default();
            let raw = self.dial_proxy(proxy, progress, &mut noted.times).await?;
            let since = Instant::now();
            let raw = speak_tls(proxy, raw, &mut noted).await?;
            *last.lock().unwrap_or_else(PoisonError::into_inner) = (noted, since);
            Ok(raw)
        };
        let resolve = || async {
            progress.enter(Phase::Dns);
            self.dialer.resolve(route.bare_host(), route.port).await
        };
        let raw = proxy.open(destination, dial, resolve).await?;
        let since;
        (*noted, since) = last.into_inner().unwrap_or_else(PoisonError::into_inner);
        noted.times.proxy = Some(since.elapsed());
        Ok(raw)
    }

    async fn dial_proxy(&self, proxy: &Proxy, progress: &Progress, times: &mut ConnectTimes) -> Result<Raw, BoxError> {
        progress.enter(Phase::Dns);
        let place =
            Place { scheme: proxy.scheme(), host: proxy.host(), port: proxy.port(), at: &At::Name, judged: false };
        let raw = self.dial(place, progress, times).await.map_err(|error| proxy.unreachable(error))?;
        progress.enter(Phase::Proxy);
        Ok(raw)
    }
}

#[cfg(feature = "tls")]
async fn speak_tls(proxy: &Proxy, raw: Raw, noted: &mut Noted) -> Result<Raw, BoxError> {
    if proxy.scheme() != "https" {
        return Ok(raw);
    }
    // CONNECT is spoken over HTTP/1.1 here, and so is what is forwarded.
    let spoken = proxy.tls_policy().connect(proxy.bare_host(), Versions::Http1Only, raw).await;
    let (stream, tls) = spoken.map_err(|error| proxy.tls_failed(error.into()))?;
    noted.proxy_tls = Some(tls);
    Ok(Raw::Tls(Box::new(stream)))
}

/// A proxy of https cannot be made without the feature.
#[cfg(not(feature = "tls"))]
async fn speak_tls(_: &Proxy, raw: Raw, _: &mut Noted) -> Result<Raw, BoxError> {
    Ok(raw)
}
