//! Scripted services and servers for testing HTTP clients.
