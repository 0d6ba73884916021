//! sortie against programs that nobody here wrote. Each test is ignored unless asked for and says what it needs;
//! `.ci/run` installs all of it.

#![expect(clippy::unwrap_used, reason = "the lint knows tests by their attribute, and helpers have none")]

mod apache;
mod backend;
mod calls;
mod client_certificates;
mod digest;
mod forms;
mod haproxy;
mod httpbin;
mod nginx;
mod openssl;
mod program;
mod socks;
mod squid;
mod tinyproxy;
