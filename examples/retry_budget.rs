//! How do I keep retries from making a bad day worse? A budget, which two sessions share, beside the same storm without
//! one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use http::StatusCode;
use sortie::retry::{Backoff, Budget, Next, RetryOptions, Stop};
use sortie::{BoxError, Session};
use sortie_testkit::{TestServer, reply};

/// How often each session asks.
const CALLS: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let without = storm(RetryOptions::standard().backoff(Backoff::none()).no_budget()).await?;
    println!("without a budget: {} calls became {} requests", 2 * CALLS, without.requests);
    assert_eq!(without.requests, 3 * 2 * CALLS);

    // A fifth of the calls and ten a second, as in `RetryOptions::standard`, but for both sessions together.
    let started = Instant::now();
    let budget = Budget::default();
    let within = storm(RetryOptions::standard().backoff(Backoff::none()).budget(budget)).await?;
    println!("with a budget:    {} calls became {} requests", 2 * CALLS, within.requests);
    println!("{} retries were sent, and {} were called for and not sent", within.retried, within.refused);
    let reserve = 10 + 10 * (1 + usize::try_from(started.elapsed().as_secs())?);
    assert!(within.requests <= 2 * CALLS + 2 * CALLS / 5 + reserve, "{}", within.requests);
    assert_eq!(within.requests, 2 * CALLS + within.retried);
    assert!(within.refused > CALLS);
    Ok(())
}

struct Storm {
    /// How many requests the server had to answer.
    requests: usize,
    retried: usize,
    refused: usize,
}

/// Two sessions ask a server that is out of order.
async fn storm(retry: RetryOptions) -> Result<Storm, BoxError> {
    let server = TestServer::from_fn(async |_| reply(503, [], "out of order"));
    let (retried, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    // Each decision is told as it is made: here a metric would be counted.
    let counters = (retried.clone(), refused.clone());
    let retry = retry.on_decision(move |_, attempt| match attempt.next() {
        Next::Retried { .. } => drop(counters.0.fetch_add(1, Ordering::Relaxed)),
        Next::Stopped(Stop::BudgetEmpty) => drop(counters.1.fetch_add(1, Ordering::Relaxed)),
        _ => {}
    });
    let sessions = [
        Session::builder().no_env().retry(retry.clone()).build()?,
        Session::builder().no_env().retry(retry).header("x-team", "billing").build()?,
    ];
    for _ in 0..CALLS {
        for session in &sessions {
            let response = session.get(server.url("/")).send().await?;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            response.bytes().await?;
        }
    }
    let (retried, refused) = (retried.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
    Ok(Storm { requests: server.requests().len(), retried, refused })
}
