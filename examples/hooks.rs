//! How do I look at requests and responses, change them, or answer some myself? Hooks per hop and at the wire.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::header::{ETAG, HeaderName, HeaderValue};
use http::{Method, Response};
use sortie::hooks::Hooks;
use sortie::retry::RetryOptions;
use sortie::{Body, BoxError, Session};
use sortie_testkit::{TestServer, reply};

const SIGNATURE: HeaderName = HeaderName::from_static("x-signature");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = server();
    let session = Session::builder()
        .base_url(server.url("/"))
        .retry(RetryOptions::standard())
        .hooks(cached(["config"]))
        .wire_hooks(logged().on_request_async(|request| {
            Box::pin(async move {
                // Each attempt is signed anew, with a key that may have to be fetched first.
                let signature = sign(request.method.as_str(), request.uri.path()).await;
                request.headers.insert(SIGNATURE, HeaderValue::try_from(signature)?);
                Ok(())
            })
        }))
        .no_env()
        .build()?;

    println!("1. a redirect, and a 503 that is tried again: the wire's hooks see every send");
    let report = session.get("start").send().await?.text().await?;
    assert_eq!(report, "the report");

    println!("2. the second time, a hook answers in the server's stead");
    for _ in 0..2 {
        let config = session.get("config").send().await?;
        println!("   {} {}", config.status(), config.text().await?);
    }
    assert_eq!(server.requests().iter().filter(|head| head.uri.path() == "/config").count(), 1);

    println!("3. a hook of one request, whose error is the call's");
    let strict = session.get("report").on_response(|response, asked| match response.headers.get(ETAG) {
        Some(_) => Ok(()),
        None => Err(format!("{} has no ETag", asked.uri().path())),
    });
    let error = strict.send().await.err().ok_or("the hook must fail")?;
    println!("   {}", sortie_testkit::told(&error));
    Ok(())
}

/// Prints what is sent and what comes back, and when.
fn logged() -> Hooks {
    let began = Instant::now();
    Hooks::new()
        .on_request(move |request| println!("   {:>9.1?} > {} {}", began.elapsed(), request.method, request.uri.path()))
        .on_response(move |response, asked| {
            println!("   {:>9.1?} < {} to {}", began.elapsed(), response.status, asked.uri().path());
        })
        .on_error(|error, asked| println!("   < {error} instead of {}", asked.uri().path()))
}

/// Keeps the answers to these paths, whose bodies are short, and gives them again.
fn cached<const N: usize>(paths: [&'static str; N]) -> Hooks {
    let kept: Arc<Mutex<HashMap<String, HeaderValue>>> = Arc::default();
    let keep = kept.clone();
    let is_kept = move |path: &str| paths.contains(&path.trim_start_matches('/'));
    Hooks::new()
        .answer_request(move |request| {
            let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let value = kept.get(request.uri.path()).filter(|_| request.method == Method::GET)?;
            Some(Response::new(Body::from(format!("limit {} (cached)", value.to_str().unwrap_or_default()))))
        })
        .on_response(move |response, asked| {
            // Hooks see heads: what they keep of a body has to be in one.
            if let Some(limit) = response.headers.get("x-limit").filter(|_| is_kept(asked.uri().path())) {
                let mut keep = keep.lock().unwrap_or_else(PoisonError::into_inner);
                keep.insert(asked.uri().path().to_owned(), limit.clone());
            }
        })
}

async fn sign(method: &str, path: &str) -> String {
    tokio::task::yield_now().await;
    format!("{method}.{path}.{}", method.len() + path.len())
}

fn server() -> TestServer {
    let busy = std::sync::atomic::AtomicBool::new(true);
    TestServer::from_fn(move |request| {
        let signed = request.headers().contains_key(SIGNATURE);
        let answer = match request.uri().path() {
            _ if !signed => reply(403, [], "unsigned"),
            "/start" => reply(302, [("location", "/report")], ""),
            "/report" if busy.swap(false, std::sync::atomic::Ordering::Relaxed) => {
                reply(503, [("retry-after", "0")], "")
            }
            "/report" => reply(200, [], "the report"),
            _ => reply(200, [("x-limit", "10")], "limit 10"),
        };
        std::future::ready(answer)
    })
}
