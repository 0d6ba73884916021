//! How do I spread requests over several servers? tower's balancer over one service for each: of two that it draws, the
//! one with less under way is asked, so that a slow server gets less to do.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use sortie::{Body, BoxError, Transport};
use sortie_testkit::{TestServer, reply};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::{Service, ServiceExt};

/// How many requests are sent, and how many at most are under way at once.
const REQUESTS: usize = 600;
const AT_ONCE: usize = 24;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let servers = [("quick", 2), ("quick, too", 2), ("slow", 40)].map(|(name, millis)| (name, server(millis)));

    let transport = Transport::default();
    let mut origins = Vec::new();
    for (_, server) in &servers {
        origins.push(transport.origin(&server.url("/").parse()?)?);
    }
    let mut balance = Balance::new(ServiceList::new::<Request<Body>>(origins));

    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut calls = JoinSet::new();
    for n in 0..REQUESTS {
        let place = places.clone().acquire_owned().await?;
        // A path: the origin is whichever the balancer draws.
        let request = Request::get(format!("/{n}")).body(Body::empty())?;
        let call = balance.ready().await?.call(request);
        calls.spawn(async move {
            let response = call.await?;
            let status = response.status();
            // Until its body has ended, an exchange counts as load.
            response.into_body().collect().await?;
            drop(place);
            Ok::<_, BoxError>(status)
        });
    }
    while let Some(call) = calls.join_next().await {
        assert_eq!(call??, StatusCode::OK);
    }

    println!("{REQUESTS} requests, {AT_ONCE} at once:");
    let counts = servers.each_ref().map(|(name, server)| {
        let count = server.requests().len();
        println!("  {name:<10} {count:>4}  {}", "#".repeat(count / 8));
        count
    });
    assert_eq!(counts.iter().sum::<usize>(), REQUESTS);
    assert!(counts[2] < counts[0] && counts[2] < counts[1], "the slow one was asked as often as the others");
    Ok(())
}

/// Answers after that many milliseconds.
fn server(millis: u64) -> TestServer {
    TestServer::from_fn(move |_| async move {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        reply(200, [], "done")
    })
}
