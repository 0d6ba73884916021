//! Which redirects are followed is the caller's to say.

use std::sync::{Arc, Mutex};

use sortie::ErrorKind;
use sortie::core::find;
use sortie::redirect::{Action, Failed, OnScope, OutOfScope, RedirectOptions, Scope, Verdict};
use sortie_testkit::{ServerOptions, TestServer, TlsSetup, reply};

use crate::support::{SECRET, always, builder, check, dialing, ok, redirect, trusting, values};

#[tokio::test]
async fn https_only_follows_no_redirect_to_http() {
    let plain = always(ok);
    let tls = TlsSetup::new().names(["a.test", "b.test"]);
    let secure = ServerOptions::new().tls(tls).serve_fn(async |request| match request.uri().path() {
        "/elsewhere" => redirect(302, "https://b.test/down"),
        "/down" => redirect(307, "http://a.test/s3cret"),
        _ => ok(),
    });
    let servers =
        [("https://a.test", secure.addr()), ("https://b.test", secure.addr()), ("http://a.test", plain.addr())];
    let tls = trusting(secure.certificate_authority()).build().unwrap();
    let options = RedirectOptions::default().scope(Scope::HttpsOnly);
    let session = builder().transport_options(dialing(servers).tls(tls)).redirect(options.clone()).build().unwrap();
    let error = session.post("https://a.test/elsewhere").body(SECRET).send().await.unwrap_err();
    check(&error, ErrorKind::Redirect, "does not lead to an https URL (see RedirectOptions::scope)");
    assert_eq!(find::<OutOfScope>(&error).unwrap().scope(), Scope::HttpsOnly);
    assert_eq!(find::<Failed>(&error).unwrap().history().len(), 1);

    let stop = options.on_scope(OnScope::ReturnLast);
    let response = session.get("https://a.test/elsewhere").redirect(stop).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.url().unwrap().as_str()), (307, "https://b.test/down"));
    assert_eq!(plain.connections(), 0);
}

#[tokio::test]
async fn same_origin_only_follows_within_a_site_and_to_its_https() {
    let tls = TlsSetup::new().names(["a.test"]);
    let secure = ServerOptions::new().tls(tls).serve_fn(async |request| match request.uri().path() {
        "/1" => redirect(302, "/2"),
        "/2" => redirect(302, "http://a.test/3"),
        _ => ok(),
    });
    let plain = always(|| redirect(302, "https://a.test/1"));
    let servers = [("https://a.test", secure.addr()), ("http://a.test", plain.addr())];
    let tls = trusting(secure.certificate_authority()).build().unwrap();
    let options = RedirectOptions::default().scope(Scope::SameOrigin);
    let session = builder().transport_options(dialing(servers).tls(tls)).redirect(options).build().unwrap();
    let error = session.get("http://a.test/").send().await.unwrap_err();
    check(&error, ErrorKind::Redirect, "leads to another origin (see RedirectOptions::scope)");
    assert_eq!(error.history().len(), 2);
    assert_eq!((plain.requests().len(), secure.requests().len()), (1, 2));
}

#[tokio::test]
async fn a_policy_may_ask_another_service_first() {
    let registry = TestServer::from_fn(async |request| match request.uri().path() {
        "/b.test" => ok(),
        _ => reply(404, [], ""),
    });
    let registry_url = registry.url("/");
    let a = TestServer::from_fn(async |request| match request.uri().path() {
        "/good" => redirect(302, "http://b.test/"),
        _ => redirect(302, "http://c.test/"),
    });
    let b = always(ok);
    let lookups = builder().build().unwrap();
    let options = RedirectOptions::default().policy_async(move |attempt| {
        let url = format!("{registry_url}{}", attempt.url().host_str().unwrap_or_default());
        let lookup = lookups.get(url);
        Box::pin(async move {
            match lookup.send().await {
                Ok(known) if known.ok() => Action::Follow,
                Ok(_) => Action::fail("a server that is not in the register"),
                Err(error) => Action::Fail(error.into()),
            }
        })
    });
    let servers = [("http://a.test", a.addr()), ("http://b.test", b.addr())];
    let session = builder().transport_options(dialing(servers)).redirect(options).build().unwrap();
    assert_eq!(session.get("http://a.test/good").send().await.unwrap().status(), 200);
    let error = session.get("http://a.test/bad").send().await.unwrap_err();
    check(&error, ErrorKind::Redirect, "not in the register");
}

#[tokio::test]
async fn a_policy_may_lead_elsewhere_and_credentials_go_by_where_it_leads() {
    let a = TestServer::from_fn(async |request| match request.uri().path() {
        "/start" => redirect(302, "http://old.test/moved"),
        _ => ok(),
    });
    let old = always(ok);
    let servers = [("http://a.test", a.addr()), ("http://old.test", old.addr())];
    let options = RedirectOptions::default().policy(|attempt| {
        let mut url = attempt.url().clone();
        if url.set_host(Some("a.test")).is_err() {
            return Action::fail("not a host");
        }
        attempt.set_url(url);
        Action::Follow
    });
    let session = builder().transport_options(dialing(servers)).build().unwrap();
    let request = || session.get("http://a.test/start").bearer_auth(SECRET);
    request().redirect(options).send().await.unwrap();
    assert_eq!(values(&a.requests()[1], "authorization"), [format!("Bearer {SECRET}")]);
    assert_eq!(old.connections(), 0);
    // A policy that only adds them gives none away.
    let adding = RedirectOptions::default().policy(|attempt| match SECRET.parse() {
        Ok(secret) => {
            attempt.headers_mut().insert("authorization", secret);
            Action::Follow
        }
        Err(_) => Action::Stop,
    });
    request().redirect(adding).send().await.unwrap();
    assert!(values(&old.requests()[0], "authorization").is_empty());
}

#[tokio::test]
async fn a_session_tells_what_it_decided_about_redirects() {
    let server = TestServer::from_fn(async |request| match request.uri().path() {
        "/1" => redirect(303, "/2"),
        "/2" => redirect(302, "ftp://a.test/"),
        _ => ok(),
    });
    let told = Arc::new(Mutex::new(Vec::new()));
    let options = RedirectOptions::default().report({
        let told = told.clone();
        move |report| {
            let verdict = match report.verdict {
                Verdict::Followed { method, dropped, .. } => format!("{method} without {}", dropped.len()),
                Verdict::Failed(error) => error.to_string(),
                other => format!("{other:?}"),
            };
            told.lock().unwrap().push((report.from.unwrap().path().to_owned(), verdict));
        }
    });
    let session = builder().redirect(options).build().unwrap();
    session.post(server.url("/1")).form(&[("a", "1")]).send().await.unwrap_err();
    session.get(server.url("/end")).send().await.unwrap();
    assert_eq!(
        *told.lock().unwrap(),
        [
            ("/1".to_owned(), "GET without 1".to_owned()),
            ("/2".to_owned(), "the redirect leads to the scheme `ftp` (see RedirectOptions::allow_scheme)".to_owned()),
        ]
    );
}
