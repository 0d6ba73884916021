//! From a route to a byte stream: name, TCP or what stands for it, and TLS on top.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};

use sortie_core::{BoxError, Origin, Phase};
use tokio::time::Instant;

use crate::info::ConnectTimes;
use crate::options::{TransportOptions, Versions};
use crate::road::At;
use crate::route::{Route, bare};

mod by_proxy;
mod custom;
mod dialer;
mod failed;
mod happy;
mod stream;
mod tcp;
mod unix;

pub use custom::Connect;
pub(crate) use custom::{DialFn, erase};
use dialer::{Dialer, Target};
pub use happy::DialError;
pub(crate) use stream::{Raw, Stream};
pub(crate) use tcp::SocketOptions;
pub use tcp::TcpKeepAlive;
pub use unix::UnixSocketError;

/// How far a connect has come, to be read by whoever ends it.
#[derive(Debug)]
pub(crate) struct Progress(AtomicU8);

impl Progress {
    const PHASES: [Phase; 4] = [Phase::Dns, Phase::Connect, Phase::Proxy, Phase::Tls];

    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    pub(crate) fn enter(&self, phase: Phase) {
        if let Some(at) = Self::PHASES.iter().position(|known| *known == phase) {
            self.0.store(at as u8, Ordering::Relaxed);
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        Self::PHASES[usize::from(self.0.load(Ordering::Relaxed))]
    }
}

/// What a connection is made with.
pub(crate) struct Connector {
    dial: Option<DialFn>,
    dialer: Dialer,
}

/// A byte stream and what is known of it.
pub(crate) struct Connected {
    pub(crate) stream: Stream,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) http2: bool,
    pub(crate) times: ConnectTimes,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::tls::TlsInfo>,
    #[cfg(feature = "tls")]
    pub(crate) proxy_tls: Option<crate::tls::TlsInfo>,
}

/// What there is to tell of a byte stream before TLS with the origin.
#[derive(Default)]
struct Noted {
    times: ConnectTimes,
    #[cfg(feature = "tls")]
    proxy_tls: Option<crate::tls::TlsInfo>,
}

/// What a byte stream is made to.
#[derive(Clone, Copy)]
struct Place<'a> {
    scheme: &'a str,
    /// An IPv6 address in its brackets.
    host: &'a str,
    port: u16,
    at: &'a At,
    /// Whether the address policy has a say: it has none in the user's own proxies.
    judged: bool,
}

impl<'a> Place<'a> {
    fn of(route: &'a Route) -> Self {
        let scheme = if route.https { "https" } else { "http" };
        Self { scheme, host: &route.host, port: route.port, at: &route.at, judged: true }
    }
}

impl Connector {
    pub(crate) fn new(options: TransportOptions) -> Self {
        Self { dialer: Dialer::new(&options), dial: options.dial }
    }

    pub(crate) async fn connect(&self, route: &Route, progress: &Progress) -> Result<Connected, BoxError> {
        let mut noted = Noted::default();
        let raw = match &route.via {
            Some(proxy) => self.dial_by(proxy, route, progress, &mut noted).await?,
            None => {
                if let (At::Unix(path), true) = (&route.at, route.unix) {
                    progress.enter(Phase::Connect);
                    self.dialer.admit_unix_url(path)?;
                }
                self.dial(Place::of(route), progress, &mut noted.times).await?
            }
        };
        let (peer, local) = raw.addresses();
        #[cfg(feature = "tls")]
        if route.https {
            progress.enter(Phase::Tls);
            let began = Instant::now();
            let (stream, tls) = route.tls.connect(route.bare_host(), route.versions, raw).await?;
            noted.times.tls = Some(began.elapsed());
            let (http2, stream) = (tls.alpn() == Some(b"h2"), Stream::Tls(Box::new(stream)));
            let Noted { times, proxy_tls } = noted;
            return Ok(Connected { stream, peer, local, http2, times, tls: Some(tls), proxy_tls });
        }
        Ok(Connected {
            stream: Stream::Plain(raw),
            peer,
            local,
            http2: route.versions == Versions::Http2Only,
            times: noted.times,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            proxy_tls: noted.proxy_tls,
        })
    }

    async fn dial(&self, to: Place<'_>, progress: &Progress, times: &mut ConnectTimes) -> Result<Raw, BoxError> {
        let began = Instant::now();
        if let At::Unix(path) = to.at {
            progress.enter(Phase::Connect);
            let stream = unix::connect(path).await?;
            times.connect = Some(began.elapsed());
            return Ok(stream);
        }
        let address = match to.at {
            At::Address(address) => Some(*address),
            At::Name | At::Unix(_) => None,
        };
        let target = Target { host: bare(to.host), port: to.port, at: address, judged: to.judged };
        if let Some(dial) = &self.dial {
            progress.enter(Phase::Connect);
            self.dialer.admit_unseen(target)?;
            let place = address.map_or_else(|| format!("{}:{}", to.host, to.port), |at| at.to_string());
            let target = format!("{}://{place}", to.scheme);
            let origin = http::Uri::try_from(target).ok().as_ref().and_then(Origin::of);
            let origin = origin.ok_or("the origin is no URI")?;
            let stream = dial(origin).await?;
            times.connect = Some(began.elapsed());
            return Ok(Raw::Other(stream));
        }
        Ok(Raw::Tcp(self.dialer.dial(target, progress, times).await?))
    }
}
