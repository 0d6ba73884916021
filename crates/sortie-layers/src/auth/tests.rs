use super::*;
use http::header::{HeaderMap, SET_COOKIE, WWW_AUTHENTICATE};
use sortie_core::auth::{ConnectionOwner, Held, SameConnection, Userinfo};
use sortie_core::{Body, Chain, Defaulted, InFlight, PerRequest, find};
use sortie_testkit::{NotDefault, Scripted, Strict, prove_layer, reply, status};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tower::ServiceExt;

prove_layer!(none, AuthLayer::default);
prove_layer!(at_once, || AuthLayer::with(Bearer::new("token")));
prove_layer!(later, || AuthLayer::with(Later));
prove_layer!(challenged, || AuthLayer::with(Numbered::legs(1)));

/// The headers of a request that a scheme has signed at once.
pub(super) fn signed(auth: &dyn Auth) -> Result<HeaderMap, BoxError> {
    let mut head = Request::new(()).into_parts().0;
    match auth.sign(&mut Unsigned::new(&mut head)) {
        Signing::Done(result) => result?,
        later => panic!("{later:?}"),
    }
    Ok(head.headers)
}

/// Waits before it signs.
struct Later;

impl Auth for Later {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        Signing::later(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("later"));
            Ok(())
        })
    }
}

/// Signs with the number of the leg and what the challenge said, and answers every 401.
struct Numbered {
    legs: usize,
    examined: Arc<AtomicUsize>,
}

impl Numbered {
    fn legs(legs: usize) -> Self {
        Self { legs, examined: Arc::default() }
    }
}

impl Auth for Numbered {
    fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
        assert!(!request.headers().contains_key(AUTHORIZATION), "each leg starts from the unsigned request");
        let nonce = request.challenge().map_or("-", |challenge| challenge.headers[WWW_AUTHENTICATE].to_str().unwrap());
        let content = request.content().unwrap_or_default();
        let value = format!("{} {nonce} {}", request.leg(), content.len());
        request.headers_mut().insert(AUTHORIZATION, value.parse().unwrap());
        Signing::Done(Ok(()))
    }

    fn examine(&self, answer: &Answer<'_>) -> Verdict {
        assert!(answer.leg() <= self.legs);
        self.examined.fetch_add(1, Ordering::Relaxed);
        if answer.response().status == 401 { Verdict::Resend } else { Verdict::Accept }
    }

    fn legs(&self) -> usize {
        self.legs
    }
}

fn challenge(nonce: &str) -> Response<Body> {
    reply(401, [("www-authenticate", nonce)], "who are you?")
}

fn post(body: impl Into<Body>) -> Request<Body> {
    Request::post("http://a/").body(body.into()).unwrap()
}

async fn send(server: &Scripted, auth: impl Auth, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    AuthLayer::with(auth).layer(Strict::new(server.clone())).oneshot(request).await
}

fn authorizations(server: &Scripted) -> Vec<String> {
    let shown = |value: Option<&str>| value.unwrap_or("none").to_owned();
    server.requests().iter().map(|request| shown(request.header("authorization"))).collect()
}

#[tokio::test]
async fn a_challenge_is_answered_as_often_as_the_scheme_has_legs() {
    for (legs, answers, status, sent) in [
        (1, vec![status(200)], 200, vec!["0 - 7"]),
        (1, vec![challenge("n1"), status(200)], 200, vec!["0 - 7", "1 n1 7"]),
        (1, vec![challenge("n1"), challenge("n2")], 401, vec!["0 - 7", "1 n1 7"]),
        (2, vec![challenge("n1"), challenge("n2"), status(200)], 200, vec!["0 - 7", "1 n1 7", "2 n2 7"]),
        (0, vec![challenge("n1")], 401, vec!["0 - 7"]),
    ] {
        let server = Scripted::new(answers);
        let auth = Numbered::legs(legs);
        let examined = auth.examined.clone();
        let response = send(&server, auth, post("content")).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(examined.load(Ordering::Relaxed), if legs == 0 { 0 } else { sent.len() });
        assert_eq!(authorizations(&server), sent);
        assert!(server.requests().iter().all(|request| request.body == "content"));
    }
}

/// Authenticates connections: a challenge that begins with `go on` is answered over the one by which it came.
struct Owning(ConnectionOwner, usize);

impl Auth for Owning {
    fn sign<'a>(&'a self, _: &'a mut Unsigned<'_>) -> Signing<'a> {
        Signing::Done(Ok(()))
    }

    fn examine(&self, answer: &Answer<'_>) -> Verdict {
        match answer.response().headers.get(WWW_AUTHENTICATE) {
            Some(said) if said.as_bytes().starts_with(b"go on") => Verdict::Continue,
            Some(_) => Verdict::Resend,
            None => Verdict::Accept,
        }
    }

    fn legs(&self) -> usize {
        self.1
    }

    fn connection_owner(&self) -> Option<ConnectionOwner> {
        Some(self.0)
    }
}

/// A connection that notes whether it was kept.
struct Connection(Arc<AtomicUsize>);

impl Held for Connection {
    fn keep(self: Box<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn the_legs_of_a_scheme_that_authenticates_connections_say_which_one_they_need() {
    let owner = ConnectionOwner::new();
    for (legs, answers, marks, kept) in [
        (0, vec![status(200)], vec![false], 1),
        (2, vec![challenge("begin"), challenge("go on"), status(200)], vec![false, false, true], 1),
        (2, vec![challenge("go on"), challenge("begin"), status(200)], vec![false, true, false], 1),
        (1, vec![challenge("begin"), challenge("go on")], vec![false, false], 0),
    ] {
        let server = Scripted::new(answers);
        // As a transport does it: each leg has a connection, which is there again when the leg is over.
        let count = Arc::<AtomicUsize>::default();
        let (inner, counted) = (server.clone(), count.clone());
        let transport = tower::service_fn(move |request: Request<Body>| {
            let leg = request.extensions().get::<SameConnection>().map(SameConnection::begin);
            leg.unwrap().over(Box::new(Connection(counted.clone())));
            inner.clone().oneshot(request)
        });
        AuthLayer::with(Owning(owner, legs)).layer(transport).oneshot(post("content")).await.unwrap();
        let said: Vec<_> = server
            .requests()
            .iter()
            .map(|request| {
                let same: &SameConnection = request.extensions.get().unwrap();
                assert_eq!(same.owner(), owner);
                same.is_required()
            })
            .collect();
        assert_eq!((said, count.load(Ordering::Relaxed)), (marks, kept), "{legs}");
    }
    let server = Scripted::new([challenge("n"), status(200)]);
    send(&server, Numbered::legs(1), post("")).await.unwrap();
    assert!(server.requests().iter().all(|request| request.extensions.get::<SameConnection>().is_none()));
}

#[tokio::test]
async fn the_answer_that_counts_is_whole() {
    let last = reply(200, [("set-cookie", "a=b")], "welcome");
    let server = Scripted::new([challenge("n1"), last]);
    let response = send(&server, Numbered::legs(1), post("")).await.unwrap();
    assert_eq!(response.headers()[SET_COOKIE], "a=b");
    assert_eq!(response.into_body().as_bytes(), Some(&b"welcome"[..]));
}

#[tokio::test]
async fn the_scheme_is_shown_what_was_sent_and_may_refuse_to_believe_the_answer() {
    struct Suspicious;
    impl Auth for Suspicious {
        fn sign<'a>(&'a self, request: &'a mut Unsigned<'_>) -> Signing<'a> {
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("mine"));
            Signing::Done(Ok(()))
        }
        fn examine(&self, answer: &Answer<'_>) -> Verdict {
            assert_eq!(answer.credentials().unwrap(), "mine");
            Verdict::Fail("another signature".into())
        }
        fn legs(&self) -> usize {
            1
        }
    }
    let server = Scripted::new([status(200)]);
    let error = send(&server, Suspicious, post("")).await.unwrap_err();
    let rejected: &AnswerRejected = find(&*error).unwrap();
    assert_eq!(std::error::Error::source(rejected).unwrap().to_string(), "another signature");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_challenges_body_is_dropped_before_it_is_answered() {
    let open = InFlight::default();
    let server = Scripted::from_fn(move |_, n| {
        assert_eq!(open.count(), 0);
        Ok(challenge(&format!("n{n}")).map(|body| body.hold(open.enter().unwrap())))
    });
    send(&server, Numbered::legs(2), post("content")).await.unwrap();
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn a_challenge_with_a_body_that_can_be_sent_only_once_is_an_error() {
    let once = || post(Body::new(NotDefault::new("content")));
    let server = Scripted::new([challenge("n1")]);
    let error = send(&server, Numbered::legs(1), once()).await.unwrap_err();
    assert_eq!(find::<NotReplayable>(&*error).unwrap().status(), 401);
    assert_eq!(server.count(), 1);

    let server = Scripted::new([status(200)]);
    assert!(send(&server, Numbered::legs(1), once()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_signature_can_take_its_time() {
    let server = Scripted::new([status(200)]);
    send(&server, Later, post("content")).await.unwrap();
    assert_eq!(authorizations(&server), ["later"]);
}

#[tokio::test]
async fn a_request_that_cannot_be_signed_is_not_sent() {
    struct Fickle;
    impl Auth for Fickle {
        fn sign<'a>(&'a self, _: &'a mut Unsigned<'_>) -> Signing<'a> {
            Signing::later(async { Ok(()) })
        }
        fn waits(&self) -> bool {
            false
        }
    }
    struct Failing;
    impl Auth for Failing {
        fn sign<'a>(&'a self, _: &'a mut Unsigned<'_>) -> Signing<'a> {
            Signing::later(async { Err("no token".into()) })
        }
    }
    for (auth, cause) in [
        (SharedAuth::new(Basic::new("a:b", "c")), "Basic: the user name has a colon"),
        (SharedAuth::new(Failing), "no token"),
        (SharedAuth::new(Fickle), "the scheme says that it never waits"),
    ] {
        let server = Scripted::new([status(200)]);
        let error = send(&server, auth, post("")).await.unwrap_err();
        assert!(find::<SigningFailed>(&*error).is_some());
        assert!(error.source().unwrap().to_string().starts_with(cause), "{error:?}");
        assert_eq!(server.count(), 0);
    }
}

#[tokio::test]
async fn auth_replaces_a_default_header_and_leaves_one_of_the_request() {
    for (defaulted, sent) in [(false, "mine"), (true, "Bearer token")] {
        let server = Scripted::new([status(200)]);
        let mut request = post("");
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("mine"));
        if defaulted {
            request.extensions_mut().insert(Defaulted::new([(AUTHORIZATION, HeaderValue::from_static("mine"))]));
        }
        send(&server, Bearer::new("token"), request).await.unwrap();
        assert_eq!(authorizations(&server), [sent]);
    }
}

#[tokio::test]
async fn a_default_header_that_loses_is_not_sent_before_the_challenge_either() {
    let server = Scripted::new([challenge("n1"), status(200)]);
    let mut request = post("");
    request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("default"));
    request.extensions_mut().insert(Defaulted::new([(AUTHORIZATION, HeaderValue::from_static("default"))]));
    send(&server, Numbered::legs(1), request).await.unwrap();
    assert_eq!(authorizations(&server), ["0 - 0", "1 n1 0"]);
}

#[tokio::test]
async fn userinfo_signs_where_nothing_else_does_and_never_stays_in_the_uri() {
    let basic = "Basic dTpw";
    let info = || Some(Userinfo::new("u", Some("p".to_owned())));
    for (uri, extension, layer, sent) in [
        ("http://u:p@a/x", None, AuthLayer::default(), basic),
        ("http://a/x", info(), AuthLayer::default(), basic),
        ("http://other:x@a/x", info(), AuthLayer::default(), basic),
        ("http://u:p@a/x", None, AuthLayer::with(Bearer::new("token")), "Bearer token"),
        ("http://u@a/x", None, AuthLayer::default(), "none"),
    ] {
        let server = Scripted::new([status(200)]);
        let mut request = Request::get(uri).body(Body::empty()).unwrap();
        if let Some(info) = extension {
            request.extensions_mut().insert(info);
        }
        layer.layer(server.clone()).oneshot(request).await.unwrap();
        assert_eq!(
            (authorizations(&server), server.requests()[0].uri.to_string()),
            (vec![sent.into()], "http://a/x".into())
        );
    }
}

#[tokio::test]
async fn a_foreign_servers_challenge_is_not_answered() {
    let (home, foreign) = ("http://a/".parse().unwrap(), "http://b/".parse().unwrap());
    for extension in [None, Some(PerRequest::Use(SharedAuth::new(Numbered::legs(1))))] {
        let server = Scripted::new([challenge("n1")]);
        let mut request = post("");
        request.extensions_mut().insert(Chain::extend(None, &home, &foreign).unwrap());
        if let Some(extension) = extension {
            request.extensions_mut().insert(extension);
        }
        let response = send(&server, Numbered::legs(1), request).await.unwrap();
        assert_eq!((response.status().as_u16(), authorizations(&server)), (401, vec!["none".to_owned()]));
    }
}

#[test]
fn no_secret_is_in_any_debug() {
    let options = AuthOptions::default().session(Bearer::new("secret")).mount(Basic::new("secret", "secret"));
    assert!(!format!("{:?}{:?}", AuthLayer::new(options.clone()), options).contains("secret"));
}

#[tokio::test]
async fn a_default_header_can_be_kept_from_whoever_is_reached_through_the_layer() {
    for (defaulted, off, default_header, uri, sent) in [
        (true, false, DefaultHeader::Send, "http://a/", Some("header")),
        (true, true, DefaultHeader::Send, "http://u:p@a/", None),
        (false, true, DefaultHeader::Send, "http://a/", Some("header")),
        (true, false, DefaultHeader::Remove, "http://a/", None),
        (true, false, DefaultHeader::Remove, "http://u:p@a/", Some("Basic dTpw")),
        (false, false, DefaultHeader::Remove, "http://u:p@a/", Some("header")),
    ] {
        let server = Scripted::new([status(200)]);
        let layer = AuthLayer::new(AuthOptions::default().default_header(default_header));
        let mut request = Request::get(uri).header(AUTHORIZATION, "header").body(Body::empty()).unwrap();
        if defaulted {
            request.extensions_mut().insert(Defaulted::new([(AUTHORIZATION, HeaderValue::from_static("header"))]));
        }
        if off {
            request.extensions_mut().insert(PerRequest::<SharedAuth>::Off);
        }
        layer.layer(server.clone()).oneshot(request).await.unwrap();
        let headers = &server.requests()[0].headers;
        let found = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap());
        assert_eq!(found, sent, "{defaulted} {off} {default_header:?} {uri}");
    }
}

#[tokio::test]
async fn a_fallback_is_told_which_user_the_url_names_and_may_leave_the_request_alone() {
    let fallback = |request: &mut Unsigned<'_>| {
        if let Some(named) = request.parts_mut().extensions.get::<Userinfo>().cloned() {
            request.headers_mut().insert(AUTHORIZATION, named.user.parse()?);
        }
        Ok(())
    };
    let info = |user: &str| Some(Userinfo::new(user, None));
    for (uri, extension, sent) in [
        ("http://u@a/", None, "u"),
        ("http://u@a/", info("extension"), "extension"),
        ("http://a/", info("extension"), "extension"),
        ("http://a/", None, "none"),
        ("http://u:p@a/", None, "Basic dTpw"),
    ] {
        let server = Scripted::new([status(200)]);
        let mut request = Request::get(uri).body(Body::empty()).unwrap();
        extension.map(|info| request.extensions_mut().insert(info));
        let layer = AuthLayer::new(AuthOptions::default().fallback(fallback));
        layer.layer(server.clone()).oneshot(request).await.unwrap();
        assert_eq!(authorizations(&server), [sent], "{uri}");
        assert_eq!(server.requests()[0].uri, "http://a/");
    }
}
