//! The transport against real peers on loopback, hostile ones among them, and at a paused clock in memory.

mod reuse;
mod support;
mod versions;
