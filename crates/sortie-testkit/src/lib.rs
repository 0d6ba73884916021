//! Scripted services and servers for testing HTTP clients.

mod not_default;
mod prove;
mod scripted;
mod strict;

pub use not_default::NotDefault;
pub use scripted::{Answer, Recorded, Scripted, reply, status};
pub use strict::Strict;

/// What the macro's expansion calls. Not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::prove::{
        dropped_at_any_poll, over_boxed, over_buffer, over_client, over_concurrency_limit, over_router, over_strict,
        with_not_default,
    };
}
