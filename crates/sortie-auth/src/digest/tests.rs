use std::collections::HashSet;

use http::{Method, Request, Response, response};
use sortie_core::Body;
use sortie_core::auth::SharedAuth;

use super::Recipient::{Proxy, Server};
use super::*;

mod layer;

const CHALLENGE: &str = r#"Digest realm="r", nonce="n", qop="auth""#;

const PROXY: &str = "http://proxy:3128";

/// Any answer with these fields.
fn answer(status: u16, fields: &[(&str, &str)]) -> response::Parts {
    let response = fields
        .iter()
        .fold(Response::builder().status(status), |response, (name, value)| response.header(*name, *value));
    response.body(()).unwrap().into_parts().0
}

/// The credentials of a request to `recipient`, in answer to what it asked if it did.
fn signed(
    digest: &Digest,
    recipient: Recipient,
    request: (&str, &str),
    body: &Body,
    asked: Option<&response::Parts>,
) -> Result<String, BoxError> {
    let (mut parts, ()) = Request::builder().method(request.0).uri(request.1).body(())?.into_parts();
    let mut unsigned = Unsigned::new(&mut parts).with_body(body);
    if recipient == Proxy {
        unsigned = unsigned.proxy_is(PROXY);
    }
    if let Some(asked) = asked {
        unsigned = unsigned.challenged(asked, 1);
    }
    let Signing::Done(result) = digest.sign(&mut unsigned) else { panic!("it never waits") };
    result?;
    Ok(parts.headers.get(recipient.header()).map_or("none", |value| value.to_str().unwrap()).to_owned())
}

fn get(digest: &Digest, uri: &str, challenge: Option<&str>) -> Result<String, BoxError> {
    let asked = challenge.map(|challenge| answer(401, &[("www-authenticate", challenge)]));
    signed(digest, Server, ("GET", uri), &Body::empty(), asked.as_ref())
}

/// What is made of a recipient's answer to a request with these credentials.
fn verdict(digest: &Digest, recipient: Recipient, credentials: &str, leg: usize, response: &response::Parts) -> String {
    let (uri, credentials) = ("http://a/x".parse().unwrap(), credentials.parse().unwrap());
    let mut answer = Answer::new(&Method::GET, &uri, response, recipient, leg);
    if recipient == Proxy {
        answer = answer.proxy_is(PROXY);
    }
    match digest.examine(&answer.with_credentials(Some(&credentials))) {
        Verdict::Fail(error) => error.to_string(),
        verdict => format!("{verdict:?}"),
    }
}

fn has(text: &str, parts: &[&str]) {
    assert!(parts.iter().all(|part| text.contains(part)), "not all of {parts:?} are in {text}");
}

#[test]
fn the_uri_is_the_target_that_the_recipient_gets() {
    for (recipient, status, field, method, uri, target) in [
        (Server, 401, "www-authenticate", "GET", "http://a/x/y?q=%20", "/x/y?q=%20"),
        (Server, 401, "www-authenticate", "GET", "http://a", "/"),
        (Server, 401, "www-authenticate", "GET", "http://a?q", "/?q"),
        (Server, 401, "www-authenticate", "GET", "/x?q", "/x?q"),
        (Server, 401, "www-authenticate", "OPTIONS", "*", "*"),
        (Server, 401, "www-authenticate", "CONNECT", "a:443", "a:443"),
        (Proxy, 407, "proxy-authenticate", "GET", "http://a:81/x?q", "http://a:81/x?q"),
        (Proxy, 407, "proxy-authenticate", "CONNECT", "a:443", "a:443"),
    ] {
        let digest = Digest::new("u", "p");
        let asked = answer(status, &[(field, CHALLENGE)]);
        let field = signed(&digest, recipient, (method, uri), &Body::empty(), Some(&asked)).unwrap();
        has(&field, &[&format!("uri=\"{target}\""), "nc=00000001"]);
    }
}

#[test]
fn each_request_has_a_count_and_a_nonce_of_its_own() {
    let digest = Digest::new("u", "p");
    let mut cnonces = HashSet::new();
    for count in 1..=17 {
        let challenge = (count == 1).then_some(CHALLENGE);
        let field = get(&digest.clone(), "http://a/", challenge).unwrap();
        has(&field, &[&format!("nc={count:08x}")]);
        let cnonce = field.split("cnonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert!(cnonce.len() == 32 && cnonces.insert(cnonce));
    }
}

#[test]
fn auth_int_is_taken_where_it_is_wanted_or_all_there_is() {
    let factory = || Body::factory(None, || Body::from("content"));
    for (offered, wanted, body, taken) in [
        ("auth, auth-int", Qop::Auth, Body::from("content"), "qop=auth,"),
        ("auth, auth-int", Qop::AuthInt, Body::from("content"), "qop=auth-int,"),
        ("auth, auth-int", Qop::AuthInt, Body::empty(), "qop=auth-int,"),
        ("auth, auth-int", Qop::AuthInt, factory(), "qop=auth,"),
        ("auth", Qop::AuthInt, Body::from("content"), "qop=auth,"),
        ("auth-int", Qop::Auth, Body::from("content"), "qop=auth-int,"),
        ("auth-int", Qop::Auth, factory(), "this body is not in memory"),
    ] {
        let digest = Digest::new("u", "p").qop(wanted);
        let challenge = format!(r#"Digest realm="r", nonce="n", qop="{offered}""#);
        let asked = answer(401, &[("www-authenticate", &challenge)]);
        let request = ("POST", "http://a/");
        let field = signed(&digest, Server, request, &body, Some(&asked));
        has(&field.unwrap_or_else(|error| error.to_string()), &[taken]);
        // The next one is signed before it is asked for, and in the same way.
        if taken.starts_with("qop") {
            has(&signed(&digest, Server, request, &body, None).unwrap(), &[taken, "nc=00000002"]);
        }
    }
}

#[test]
fn which_answers_make_it_sign_once_more() {
    let asks = |status, field, more: &str| answer(status, &[(field, &format!("Digest realm=r, nonce=n2{more}"))]);
    let challenge = |more| asks(401, "www-authenticate", more);
    let proxys = |more| asks(407, "proxy-authenticate", more);
    let sent = r#"Digest realm="r", nonce="n1", uri="/x""#;
    for (recipient, response, credentials, leg, verdict_of) in [
        (Server, challenge(""), "Digest", 0, "Resend"),
        (Server, challenge(", stale=true"), "Digest", 0, "Resend"),
        (Server, challenge(""), sent, 0, "Resend"),
        (Server, challenge(", stale=true"), sent, 0, "Resend"),
        (Server, challenge(""), sent, 1, "Accept"),
        (Server, challenge(", stale=false"), sent, 1, "Accept"),
        (Server, challenge(", stale=TRUE"), sent, 1, "Resend"),
        // The nonce that is said to be too old is the new one.
        (Server, challenge(", stale=true"), &sent.replace("n1", "n2"), 1, "Accept"),
        (Server, challenge(", stale=true"), sent, 2, "Accept"),
        (Server, challenge(", algorithm=unknown"), "Digest", 0, "Accept"),
        (Server, answer(401, &[("www-authenticate", "Basic realm=r")]), "Digest", 0, "Accept"),
        (Server, answer(401, &[("proxy-authenticate", CHALLENGE)]), "Digest", 0, "Accept"),
        (Server, answer(401, &[]), "Digest", 0, "Accept"),
        (Server, answer(407, &[("proxy-authenticate", CHALLENGE)]), "Digest", 0, "Accept"),
        (Server, answer(407, &[("www-authenticate", CHALLENGE)]), "Digest", 0, "Accept"),
        (Server, answer(403, &[("www-authenticate", CHALLENGE)]), "Digest", 0, "Accept"),
        (Server, answer(200, &[("www-authenticate", CHALLENGE)]), sent, 0, "Accept"),
        (Proxy, proxys(""), "Digest", 0, "Resend"),
        (Proxy, proxys(", stale=true"), sent, 0, "Resend"),
        (Proxy, proxys(""), sent, 1, "Accept"),
        (Proxy, proxys(", stale=true"), sent, 1, "Resend"),
        (Proxy, proxys(", stale=true"), &sent.replace("n1", "n2"), 1, "Accept"),
        (Proxy, proxys(", stale=true"), sent, 2, "Accept"),
        (Proxy, answer(407, &[("www-authenticate", CHALLENGE)]), "Digest", 0, "Accept"),
        (Proxy, challenge(""), "Digest", 0, "Accept"),
        (Proxy, answer(401, &[("proxy-authenticate", CHALLENGE)]), "Digest", 0, "Accept"),
    ] {
        let made = verdict(&Digest::new("u", "p"), recipient, credentials, leg, &response);
        assert_eq!(made, verdict_of, "{recipient:?} {response:?} {leg}");
    }
}

#[test]
fn a_refused_password_is_not_tried_again_unasked() {
    let digest = Digest::new("u", "p");
    let sent = get(&digest, "http://a/x", Some(CHALLENGE)).unwrap();
    assert_ne!(get(&digest, "http://a/x", None).unwrap(), "none");
    assert_eq!(verdict(&digest, Server, &sent, 1, &answer(401, &[("www-authenticate", CHALLENGE)])), "Accept");
    assert_eq!(get(&digest, "http://a/x", None).unwrap(), "none");
}

#[test]
fn a_proof_is_checked_and_a_next_nonce_used_of_who_is_asked_alone() {
    let good = |sent: &str| {
        let part = |name: &str| sent.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
        let md5 = |text: String| algorithm::Hash::Md5.of(&[text.as_bytes()]);
        let (key, request) = (md5("u:r:p".into()), md5(format!(":{}", part("uri"))));
        md5(format!("{key}:n:00000001:{}:auth:{request}", part("cnonce")))
    };
    let (servers, proxys) = ("authentication-info", "proxy-authentication-info");
    for (recipient, info, server_proof, proof, accepted, renewed) in [
        (Server, servers, ServerProof::Check, None, true, true),
        (Server, servers, ServerProof::Check, Some(true), true, true),
        (Server, servers, ServerProof::Check, Some(false), false, false),
        (Server, servers, ServerProof::Ignore, Some(false), true, true),
        (Server, proxys, ServerProof::Check, Some(false), true, false),
        (Proxy, proxys, ServerProof::Check, None, true, true),
        (Proxy, proxys, ServerProof::Check, Some(true), true, true),
        (Proxy, proxys, ServerProof::Check, Some(false), false, false),
        (Proxy, proxys, ServerProof::Ignore, Some(false), true, true),
        (Proxy, servers, ServerProof::Check, Some(false), true, false),
    ] {
        let digest = Digest::new("u", "p").server_proof(server_proof);
        let asked = match recipient {
            Proxy => answer(407, &[("proxy-authenticate", CHALLENGE)]),
            _ => answer(401, &[("www-authenticate", CHALLENGE)]),
        };
        let sign = |asked| signed(&digest, recipient, ("GET", "http://a/x"), &Body::empty(), asked).unwrap();
        let sent = sign(Some(&asked));
        let rspauth = match proof {
            None => String::new(),
            Some(true) => format!(", rspauth=\"{}\"", good(&sent)),
            Some(false) => format!(", rspauth=\"{}\"", "0".repeat(32)),
        };
        let response = answer(200, &[(info, &format!("nextnonce=\"n2\"{rspauth}"))]);
        let verdict = verdict(&digest, recipient, &sent, 1, &response);
        if accepted {
            assert_eq!(verdict, "Accept");
        } else {
            let who = if recipient == Proxy { "the proxy's rspauth" } else { "the server's rspauth" };
            has(&verdict, &[who, "ServerProof::Ignore"]);
        }
        has(&sign(None), if renewed { &["nonce=\"n2\"", "nc=00000001"] } else { &["nonce=\"n\"", "nc=00000002"] });
    }
}

#[test]
fn a_proxy_and_a_server_have_nothing_of_each_other() {
    let digest = Digest::new("u", "p");
    let asked = answer(407, &[("proxy-authenticate", CHALLENGE), ("www-authenticate", "Digest realm=s, nonce=s")]);
    let request = ("GET", "http://a/");
    let of = |recipient, asked| signed(&digest, recipient, request, &Body::empty(), asked).unwrap();
    has(&of(Proxy, Some(&asked)), &["realm=\"r\""]);
    assert_eq!(of(Server, None), "none");
    has(&of(Proxy, None), &["nc=00000002"]);
}

#[test]
fn a_user_who_cannot_be_sent_is_refused_without_being_shown() {
    for (user, word) in [("a:secret", "colon"), ("secret\n", "control character")] {
        let error = get(&Digest::new(user, "secret"), "http://a/", None).unwrap_err().to_string();
        has(&error, &["Digest: the user name", word]);
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn neither_user_nor_password_nor_what_is_made_of_them_is_in_a_debug() {
    let digest = Digest::new("secret", "secret");
    let sent = get(&digest, "http://a/x", Some(CHALLENGE)).unwrap();
    let asked = answer(401, &[("www-authenticate", CHALLENGE)]);
    let (mut parts, ()) = Request::get("http://a/x").body(()).unwrap().into_parts();
    let mut unsigned = Unsigned::new(&mut parts).challenged(&asked, 1);
    let Signing::Done(Ok(())) = digest.sign(&mut unsigned) else { panic!("it can be signed") };
    let shown = format!("{digest:?} {digest:#?} {unsigned:?} {:?}", SharedAuth::new(digest.clone()));
    assert!(!shown.contains("secret") && !shown.contains("response"), "{shown}");
    assert!(!format!("{:?}", parts.headers).contains("secret"));
    assert!(sent.contains("secret"), "the name itself is sent");
}
