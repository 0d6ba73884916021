//! What a session does, end to end: every test goes through `sortie::Session`, nearly all over loopback sockets.

mod bad_input;
mod cancellation;
mod cookies;
mod credentials;
mod hooks;
mod lifecycle;
mod mounts;
mod order;
mod precedence;
mod protocols;
mod readme;
mod redirects;
mod retries;
mod support;
mod timeouts;
