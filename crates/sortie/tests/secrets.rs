//! Nothing that can be printed repeats a secret that it was given: each public type and error, in `Debug`, alternate
//! `Debug`, `Display`, and along the chain of sources.
#![cfg(all(feature = "cookies", feature = "json"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::error::Error as StdError;
use std::fmt::{Debug, Write};

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use sortie::auth::{AuthLayer, AuthOptions, Basic, Bearer, BearerToken, HeaderKey};
use sortie::cookies::{CookieOptions, CookieRequest, Jar, RequestCookies, SetCookie};
use sortie::core::auth::{Answer, Auth, Recipient, SharedAuth, Signing, Unsigned, Userinfo};
use sortie::core::{Chain, Deadline, Defaulted, Origin, PerRequest};
use sortie::hooks::{Hooks, HooksLayer};
use sortie::layers::base_url::BaseUrl;
use sortie::layers::headers::{HeadersLayer, HeadersOptions};
use sortie::layers::mounts::Prefix;
use sortie::layers::query::{QueryLayer, QueryOptions, append};
use sortie::layers::status::StatusError;
use sortie::redirect::{FinalUrl, Fragment, History, RedirectLayer, RedirectOptions};
use sortie::retry::{RetryLayer, RetryOptions};
use sortie::{Body, Error, Mount, Response, Session};
use sortie_testkit::{Scripted, reply, status};

/// Stands in every place where a secret can. Its letters are valid in all of them.
const MARKER: &str = "s3cr3t";

/// The same in base64, of `user:s3cr3t`.
const ENCODED: &str = "dXNlcjpzM2NyM3Q";

fn check(what: &str, shown: &str) {
    assert!(!shown.contains(MARKER) && !shown.contains(ENCODED), "{what}: {shown}");
}

fn silent(value: &dyn Debug) {
    check("Debug", &format!("{value:?} {value:#?}"));
}

fn silent_error(error: &(dyn StdError + 'static)) {
    let mut shown = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        write!(shown, "{error} {error:?} {error:#?} ").unwrap();
        next = error.source();
    }
    check("error", &shown);
}

fn value() -> HeaderValue {
    HeaderValue::from_static(MARKER)
}

const KEY: HeaderName = HeaderName::from_static("x-api-key");

fn secret_uri() -> Uri {
    format!("http://user:{MARKER}@a.test/p?key={MARKER}").parse().unwrap()
}

/// A session with a secret in every setting that takes one.
fn session(server: Scripted) -> Session {
    let mount = Mount::new().header("x-api-key", MARKER).query("key", MARKER).auth(Bearer::new(MARKER));
    Session::builder()
        .transport(server)
        .base_url("http://a.test/")
        .header("x-api-key", MARKER)
        .header("authorization", MARKER)
        .user_agent(MARKER)
        .query("key", MARKER)
        .auth(Basic::new("user", MARKER))
        .mount("http://m.test/", mount)
        .build()
        .unwrap()
}

#[test]
fn what_holds_a_secret_does_not_show_it() {
    silent(&Basic::new("user", MARKER));
    silent(&Bearer::new(MARKER));
    silent(&BearerToken::new(MARKER));
    silent(&Bearer::shared(&BearerToken::new(MARKER)));
    silent(&HeaderKey::new(KEY, MARKER));
    silent(&SharedAuth::new(Bearer::new(MARKER)));
    silent(&PerRequest::Use(SharedAuth::new(Bearer::new(MARKER))));
    silent(&AuthOptions::default().session(Bearer::new(MARKER)).mount(Basic::new("user", MARKER)));
    silent(&AuthLayer::with(Bearer::new(MARKER)));
    silent(&Userinfo::new("user", Some(MARKER.into())));
    let headers = HeadersOptions::default().header(KEY, value());
    silent(&headers);
    silent(&HeadersLayer::new(headers.clone()));
    silent(&HeadersLayer::for_mount(headers));
    let query = QueryOptions::new().pair("key", MARKER);
    silent(&query);
    silent(&PerRequest::Use(query.clone()));
    silent(&QueryLayer::new(query));
    silent(&RedirectLayer::new(RedirectOptions::default().sensitive(KEY)));
    silent(&RetryLayer::new(RetryOptions::standard()));
    silent(&Fragment::new(MARKER));
    let hooks: Hooks = Hooks::new().on_request(|request| drop(request.headers.insert(KEY, value())));
    silent(&hooks);
    silent(&HooksLayer::new(hooks));
    silent(&BaseUrl::new(format!("http://a.test/?{MARKER}#{MARKER}").parse().unwrap()).unwrap());
    silent(&Origin::of(&secret_uri()));
    silent(&Chain::extend(None, &secret_uri(), &secret_uri()));
    silent(&Deadline::new(std::time::Instant::now()));
    silent(&Defaulted::new([(AUTHORIZATION, HeaderValue::from_static(MARKER))]));
    silent(&Body::from(MARKER));
    silent(&Body::segments([MARKER.into(), MARKER.into()]));
    silent(&Body::factory(None, || Body::from(MARKER)));
}

#[test]
fn cookies_do_not_show_their_values() {
    let url = "http://a.test/".parse().unwrap();
    let jar = Jar::new();
    jar.receive(&url, format!("id={MARKER}").as_bytes()).unwrap();
    silent(&jar);
    silent(&jar.all());
    silent(&CookieOptions::jar(jar.clone()));
    silent(&jar.header(&url));
    silent(&SetCookie::parse(format!("id={MARKER}").as_bytes()));
    silent(&CookieRequest::new(&secret_uri()));
    let mut request = Request::new(());
    RequestCookies::add(request.extensions_mut(), "id", MARKER).unwrap();
    silent(&request.extensions().get::<RequestCookies>());
    for refused in [jar.receive(&url, format!("{MARKER}\0").as_bytes()), jar.set(&url, (MARKER, "a;b"))] {
        silent_error(&refused.unwrap_err());
    }
}

#[test]
fn what_a_scheme_is_shown_does_not_show_it() {
    let request = Request::get(secret_uri()).header(KEY, value()).body(()).unwrap();
    let (mut parts, ()) = request.into_parts();
    silent(&Unsigned::new(&mut parts));
    let (response, _) = reply(401, [("set-cookie", MARKER)], MARKER).into_parts();
    silent(&Answer::new(&Method::GET, &secret_uri(), &response, Recipient::Server, 0));
    let mut unsigned = Unsigned::new(&mut parts);
    for auth in [SharedAuth::new(Bearer::new(format!("{MARKER}\n"))), SharedAuth::new(Basic::new(MARKER, "\n"))] {
        let Signing::Done(Err(error)) = auth.sign(&mut unsigned) else { panic!("it cannot be sent") };
        silent_error(&*error);
    }
}

#[tokio::test]
async fn neither_a_session_nor_its_requests_and_responses_show_one() {
    let server = Scripted::from_fn(|_, n| {
        let set = [("set-cookie", "id=s3cr3t"), ("location", "http://user:s3cr3t@a.test/q?key=s3cr3t#s3cr3t")];
        Ok(if n == 0 { reply(302, set, MARKER) } else { reply(404, set, MARKER) })
    });
    let session = session(server);
    silent(&session);
    silent(&session.to_builder());
    let url = format!("http://user:{MARKER}@a.test/p?key={MARKER}#{MARKER}");
    let request = session.get(&url).header(KEY, MARKER).cookie("id", MARKER).body(MARKER).bearer_auth(MARKER);
    silent(&request);
    let response = request.send().await.unwrap();
    silent(&response);
    silent(&response.history());
    silent(&response.extensions().get::<History>());
    silent(&response.extensions().get::<FinalUrl>());
    let error = response.error_for_status().unwrap_err();
    silent_error(&error);
    silent(&sortie::core::find::<StatusError>(&error));
    silent(&error.into_response());
}

#[tokio::test]
async fn errors_of_calls_show_none() {
    let location =
        |location: &'static str| move || reply(302, [("location", location), ("set-cookie", MARKER)], MARKER);
    let fault = || -> http::Response<Body> { reply(200, [("set-cookie", "id=s3cr3t")], "\"s3cr3t\"") };
    let answers: [Box<dyn Fn() -> http::Response<Body> + Send + Sync>; 5] = [
        Box::new(location("ftp://user:s3cr3t@b.test/?s3cr3t")),
        Box::new(location("http://[s3cr3t/")),
        Box::new(location("http://user:s3cr3t@b.test:99999/?s3cr3t")),
        Box::new(location("?s3cr3t#s3cr3t")),
        Box::new(fault),
    ];
    for answer in answers {
        let session = session(Scripted::from_fn(move |_, _| Ok(answer())));
        let sent = session.get(format!("http://a.test/?{MARKER}")).send().await;
        let error = match sent {
            Err(error) => error,
            Ok(response) => response.json::<u8>().await.unwrap_err(),
        };
        silent_error(&error);
    }
    let never = session(Scripted::new([status(200)]));
    for request in [
        never.get(format!("gopher://user:{MARKER}@a.test/?{MARKER}")),
        never.get(format!("http://a.test:{MARKER}/")),
        never.get(format!("//user:{MARKER}@a.test/")),
        never.get("x").header(MARKER, format!("{MARKER}\n")),
        never.get("x").header(format!("{MARKER} "), "x"),
        never.get("x").query(MARKER),
        never.get("x").cookie("id", format!("{MARKER};")),
        never.get("x").bearer_auth(format!("{MARKER}\n")),
        never.get("x").basic_auth(format!("{MARKER}:"), MARKER),
        never.get("x").query(&[("key", MARKER.repeat(20_000))]),
        never.get("x").default_query(QueryOptions::new().pair("key", MARKER.repeat(20_000))),
    ] {
        // A name is no secret, and is shown so that one can find it.
        if !format!("{request:?}").contains(&format!("value given for {MARKER}")) {
            silent(&request);
            silent_error(&request.send().await.unwrap_err());
        }
    }
}

#[test]
fn errors_of_settings_show_none() {
    let full = Session::builder();
    let builders = [
        full.clone().base_url(format!("http://user:{MARKER}@a.test/")),
        full.clone().base_url(format!("/{MARKER}")),
        full.clone().user_agent(format!("{MARKER}\n")),
        full.clone().mount(format!("http://user:{MARKER}@a.test/").as_str(), Mount::new()),
        full.clone().mount(format!("http://a.test/?{MARKER}").as_str(), Mount::new()),
        full.mount("http://a.test/", Mount::new().header("x", format!("{MARKER}\n"))),
    ];
    for builder in builders {
        silent(&builder);
        silent_error(&builder.build().unwrap_err());
    }
    silent_error(&format!("http://user:{MARKER}@a.test/").parse::<Prefix>().unwrap_err());
    silent_error(&append(&secret_uri(), &format!("{MARKER} ")).unwrap_err());
    silent_error(
        &BaseUrl::new("http://a.test/v1".parse().unwrap()).unwrap().join(&format!("../{MARKER}")).unwrap_err(),
    );
}

#[test]
fn a_response_made_by_hand_shows_no_header() {
    let mut headers = HeaderMap::new();
    headers.insert("set-cookie", value());
    let mut response = http::Response::new(Body::from(MARKER));
    *response.status_mut() = StatusCode::NOT_FOUND;
    *response.headers_mut() = headers;
    let response = Response::from(response);
    silent(&response);
    let error: Error = response.error_for_status().unwrap_err();
    silent_error(&error);
}

#[tokio::test]
async fn what_comes_back_is_read_in_silence() {
    let streamed = || {
        let body = Body::from(format!("event: {MARKER}\nid: {MARKER}\ndata: {MARKER}\n\n"));
        let link = format!("<http://a.test/{MARKER}?{MARKER}>; rel=next; title={MARKER}");
        let saved = format!("attachment; filename={MARKER}");
        let fields = [("content-type", "text/event-stream"), ("link", &*link), ("content-disposition", &*saved)];
        Response::from(reply(200, fields, "").map(|_: Body| body))
    };
    silent(&streamed().links());
    silent(&streamed().content_disposition().unwrap());
    silent(&streamed().into_reader());
    silent(&streamed().text_chunks());
    silent(&streamed().save_to("file"));
    let (mut lines, mut events) = (streamed().lines().max_line(3), streamed().events().unwrap());
    silent_error(&lines.next_line().await.unwrap_err());
    silent(&lines);
    let event = events.next_event().await.unwrap().unwrap();
    assert_eq!(event.data(), MARKER);
    silent_error(&event.json::<u8>().unwrap_err());
    silent(&event);
    silent(&events);
    let failed = Response::from(reply(500, [("x-key", MARKER)], "").map(|_: Body| Body::from(MARKER)));
    let error = failed.error_for_status_with_body(99).await.unwrap_err();
    assert_eq!(error.body_start(), Some(MARKER.as_bytes()));
    silent_error(&error);

    let session = Session::builder().transport(Scripted::<Body>::from_fn(|_, _| Ok(status(500)))).build().unwrap();
    let get = || session.get(secret_uri()).bearer_auth(MARKER).max_body(1);
    silent(&get().download("file"));
    let (mut pages, mut source) = (get().pages(), get().event_source().after(MARKER));
    silent(&pages.next_page().await.unwrap());
    silent(&pages);
    silent_error(&source.next_event().await.unwrap_err());
    silent(&source);
    silent_error(&get().download("file").await.unwrap_err());
}
