//! How requests are signed: the schemes, and the layer that applies them.

pub use sortie_layers::auth::*;

#[cfg(feature = "digest")]
pub use sortie_auth::digest::{Digest, Qop, ServerProof, WrongProof};
