//! Cookies on disk: JSON of our own, and the `cookies.txt` of curl, wget and yt-dlp.
//!
//! ```
//! use sortie_cookies::Jar;
//! use sortie_cookies::persist::{Format, Sessions};
//! use url::Url;
//!
//! # let folder = std::env::temp_dir().join(format!("sortie-cookies-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let file = folder.join("cookies.txt");
//! let shop = Url::parse("https://shop.example.com/")?;
//!
//! let jar = Jar::open(&file, Format::Netscape)?;
//! jar.receive(&shop, b"id=7; Max-Age=3600; Secure; HttpOnly")?;
//! jar.save(&file, Format::Netscape, Sessions::Leave)?;
//!
//! assert_eq!(Jar::open(&file, Format::Netscape)?.header(&shop).unwrap(), "id=7");
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Autosave`] does the saving whenever the jar changes.
//!
//! # What is kept
//!
//! Name, value, domain, host-only mark, path, `Secure`, `HttpOnly`, `SameSite`, partition and the absolute time of
//! expiry, in the order of creation. When a cookie was last used is not kept: after loading all count as used at once.
//! Session cookies are kept only where [`Sessions`] say so; a browser that is closed forgets them.
//!
//! # Loading
//!
//! Loading is all or nothing: a damaged text is a [`LoadError`] that names the line, and the jar is as before. A line
//! that is sound but breaks a rule of RFC 6265bis (a public suffix, a prefix, a limit of size, a control character) is
//! left out, as the server's field would have been, and so is a cookie that has expired. A cookie already in the jar is
//! replaced by one of the same name, domain, path, host-only mark and partition.
//!
//! # Saving
//!
//! A file is replaced as a whole: the new text goes to a new file beside it that only its owner may read and write
//! (mode 0600 on Unix), is flushed to the disk and takes the name. Whoever reads meanwhile, and whoever comes after a
//! crash, has the old file or the new one. A symbolic link at the path is replaced by the file; what it points to stays
//! untouched, so that nobody who can write to the folder chooses what is overwritten.
//!
//! # JSON
//!
//! One object; a member that a reader does not know is ignored, and what would mislead one raises the version:
//!
//! ```json
//! {
//!   "version": 1,
//!   "cookies": [
//!     {"domain":"example.com","host_only":false,"path":"/","name":"id","value":"7","secure":true,"http_only":true,"same_site":"lax","expires":1800000000}
//!   ]
//! }
//! ```
//!
//! `domain` is in lower case, without a leading dot and in its ASCII form; `expires` is in seconds since 1970 and absent
//! for a session cookie; `same_site` is `strict`, `lax`, `none` or absent; `partition` is a site such as
//! `https://example.com`, or absent. `name` and `value` are strings, or arrays of octets where they are not UTF-8. It
//! needs the feature `json`.
//!
//! # `cookies.txt`
//!
//! A line per cookie, of seven fields parted by tabs: domain (with a dot in front if subdomains match too), `TRUE` if
//! they do and else `FALSE`, path, `TRUE` if `Secure`, expiry in seconds since 1970 (0 for a session cookie), name,
//! value. `#HttpOnly_` in front of the domain marks an `HttpOnly` cookie. The format has no place for `SameSite` and
//! partitions: they stand in a comment before the cookie's line (`# sortie: SameSite=Lax; Partition=https://a.example`),
//! which others skip. A cookie with a tab in it, or with a domain that begins with a dot, cannot be written and is left
//! out.
//!
//! What others make of it: curl takes a value without a name for a name without a value; wget takes a cookie that is
//! `HttpOnly` for a comment.
//!
//! Read is also what others write: `\r\n`, comments and empty lines, any case of `TRUE`, a domain with a port (wget) or
//! without its dot, an IPv6 address without brackets (curl), an empty expiry (Python), one with a fraction, a name
//! without a value (six fields), a value without a name.

mod autosave;
mod error;
mod file;
#[cfg(feature = "json")]
mod json;
mod netscape;

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use self::autosave::{Autosave, AutosaveOptions};
pub use self::error::{LoadError, SaveError};
use crate::Jar;
use crate::domain::{MAX_HOST, lower};

/// How cookies are written; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// JSON of our own, which keeps all that a jar knows of a cookie.
    #[cfg(feature = "json")]
    Json,
    /// The `cookies.txt` that Netscape began and curl, wget and yt-dlp read and write.
    Netscape,
}

/// What becomes of session cookies, those without `Max-Age` and `Expires`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "in or out")]
pub enum Sessions {
    /// They are left out: they end with the program.
    #[default]
    Leave,
    /// They are written too.
    Keep,
}

impl Jar {
    /// The jar of a file, with the default options; an empty jar if there is no such file.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub fn open(path: impl AsRef<Path>, format: Format) -> Result<Self, LoadError> {
        let jar = Self::new();
        jar.load(path, format)?;
        Ok(jar)
    }

    /// Puts the cookies of a file into this jar and returns how many it took; none if there is no such file.
    ///
    /// # Errors
    ///
    /// [`LoadError::Read`] if the file cannot be read, [`LoadError::Damaged`] and [`LoadError::Version`] if its text
    /// cannot be; the jar is unchanged then.
    pub fn load(&self, path: impl AsRef<Path>, format: Format) -> Result<usize, LoadError> {
        let Some(text) = file::read(path.as_ref())? else { return Ok(0) };
        match format {
            #[cfg(feature = "json")]
            Format::Json => self.load_json(&text),
            Format::Netscape => self.load_netscape(&text),
        }
    }

    /// Writes the cookies that have not expired to a file, which is replaced as a whole or not at all.
    ///
    /// It blocks for as long as the disk takes.
    ///
    /// # Errors
    ///
    /// [`SaveError`] if the file cannot be written; one that was there before is then still there.
    pub fn save(&self, path: impl AsRef<Path>, format: Format, sessions: Sessions) -> Result<(), SaveError> {
        let text = match format {
            #[cfg(feature = "json")]
            Format::Json => self.to_json(sessions).into_bytes(),
            Format::Netscape => self.to_netscape(sessions),
        };
        file::replace(path.as_ref(), &text)
    }

    /// The cookies that have not expired as JSON.
    #[cfg(feature = "json")]
    #[must_use]
    pub fn to_json(&self, sessions: Sessions) -> String {
        self.written(sessions, json::write)
    }

    /// The jar of a JSON text, with the default options.
    ///
    /// # Errors
    ///
    /// As for [`load_json`](Self::load_json).
    #[cfg(feature = "json")]
    pub fn from_json(text: impl AsRef<[u8]>) -> Result<Self, LoadError> {
        let jar = Self::new();
        jar.load_json(text)?;
        Ok(jar)
    }

    /// Puts the cookies of a JSON text into this jar and returns how many it took.
    ///
    /// # Errors
    ///
    /// [`LoadError::Damaged`] and [`LoadError::Version`]; the jar is unchanged then.
    #[cfg(feature = "json")]
    pub fn load_json(&self, text: impl AsRef<[u8]>) -> Result<usize, LoadError> {
        let lines = json::read(text.as_ref())?;
        Ok(self.put_all(lines.iter().map(json::Line::to_accepted)))
    }

    /// The cookies that have not expired as a `cookies.txt`; octets, for a value need not be UTF-8.
    #[must_use]
    pub fn to_netscape(&self, sessions: Sessions) -> Vec<u8> {
        self.written(sessions, netscape::write)
    }

    /// The jar of a `cookies.txt`, with the default options.
    ///
    /// # Errors
    ///
    /// As for [`load_netscape`](Self::load_netscape).
    pub fn from_netscape(text: impl AsRef<[u8]>) -> Result<Self, LoadError> {
        let jar = Self::new();
        jar.load_netscape(text)?;
        Ok(jar)
    }

    /// Puts the cookies of a `cookies.txt` into this jar and returns how many it took.
    ///
    /// # Errors
    ///
    /// [`LoadError::Damaged`]; the jar is unchanged then.
    pub fn load_netscape(&self, text: impl AsRef<[u8]>) -> Result<usize, LoadError> {
        Ok(self.put_all(netscape::read(text.as_ref())?.into_iter()))
    }
}

/// A host or a domain as the jar has it; `None` for what is neither.
fn host(text: &str) -> Option<Cow<'_, str>> {
    if !text.is_ascii() {
        let host = url::Host::parse(text).ok()?.to_string();
        return (host.len() <= MAX_HOST).then_some(host.into());
    }
    if let Ok(address) = bare(text).parse::<Ipv6Addr>() {
        return Some(url::Host::<&str>::Ipv6(address).to_string().into());
    }
    // What ends a host in a URL cannot be in one.
    let is_part = |octet: u8| octet.is_ascii_graphic() && !b"/?#@\\[]:".contains(&octet);
    let is_name = !text.is_empty() && text.len() <= MAX_HOST && text.bytes().all(is_part);
    is_name.then(|| lower(text))
}

/// A host without the brackets that an IPv6 address has in URLs.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// An instant in seconds since 1970, at most in the year 9999; none lasts longer than 400 days.
fn time(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.min(253_402_300_799))
}

/// A cookie that is kept expires in a whole second.
fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Whether a text is a site, as [`Partition`](crate::Partition) prints one.
fn is_site(text: &str) -> bool {
    let name = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    name.and_then(host).is_some_and(|host| text.ends_with(&*host))
}

#[cfg(test)]
mod tests;
