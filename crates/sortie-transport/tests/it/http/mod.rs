//! How HTTP is spoken: settings, interim answers, bodies that wait, connections that become something else.

mod expect;
mod expect_http2;
mod frames;
mod heads;
mod informational;
mod settings;
mod upgrades;
