//! Where everything of Python's `requests` is in sortie, each with code that runs.
//!
//! In the examples `server` stands in for the network: it gives the answers that it was made with and writes down what
//! it was asked (`Scripted` of the crate `sortie-testkit`). `session` sends to it and has the base URL
//! `http://app.test/`. The README has the same as a table, and with it what is still to come.
//!
//! # The arguments of `Session.request`
//!
//! ## `request(method=)`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! session.request("PROPFIND", "files/").send().await?;
//! assert_eq!(server.requests()[0].method, "PROPFIND");
//! # Ok(())
//! # }
//! ```
//!
//! ## `request(url=)`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200), status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! session.get("http://app.test/books?page=2#top").send().await?; // a URL
//! session.get("books").send().await?; // below the base URL
//! assert_eq!(server.requests()[0].uri, "http://app.test/books?page=2");
//! assert_eq!(server.requests()[1].uri, "http://app.test/books");
//! # Ok(())
//! # }
//! ```
//!
//! ## `request(params=)`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! session.get("books?page=1").query(&[("tag", "a b"), ("tag", "c")]).send().await?;
//! assert_eq!(server.requests()[0].uri, "http://app.test/books?page=1&tag=a+b&tag=c");
//! # Ok(())
//! # }
//! ```
//!
//! ## `request(data=)`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200), status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! session.post("login").form(&[("user", "ada")]).send().await?;
//! session.put("notes/7").body("plain text, bytes, or a stream").send().await?;
//! assert_eq!(server.requests()[0].body, "user=ada");
//! assert_eq!(server.requests()[0].headers["content-type"], "application/x-www-form-urlencoded");
//! assert_eq!(server.requests()[1].body, "plain text, bytes, or a stream");
//! # Ok(())
//! # }
//! ```
//!
//! ## `request(json=)`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! session.post("books").json(&serde_json::json!({"title": "Emma"})).send().await?;
//! assert_eq!(server.requests()[0].body, r#"{"title":"Emma"}"#);
//! assert_eq!(server.requests()[0].headers["content-type"], "application/json");
//! # Ok(())
//! # }
//! ```
//!
//! ## `request(headers=)`
//!
//! `None` for a name is `without_header`.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! session.get("books").header("x-team", "blue").without_header("user-agent").send().await?;
//! assert_eq!(server.requests()[0].headers["x-team"], "blue");
//! assert!(!server.requests()[0].headers.contains_key("user-agent"));
//! # Ok(())
//! # }
//! ```
//!
//! ## `request(cookies=)`
//!
//! It is bound to the host of the request and is not kept.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! session.get("books").cookie("theme", "dark").send().await?;
//! assert_eq!(server.requests()[0].headers["cookie"], "theme=dark");
//! # Ok(())
//! # }
//! ```
//!
//! ## `request(auth=)`
//!
//! Any [`Auth`](crate::core::auth::Auth) is taken by `auth`; `no_auth` is none at all.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200), status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! session.get("books").basic_auth("ada", "s3cret").send().await?;
//! session.get("books").bearer_auth("t0k3n").send().await?;
//! assert_eq!(server.requests()[0].headers["authorization"], "Basic YWRhOnMzY3JldA==");
//! assert_eq!(server.requests()[1].headers["authorization"], "Bearer t0k3n");
//! # Ok(())
//! # }
//! ```
//!
//! ## `request(timeout=)`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, Answer, status};
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([Answer::never(), status(200).into()]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! use sortie::transport::PhaseTimeouts;
//! use std::time::Duration;
//!
//! // The call as a whole, its body included.
//! let error = session.get("slow").timeout(Duration::from_secs(5)).send().await.unwrap_err();
//! assert!(error.is_timeout());
//! // requests' pair `(connect, read)`: making the connection, and a gap in the answer.
//! let pair = PhaseTimeouts::default().connect(Duration::from_secs(3)).read(Duration::from_secs(27));
//! session.get("books").phase_timeouts(pair).send().await?;
//! # Ok(())
//! # }
//! ```
//!
//! ## `request(allow_redirects=)`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(301, [("location", "/new")], "")]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let response = session.get("old").no_redirect().send().await?;
//! assert_eq!(response.status(), 301);
//! assert_eq!(server.count(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! ## `request(hooks=)`
//!
//! There are `on_request` and `on_error` as well, and async ones in [`Hooks`](crate::hooks::Hooks). A request's hooks
//! are added to the session's.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! use sortie::hooks::Asked;
//!
//! fn log(response: &mut http::response::Parts, asked: &Asked) {
//!     println!("{} {}: {}", asked.method(), asked.uri().path(), response.status);
//! }
//! session.get("books").on_response(log).send().await?;
//! # Ok(())
//! # }
//! ```
//!
//! ## `request(stream=)`
//!
//! A body is never read before it is asked for.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(200, [], "content")]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let mut response = session.get("big").send().await?;
//! while let Some(chunk) = response.chunk().await? {
//!     println!("{} bytes", chunk.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # `Session`
//!
//! ## `Session()`, `Session.__enter__()`
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! let session = sortie::Session::new();
//! let same = session.clone(); // a handle, for another task
//! drop((session, same)); // the last one closes the idle connections
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.headers`
//!
//! `Session::builder()` starts anew; `to_builder` keeps cookies and connections: `session.headers.update(…)` after a
//! log-in.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let session = session.to_builder().header("x-team", "blue").build()?;
//! session.get("books").send().await?;
//! assert_eq!(server.requests()[0].headers["x-team"], "blue");
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.params`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let session = session.to_builder().query("lang", "en").build()?;
//! session.get("books?page=2").send().await?;
//! assert_eq!(server.requests()[0].uri, "http://app.test/books?page=2&lang=en");
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.auth`
//!
//! It is bound to the origin that was asked; one that belongs to a server is better mounted there.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! use sortie::auth::Basic;
//!
//! let session = session.to_builder().auth(Basic::new("ada", "s3cret")).build()?;
//! session.get("books").send().await?;
//! assert_eq!(server.requests()[0].headers["authorization"], "Basic YWRhOnMzY3JldA==");
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.hooks`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! use sortie::hooks::Hooks;
//!
//! let hooks = Hooks::new().on_request(|request| println!("{} {}", request.method, request.uri.path()));
//! let session = session.to_builder().hooks(hooks).build()?;
//! session.get("books").send().await?;
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.cookies`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(200, [("set-cookie", "id=7; Path=/")], "")]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! session.get("login").send().await?;
//! let jar = session.cookies().expect("a session has a jar unless told otherwise");
//! assert_eq!(jar.get(&"http://app.test/".parse()?, "id").unwrap().value(), "7");
//! jar.clear();
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.stream`
//!
//! There is no such setting: what is not read is not loaded.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(200, [], "content")]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let response = session.get("big").send().await?;
//! let chunks = response.bytes_stream(); // a futures::Stream
//! # drop(chunks);
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.verify`
//!
//! `verify="ca.pem"`. `True`, the default, is the platform's verifier; `extra_roots_pem` adds to it.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let company_ca = sortie_testkit::CertificateAuthority::new().pem().into_bytes();
//! use sortie::transport::TransportOptions;
//! use sortie::transport::tls::TlsOptions;
//!
//! let tls = TlsOptions::default().only_roots_pem(&company_ca)?.build()?;
//! let session = sortie::Session::builder().transport_options(TransportOptions::default().tls(tls)).build()?;
//! # drop(session);
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.max_redirects`
//!
//! 20 unless set.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(302, [("location", "/there")], ""), reply(302, [("location", "/here")], "")]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! use sortie::ErrorKind;
//! use sortie::redirect::RedirectOptions;
//!
//! let session = session.to_builder().redirect(RedirectOptions::default().limit(1)).build()?;
//! let error = session.get("here").send().await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Redirect);
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.trust_env`
//!
//! Nothing is taken from the environment yet; this keeps it so.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! let session = sortie::Session::builder().no_env().build()?;
//! # drop(session);
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.mount()`
//!
//! A mount is settings below a URL prefix, and may be any service: `.mount("http://app.test/", axum_router)`.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200), status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! use sortie::Mount;
//! use sortie::auth::Bearer;
//!
//! let api = Mount::new().auth(Bearer::new("t0k3n"));
//! let session = session.to_builder().mount("http://app.test/api/", api).build()?;
//! session.get("api/books").send().await?;
//! session.get("apidocs").send().await?;
//! assert_eq!(server.requests()[0].headers["authorization"], "Bearer t0k3n");
//! assert!(!server.requests()[1].headers.contains_key("authorization"));
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.adapters`, `Session.get_adapter()`
//!
//! What a session has mounted is its own affair; a tower that is composed by hand can ask its
//! [`Mounts`](crate::layers::mounts::Mounts).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! use sortie::layers::mounts::Mounts;
//!
//! let mounts = Mounts::new().mount("http://".parse()?, "plain").mount("http://app.test/".parse()?, "app");
//! let (prefix, mounted) = mounts.select(&"http://APP.test:80/books".parse()?).expect("it is covered");
//! assert_eq!((prefix.to_string(), *mounted), ("http://app.test/".to_owned(), "app"));
//! assert_eq!(mounts.iter().count(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.get()`, `Session.options()`, `Session.head()`, `Session.post()`, `Session.put()`, `Session.patch()`, `Session.delete()`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([(); 7].map(|()| status(200)));
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let url = "http://app.test/books";
//! for request in [
//!     session.get(url),
//!     session.options(url),
//!     session.head(url),
//!     session.post(url),
//!     session.put(url),
//!     session.patch(url),
//!     session.delete(url),
//! ] {
//!     request.send().await?;
//! }
//! let methods: Vec<_> = server.requests().iter().map(|seen| seen.method.to_string()).collect();
//! assert_eq!(methods, ["GET", "OPTIONS", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
//! # Ok(())
//! # }
//! ```
//!
//! ## `requests.get()`
//!
//! A session for one call; `sortie::post` and the other verbs likewise.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! let request = sortie::get("https://api.example.com/books"); // and `.send().await?`
//! # request.build()?;
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.request()`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! session.request(http::Method::GET, "books").send().await?;
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.prepare_request()`, `Session.send()`
//!
//! The built request is an `http::Request`, and any other is sent as well. Defaults, cookies and auth are added as it
//! is sent.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let mut request = session.post("books").json(&["Emma"]).build()?;
//! request.headers_mut().insert("x-signature", "5cr1bbl3".parse()?);
//! session.send(request).await?;
//! assert_eq!(server.requests()[0].headers["x-signature"], "5cr1bbl3");
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.rebuild_auth()`
//!
//! Which headers stay behind, beside `Authorization`, `Cookie`, `Proxy-Authorization` and `Host`.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(302, [("location", "http://other.test/")], ""), status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! use sortie::redirect::RedirectOptions;
//!
//! let careful = RedirectOptions::default().sensitive("x-api-key".parse()?);
//! let session = session.to_builder().redirect(careful).build()?;
//! session.get("away").header("x-api-key", "k3y").bearer_auth("t0k3n").send().await?;
//! assert_eq!(server.requests()[1].uri, "http://other.test/");
//! assert!(!server.requests()[1].headers.contains_key("x-api-key"));
//! assert!(!server.requests()[1].headers.contains_key("authorization"));
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.should_strip_auth()`
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! use sortie::core::Origin;
//!
//! let origin = Origin::of(&"http://app.test/".parse()?).expect("it is absolute");
//! assert!(origin.may_receive(&"https://app.test/".parse()?)); // the upgrade on default ports
//! assert!(!origin.may_receive(&"http://app.test:8080/".parse()?));
//! assert!(!origin.may_receive(&"http://app.test.evil.org/".parse()?));
//! # Ok(())
//! # }
//! ```
//!
//! ## `Session.close()`
//!
//! It waits for the bodies that are being read, and it holds for every clone.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! session.close().await;
//! let error = session.get("books").send().await.unwrap_err();
//! assert_eq!(error.kind(), sortie::ErrorKind::Closed);
//! # Ok(())
//! # }
//! ```
//!
//! # `Response`
//!
//! ## `Response.status_code`, `Response.reason`
//!
//! HTTP/2 has no reason phrase, so it is that of the standard and not the server's.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(404)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let response = session.get("nowhere").send().await?;
//! assert_eq!(response.status(), 404);
//! assert_eq!(response.status().canonical_reason(), Some("Not Found"));
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.headers`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(200, [("x-total", "41")], "")]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let response = session.get("books").send().await?;
//! assert_eq!(response.headers()["x-total"], "41");
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.raw`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let response = session.get("books").send().await?;
//! let body: sortie::Body = response.into_body(); // an http_body::Body
//! # drop(body);
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.url`, `Response.history`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(301, [("location", "/new")], ""), status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let response = session.get("old#part").send().await?;
//! assert_eq!(response.url().unwrap().as_str(), "http://app.test/new#part");
//! for hop in response.history() {
//!     assert_eq!((hop.status().as_u16(), hop.url().path()), (301, "/old"));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.encoding`
//!
//! The charset is that of `Content-Type`, else a byte order mark's, else UTF-8. Others than UTF-8 need the feature
//! `charset`.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(200, [("content-type", "text/plain; charset=x-wrong")], "\u{e9}")]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! use http::header::{CONTENT_TYPE, HeaderValue};
//!
//! let mut response = session.get("page").send().await?;
//! response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
//! assert_eq!(response.text().await?, "\u{e9}");
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.apparent_encoding`
//!
//! Nothing is guessed.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let bytes = session.get("page").send().await?.bytes().await?; // for a detector of your choice
//! # drop(bytes);
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.cookies`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(200, [("set-cookie", "id=7; Path=/")], "")]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let response = session.get("login").send().await?;
//! let names: Vec<_> = response.cookies().map(|cookie| cookie.name().to_owned()).collect();
//! assert_eq!(names, ["id"]);
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.elapsed`
//!
//! From the call to the head of the answer, redirects and retries included.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let response = session.get("books").send().await?;
//! println!("{:?}", response.elapsed());
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.request`
//!
//! What was asked is known to the hooks, hop by hop, and of earlier hops to `history`.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! session
//!     .get("books")
//!     .on_response(|_, asked| assert_eq!((asked.method().as_str(), asked.uri().path()), ("GET", "/books")))
//!     .send()
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.content`, `Response.text`, `Response.json()`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([(); 3].map(|()| reply(200, [], r#"["Emma"]"#)));
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let content = session.get("books").send().await?.bytes().await?;
//! let text = session.get("books").send().await?.text().await?;
//! let books = session.get("books").send().await?.json::<Vec<String>>().await?;
//! # assert_eq!((&content[..], &*text, books), (&b"[\"Emma\"]"[..], "[\"Emma\"]", vec!["Emma".to_owned()]));
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.iter_content()`
//!
//! Chunks come as they arrive. `bytes_stream` gives them as a `Stream`.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(200, [], "content")]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let mut response = session.get("big").send().await?;
//! while let Some(chunk) = response.chunk().await? {
//!     println!("{} bytes", chunk.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.ok`, `Response.raise_for_status()`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(404, [], "no such book")]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let response = session.get("nowhere").send().await?;
//! assert!(!response.ok());
//! let error = response.error_for_status().unwrap_err();
//! assert_eq!(error.status().unwrap(), 404);
//! assert_eq!(error.into_response()?.text().await?, "no such book"); // the body is still there
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.is_redirect`, `Response.is_permanent_redirect`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(308, [("location", "/new")], "")]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! use http::StatusCode;
//! use http::header::LOCATION;
//!
//! let response = session.get("old").no_redirect().send().await?;
//! assert!(response.status().is_redirection() && response.headers().contains_key(LOCATION));
//! assert!([StatusCode::MOVED_PERMANENTLY, StatusCode::PERMANENT_REDIRECT].contains(&response.status()));
//! # Ok(())
//! # }
//! ```
//!
//! ## `Response.close()`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, reply};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([reply(200, [], "content")]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! let response = session.get("big").send().await?;
//! drop(response); // a small rest is read, so that the connection can be used again; else it is closed
//! # Ok(())
//! # }
//! ```
//!
//! # Adapters and exceptions
//!
//! ## `HTTPAdapter(max_retries=)`
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(503), status(503), status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! use sortie::Mount;
//! use sortie::retry::RetryOptions;
//!
//! let flaky = Mount::new().retry(RetryOptions::standard().attempts(4));
//! let session = session.to_builder().mount("http://app.test/", flaky).build()?;
//! assert_eq!(session.get("books").send().await?.attempts(), 3);
//! # Ok(())
//! # }
//! ```
//!
//! ## `HTTPAdapter(pool_maxsize=)`, `HTTPAdapter(pool_block=)`
//!
//! Requests beyond the cap wait in the order in which they came.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! use sortie::transport::TransportOptions;
//!
//! let transport = TransportOptions::default().max_connections_per_origin(8).max_idle_per_origin(8);
//! let session = sortie::Session::builder().transport_options(transport).build()?;
//! # drop(session);
//! # Ok(())
//! # }
//! ```
//!
//! ## `RequestException`
//!
//! One type with a [kind](crate::ErrorKind), `is_timeout`, `is_connect`, `status`, and its cause as `source`.
//!
//! ```
//! # use sortie::Session;
//! # use sortie_testkit::{Scripted, status};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), sortie::BoxError> {
//! # let server = Scripted::new([status(200)]);
//! # let session = Session::builder().base_url("http://app.test/").transport(server.clone()).build()?;
//! use sortie::ErrorKind;
//!
//! let error: sortie::Error = session.get("ftp://files.test/").send().await.unwrap_err();
//! match error.kind() {
//!     ErrorKind::Connect | ErrorKind::Tls | ErrorKind::Timeout => println!("try again later: {error}"),
//!     ErrorKind::Builder | ErrorKind::Unsupported => println!("not a request that can be sent: {error}"),
//!     kind => println!("{kind:?}: {error}"),
//! }
//! # Ok(())
//! # }
//! ```
