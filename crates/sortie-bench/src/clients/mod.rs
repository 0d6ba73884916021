//! The clients that are compared, one file each, behind one small trait.

mod floor;
mod legacy;
mod payload;
pub(crate) mod python;
mod reqwest;
mod session;
mod transport;
mod ureq;

use std::pin::pin;
use std::sync::Arc;

use bytes::Buf;
use http::{HeaderName, HeaderValue, Request};
use http_body::Body;
use http_body_util::BodyExt;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use sortie::BoxError;

pub(crate) use payload::Payload;

use crate::measure::Measured;
use crate::probe::Job;

/// The five headers of those rows that have default headers.
pub(crate) const FIVE: [(&str, &str); 5] = [
    ("user-agent", "inventory/1.4"),
    ("accept", "application/json"),
    ("accept-language", "en-GB,en;q=0.7"),
    ("cache-control", "no-cache"),
    ("x-request-source", "bench"),
];
/// What the rows with a session's settings sign with, and the cookie that they have.
const TOKEN: &str = "gha7Qm2vX9tLr4Kz8WcN1pYs6Jd3Bf5H";
const COOKIE: &str = "session=9c1185a5c5e9fc54612808977ee8f548b2258d31; Path=/";

/// A client and its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Peer {
    /// `hyper::client::conn`, one connection for each that is in flight.
    Floor,
    /// `hyper_util::client::legacy`.
    Legacy,
    /// reqwest with nothing set.
    Reqwest,
    /// reqwest with default headers, a cookie and bearer auth.
    ReqwestSession,
    /// Our transport alone.
    Transport,
    /// Our default session with default headers, as a `Service`.
    Session,
    /// The same, through `session.get(&str)`.
    SessionGet,
    /// Our session with default headers, a cookie and bearer auth, as a `Service`.
    SessionFull,
    /// ureq, a thread for each that is in flight.
    Ureq,
    /// requests from PyPI, a thread for each that is in flight.
    Python,
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor (hyper::client::conn)",
            Self::Legacy => "hyper-util legacy",
            Self::Reqwest => "reqwest",
            Self::ReqwestSession => "reqwest, cookies, bearer",
            Self::Transport => "sortie transport",
            Self::Session => "sortie session",
            Self::SessionGet => "sortie session, get(&str)",
            Self::SessionFull => "sortie session, cookies, bearer",
            Self::Ureq => "ureq (threads)",
            Self::Python => "requests (threads)",
        }
    }
}

/// What a client is to be made with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) url: String,
    pub(crate) http2: bool,
    /// Whom to trust, in PEM.
    pub(crate) root: Option<String>,
    /// Beside what the client adds by itself.
    pub(crate) headers: Vec<(String, String)>,
    /// The cap on connections, for those that have one.
    pub(crate) cap: Option<usize>,
}

impl Setup {
    fn headers(&self) -> Result<Fields, BoxError> {
        let field = |(name, value): &(String, String)| Ok((HeaderName::try_from(name)?, HeaderValue::try_from(value)?));
        self.headers.iter().map(field).collect()
    }

    /// rustls over aws-lc-rs that trusts the server's root alone, and offers nothing by ALPN.
    fn tls(&self) -> Result<Option<rustls::ClientConfig>, BoxError> {
        let Some(root) = &self.root else { return Ok(None) };
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(root.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Some(config))
    }
}

/// The header fields that a client with no default headers sets on each request.
type Fields = Vec<(HeaderName, HeaderValue)>;

/// One by one, as who has only a connection writes it; a ready map that is cloned would be half the work.
fn fill<B>(request: &mut Request<B>, fields: &Fields) {
    for (name, value) in fields {
        request.headers_mut().append(name.clone(), value.clone());
    }
}

/// A client that asks for one URL.
pub(crate) trait Client: Sized + Send + 'static {
    /// One for a further worker: a handle to the same pool, or, where there is none, another connection.
    fn another(&self) -> impl Future<Output = Result<Self, BoxError>> + Send;

    /// A GET, its body read to the end. How many bytes that were.
    fn get(&mut self) -> impl Future<Output = Result<u64, BoxError>> + Send;

    /// A POST of `payload`, likewise.
    fn post(&mut self, payload: Payload) -> impl Future<Output = Result<u64, BoxError>> + Send;
}

/// Has a client do its job.
pub(crate) async fn run(peer: Peer, setup: &Setup, job: Job) -> Result<Measured, BoxError> {
    match peer {
        Peer::Floor => job.run(floor::Floor::connect(setup).await?).await,
        Peer::Legacy => match setup.tls()? {
            None => job.run(legacy::plain(setup)?).await,
            Some(tls) => job.run(legacy::tls(setup, tls)?).await,
        },
        Peer::Reqwest => job.run(reqwest::Reqwest::new(setup)?).await,
        Peer::ReqwestSession => job.run(reqwest::Reqwest::session(setup)?).await,
        Peer::Transport => job.run(transport::Bare::new(setup)?).await,
        Peer::Session => job.run(session::Called::new(setup)?).await,
        Peer::SessionGet => job.run(session::Front::new(setup)?).await,
        Peer::SessionFull => job.run(session::Called::full(setup)?).await,
        Peer::Ureq => {
            tokio::task::spawn_blocking({
                let setup = setup.clone();
                move || ureq::run(&setup, job)
            })
            .await?
        }
        Peer::Python => Err("requests is run by Python".into()),
    }
}

/// Reads a body to its end; how many bytes it had.
async fn drain<B>(body: B) -> Result<u64, BoxError>
where
    B: Body<Error: Into<BoxError>>,
{
    let mut body = pin!(body);
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.map_err(Into::into)?.data_ref().map_or(0, Buf::remaining) as u64;
    }
    Ok(length)
}
