//! Auth schemes that need more than a few lines. Each implements [`sortie_core::auth::Auth`] and so signs for the auth layer
//! and for proxies alike.

#[cfg(feature = "digest")]
pub mod digest;
pub mod netrc;
