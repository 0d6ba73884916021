//! What a session does, end to end: every test goes through `sortie::Session`, nearly all over loopback sockets.

#![expect(clippy::unwrap_used, reason = "the lint knows tests by their attribute, and helpers have none")]

mod address_policy;
mod bad_input;
mod cancellation;
mod cookies;
mod credentials;
mod decompress;
mod defects_of_requests;
mod digest;
mod downloads;
mod events;
mod grpc;
mod handshakes;
mod hooks;
mod hostile;
mod interim;
mod lifecycle;
mod limits;
mod lines;
mod links;
mod mounts;
mod nested;
mod netrc;
mod order;
mod precedence;
mod protocols;
mod proxies;
mod readme;
mod redirects;
mod retries;
mod support;
mod text;
mod timeouts;
mod trust;
#[cfg(unix)]
mod unix_socket;
mod upgrade;
mod uploads;
mod whose_error;
