//! How do I follow server-sent events? A source that connects again where the connection ends, and says which event it saw
//! last; and the answer of a language model, which is one stream of them.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use futures_util::{Stream, StreamExt, stream};
use http::StatusCode;
use serde::Deserialize;
use sortie::{BoxError, Session};
use sortie_testkit::TestServer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = TestServer::new(Router::new().route("/prices", get(prices)).route("/chat", post(chat)));
    let session = Session::builder().base_url(server.url("/")).no_env().build()?;

    println!("prices, over as many connections as it takes:");
    let mut source = session.get("prices").event_source();
    let mut seen = Vec::new();
    while let Some(event) = source.next_event().await? {
        println!("  {} {}: {}", event.id(), event.name(), event.data());
        seen.push(event.id().parse::<u32>()?);
    }
    // The server has said that there are no more, by 204.
    assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    println!("  that took {} requests", server.requests().len());
    let asked_after: Vec<_> = server.requests().iter().map(|head| head.headers.get("last-event-id").cloned()).collect();
    assert_eq!(asked_after[1..].iter().flatten().collect::<Vec<_>>(), ["2", "4", "6"]);

    println!("an answer, once:");
    let response = session.post("chat").json(&["Who goes there?"]).send().await?;
    let mut events = response.events()?;
    let mut text = String::new();
    while let Some(event) = events.next_event().await? {
        if event.data() == "[DONE]" {
            break;
        }
        text += &event.json::<Token>()?.token;
    }
    println!("  {text}");
    assert_eq!(text, "A sortie.");
    Ok(())
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

fn event_stream(parts: impl Stream<Item = String> + Send + 'static) -> impl IntoResponse {
    let body = axum::body::Body::from_stream(parts.map(Ok::<_, Infallible>));
    ([("content-type", "text/event-stream")], body)
}

/// Two prices for each connection, of six in all.
async fn prices(headers: HeaderMap) -> axum::response::Response {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse::<u32>().ok()).unwrap_or(0);
    if last >= 6 {
        return StatusCode::NO_CONTENT.into_response();
    }
    let events = (last + 1..=last + 2).map(|id| format!("retry: 100\nevent: price\nid: {id}\ndata: {}\n\n", 40 + id));
    event_stream(stream::iter(events)).into_response()
}

async fn chat() -> impl IntoResponse {
    let parts = [
        "data: {\"token\": \"A \"}\n\n",
        ": still thinking\n\n",
        "data: {\"tok",
        "en\": \"sortie.\"}\n\n",
        "data: [DONE]\n\n",
    ];
    event_stream(stream::iter(parts).then(|part| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        part.to_owned()
    }))
}
