//! The entries, and which of them is for whom.

use std::collections::HashMap;
use std::fmt;

/// A user name and a password of a [`Netrc`](super::Netrc). Either may be empty, but not both.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Entry {
    pub(super) login: String,
    pub(super) password: String,
}

impl Entry {
    /// The user name.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.login
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    pub(super) fn of_user(&self, user: &str) -> Self {
        Self { login: user.to_owned(), ..self.clone() }
    }

    fn is_empty(&self) -> bool {
        self.login.is_empty() && self.password.is_empty()
    }
}

/// Says only that there is one.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entry")
    }
}

/// The entries of each host, and those of the hosts without.
#[derive(Default)]
pub(super) struct Table {
    hosts: HashMap<String, Vec<Entry>>,
    default: Vec<Entry>,
}

impl Table {
    /// With the entries as they stand in the file: of a host, or the default one.
    pub(super) fn of(entries: impl IntoIterator<Item = (Option<String>, Entry)>) -> Self {
        let mut table = Self::default();
        for (host, entry) in entries {
            match host {
                Some(host) => table.hosts.entry(name(&host)).or_default().push(entry),
                None => table.default.push(entry),
            }
        }
        table
    }

    /// The entry for `user`, or for whoever it names, at `host`.
    pub(super) fn find(&self, host: &str, user: Option<&str>, default_counts: bool) -> Option<&Entry> {
        let own = self.hosts.get(&name(host));
        let entries = own.or(Some(&self.default).filter(|_| default_counts))?;
        let fits = |entry: &&Entry| match user {
            Some(user) => entry.login == user || entry.login.is_empty(),
            None => true,
        };
        let fitting = || entries.iter().filter(fits).filter(|entry| !entry.is_empty());
        let named = |entry: &&Entry| user.is_none_or(|user| entry.login == user);
        fitting()
            .find(|entry| named(entry) && !entry.password.is_empty())
            .or_else(|| fitting().find(|entry| !entry.password.is_empty()))
            .or_else(|| fitting().next())
    }

    pub(super) fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there is anything to keep: anybody may know the password of `anonymous`.
    pub(super) fn has_password(&self) -> bool {
        let mut entries = self.hosts.values().flatten().chain(&self.default);
        entries.any(|entry| entry.login != "anonymous" && !entry.password.is_empty())
    }
}

/// A host as it is compared.
fn name(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.to_ascii_lowercase()
}
