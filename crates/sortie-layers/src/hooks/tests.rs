use std::sync::Mutex;

use http::{Request, Response, StatusCode};
use sortie_core::{Body, find};
use sortie_testkit::{Answer, Scripted, Strict, prove_layer, reply, status};
use tower::{Service, ServiceExt};

use super::*;

/// What the hooks saw, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Hooks for everything that note their name.
    fn hooks<RB: 'static>(&self, name: &'static str) -> Hooks<RB> {
        let [request, response, error] = [self.clone(), self.clone(), self.clone()];
        Hooks::new()
            .on_request(move |_| request.note(format!("{name} request")))
            .on_response(move |head, _| response.note(format!("{name} {}", head.status)))
            .on_error(move |cause, _| error.note(format!("{name} {cause}")))
    }

    /// As `hooks`, after a wait.
    fn async_hooks<RB: 'static>(&self, name: &'static str) -> Hooks<RB> {
        let [request, response, error] = [self.clone(), self.clone(), self.clone()];
        Hooks::new()
            .on_request_async(move |_| {
                let log = request.clone();
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    log.note(format!("{name} request"));
                    Ok(())
                })
            })
            .on_response_async(move |head, _| {
                let log = response.clone();
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    log.note(format!("{name} {}", head.status));
                    Ok(())
                })
            })
            .on_error_async(move |cause, _| {
                let log = error.clone();
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    log.note(format!("{name} {cause}"));
                })
            })
    }
}

prove_layer!(none, || HooksLayer::new(Hooks::new()));
prove_layer!(sync_only, || HooksLayer::new(Log::default().hooks("sync")));
prove_layer!(with_async, || HooksLayer::fixed(Log::default().async_hooks("async")));

fn request() -> Request<Body> {
    Request::post("http://h/p?q=secret").body(Body::from("body")).unwrap()
}

async fn call(
    layer: &HooksLayer,
    answer: impl Into<Answer>,
    own: Option<PerRequest<Hooks>>,
) -> Result<Response<Body>, BoxError> {
    let mut request = request();
    own.map(|own| request.extensions_mut().insert(own));
    layer.layer(Scripted::new([answer])).oneshot(request).await
}

#[tokio::test]
async fn the_sessions_hooks_run_before_the_requests() {
    let log = Log::default();
    let own = |hooks| Some(PerRequest::Use(hooks));
    for (layer, asked, expected) in [
        (HooksLayer::new(log.hooks("session")), None, &["session"][..]),
        (HooksLayer::new(log.hooks("session")), own(log.hooks("own")), &["session", "own"]),
        (HooksLayer::new(log.async_hooks("session")), own(log.hooks("own")), &["session", "own"]),
        (HooksLayer::new(log.hooks("session")), own(log.async_hooks("own")), &["session", "own"]),
        (HooksLayer::new(log.hooks("session")), own(log.hooks("own").alone()), &["own"]),
        (HooksLayer::new(log.hooks("session")), own(Hooks::new()), &["session"]),
        (HooksLayer::new(log.hooks("session")), own(Hooks::new().alone()), &[]),
        (HooksLayer::new(log.hooks("session")), Some(PerRequest::Off), &[]),
        (HooksLayer::new(Hooks::new()), own(log.hooks("own")), &["own"]),
        (HooksLayer::fixed(log.hooks("mount")), own(log.hooks("own").alone()), &["mount"]),
        (HooksLayer::fixed(log.async_hooks("mount")), Some(PerRequest::Off), &["mount"]),
    ] {
        call(&layer, status(204), asked.clone()).await.unwrap();
        let lines = ["request", "204 No Content"]
            .iter()
            .flat_map(|what| expected.iter().map(move |who| format!("{who} {what}")));
        assert_eq!(log.lines(), lines.collect::<Vec<_>>(), "{layer:?} {asked:?}");

        let error = call(&layer, Answer::error("broken"), asked.clone()).await.unwrap_err();
        let lines =
            ["request", "broken"].iter().flat_map(|what| expected.iter().map(move |who| format!("{who} {what}")));
        assert_eq!(log.lines(), lines.collect::<Vec<_>>(), "{layer:?} {asked:?}");
        assert_eq!(error.to_string(), "broken");
    }
}

#[tokio::test]
async fn hooks_run_in_the_order_of_registration_and_change_what_they_are_given() {
    for waits in [false, true] {
        let mut hooks = Hooks::new().on_request(|request| {
            request.headers.insert("x-a", "1".parse().unwrap());
        });
        if waits {
            hooks = hooks.on_request_async(|request| {
                Box::pin(async {
                    tokio::task::yield_now().await;
                    let next = request.headers["x-a"].to_str()?.to_owned() + "2";
                    request.headers.insert("x-a", next.parse()?);
                    Ok(())
                })
            });
        }
        let hooks = hooks
            .on_request(|request| -> Result<(), BoxError> {
                let next = request.headers["x-a"].to_str()?.to_owned() + "3";
                request.headers.insert("x-a", next.parse()?);
                request.uri = "http://other/".parse()?;
                Ok(())
            })
            .on_response(|response, asked| {
                assert_eq!((asked.method().as_str(), asked.uri().to_string().as_str()), ("POST", "http://other/"));
                response.status = StatusCode::ACCEPTED;
            });
        let service = Scripted::new([reply(200, [("x-b", "2")], "answer")]);
        let response = HooksLayer::new(hooks).layer(Strict::new(service.clone())).oneshot(request()).await.unwrap();
        assert_eq!((response.status(), &response.headers()["x-b"]), (StatusCode::ACCEPTED, &"2".parse().unwrap()));
        assert_eq!(response.body().as_bytes(), Some(&b"answer"[..]));
        let sent = &service.requests()[0];
        assert_eq!(
            (sent.headers["x-a"].to_str().unwrap(), &sent.body[..]),
            (if waits { "123" } else { "13" }, &b"body"[..])
        );
    }
}

#[tokio::test]
async fn an_error_of_a_hook_stops_the_chain_and_is_the_calls() {
    for waits in [false, true] {
        let log = Log::default();
        let begin = || if waits { log.async_hooks("1") } else { log.hooks("1") };
        let request_fails = begin().on_request(|_| Err("refused"));
        let response_fails = begin().on_response(|_, _| Err("refused"));
        for (hooks, which, seen, sent) in [
            (request_fails, Event::Request, &["1 request"][..], 0),
            (response_fails, Event::Response, &["1 request", "2 request", "1 200 OK"], 1),
        ] {
            let own = PerRequest::Use(log.hooks::<Body>("2"));
            let service = Scripted::new([status(200)]);
            let mut request = request();
            request.extensions_mut().insert(own);
            let error = HooksLayer::new(hooks).layer(service.clone()).oneshot(request).await.unwrap_err();
            let failed = find::<HookFailed>(&*error).unwrap();
            assert_eq!(
                (failed.which(), std::error::Error::source(failed).unwrap().to_string()),
                (which, "refused".into())
            );
            assert_eq!((log.lines(), service.count()), (seen.iter().map(|line| line.to_string()).collect(), sent));
        }
    }
}

#[tokio::test]
async fn a_call_can_be_dropped_while_a_hook_waits() {
    let hooks = Hooks::new().on_request_async(|_| Box::pin(std::future::pending()));
    let service = Scripted::<Body>::new([status(200)]);
    let mut layered = HooksLayer::new(hooks).layer(service.clone());
    let mut call = Box::pin(layered.ready().await.unwrap().call(request()));
    assert!(
        std::future::Future::poll(call.as_mut(), &mut std::task::Context::from_waker(std::task::Waker::noop()))
            .is_pending()
    );
    drop(call);
    assert_eq!(service.count(), 0);
}

#[test]
fn hooks_of_a_clone_are_its_own_and_debug_shows_no_query() {
    let hooks: Hooks = Hooks::new().on_request(|_| ());
    let more = hooks.clone().on_request(|_| ()).on_error(|_, _| ());
    assert_eq!(format!("{hooks:?}"), "Hooks { request: 1, response: 0, error: 0, alone: false }");
    assert_eq!(format!("{more:?}"), "Hooks { request: 2, response: 0, error: 1, alone: false }");
    let asked = Asked::of(&Method::GET, request().uri());
    assert!(!format!("{asked:?}").contains("secret"), "{asked:?}");
}
