//! How do I use every address of a name, and notice when they change? Each address is an endpoint of its own, with
//! connections of its own; the name is looked up again and again, and the balancer told what has come and gone.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt};
use http::{Request, Uri};
use http_body_util::BodyExt;
use sortie::transport::OriginService;
use sortie::{Body, BoxError, Transport};
use sortie_testkit::{TestServer, reply};
use tower::balance::p2c::Balance;
use tower::discover::Change;
use tower::{Service, ServiceExt};

/// For how long the addresses of a look-up are good.
const TTL: Duration = Duration::from_millis(100);

/// What the name's look-up says now: it stands for a resolver here, so that the example runs without one.
#[derive(Clone, Default)]
struct Dns(Arc<Mutex<BTreeSet<SocketAddr>>>);

impl Dns {
    fn set(&self, servers: &[&TestServer]) {
        let addresses = servers.iter().map(|server| server.addr()).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    /// In a program of yours: `tokio::net::lookup_host(name).await`, or a resolver that knows the record's TTL.
    async fn look_up(&self) -> BTreeSet<SocketAddr> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Changed = Result<Change<SocketAddr, OriginService>, BoxError>;

/// The endpoints of `origin`, as they come and go: a `Discover` for tower's balancer.
fn endpoints(origin: OriginService, dns: Dns) -> impl Stream<Item = Changed> {
    let interval = tokio::time::interval(TTL);
    stream::unfold((interval, BTreeSet::new()), move |(mut interval, known)| {
        let (origin, dns) = (origin.clone(), dns.clone());
        async move {
            interval.tick().await;
            let found = dns.look_up().await;
            let gone = known.difference(&found).map(|address| Change::Remove(*address));
            let new = found.difference(&known).map(|address| Change::Insert(*address, origin.at(*address)));
            let changes: Vec<Changed> = new.chain(gone).map(Ok).collect();
            Some((stream::iter(changes), (interval, found)))
        }
    })
    .flatten()
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let [one, two, three] =
        ["one", "two", "three"].map(|name| TestServer::from_fn(move |_| async move { reply(200, [], name) }));
    let dns = Dns::default();
    dns.set(&[&one, &two]);

    // No resolver knows the name: only the addresses are asked, and `Host` still says it.
    let orders = Transport::default().origin(&Uri::from_static("http://orders.internal"))?;
    let mut balance = Balance::new(Box::pin(endpoints(orders, dns.clone())));

    println!("orders.internal is one and two:");
    let asked = ask(&mut balance, 40).await?;
    println!("  answers came from {asked:?}");
    assert_eq!(asked, BTreeSet::from(["one".to_owned(), "two".to_owned()]));
    assert_eq!(one.requests()[0].headers["host"], "orders.internal");

    dns.set(&[&two, &three]);
    tokio::time::sleep(3 * TTL).await;
    println!("one is gone, three has come:");
    let asked = ask(&mut balance, 40).await?;
    println!("  answers came from {asked:?}");
    assert_eq!(asked, BTreeSet::from(["three".to_owned(), "two".to_owned()]));
    Ok(())
}

/// Who answered.
async fn ask<S, RB>(service: &mut S, times: usize) -> Result<BTreeSet<String>, BoxError>
where
    S: Service<Request<Body>, Response = http::Response<RB>, Error = BoxError>,
    RB: http_body::Body<Error = BoxError>,
{
    let mut names = BTreeSet::new();
    for _ in 0..times {
        let request = Request::get("/").body(Body::empty())?;
        let response = service.ready().await?.call(request).await?;
        let name = response.into_body().collect().await?.to_bytes();
        names.insert(String::from_utf8_lossy(&name).into_owned());
    }
    Ok(names)
}
