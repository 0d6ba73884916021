use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sortie_core::{BoxError, BoxFuture};
use tokio::runtime::Handle;

use super::error::TlsError;
use super::identity::Identity;

/// How often a source is asked if it is not said.
const INTERVAL: Duration = Duration::from_secs(10);

/// A shorter interval would keep a thread busy.
const LEAST: Duration = Duration::from_millis(10);

type Ask = dyn Fn() -> BoxFuture<'static, Result<Identity, BoxError>> + Send + Sync;
type OnError = dyn Fn(&TlsError) + Send + Sync;

/// Where the client's identity comes from, if it changes while the program runs: files, or a closure. Set by
/// [`TlsOptions::cert_source`](super::TlsOptions::cert_source).
///
/// It is asked before the first connection is made, and again after each [`interval`](Self::interval) while there is a
/// handle of the policy; or at once by [`Tls::reload`](super::Tls::reload). An identity with other certificates is
/// presented on every connection made from then on. Those made before take no further request: idle ones are closed at
/// once, others when what runs on them has ended, and none of their TLS sessions is resumed.
///
/// If it fails, the identity that there is goes on; [`on_error`](Self::on_error) is told. Without one the connect
/// fails. While it is asked again, connects go on with the identity that there is; only the first is waited for, as long
/// as the connect may take.
///
/// ```
/// use std::time::Duration;
/// use sortie_transport::tls::{CertSource, TlsOptions};
///
/// # fn run() -> Result<(), sortie_transport::tls::TlsError> {
/// let source = CertSource::files("/run/secrets/tls.crt", "/run/secrets/tls.key").interval(Duration::from_secs(60));
/// let tls = TlsOptions::default().cert_source(source).build()?;
/// # let _ = tls;
/// # Ok(())
/// # }
/// # assert!(run().is_ok());
/// ```
#[derive(Clone)]
pub struct CertSource {
    ask: Arc<Ask>,
    interval: Duration,
    on_error: Option<Arc<OnError>>,
}

impl CertSource {
    /// A closure. It may block: it runs on one of the runtime's threads for that.
    #[must_use]
    pub fn from_fn<F, E>(ask: F) -> Self
    where
        F: Fn() -> Result<Identity, E> + Send + Sync + 'static,
        E: Into<BoxError>,
    {
        let ask = Arc::new(ask);
        Self::from_async_fn(move || {
            let ask = ask.clone();
            async move {
                // `reload` may be polled anywhere.
                let runtime = Handle::try_current()?;
                runtime.spawn_blocking(move || ask().map_err(Into::into)).await?
            }
        })
    }

    /// A closure whose future gives the identity: from a secret store, say.
    #[must_use]
    pub fn from_async_fn<F, A, E>(ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<Identity, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let ask = move || -> BoxFuture<'static, _> {
            let asked = ask();
            Box::pin(async move { asked.await.map_err(Into::into) })
        };
        Self { ask: Arc::new(ask), interval: INTERVAL, on_error: None }
    }

    /// Two PEM files, the certificates and the key, which may be the same one. They are read anew each time, so files
    /// that are replaced by renaming, or by way of a symbolic link, are seen too. One that does not fit the other yet is
    /// an error like any, and the next time they do.
    #[must_use]
    pub fn files(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (chain, key) = (chain.into(), key.into());
        Self::from_fn(move || Identity::files(&chain, &key))
    }

    /// How long an identity is taken for the current one. By default 10 s; the least is 10 ms.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        Self { interval: interval.max(LEAST), ..self }
    }

    /// Whom to tell that it has failed. By default nobody is told, unless there is no identity at all, which is the
    /// error of the connect.
    #[must_use]
    pub fn on_error(self, told: impl Fn(&TlsError) + Send + Sync + 'static) -> Self {
        Self { on_error: Some(Arc::new(told)), ..self }
    }

    pub(super) fn every(&self) -> Duration {
        self.interval
    }

    pub(super) async fn ask(&self) -> Result<Identity, TlsError> {
        let asked = (self.ask)().await;
        let asked = asked.map_err(|error| match error.downcast::<TlsError>() {
            Ok(error) => *error,
            Err(error) => TlsError::identity_because("its source failed", error),
        });
        if let (Err(error), Some(told)) = (&asked, &self.on_error) {
            told(error);
        }
        asked
    }
}

impl fmt::Debug for CertSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertSource").field("interval", &self.interval).finish_non_exhaustive()
    }
}
