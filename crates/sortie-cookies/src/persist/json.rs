//! Our own format; the [module](super) describes it.

use std::time::SystemTime;

use cookie::SameSite;
use serde::{Deserialize, Deserializer, Serialize};

use super::{LoadError, host, is_site, seconds, time};
use crate::store::Accepted;

const VERSION: u64 = 1;

#[derive(Deserialize)]
struct Head {
    version: u64,
}

#[derive(Deserialize)]
struct Document {
    cookies: Vec<Line>,
}

/// A cookie, on a line of its own.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    #[serde(deserialize_with = "domain")]
    domain: String,
    host_only: bool,
    #[serde(deserialize_with = "path")]
    path: String,
    name: Octets,
    value: Octets,
    secure: bool,
    http_only: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    same_site: Option<Site>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "partition")]
    partition: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Octets {
    Text(String),
    Raw(Vec<u8>),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Site {
    Strict,
    Lax,
    None,
}

/// The text of these cookies.
pub(super) fn write(cookies: &mut dyn Iterator<Item = Accepted<'_>>) -> String {
    let mut text = format!("{{\n  \"version\": {VERSION},\n  \"cookies\": [");
    let mut separator = "\n    ";
    for cookie in cookies {
        text += separator;
        text += &serde_json::to_string(&Line::of(&cookie)).expect("strings, numbers and booleans are JSON");
        separator = ",\n    ";
    }
    text += "\n  ]\n}\n";
    text
}

/// The cookies of a text; the rules of the jar are not yet applied to them.
pub(super) fn read(text: &[u8]) -> Result<Vec<Line>, LoadError> {
    let head: Head = parse(text)?;
    if head.version != VERSION {
        return Err(LoadError::Version { found: head.version });
    }
    Ok(parse::<Document>(text)?.cookies)
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, LoadError> {
    serde_json::from_slice(text).map_err(|error| {
        // Its own words may quote the text.
        let what = match error.classify() {
            serde_json::error::Category::Eof => "the text ends too early",
            serde_json::error::Category::Data => "a member is missing, or is not what the format has it",
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => "this is not JSON",
        };
        LoadError::Damaged { line: error.line().max(1), what }
    })
}

fn checked<'de, D: Deserializer<'de>>(from: D, is_sound: impl Fn(&str) -> bool) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if is_sound(&text) { Ok(text) } else { Err(serde::de::Error::custom("not sound")) }
}

fn domain<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked(from, |text| host(text).is_some_and(|host| *host == *text))
}

fn path<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    checked(from, |text| text.starts_with('/'))
}

fn partition<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked(from, is_site).map(Some)
}

impl Line {
    fn of(cookie: &Accepted<'_>) -> Self {
        Self {
            domain: cookie.domain.to_string(),
            host_only: cookie.host_only,
            path: cookie.path.to_owned(),
            name: Octets::of(cookie.name),
            value: Octets::of(cookie.value),
            secure: cookie.secure,
            http_only: cookie.http_only,
            same_site: cookie.same_site.map(|site| match site {
                SameSite::Strict => Site::Strict,
                SameSite::Lax => Site::Lax,
                SameSite::None => Site::None,
            }),
            expires: cookie.expires.map(seconds),
            partition: cookie.partition.as_deref().map(str::to_owned),
        }
    }

    pub(super) fn to_accepted(&self) -> Accepted<'_> {
        Accepted {
            name: self.name.octets(),
            value: self.value.octets(),
            domain: (&*self.domain).into(),
            host_only: self.host_only,
            path: &self.path,
            secure: self.secure,
            http_only: self.http_only,
            same_site: self.same_site.map(|site| match site {
                Site::Strict => SameSite::Strict,
                Site::Lax => SameSite::Lax,
                Site::None => SameSite::None,
            }),
            partition: self.partition.as_deref().map(Into::into),
            expires: self.expires.map(time as fn(u64) -> SystemTime),
        }
    }
}

impl Octets {
    fn of(octets: &[u8]) -> Self {
        std::str::from_utf8(octets).map_or_else(|_| Self::Raw(octets.to_vec()), |text| Self::Text(text.to_owned()))
    }

    fn octets(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Raw(octets) => octets,
        }
    }
}
