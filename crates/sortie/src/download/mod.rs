//! Bodies into files: whole or not at all, with progress, and from where they broke off.
//!
//! [`Response::save_to`] saves a body that is there. [`RequestBuilder::download`] asks for it as well, and so can ask again
//! for the rest: within one call if the connection breaks, and with [`resume`](Download::resume) also in another
//! process.
//!
//! # Example
//!
//! ```
//! use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let folder = std::env::temp_dir().join(format!("sortie-download-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let server = Scripted::new([(); 2].map(|()| reply(200, [("etag", "\"1\"")], "all of it")));
//! # let session = Session::builder().transport(server).build()?;
//! session.get("http://app.test/report").send().await?.error_for_status()?.save_to(folder.join("report")).await?;
//!
//! let saved = session
//!     .get("http://app.test/image.iso")
//!     .download(folder.join("image.iso"))
//!     .resume()
//!     .on_progress(|progress| println!("{} of {:?}", progress.done(), progress.total()))
//!     .await?;
//! assert_eq!((saved.length(), saved.resumed_from()), (9, 0));
//! # assert_eq!(std::fs::read(folder.join("image.iso"))?, b"all of it");
//! # assert_eq!(std::fs::read_dir(&folder)?.count(), 2);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is in the folder meanwhile
//!
//! The body goes to a file beside the one asked for, which takes its name when all is there and on the disk. A reader
//! sees the old file or the new one, never a half. If saving ends early, by an error or because its future is dropped,
//! the file beside is removed.
//!
//! With [`resume`](Download::resume) it is called `name.part` and stays, and `name.part.state` beside it holds the validator of the
//! response and a hash of the URL. The next download to the same path asks for the rest by `Range` and `If-Range`
//! ([RFC 9110 §14.2](https://www.rfc-editor.org/rfc/rfc9110#section-14.2)), if the validator is a strong one. A 206 that
//! does not go on from there, another validator, and a 200 begin anew. Two downloads to one path at a time spoil each
//! other's part. The name may have at most 244 octets then, for file systems take 255 with `.part.state`.
//!
//! The request asks for no content coding (`Accept-Encoding: identity`) unless it says otherwise: a part of a coded body
//! cannot be gone on with. A server that codes the body all the same has it decoded, as by any request of the session; with
//! an `Accept-Encoding` by hand it is saved as it comes.

use std::fmt;
use std::future::IntoFuture;
use std::path::{Path, PathBuf};

use sortie_core::BoxFuture;

use crate::template::Template;
use crate::{Error, RequestBuilder, Response};

mod error;
mod fetch;
mod part;
mod resume;
#[cfg(feature = "checksum")]
mod sha256;

pub use error::{BadDownload, SaveError};
use fetch::{all, fill};
use part::Part;

/// How often the rest is asked for in one call unless said otherwise.
const MAX_RESUMES: usize = 3;

impl Response {
    /// Saves the body to a file, whole or not at all; see the [module](crate::download). It does not look at the status.
    ///
    /// The error is of the kind [`ErrorKind::Save`](crate::ErrorKind::Save) by [`SaveError`] if the file cannot be written, or one of those of
    /// [`Response::chunk`].
    pub fn save_to(self, path: impl Into<PathBuf>) -> Save {
        Save { response: self, path: path.into(), options: Options::default() }
    }
}

impl RequestBuilder {
    /// Sends the request and saves the body of its response to a file; see the [module](crate::download).
    ///
    /// An error status is an error. Nothing is sent if the file cannot be created.
    pub fn download(self, path: impl Into<PathBuf>) -> Download {
        let resumes = Resumes { kept: false, max: MAX_RESUMES };
        Download { request: self, path: path.into(), resumes, options: Options::default() }
    }
}

/// A response being saved: [`Response::save_to`]. It does so when it is awaited.
#[must_use = "nothing is saved unless it is awaited"]
pub struct Save {
    response: Response,
    path: PathBuf,
    options: Options,
}

/// A download: [`RequestBuilder::download`]. It begins when it is awaited.
#[must_use = "nothing is sent unless it is awaited"]
pub struct Download {
    request: RequestBuilder,
    path: PathBuf,
    resumes: Resumes,
    options: Options,
}

struct Resumes {
    /// Whether what has come outlasts the call.
    kept: bool,
    max: usize,
}

#[derive(Default)]
struct Options {
    progress: Option<Box<dyn FnMut(Progress) + Send>>,
    #[cfg(feature = "checksum")]
    sha256: Option<Result<sha256::Digest, crate::Invalid>>,
}

macro_rules! options {
    ($type:literal) => {
        /// A callback for what has come so far: once at the beginning, then after each chunk.
        pub fn on_progress(mut self, callback: impl FnMut(Progress) + Send + 'static) -> Self {
            self.options.progress = Some(Box::new(callback));
            self
        }

        /// What the SHA-256 of the file must be, in hexadecimal digits. Another is the error
        /// [`BadDownload::DigestMismatch`], and no file.
        #[cfg(feature = "checksum")]
        pub fn sha256(mut self, digest: &str) -> Self {
            self.options.sha256 = Some(sha256::Digest::parse(concat!($type, "::sha256"), digest));
            self
        }
    };
}

impl Save {
    options!("Save");
}

impl Download {
    options!("Download");

    /// Keeps what has come if the download does not come to its end, and goes on from there the next time.
    pub fn resume(mut self) -> Self {
        self.resumes.kept = true;
        self
    }

    /// How often the rest is asked for within this download, each in a call of its own: 3 times by default. It is after a
    /// connection that broke or stood still, and only if the response has a strong validator and a known length.
    pub fn max_resumes(mut self, resumes: usize) -> Self {
        self.resumes.max = resumes;
        self
    }
}

/// How far a body has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    done: u64,
    total: Option<u64>,
}

impl Progress {
    /// How many octets are there, those of an earlier time included.
    #[must_use]
    pub fn done(self) -> u64 {
        self.done
    }

    /// How many there are to be, if that is known.
    #[must_use]
    pub fn total(self) -> Option<u64> {
        self.total
    }
}

/// A body that has been saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    path: PathBuf,
    length: u64,
    resumed_from: u64,
}

impl Saved {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many octets it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many of them were there before: 0 if it was asked for from the beginning.
    #[must_use]
    pub fn resumed_from(&self) -> u64 {
        self.resumed_from
    }
}

impl IntoFuture for Save {
    type Output = Result<Saved, Error>;
    type IntoFuture = BoxFuture<'static, Result<Saved, Error>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { response, path, mut options } = self;
            options.check()?;
            let mut part = Part::new(&path).await?;
            let total = response.content_length();
            fill(&mut part, response, total, &mut options).await?;
            options.finish(part, path, 0).await
        })
    }
}

impl IntoFuture for Download {
    type Output = Result<Saved, Error>;
    type IntoFuture = BoxFuture<'static, Result<Saved, Error>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { request, path, resumes, mut options } = self;
            options.check()?;
            let (session, request) = request.into_request();
            let (request, url) = request?;
            let template = Template::new(session, request, url);
            #[cfg(feature = "decompress")]
            let template =
                if template.has_header(&http::header::ACCEPT_ENCODING) { template } else { template.decode_hand_set() };
            let url = resume::hash(template.url().as_str());
            let mut part = if resumes.kept { Part::resumable(&path, url).await? } else { Part::new(&path).await? };
            let resumed_from = all(&template, &mut part, &mut options, resumes.max).await?;
            options.finish(part, path, resumed_from).await
        })
    }
}

impl Options {
    fn report(&mut self, done: u64, total: Option<u64>) {
        self.progress.iter_mut().for_each(|callback| callback(Progress { done, total }));
    }

    /// The error of a setter, before anything is sent.
    fn check(&self) -> Result<(), Error> {
        #[cfg(feature = "checksum")]
        if let Some(Err(invalid)) = &self.sha256 {
            return Err(invalid.clone().into());
        }
        Ok(())
    }

    /// Checks what has come, and gives it its name.
    async fn finish(self, part: Part, path: PathBuf, resumed_from: u64) -> Result<Saved, Error> {
        #[cfg(feature = "checksum")]
        let part = {
            let mut part = part;
            if let Some(Ok(digest)) = self.sha256 {
                part.sync().await?;
                match digest.is_of(part.path()).await {
                    Ok(true) => {}
                    Ok(false) => {
                        part.discard();
                        return Err(Error::new(crate::ErrorKind::Decode, BadDownload::DigestMismatch));
                    }
                    Err(error) => return Err(SaveError::error("cannot read the file", part.path(), error)),
                }
            }
            part
        };
        let length = part.length;
        part.finish().await?;
        Ok(Saved { path, length, resumed_from })
    }
}

impl fmt::Debug for Save {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Save").field("response", &self.response).field("path", &self.path).finish_non_exhaustive()
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download").field("request", &self.request).field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
