use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

use super::config::{self, Recipe};
use super::error::TlsError;
use super::failure::Ours;
use super::identity::Identity;
use super::info::TlsInfo;
use super::options::{TlsOptions, Who};
use super::rotation::{MadeWith, Rotation};
use super::stream::TlsStream;
use super::trust::Trust;
use crate::options::Versions;
use crate::road::TlsId;
use crate::route::bare;

/// A TLS policy, made by [`TlsOptions::build`]. Clones are the same policy; the default is the platform's verifier.
///
/// Its identity is part of the route: two policies, however alike, never share a connection or a session to be resumed.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    id: TlsId,
    /// Whom to expect in place of the host that is asked.
    name: Option<ServerName<'static>>,
    alpn: Option<Vec<Vec<u8>>>,
    client: Client,
}

/// Where the configuration comes from.
enum Client {
    Given(Arc<ClientConfig>),
    Made(Box<Made>),
    Rotating(Arc<Rotation>),
    NoProvider,
}

/// A configuration that is made when it is needed.
struct Made {
    recipe: Recipe,
    identity: Option<Identity>,
    config: OnceCell<Arc<ClientConfig>>,
}

/// The policy that no one configured is the same in all transports, and made once in a process.
static DEFAULT: LazyLock<Tls> = LazyLock::new(|| {
    let client = TlsOptions::default().client().unwrap_or(Client::NoProvider);
    Tls(Arc::new(Inner { id: 0, name: None, alpn: None, client }))
});

impl Default for Tls {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl Tls {
    /// A policy of your own: this configuration as it is, for what [`TlsOptions`] cannot say.
    ///
    /// Its `alpn_protocols` are offered, but for the one that [`Versions`] rule out; if there are none, those that
    /// [`Versions`] allow. A connection speaks HTTP/2 if the server agrees to `h2`, and HTTP/1.1 otherwise.
    #[must_use]
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        let alpn = (!config.alpn_protocols.is_empty()).then(|| config.alpn_protocols.clone());
        Self::new(None, alpn, Client::Given(config))
    }

    /// Asks the [`CertSource`](super::CertSource) for the identity of the moment, and says whether it is another. Without
    /// a source it never is.
    ///
    /// # Errors
    ///
    /// That of the source. The identity that there was goes on.
    pub async fn reload(&self) -> Result<bool, TlsError> {
        match &self.0.client {
            Client::Rotating(rotation) => rotation.refresh(Duration::ZERO).await,
            Client::Given(_) | Client::Made(_) | Client::NoProvider => Ok(false),
        }
    }

    fn new(name: Option<ServerName<'static>>, alpn: Option<Vec<Vec<u8>>>, client: Client) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(Arc::new(Inner { id: NEXT.fetch_add(1, Ordering::Relaxed), name, alpn, client }))
    }

    pub(super) fn of(options: TlsOptions) -> Result<Self, TlsError> {
        let name = options.server_name.as_deref().map(parse).transpose()?;
        let alpn = options.alpn.clone();
        Ok(Self::new(name, alpn, options.client()?))
    }

    pub(crate) fn id(&self) -> TlsId {
        self.0.id
    }

    /// The TLS handshake with `host` over `raw`.
    pub(crate) async fn connect<S>(
        &self,
        host: &str,
        versions: Versions,
        raw: S,
    ) -> Result<(TlsStream<S>, TlsInfo), TlsError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let name = self.0.name.clone().map_or_else(|| parse(host), Ok)?;
        let shown = name.to_str().into_owned();
        let (config, made_with) = self.config().await?;
        let connector = TlsConnector::from(config.clone());
        let offer = config::offer(self.0.alpn.as_deref(), versions);
        let (stream, mut ours) = config::noting(connector.with_alpn(offer).connect(name, raw)).await;
        if let Client::Given(config) = &self.0.client {
            // Its own resolver tells nothing.
            let presented = config.client_auth_cert_resolver.has_certs();
            ours = Ours { asked: presented, presented };
        }
        let only_http2 = versions == Versions::Http2Only;
        let stream = stream.map_err(|error| {
            let error = TlsError::failed(&shown, ours, error);
            if only_http2 { error.where_only_http2_was_offered() } else { error }
        })?;
        let info = TlsInfo::of(stream.get_ref().1, &shown);
        if only_http2 && info.alpn() != Some(b"h2") {
            return Err(TlsError::no_http2(&shown));
        }
        Ok((TlsStream::new(stream, &shown, ours, made_with), info))
    }

    async fn config(&self) -> Result<(Arc<ClientConfig>, Option<MadeWith>), TlsError> {
        match &self.0.client {
            Client::Given(config) => Ok((config.clone(), None)),
            Client::Made(made) => {
                let make = || made.recipe.config(made.identity.as_ref());
                let config = made.config.get_or_try_init(make).await?;
                Ok((config.clone(), None))
            }
            Client::Rotating(rotation) => {
                let (config, made_with) = rotation.config().await?;
                Ok((config, Some(made_with)))
            }
            Client::NoProvider => Err(TlsError::no_provider()),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("id", &self.0.id).finish_non_exhaustive()
    }
}

impl TlsOptions {
    fn client(self) -> Result<Client, TlsError> {
        let provider = config::provider().ok_or_else(TlsError::no_provider)?;
        let recipe = Recipe {
            versions: config::versions(self.min_version, self.max_version)?,
            trust: Trust::new(self.roots, self.revocation, self.pins, self.waived, &provider)?,
            provider,
            sni: self.sni,
            key_log: self.key_log,
            sessions: self.sessions,
        };
        let made = |identity, recipe| Client::Made(Box::new(Made { recipe, identity, config: OnceCell::new() }));
        Ok(match self.identity {
            Who::Nobody => made(None, recipe),
            Who::Fixed(identity) => made(Some(identity), recipe),
            Who::Changing(source) => Client::Rotating(Rotation::new(recipe, source)),
        })
    }
}

fn parse(name: &str) -> Result<ServerName<'static>, TlsError> {
    // An address may come in the brackets that it has in URIs.
    Ok(ServerName::try_from(bare(name)).map_err(|error| TlsError::name(name, error))?.to_owned())
}
