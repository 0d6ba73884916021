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
prove_layer!(that_could_answer, || {
    HooksLayer::new(Hooks::new().answer_request(|_| None).answer_error(|_, _| None))
});
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

/// Hooks that answer, at once or after a wait, requests for `/answered` and failures of `/failing`; others note.
fn answering<RB: From<&'static str> + 'static>(log: &Log, waits: bool) -> Hooks<RB> {
    let answer = |is: bool| is.then(|| Response::builder().status(203).body(RB::from("by a hook")).unwrap());
    let hooks = log.hooks("1");
    let hooks = if waits {
        hooks
            .answer_request_async(move |request| {
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    Ok(answer(request.uri.path() == "/answered"))
                })
            })
            .answer_error_async(move |_, asked| {
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    answer(asked.uri().path() == "/failing")
                })
            })
    } else {
        hooks
            .answer_request(move |request| answer(request.uri.path() == "/answered"))
            .answer_error(move |_, asked| answer(asked.uri().path() == "/failing"))
    };
    let [request, response, error] = [log.clone(), log.clone(), log.clone()];
    hooks
        .on_request(move |_| request.note("2 request"))
        .on_response(move |head, _| response.note(format!("2 {}", head.status.as_u16())))
        .on_error(move |_, _| error.note("2 error"))
}

const BY_A_HOOK: &str = "203 Non Authoritative Information";

#[tokio::test]
async fn a_hook_may_answer_and_the_response_hooks_see_it() {
    for waits in [false, true] {
        for (path, fails, expected, end, sent) in [
            ("/", false, &["1 request", "2 request", "1 200 OK", "2 200"][..], Ok("ok"), 1),
            ("/answered", false, &["1 request", &format!("1 {BY_A_HOOK}"), "2 203"], Ok("by a hook"), 0),
            (
                "/failing",
                true,
                &["1 request", "2 request", "1 broken", &format!("1 {BY_A_HOOK}"), "2 203"],
                Ok("by a hook"),
                1,
            ),
            ("/", true, &["1 request", "2 request", "1 broken", "2 error"], Err("broken"), 1),
        ] {
            let log = Log::default();
            let answer = if fails { Answer::error("broken") } else { reply(200, [], "ok").into() };
            let service = Scripted::new([answer]);
            let mut layered = HooksLayer::new(answering::<Body>(&log, waits)).layer(Strict::new(service.clone()));
            let response = layered.ready().await.unwrap().call(request_of(path)).await;
            let came = response.as_ref().map(|response| response.body().as_bytes().unwrap());
            assert_eq!(came.map_err(ToString::to_string), end.map(str::as_bytes).map_err(str::to_owned), "{path}");
            assert_eq!((log.lines(), service.count()), (expected.iter().map(ToString::to_string).collect(), sent));
        }
    }
}

#[tokio::test]
async fn the_answer_has_whatever_body_the_service_answers_with() {
    let service = tower::service_fn(async |_: Request<Body>| Err::<Response<String>, BoxError>("unreached".into()));
    let response = HooksLayer::new(answering(&Log::default(), false))
        .layer(service)
        .oneshot(request_of("/answered"))
        .await
        .unwrap();
    assert_eq!(response.into_body(), "by a hook".to_owned());
}

#[tokio::test]
async fn a_hook_that_could_answer_may_fail_and_the_failure_of_a_response_hook_is_no_failure_of_the_service() {
    let no_error = || Hooks::new().answer_error(|_, _| panic!("it is not for the failures of hooks"));
    for (hooks, which) in [
        (no_error().answer_request(|_| Err("refused")), Event::Request),
        (no_error().answer_request(|_| Some(status(200))).on_response(|_, _| Err("refused")), Event::Response),
        (Hooks::new().answer_error(|_, _| Some(status(200))).on_response(|_, _| Err("refused")), Event::Response),
    ] {
        let error = call(&HooksLayer::new(hooks), Answer::error("broken"), None).await.unwrap_err();
        assert_eq!(find::<HookFailed>(&*error).unwrap().which(), which);
    }
}

#[tokio::test]
async fn the_answer_of_the_session_is_before_the_requests_own_hooks() {
    let log = Log::default();
    let session = HooksLayer::new(Hooks::new().answer_request(|_| Some(status(204))));
    call(&session, Answer::error("unreached"), Some(PerRequest::Use(log.hooks("own")))).await.unwrap();
    assert_eq!(log.lines(), ["own 204 No Content"]);
}

#[tokio::test]
async fn a_call_can_be_dropped_while_a_hook_waits() {
    let captured = Arc::new(());
    let hold = || {
        let held = captured.clone();
        move || {
            let held = held.clone();
            async move {
                std::future::pending::<()>().await;
                drop(held);
            }
        }
    };
    let [request, answer, response, error, answer_error] = [hold(), hold(), hold(), hold(), hold()];
    for (hooks, answers, sent) in [
        (
            Hooks::new().on_request_async(move |_| {
                let waiting = request();
                Box::pin(async {
                    waiting.await;
                    Ok(())
                })
            }),
            status(200).into(),
            0,
        ),
        (
            Hooks::new().answer_request_async(move |_| {
                let waiting = answer();
                Box::pin(async {
                    waiting.await;
                    Ok(None)
                })
            }),
            status(200).into(),
            0,
        ),
        (
            Hooks::new().on_response_async(move |_, _| {
                let waiting = response();
                Box::pin(async {
                    waiting.await;
                    Ok(())
                })
            }),
            status(200).into(),
            1,
        ),
        (Hooks::new().on_error_async(move |_, _| Box::pin(error())), Answer::error("broken"), 1),
        (
            Hooks::new().answer_error_async(move |_, _| {
                let waiting = answer_error();
                Box::pin(async {
                    waiting.await;
                    None
                })
            }),
            Answer::error("broken"),
            1,
        ),
    ] {
        let service = Scripted::<Body>::new([answers]);
        let mut layered = HooksLayer::new(hooks).layer(service.clone());
        let held = Arc::strong_count(&captured);
        let mut call = Box::pin(layered.ready().await.unwrap().call(request_of("/")));
        let waker = std::task::Waker::noop();
        assert!(std::future::Future::poll(call.as_mut(), &mut std::task::Context::from_waker(waker)).is_pending());
        assert_eq!((Arc::strong_count(&captured), service.count()), (held + 1, sent));
        drop(call);
        assert_eq!(Arc::strong_count(&captured), held);
    }
}

fn request_of(path: &str) -> Request<Body> {
    Request::get(format!("http://h{path}")).body(Body::empty()).unwrap()
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
