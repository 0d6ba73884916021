//! What goes out, request by request, with the scheme behind an `AuthLayer`.

use std::pin::pin;
use std::task::{Context, Waker};

use http::HeaderMap;
use sortie_core::find;
use sortie_layers::auth::{AnswerRejected, AuthLayer, NotReplayable};
use sortie_testkit::{NotDefault, Scripted, Strict, prove_layer, reply, status};
use tower::{Layer, ServiceExt};

use super::*;

prove_layer!(digest, || AuthLayer::with(Digest::new("u", "p")));

fn asks(challenge: &str) -> Response<Body> {
    reply(401, [("www-authenticate", challenge)], "who are you?")
}

fn informs(info: &str) -> Response<Body> {
    reply(200, [("authentication-info", info)], "")
}

async fn send(digest: &Digest, server: &Scripted, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    AuthLayer::with(digest.clone()).layer(Strict::new(server.clone())).oneshot(request).await
}

async fn fetch(digest: &Digest, server: &Scripted, uri: &str) -> u16 {
    send(digest, server, Request::get(uri).body(Body::empty()).unwrap()).await.unwrap().status().as_u16()
}

/// Nonce and count that a request was signed with.
fn told(headers: &HeaderMap) -> String {
    let Some(signed) = headers.get("authorization") else { return "none".to_owned() };
    let signed = signed.to_str().unwrap();
    let nonce = signed.split(" nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    let count = signed.split(" nc=").nth(1).unwrap().split(',').next().unwrap();
    format!("{nonce} {}", u32::from_str_radix(count, 16).unwrap())
}

fn all_told(server: &Scripted) -> Vec<String> {
    server.requests().iter().map(|request| told(&request.headers)).collect()
}

#[tokio::test]
async fn a_known_space_is_signed_for_unasked_and_a_challenge_answered_once() {
    let n = |nonce: &str| asks(&format!("Digest realm=r, nonce={nonce}, qop=auth"));
    let stale = |nonce: &str| asks(&format!("Digest realm=r, nonce={nonce}, qop=auth, stale=true"));
    let ok = || status(200);
    for (what, answers, statuses, sent) in [
        ("counts rise", vec![n("1"), ok(), ok(), ok()], vec![200; 3], vec!["none", "1 1", "1 2", "1 3"]),
        ("stale at once", vec![n("1"), stale("2"), ok()], vec![200], vec!["none", "1 1", "2 1"]),
        ("stale later", vec![n("1"), ok(), stale("2"), ok()], vec![200; 2], vec!["none", "1 1", "1 2", "2 1"]),
        ("stale for ever", vec![n("1"), stale("2"), stale("3")], vec![401], vec!["none", "1 1", "2 1"]),
        ("refused", vec![n("1"), n("2"), n("3"), n("4")], vec![401; 2], vec!["none", "1 1", "none", "3 1"]),
        (
            "refused with the same nonce",
            (0..4).map(|_| n("1")).collect(),
            vec![401; 2],
            vec!["none", "1 1", "none", "1 2"],
        ),
        (
            "the next nonce",
            vec![n("1"), informs("nextnonce=\"2\""), informs("nextnonce=\"3\""), ok()],
            vec![200; 3],
            vec!["none", "1 1", "2 1", "3 1"],
        ),
    ] {
        let (digest, server) = (Digest::new("u", "p"), Scripted::new(answers));
        for status in statuses {
            assert_eq!(fetch(&digest, &server, "http://a/x").await, status, "{what}");
        }
        assert_eq!(all_told(&server), sent, "{what}");
    }
}

#[tokio::test]
async fn the_challenge_that_is_known_is_found_among_others() {
    let digest_field = r#"Digest realm="r", nonce="n", qop="auth""#;
    for fields in [
        vec![r#"Digest realm="r", nonce="x", qop="auth", algorithm=SHA3-256"#, digest_field],
        vec!["Basic realm=\"r\"", digest_field],
        vec![digest_field, "Basic realm=\"r\""],
        vec!["Negotiate, NTLM, Bearer, Basic realm=\"Digest nonce=x\"", digest_field],
    ] {
        for fields in [vec![fields.join(", ")], fields.iter().map(ToString::to_string).collect()] {
            let answer = reply(401, fields.iter().map(|field| ("www-authenticate", &**field)), "");
            let (digest, server) = (Digest::new("u", "p"), Scripted::new([answer, status(200)]));
            assert_eq!(fetch(&digest, &server, "http://a/").await, 200, "{fields:?}");
            assert_eq!(all_told(&server), ["none", "n 1"], "{fields:?}");
        }
    }
}

#[tokio::test]
async fn a_domain_says_where_requests_are_signed_unasked() {
    for (domain, signed) in [
        ("", ["n 2", "n 3", "none"]),
        (", domain=\"/in\"", ["n 2", "none", "none"]),
        (", domain=\"/ http://b/\"", ["n 2", "n 3", "n 4"]),
    ] {
        let challenge = asks(&format!("Digest realm=r, nonce=n, qop=auth{domain}"));
        let server = Scripted::new([challenge, status(200), status(200), status(200), status(200)]);
        let digest = Digest::new("u", "p");
        for uri in ["http://a/in/x", "http://a/in/y", "http://a/out", "http://b/"] {
            assert_eq!(fetch(&digest, &server, uri).await, 200);
        }
        assert_eq!(all_told(&server)[2..], signed, "{domain}");
    }
}

#[tokio::test]
async fn a_false_proof_ends_the_call_unless_it_is_ignored() {
    for (qop, server_proof, is_error) in [
        ("auth", ServerProof::Check, true),
        ("auth", ServerProof::Ignore, false),
        // What is over the content cannot be checked, but is no proof for a request that was not signed so.
        ("auth-int", ServerProof::Check, true),
        ("auth-int", ServerProof::Ignore, false),
    ] {
        let server = Scripted::new([asks(CHALLENGE), informs(&format!("rspauth=\"00\", qop={qop}"))]);
        let digest = Digest::new("u", "p").server_proof(server_proof);
        let result = send(&digest, &server, Request::get("http://a/x").body(Body::empty()).unwrap()).await;
        assert_eq!((server.count(), result.is_err()), (2, is_error));
        if let Err(error) = result {
            assert!(find::<AnswerRejected>(&*error).is_some() && find::<WrongProof>(&*error).is_some(), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_body_goes_out_whole_both_times_or_the_call_ends() {
    let put = |body| Request::put("http://a/x").body(body).unwrap();
    for (qop, body, sent, error) in [
        ("auth", Body::from("content"), 2, None),
        ("auth-int", Body::from("content"), 2, None),
        ("auth", Body::factory(None, || Body::from("content")), 2, None),
        ("auth-int", Body::factory(None, || Body::from("content")), 1, Some("this body is not in memory")),
        ("auth", Body::new(NotDefault::new("content")), 1, Some("only once")),
    ] {
        let server = Scripted::new([asks(&format!("Digest realm=r, nonce=n, qop={qop}")), status(200)]);
        let result = send(&Digest::new("u", "p"), &server, put(body)).await;
        assert!(server.count() == sent && server.requests().iter().all(|request| request.body == "content"));
        match (result, error) {
            (Ok(response), None) => assert_eq!(response.status(), 200),
            (Err(error), Some(says)) => {
                let levels: Vec<_> = std::iter::successors(Some(&*error as &dyn std::error::Error), |e| e.source())
                    .map(ToString::to_string)
                    .collect();
                assert!(levels.join(": ").contains(says), "{levels:?}");
                assert_eq!(find::<NotReplayable>(&*error).is_some(), says == "only once");
            }
            (result, error) => panic!("{qop}: {result:?} is not {error:?}"),
        }
    }
}

#[tokio::test]
async fn many_tasks_at_once_use_no_count_twice() {
    let server = Scripted::from_fn(|request, _| {
        Ok(if request.header("authorization").is_some() { status(200) } else { asks(CHALLENGE) })
    });
    let digest = Digest::new("u", "p");
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (digest, server) = (digest.clone(), server.clone());
            tokio::spawn(async move { fetch(&digest, &server, "http://a/").await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 200);
    }
    let signed: Vec<_> = all_told(&server).into_iter().filter(|told| told != "none").collect();
    assert_eq!((signed.len(), signed.iter().collect::<HashSet<_>>().len()), (50, 50));
}

#[tokio::test]
async fn a_call_that_is_dropped_takes_nothing_along_but_its_count() {
    let digest = Digest::new("u", "p");
    let answers = || {
        Scripted::answering(|request, n| match n {
            0 => asks(CHALLENGE).into(),
            1 => sortie_testkit::Answer::never(),
            _ => (if request.header("authorization").is_some() { status(200) } else { asks(CHALLENGE) }).into(),
        })
    };
    let server = answers();
    {
        let mut call = pin!(fetch(&digest, &server, "http://a/"));
        while server.count() < 2 {
            assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }
    assert_eq!(fetch(&digest, &server, "http://a/").await, 200);
    assert_eq!(all_told(&server), ["none", "n 1", "n 2"]);
}

#[tokio::test]
async fn any_number_of_servers_is_asked_and_a_bounded_number_remembered() {
    let server = Scripted::from_fn(|request, _| {
        Ok(if request.header("authorization").is_some() { status(200) } else { asks(CHALLENGE) })
    });
    let digest = Digest::new("u", "p");
    for host in 0..=space::SPACES {
        assert_eq!(fetch(&digest, &server, &format!("http://host{host}/")).await, 200);
    }
    let before = server.count();
    // The oldest is asked anew; the newest is not.
    for (host, requests) in [(0, 2), (space::SPACES, 3)] {
        fetch(&digest, &server, &format!("http://host{host}/")).await;
        assert_eq!(server.count(), before + requests);
    }
}

#[tokio::test]
async fn a_user_name_with_a_colon_is_refused_before_anything_is_sent() {
    let server = Scripted::new([status(200)]);
    let request = Request::get("http://a/").body(Body::empty()).unwrap();
    let error = send(&Digest::new("a:b", "p"), &server, request).await.unwrap_err();
    assert!(format!("{error:?}").contains("the user name has a colon"), "{error:?}");
    assert_eq!(server.count(), 0);
}
