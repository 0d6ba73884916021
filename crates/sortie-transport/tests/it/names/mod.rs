//! Names, the addresses that they lead to, and which of those may be connected to.

#[cfg(feature = "hickory")]
mod hickory;
mod policy;
mod policy_by_proxy;
mod resolvers;
mod sockets;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sortie_testkit::{TestServer, reply};
use sortie_transport::dns::Name;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn hello() -> TestServer {
    TestServer::from_fn(async |_| reply(200, [], "hello"))
}

/// A URL of that host at the server's port.
fn at(host: &str, server: &TestServer) -> String {
    format!("http://{host}:{}/", server.addr().port())
}

/// Counts what it is asked.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A resolver that knows no name but those of `.test`, which are all this machine.
    fn resolver(&self) -> impl Fn(Name) -> std::future::Ready<Result<IpAddr, &'static str>> + Send + Sync + use<> {
        let count = self.0.clone();
        move |name| {
            count.fetch_add(1, Ordering::Relaxed);
            std::future::ready(if name.as_str().ends_with(".test") { Ok(LOOPBACK) } else { Err("no such name") })
        }
    }
}
