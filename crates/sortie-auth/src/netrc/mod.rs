//! Passwords from a `.netrc` file: one file of logins, by host, that curl, git, ftp and Python's requests read too.
//!
//! [`Netrc`] is an [`Auth`] that signs by Basic where the file has an entry for the request's host, and leaves every
//! other request as it is. The auth layer asks it last ([fallback]), after a request's own auth, an `Authorization`
//! header, the mount's and the session's auth and the userinfo of the URL.
//!
//! # Example
//!
//! ```
//! use http::Request;
//! use sortie_auth::netrc::Netrc;
//! use sortie_core::Body;
//! use sortie_layers::auth::{AuthLayer, AuthOptions};
//! use sortie_testkit::{Scripted, status};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie_core::BoxError> {
//! let netrc = Netrc::parse("machine api.example.com login ada password s3cret")?;
//! let server = Scripted::new([status(200), status(200)]);
//! let client = ServiceBuilder::new()
//!     .layer(AuthLayer::new(AuthOptions::default().fallback(netrc)))
//!     .service(server.clone());
//!
//! for url in ["https://api.example.com/", "https://example.com/"] {
//!     client.clone().oneshot(Request::get(url).body(Body::empty())?).await?;
//! }
//! assert_eq!(server.requests()[0].headers["authorization"], "Basic YWRhOnMzY3JldA==");
//! assert!(!server.requests()[1].headers.contains_key("authorization"));
//! # Ok(())
//! # }
//! ```
//!
//! # The file
//!
//! Words, separated by white space and line ends, in UTF-8:
//!
//! | words | meaning |
//! |---|---|
//! | `machine` *host* | begins the entry of a host |
//! | `default` | begins the entry of the hosts that have none |
//! | `login` or `user` *name* | the user name |
//! | `password` *password* | the password; without one it is empty |
//! | `account` *name* | read and not used |
//! | `macdef` *name* | a macro of ftp's: skipped up to the next blank line |
//! | `#` … | where a keyword could stand: a comment, to the end of the line |
//!
//! A word in double quotes may hold white space; `\"` and `\\` are a quote and a backslash in it, `\n`, `\r` and `\t`
//! what they are in C, as for curl. Outside quotes a backslash makes the next character a plain one, as for Python and
//! ftp (curl takes it for itself there: write it as `"\\"`, which all read alike). Anything else is an error with the
//! number of its line.
//!
//! # Which entry
//!
//! The host is compared without regard to case, and without the port. Of several entries for one host the first with a
//! password counts; with a user in the URL (`https://ada@host/`) only those with that login, or with none. `default`
//! serves the hosts without an entry, wherever in the file it stands. An entry with neither login nor password signs
//! nothing, and keeps `default` away from its host.
//!
//! # Redirects
//!
//! Each hop is looked up by its own host, so that no host gets what is another's. Beyond the first redirect to a foreign
//! origin ([`Chain`]), `default` and the user of the URL no longer count: whoever redirects could name any host. Nothing is
//! signed where a chain that began with https goes on without.
//!
//! # When it is read
//!
//! Once, when a `Netrc` is made, with blocking calls. [`Netrc::replace`] puts the entries of another in its place, for
//! every clone and session that has it.
//!
//! # Differences from requests
//!
//! - The file is read when it is asked for, not on each request, and what is wrong with it is an error.
//! - An entry replaces neither an `Authorization` header nor the userinfo of the URL nor any auth that is set.
//! - `default` is not for the hosts that a foreign redirect names.
//! - Of two entries for one host the first counts, as for curl and ftp; an `account` is never taken for the login.
//!
//! [fallback]: https://docs.rs/sortie-layers/latest/sortie_layers/auth/struct.AuthOptions.html

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Extensions, HeaderValue, Uri};
use sortie_core::auth::{Auth, Recipient, Signing, Unsigned, Userinfo};
use sortie_core::{BoxError, Chain};

mod error;
mod parse;
mod table;

pub use error::NetrcError;
pub use table::Entry;

use error::What;
use table::Table;

/// The logins of a `.netrc` file, by host. The [module](self) has an example.
///
/// A clone is a reference to the same entries.
#[derive(Clone, Default)]
pub struct Netrc(Arc<RwLock<Arc<Table>>>);

/// Nobody's is this long; curl stops at 128 KiB.
const LONGEST: u64 = 1 << 20;

impl Netrc {
    /// The entries of a text.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with the number of the line.
    pub fn parse(text: &str) -> Result<Self, NetrcError> {
        parse::parse(text).map(Self::of)
    }

    /// The entries of a file, whoever may read it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is longer than 1 MiB, or what is wrong with its text.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, NetrcError> {
        read(path.as_ref(), Others::MayRead).map(Self::of)
    }

    /// The entries of the user's file, as an environment names it: the file of `NETRC`, if that is set and not empty;
    /// else `.netrc`, else `_netrc` in the folder of `HOME` (on Windows, if that is not set, of `USERPROFILE`). No
    /// entries if there is no such file there.
    ///
    /// ```
    /// use sortie_auth::netrc::Netrc;
    ///
    /// let nowhere = Netrc::from_env(|_| None)?;
    /// assert!(nowhere.lookup("example.com").is_none());
    /// let netrc = Netrc::from_env(|name| std::env::var(name).ok());
    /// # let _ = netrc;
    /// # Ok::<(), sortie_auth::netrc::NetrcError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), also if the file that `NETRC` names is not there. On Unix also if the group or others
    /// have any access to the file in the home folder, and it has a password: `chmod 600` it. A file that was named is
    /// not checked, as by Python.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, NetrcError> {
        let set = |name| lookup(name).filter(|value| !value.is_empty());
        let home = set("HOME").or_else(|| set("USERPROFILE").filter(|_| cfg!(windows))).map(PathBuf::from);
        match (set("NETRC"), home) {
            (Some(named), Some(home)) if named.starts_with("~/") => Self::open(home.join(&named["~/".len()..])),
            (Some(named), _) => Self::open(named),
            (None, Some(home)) => Self::in_folder(&home),
            (None, None) => Ok(Self::default()),
        }
    }

    /// The entries of `.netrc`, else `_netrc`, in the home folder of the process's user; `NETRC` does not count. No
    /// entries if there is no such file.
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    pub fn from_home() -> Result<Self, NetrcError> {
        std::env::home_dir().map_or_else(|| Ok(Self::default()), |home| Self::in_folder(&home))
    }

    fn in_folder(home: &Path) -> Result<Self, NetrcError> {
        for name in [".netrc", "_netrc"] {
            match read(&home.join(name), Others::MayNot) {
                Err(error) if error.is_missing() => {}
                read => return read.map(Self::of),
            }
        }
        Ok(Self::default())
    }

    fn of(table: Table) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(table))))
    }

    fn table(&self) -> Arc<Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts the entries of `other` in the place of these, for all clones: requests signed from now on have them.
    ///
    /// ```
    /// use sortie_auth::netrc::Netrc;
    ///
    /// let netrc = Netrc::parse("machine example.com login ada password 0ld")?;
    /// let used = netrc.clone();
    /// // The file has changed: what cannot be read leaves the entries as they are.
    /// netrc.replace(&Netrc::parse("machine example.com login ada password n3w")?);
    /// assert_eq!(used.lookup("example.com").unwrap().password(), "n3w");
    /// # Ok::<(), sortie_auth::netrc::NetrcError>(())
    /// ```
    pub fn replace(&self, other: &Self) {
        let table = other.table();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    /// The login for a host, which may be a name or an address, with or without the brackets of IPv6; `default`'s if the
    /// host has no entry.
    #[must_use]
    pub fn lookup(&self, host: &str) -> Option<Entry> {
        self.table().find(host, None, true).cloned()
    }

    /// The login for this user of a host, as a URL names both: the entry has that login or none.
    #[must_use]
    pub fn lookup_user(&self, host: &str, user: &str) -> Option<Entry> {
        self.table().find(host, Some(user), true).map(|entry| entry.of_user(user))
    }

    fn sign_now(&self, request: &mut Unsigned<'_>) -> Result<(), BoxError> {
        if request.recipient() != Recipient::Server {
            return Err("Netrc: its entries are for servers, not for a proxy: give that its user and password".into());
        }
        let header = request.recipient().header();
        let head = request.parts_mut();
        match choose(&self.table(), &head.uri, &head.extensions) {
            Some(entry) => head.headers.try_insert(header, basic(&entry)?).map(drop).map_err(Into::into),
            None => Ok(()),
        }
    }
}

/// The entry that signs a request; `None` if it is sent as it is.
fn choose(table: &Table, uri: &Uri, extensions: &Extensions) -> Option<Entry> {
    let is_secure = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        // The host of a Unix socket is a path.
        _ => return None,
    };
    let chain = extensions.get::<Chain>();
    if !is_secure && chain.is_some_and(|chain| chain.first.scheme() == "https") {
        return None;
    }
    let at_home = chain.is_none_or(|chain| !chain.crossed);
    let user = extensions.get::<Userinfo>().map(|named| &*named.user).filter(|user| at_home && !user.is_empty());
    let entry = table.find(uri.host()?, user, at_home)?;
    Some(user.map_or_else(|| entry.clone(), |user| entry.of_user(user)))
}

/// What RFC 7617 §2 does not let be said is an error that says so, when the entry is needed: others may be in the file for
/// ftp.
fn basic(entry: &Entry) -> Result<HeaderValue, BoxError> {
    let (login, password) = (entry.login(), entry.password());
    if login.contains(':') {
        return Err("Netrc: the login for this host has a colon, which Basic cannot tell from the one after it".into());
    }
    if login.contains(char::is_control) || password.contains(char::is_control) {
        return Err("Netrc: the login or the password for this host has a control character".into());
    }
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(format!("{login}:{password}"))))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Auth for Netrc {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        Signing::Done(self.sign_now(request))
    }

    fn waits(&self) -> bool {
        false
    }
}

/// How many hosts it knows, and nothing of them.
impl fmt::Debug for Netrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Netrc").field("hosts", &self.table().hosts()).finish_non_exhaustive()
    }
}

/// Whether others than its owner may have access to a file with passwords.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    MayRead,
    MayNot,
}

fn read(path: &Path, others: Others) -> Result<Table, NetrcError> {
    let (bytes, mode) = content(path).map_err(|error| NetrcError::new(What::Unreadable(error)).at(path))?;
    if bytes.len() as u64 > LONGEST {
        return Err(NetrcError::new(What::TooLong).at(path));
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        NetrcError::new(What::NotUtf8).line_is(line).at(path)
    })?;
    let table = parse::parse(text).map_err(|error| error.at(path))?;
    match mode {
        // Whatever the group and others may do with it, as Python and ftp have it.
        Some(mode) if others == Others::MayNot && mode & 0o077 != 0 && table.has_password() => {
            Err(NetrcError::new(What::OpenToOthers(mode & 0o777)).at(path))
        }
        _ => Ok(table),
    }
}

/// What stands in a file, a little more than may at most, and its mode, where there are modes.
fn content(path: &Path) -> io::Result<(Vec<u8>, Option<u32>)> {
    let file = File::open(path)?;
    let mode = mode(&file)?;
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes)?;
    Ok((bytes, mode))
}

#[cfg(unix)]
fn mode(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;
    Ok(Some(file.metadata()?.permissions().mode()))
}

#[cfg(not(unix))]
fn mode(_: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

#[cfg(test)]
mod tests;
