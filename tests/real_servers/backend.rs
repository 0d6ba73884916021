//! A server of ours behind a proxy that nobody here wrote.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::BodyExt;
use sortie_testkit::{TestServer, reply};
use tokio::sync::Barrier;

/// In which the proxy tells the port of its client's connection, by which it is known here.
pub(crate) const CLIENT_PORT: &str = "x-client-port";

/// How many requests of a connection are here now, and how many there have been at most.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    now: usize,
    pub(crate) most: usize,
}

/// Answers with the method, the path and the length of the upload, and counts what arrives.
#[derive(Debug)]
pub(crate) struct Backend {
    server: TestServer,
    loads: Arc<Mutex<HashMap<String, Load>>>,
}

impl Backend {
    /// It answers when so many requests are here at the same time, and then all of them.
    pub(crate) fn start(together: usize) -> Self {
        let (loads, all_here) = (Arc::<Mutex<HashMap<String, Load>>>::default(), Arc::new(Barrier::new(together)));
        let shared = loads.clone();
        let server = TestServer::from_fn(move |request| {
            let (loads, all_here) = (shared.clone(), all_here.clone());
            async move {
                let (head, body) = request.into_parts();
                let client = head.headers.get(CLIENT_PORT).map(|port| String::from_utf8_lossy(port.as_bytes()));
                let client = client.unwrap_or_default().into_owned();
                let change = |change: fn(&mut Load)| {
                    change(loads.lock().unwrap_or_else(PoisonError::into_inner).entry(client.clone()).or_default());
                };
                change(|load| {
                    load.now += 1;
                    load.most = load.most.max(load.now);
                });
                let length = body.collect().await.map(|body| body.to_bytes().len()).unwrap_or_default();
                all_here.wait().await;
                change(|load| load.now -= 1);
                reply(200, [], format!("{} {} {length}", head.method, head.uri.path()))
            }
        });
        Self { server, loads }
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.addr().port()
    }

    /// How often each path was asked for.
    pub(crate) fn arrivals(&self) -> HashMap<String, usize> {
        let mut arrivals = HashMap::new();
        for head in self.server.requests() {
            *arrivals.entry(head.uri.path().to_owned()).or_default() += 1;
        }
        arrivals
    }

    /// What was here of each of the proxy's clients.
    pub(crate) fn loads(&self) -> Vec<Load> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect()
    }
}
