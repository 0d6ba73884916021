//! The transport against real peers on loopback, hostile ones among them, and at a paused clock in memory.

#![expect(clippy::unwrap_used, reason = "the lint knows tests by their attribute, and helpers have none")]

mod all_origins;
mod cancellation;
mod clocks;
mod closing;
mod figures;
mod hostile;
mod http;
mod legs;
mod limits;
mod names;
mod origins;
mod outcomes;
mod proxy;
mod quiet;
mod reuse;
mod runtimes;
mod soak;
mod streams;
mod support;
mod tls;
mod upgrades;
mod versions;
mod warm;
