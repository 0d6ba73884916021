//! Hooks: in which order, how often, what they may change, and what their errors do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderValue, StatusCode};
use sortie::core::PerRequest;
use sortie::hooks::Hooks;
use sortie::redirect::{Action, RedirectOptions};
use sortie::{ErrorKind, Mount};
use sortie_testkit::{TestServer, reply};

use crate::support::{Log, builder, challenge, check, in_turn, ok, redirect, session, try_again, values};

const REFUSED: &str = "not today";

fn unreached() {
    panic!("it must not run");
}

fn noting(log: &Log, [request, response, error]: [&'static str; 3]) -> Hooks {
    let (on_request, on_response, on_error) = (log.clone(), log.clone(), log.clone());
    Hooks::new()
        .on_request(move |_| on_request.add(request))
        .on_response(move |_, _| on_response.add(response))
        .on_error(move |_, _| on_error.add(error))
}

fn three(log: &Log, url: &str) -> sortie::Session {
    builder()
        .hooks(noting(log, ["session request", "session response", "session error"]))
        .mount(url, Mount::new().hooks(noting(log, ["mount request", "mount response", "mount error"])))
        .build()
        .unwrap()
}

fn of_request(log: &Log) -> Hooks {
    noting(log, ["own request", "own response", "own error"])
}

#[tokio::test]
async fn request_hooks_run_from_the_session_inwards_and_response_hooks_from_the_mount_outwards() {
    let server = TestServer::from_fn(async |_| ok());
    let log = Log::default();
    let url = server.url("/");
    three(&log, &url).get(&url).hooks(of_request(&log)).send().await.unwrap();
    assert_eq!(
        log.all(),
        ["session request", "own request", "mount request", "mount response", "session response", "own response"]
    );
}

#[tokio::test]
async fn a_request_may_go_without_the_sessions_hooks() {
    let server = TestServer::from_fn(async |_| ok());
    let url = server.url("/");
    for alone in [false, true] {
        let log = Log::default();
        let request = three(&log, &url).get(&url);
        let request = if alone { request.hooks(of_request(&log).alone()) } else { request.no_hooks() };
        request.send().await.unwrap();
        assert_eq!((log.count("session request"), log.count("session response")), (0, 0));
        assert_eq!(log.count("own request"), usize::from(alone));
        // A mount's are the mount's business.
        assert_eq!((log.count("mount request"), log.count("mount response")), (1, 1));
    }
}

#[tokio::test]
async fn hooks_run_once_per_hop_and_see_neither_attempts_nor_challenges() {
    let server = in_turn(&[try_again, challenge, || redirect(302, "/next"), ok]);
    let (statuses, seen) = std::sync::mpsc::channel();
    let session = builder()
        .retry(sortie::retry::RetryOptions::standard())
        .auth(crate::support::Challenged::default())
        .hooks(Hooks::new().on_response(move |response, asked| {
            statuses.send((response.status.as_u16(), asked.uri().path().to_owned())).unwrap();
        }))
        .build()
        .unwrap();
    session.get(server.url("/start")).send().await.unwrap();
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), [(302, "/start".to_owned()), (200, "/next".to_owned())]);
}

#[tokio::test]
async fn a_request_hook_changes_what_is_sent_and_a_response_hook_what_comes_back() {
    let server = TestServer::from_fn(async |_| ok());
    let session = builder()
        .hooks(
            Hooks::new()
                .on_request(|request| {
                    request.headers.insert("x-hook", HeaderValue::from_static("session"));
                })
                .on_response(|response, _| {
                    response.headers.insert("x-seen", HeaderValue::from_static("1"));
                    response.status = StatusCode::IM_A_TEAPOT;
                }),
        )
        .build()
        .unwrap();
    let response = session
        .get(server.url("/"))
        .on_request(|request| {
            let before = request.headers["x-hook"].clone();
            request.headers.append("x-after", before);
        })
        .on_response(|response, _| assert_eq!(response.status, StatusCode::IM_A_TEAPOT))
        .send()
        .await
        .unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["x-seen"]), (418, &HeaderValue::from_static("1")));
    assert_eq!(values(&server.requests()[0], "x-after"), ["session"]);
}

#[tokio::test]
async fn a_response_hook_can_turn_a_redirect_into_an_answer() {
    let server = TestServer::from_fn(async |_| redirect(302, "/elsewhere"));
    let response = session()
        .get(server.url("/"))
        .on_response(|response, _| {
            response.headers.remove("location");
        })
        .send()
        .await
        .unwrap();
    assert_eq!((response.status().as_u16(), server.requests().len()), (302, 1));
}

#[tokio::test]
async fn async_hooks_are_waited_for() {
    let server = TestServer::from_fn(async |_| ok());
    let hooks = Hooks::new()
        .on_request_async(|request| {
            Box::pin(async move {
                tokio::task::yield_now().await;
                request.headers.insert("x-late", HeaderValue::from_static("1"));
                Ok(())
            })
        })
        .on_response_async(|response, _| {
            Box::pin(async move {
                tokio::task::yield_now().await;
                response.headers.insert("x-later", HeaderValue::from_static("2"));
                Ok(())
            })
        });
    let response = builder().hooks(hooks).build().unwrap().get(server.url("/")).send().await.unwrap();
    assert_eq!(values(&server.requests()[0], "x-late"), ["1"]);
    assert_eq!(response.headers()["x-later"], "2");
}

#[tokio::test]
async fn an_error_of_a_request_hook_stops_the_call_before_anything_is_sent() {
    let server = TestServer::from_fn(async |_| ok());
    let log = Log::default();
    let url = server.url("/?s3cret");
    let failing = || Hooks::new().on_request(|_| Err(REFUSED));
    let session = builder().hooks(noting(&log, ["session request", "session response", "session error"]));
    let request = session.build().unwrap().get(&url).hooks(failing().on_request(|_| unreached()));
    let error = request.send().await.unwrap_err();
    check(&error, ErrorKind::Hook, "a request hook failed");
    check(&error, ErrorKind::Hook, REFUSED);
    assert_eq!(log.all(), ["session request"]);

    let by_session = builder().hooks(failing()).build().unwrap();
    let by_mount = builder().mount(server.url("/"), Mount::new().hooks(failing())).build().unwrap();
    for session in [by_session, by_mount] {
        check(&session.get(&url).send().await.unwrap_err(), ErrorKind::Hook, REFUSED);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_error_of_a_response_hook_is_the_calls_and_is_not_retried() {
    let server = TestServer::from_fn(async |_| redirect(302, "/next"));
    let error = builder()
        .retry(sortie::retry::RetryOptions::standard())
        .build()
        .unwrap()
        .get(server.url("/?s3cret"))
        .on_response(|_, _| Err(REFUSED))
        .on_response(|_, _| unreached())
        .send()
        .await
        .unwrap_err();
    check(&error, ErrorKind::Hook, "a response hook failed");
    check(&error, ErrorKind::Hook, REFUSED);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn error_hooks_see_what_failed_beneath_them_and_change_nothing() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}/path?s3cret");
    let log = Log::default();
    let error = three(&log, &url.replace("path?s3cret", ""))
        .get(&url)
        .hooks(of_request(&log).on_error(|error, asked| {
            assert!(sortie::core::Outcome::of(&**error).is_some());
            assert_eq!((asked.method().as_str(), asked.uri().path()), ("GET", "/path"));
            assert!(!format!("{asked:?}").contains("s3cret"));
        }))
        .send()
        .await
        .unwrap_err();
    check(&error, ErrorKind::Connect, "/path");
    let errors: Vec<_> = log.all().into_iter().filter(|entry| entry.ends_with("error")).collect();
    assert_eq!(errors, ["mount error", "session error", "own error"]);
}

#[tokio::test]
async fn a_hook_keeps_what_it_captured_only_as_long_as_it_is_needed() {
    let server = TestServer::from_fn(async |_| ok());
    let captured = Arc::new(());
    let held = captured.clone();
    let session = session();
    session.get(server.url("/")).on_request(move |_| drop(held.clone())).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(Arc::strong_count(&captured), 1);
}

#[tokio::test]
async fn hooks_at_the_wire_see_each_send_with_what_auth_and_cookies_add() {
    let server = in_turn(&[
        || reply(503, [("retry-after", "0"), ("set-cookie", "id=7; Path=/")], "busy"),
        challenge,
        || redirect(302, "/next"),
        ok,
    ]);
    let (sent, seen) = std::sync::mpsc::channel();
    let statuses = sent.clone();
    let wire = Hooks::new()
        .on_request(move |request| {
            let has = |name: &str| request.headers.contains_key(name);
            sent.send(format!("{} cookie {} auth {}", request.uri.path(), has("cookie"), has("authorization")))
                .unwrap();
        })
        .on_response(move |response, _| statuses.send(response.status.as_str().to_owned()).unwrap());
    let session = builder()
        .retry(sortie::retry::RetryOptions::standard())
        .auth(crate::support::Challenged::default())
        .wire_hooks(wire)
        .build()
        .unwrap();
    // They are the session's business: a request that wants no hooks does not switch them off.
    session.get(server.url("/start")).no_hooks().send().await.unwrap();
    assert_eq!(
        seen.try_iter().collect::<Vec<_>>(),
        [
            "/start cookie false auth false",
            "503",
            "/start cookie true auth false",
            "401",
            "/start cookie true auth true",
            "302",
            "/next cookie true auth false",
            "200",
        ]
    );
}

#[tokio::test]
async fn wire_hooks_run_from_the_session_inwards_and_inside_all_others() {
    let server = TestServer::from_fn(async |_| ok());
    let (log, url) = (Log::default(), server.url("/"));
    let session = three(&log, &url)
        .to_builder()
        .wire_hooks(noting(&log, ["wire request", "wire response", "wire error"]))
        .mount(&*url, Mount::new().wire_hooks(noting(&log, ["mount wire request", "mount wire response", ""])))
        .build()
        .unwrap();
    session.get(&url).send().await.unwrap();
    assert_eq!(
        log.all(),
        [
            "session request",
            "wire request",
            "mount wire request",
            "mount wire response",
            "wire response",
            "session response"
        ]
    );
}

#[tokio::test]
async fn an_answer_of_a_hook_per_hop_is_followed_and_kept_by_nobody_below() {
    let server = TestServer::from_fn(async |_| ok());
    let hooks = Hooks::new().answer_request(|request| match request.uri.path() {
        "/cached" => Some(reply(200, [("x-from", "cache")], "cached")),
        "/moved" => Some(redirect(302, "/real")),
        _ => None,
    });
    let log = Log::default();
    let session = builder().hooks(hooks).wire_hooks(noting(&log, ["sent", "received", "failed"])).build().unwrap();
    let cached = session.get(server.url("/cached")).send().await.unwrap();
    assert_eq!(cached.headers()["x-from"], "cache");
    assert_eq!((cached.text().await.unwrap(), log.all().len()), ("cached".to_owned(), 0));
    let moved = session.get(server.url("/moved")).send().await.unwrap();
    assert_eq!((moved.history().len(), moved.url().unwrap().path()), (1, "/real"));
    assert_eq!((log.all(), server.requests().len()), (vec!["sent", "received"], 1));
}

#[tokio::test]
async fn an_answer_in_the_transports_stead_is_to_the_layers_above_the_servers() {
    let server = TestServer::from_fn(async |_| ok());
    let count = AtomicUsize::new(0);
    let wire = Hooks::new().answer_request(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Some(reply(503, [("retry-after", "0"), ("set-cookie", "id=7; Path=/")], "")),
        1 => Some(challenge()),
        _ => None,
    });
    let auth = crate::support::Challenged::default();
    let session = builder().retry(sortie::retry::RetryOptions::standard()).auth(auth).wire_hooks(wire).build().unwrap();
    let response = session.get(server.url("/")).send().await.unwrap();
    assert_eq!((response.status(), response.attempts(), server.requests().len()), (StatusCode::OK, 2, 1));
    let sent = &server.requests()[0];
    assert_eq!((values(sent, "cookie"), values(sent, "authorization")), (vec!["id=7"], vec!["answer"]));
}

#[tokio::test]
async fn an_error_hook_may_answer_in_the_place_of_a_failure() {
    let server = TestServer::from_fn(async |_| ok());
    let closed = server.url("/");
    drop(server);
    let (log, later) = (Log::default(), Log::default());
    let note = later.clone();
    let hooks = noting(&log, ["request", "response", "error"])
        .answer_error(|_, asked| (asked.uri().path() == "/").then(|| reply(200, [], "stale")))
        .on_error(move |_, _| note.add("a hook after the one that answered"));
    let session = builder().no_retry().hooks(hooks).build().unwrap();
    assert_eq!(session.get(&closed).send().await.unwrap().text().await.unwrap(), "stale");
    assert_eq!((log.all(), later.all().len()), (vec!["request", "error", "response"], 0));
    let error = session.get(format!("{closed}other")).send().await.unwrap_err();
    assert_eq!((error.kind(), later.all().len()), (ErrorKind::Connect, 1));
}

#[tokio::test]
async fn an_error_of_a_hook_at_the_wire_ends_the_call_and_is_not_retried() {
    let server = TestServer::from_fn(async |_| ok());
    let calls = Arc::new(AtomicUsize::new(0));
    let refusing = |calls: &Arc<AtomicUsize>| {
        let calls = calls.clone();
        move || {
            calls.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(REFUSED)
        }
    };
    let (on_request, on_response) = (refusing(&calls), refusing(&calls));
    for (hooks, sent) in [
        (Hooks::new().on_request(move |_| on_request()).on_request(|_| unreached()), 0),
        (Hooks::new().on_response(move |_, _| on_response()).on_response(|_, _| unreached()), 1),
    ] {
        let log = Log::default();
        let session = builder()
            .retry(sortie::retry::RetryOptions::standard())
            .hooks(noting(&log, ["request", "response", "error"]))
            .wire_hooks(hooks)
            .build()
            .unwrap();
        let error = session.get(server.url("/?s3cret")).send().await.unwrap_err();
        check(&error, ErrorKind::Hook, REFUSED);
        assert_eq!((calls.swap(0, Ordering::Relaxed), server.requests().len()), (1, sent));
        assert_eq!(log.all(), ["request", "error"]);
    }
}

#[tokio::test]
async fn hooks_at_the_wire_see_the_failure_of_each_attempt() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log = Log::default();
    let wire = noting(&log, ["sent", "answered", "failed"]);
    let error = builder().wire_hooks(wire).build().unwrap().get(format!("http://{address}/")).send().await.unwrap_err();
    // The default: a connection that was refused is tried once more.
    assert_eq!((error.kind(), log.all()), (ErrorKind::Connect, vec!["sent", "failed", "sent", "failed"]));
}

#[tokio::test]
async fn a_mount_can_answer_in_its_transports_stead() {
    let session = builder()
        .mount("http://a.test/", Mount::new().wire_hooks(Hooks::new().answer_request(|_| Some(ok()))))
        .build()
        .unwrap();
    assert_eq!(session.get("http://a.test/").send().await.unwrap().text().await.unwrap(), "ok");
}

#[tokio::test]
async fn a_failure_at_the_wire_can_become_an_answer_that_is_retried() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let wire = Hooks::new().answer_error(|_, _| Some(try_again()));
    let session = builder().retry(sortie::retry::RetryOptions::standard()).wire_hooks(wire).build().unwrap();
    let response = session.get(format!("http://{address}/")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.attempts()), (503, 3));
}

// requests S53: what a hook makes of a response is what later hooks and the redirects see.
#[tokio::test]
async fn a_response_hook_may_lead_elsewhere() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => reply(200, [], "start"),
        _ => reply(200, [], "end"),
    });
    let session = builder()
        .hooks(Hooks::new().on_response(|response, asked| {
            if asked.uri().path() == "/start" {
                response.status = StatusCode::FOUND;
                response.headers.insert("location", HeaderValue::from_static("/end"));
            }
        }))
        .build()
        .unwrap();
    let response = session.get(server.url("/start")).send().await.unwrap();
    assert_eq!((response.history().len(), &*response.text().await.unwrap()), (1, "end"));
}

// A default is what may be replaced, and what a hook has set is none, whatever stood there before.
#[tokio::test]
async fn a_header_that_a_hook_sets_beats_the_mounts_and_the_auth_also_in_a_defaults_place() {
    let server = TestServer::from_fn(async |_| ok());
    let url = server.url("/");
    for has_default in [false, true] {
        for mount in [
            Mount::new().header("x-key", "mount").auth(sortie::auth::Bearer::new("mount")),
            Mount::new().header("x-key", "mount").no_auth(),
        ] {
            let session = builder().mount(&*url, mount);
            let session = match has_default {
                true => session.header("authorization", "default").header("x-key", "default"),
                false => session,
            };
            let session = session.hooks(Hooks::new().on_request(|request| {
                for name in ["authorization", "x-key"] {
                    request.headers.insert(name, HeaderValue::from_static("hook"));
                }
            }));
            session.build().unwrap().get(&url).send().await.unwrap();
            let head = server.requests().pop().unwrap();
            assert_eq!((values(&head, "authorization"), values(&head, "x-key")), (vec!["hook"], vec!["hook"]));
        }
    }
}

#[tokio::test]
async fn hooks_that_a_redirect_policy_gives_to_the_next_request_run() {
    let server = in_turn(&[|| redirect(307, "/next"), ok]);
    let ran = Arc::<AtomicUsize>::default();
    let counted = ran.clone();
    let policy = RedirectOptions::default().policy(move |attempt| {
        let counted = counted.clone();
        let hooks: Hooks = Hooks::new().on_request(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        attempt.extensions_mut().insert(PerRequest::Use(hooks));
        Action::Follow
    });
    builder().redirect(policy).build().unwrap().get(server.url("/")).send().await.unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}
