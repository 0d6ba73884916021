//! sortie, driven through a scenario.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, TryFromFloatSecsError};

use http::StatusCode;
use serde_json::{Map, Value, json};
use sortie::body::multipart::{self, Multipart};
use sortie::cookies::Jar;
use sortie::core::{Origin, Phase, find};
use sortie::hooks::Hooks;
use sortie::netrc::{Netrc, NetrcError};
use sortie::redirect::{ForbiddenScheme, Hop, NotReplayable, RedirectOptions, TooManyRedirects};
use sortie::retry::{Attempt, AttemptEnd, Backoff, Failure, MaybeProcessed, Next, RetryOptions};
use sortie::transport::proxy::{Proxies, Proxy};
use sortie::transport::tls::{Tls, TlsOptions};
use sortie::transport::{PhaseTimeouts, TransportOptions};
use sortie::{Body, ErrorKind, InvalidUrl, Mount, RequestBuilder, Response, Session, SessionBuilder};
use sortie_testkit::told;
use tokio::net::TcpStream;

use crate::scenario::{Auth, Call, Content, Hook, Pairs, Part, Pool, Read, Retries, Scenario, Settings, Timeout};
use crate::server::authority;
use crate::wire::latin1;

/// The headers that sortie sends of its own accord, with all codings compiled in.
fn identity() -> Value {
    json!({
        "user-agent": concat!("sortie/", env!("CARGO_PKG_VERSION")),
        "accept-encoding": "gzip, deflate, br, zstd",
    })
}

/// What hooks wrote down.
type Log = Arc<Mutex<Vec<String>>>;

/// When an answer counts as late.
const LATE: Duration = Duration::from_millis(300);

/// What came of the scenario, with these ports in place of its servers, and this home folder.
pub(crate) async fn drive(scenario: &Scenario, ports: &BTreeMap<String, u16>, home: &str) -> Value {
    let (log, jar) = (Log::default(), Jar::new());
    let session = match netrc(&scenario.session, home) {
        Ok(netrc) => session(&scenario.session, netrc, ports, &jar, &log),
        Err(_) => {
            let calls = vec![json!({"error": "netrc"}); scenario.calls.len()];
            return json!({"calls": calls, "hooks": [], "jar": [], "found": []});
        }
    };
    let (mut calls, mut kept_unread) = (Vec::new(), Vec::new());
    for call in &scenario.calls {
        calls.push(Value::Object(one(&session, call, &log, &mut kept_unread).await));
    }
    let log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let found: Vec<_> = scenario.looked_up.iter().map(|(url, name)| found(&jar, url, name)).collect();
    json!({"calls": calls, "hooks": log, "jar": kept(&jar), "found": found, "identity": identity()})
}

/// Where a scenario has a netrc, or looks for one.
fn netrc(settings: &Settings, home: &str) -> Result<Option<Netrc>, NetrcError> {
    if let Some(text) = &settings.netrc {
        return Netrc::parse(text).map(Some);
    }
    if settings.home_files.is_none() {
        return Ok(None);
    }
    let named = |name: &str| settings.env.iter().find(|(set, _)| set == name);
    let of = |name: &str| match name {
        "HOME" => Some(home.to_owned()),
        name => named(name).map(|(_, value)| value.replace("{home}", home)),
    };
    Netrc::from_env(of).map(Some)
}

fn session(settings: &Settings, netrc: Option<Netrc>, ports: &BTreeMap<String, u16>, jar: &Jar, log: &Log) -> Session {
    for (url, set_cookie) in &settings.cookies {
        jar.receive(&url.parse().unwrap(), set_cookie.as_bytes()).unwrap();
    }
    let options = pooling(dialing(ports.clone()), settings.pool);
    let mut builder = Session::builder().transport_options(options).jar(jar.clone());
    builder = environment(builder, settings);
    for (name, value) in &settings.headers {
        builder = match value {
            Some(value) => builder.header(&**name, &**value),
            None => builder.without_header(&**name),
        };
    }
    for (name, value) in &settings.params {
        builder = builder.query(name, value);
    }
    builder = match &settings.auth {
        None => builder,
        Some(Auth::Basic(user, password)) => builder.auth(sortie::auth::Basic::new(user, password)),
        Some(Auth::Digest(user, password)) => builder.auth(sortie::auth::Digest::new(user, password)),
    };
    let mut redirect = RedirectOptions::default();
    redirect.limit = settings.max_redirects.unwrap_or(redirect.limit);
    builder = builder.redirect(
        settings
            .sensitive
            .iter()
            .fold(redirect, |redirect, name| redirect.sensitive(http::HeaderName::from_static(name))),
    );
    if let Some(netrc) = netrc {
        builder = builder.netrc(netrc);
    }
    if let Some(retries) = &settings.retries {
        builder = builder.retry(retry(retries));
    }
    if !settings.proxies.is_empty() {
        builder = builder.proxies(proxies(&settings.proxies));
    }
    if !settings.system_roots {
        builder = builder.tls(if settings.unverified { unverified() } else { trusting() });
    }
    for (prefix, mark) in &settings.mounts {
        builder = builder.mount(&**prefix, Mount::new().header("x-mount", &**mark));
    }
    builder.hooks(hooks(&settings.hooks, log)).build().unwrap()
}

/// Options for a transport to which only the servers of a scenario exist.
fn dialing(ports: BTreeMap<String, u16>) -> TransportOptions {
    TransportOptions::default().connector(move |origin: Origin| {
        let place = format!("{}:{}", origin.host(), origin.port().unwrap_or_default());
        let port = ports.get(&place).copied();
        async move {
            let port =
                port.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such server in this scenario"))?;
            TcpStream::connect(("127.0.0.1", port)).await
        }
    })
}

fn pooling(options: TransportOptions, pool: Option<Pool>) -> TransportOptions {
    let Some(pool) = pool else { return options };
    let options = options.max_idle_per_origin(pool.kept).max_connections(pool.origins);
    if pool.block { options.max_connections_per_origin(pool.kept) } else { options }
}

fn environment(builder: SessionBuilder, settings: &Settings) -> SessionBuilder {
    if settings.distrust_env {
        return builder.no_env();
    }
    let variables: HashMap<String, String> = settings.env.iter().cloned().collect();
    builder.env(move |name| variables.get(name).cloned())
}

fn trusting() -> Tls {
    TlsOptions::default().only_roots_pem(authority().pem().as_bytes()).unwrap().build().unwrap()
}

fn unverified() -> Tls {
    TlsOptions::default().danger().accept_invalid_certificates().build().unwrap()
}

fn retry(retries: &Retries) -> RetryOptions {
    let options = RetryOptions::none()
        .attempts(retries.total + 1)
        .backoff(Backoff::exponential(Duration::from_secs_f64(retries.backoff), Duration::from_secs(120)))
        .statuses(retries.statuses.iter().map(|status| StatusCode::from_u16(*status).unwrap()))
        .maybe_processed(MaybeProcessed::RepeatIdempotent);
    match &*retries.methods {
        [] => options,
        methods => options.methods(methods.iter().map(|method| method.parse().unwrap())),
    }
}

/// requests' mapping as rules.
fn proxies(of: &Pairs) -> Proxies {
    of.iter().fold(Proxies::none(), |proxies, (key, url)| {
        let proxy = Proxy::new(url).unwrap();
        match &**key {
            "http" => proxies.http(proxy),
            "https" => proxies.https(proxy),
            "all" => proxies.or(Proxies::all(proxy)),
            host => proxies.host(host, proxy).unwrap(),
        }
    })
}

fn hooks(of: &[Hook], log: &Log) -> Hooks {
    of.iter().fold(Hooks::new(), |hooks, hook| match *hook {
        Hook::Note(name) => {
            let log = log.clone();
            hooks.on_response(move |response, _| {
                let note = format!("{name} {}", response.status.as_u16());
                log.lock().unwrap_or_else(PoisonError::into_inner).push(note);
            })
        }
        Hook::Set(name, value) => hooks.on_response(move |response, _| {
            response.headers.insert(name, http::HeaderValue::from_static(value));
        }),
        Hook::Fail => hooks.on_response(|_, _| Err::<(), _>("as the scenario has it")),
    })
}

/// The request of a call.
///
/// # Errors
///
/// Its timeout is no `Duration`.
fn request(session: &Session, call: &Call, log: &Log) -> Result<RequestBuilder, TryFromFloatSecsError> {
    let mut request = session.request(call.method, &*call.url);
    for (name, value) in &call.headers {
        request = match value {
            Some(value) => request.header(&**name, &**value),
            None => request.without_header(&**name),
        };
    }
    if !call.params.is_empty() {
        request = request.query(&call.params);
    }
    if let Some(content) = &call.content {
        request = with_content(request, content);
    }
    request = match &call.auth {
        None => request,
        Some(Auth::Basic(user, password)) => request.basic_auth(user, password),
        Some(Auth::Digest(user, password)) => request.auth(sortie::auth::Digest::new(user, password)),
    };
    request = request.cookies(call.cookies.iter().map(|(name, value)| (name, value)));
    let phases = |connect, read| PhaseTimeouts::default().connect(connect).first_byte(read).read(read);
    let duration = Duration::try_from_secs_f64;
    request = match call.timeout {
        None => request,
        Some(Timeout::Never) => request.phase_timeouts(phases(None, None)),
        Some(Timeout::Both(both)) => request.phase_timeouts(phases(Some(duration(both)?), Some(duration(both)?))),
        Some(Timeout::Each(connect, read)) => {
            request.phase_timeouts(phases(connect.map(duration).transpose()?, read.map(duration).transpose()?))
        }
        Some(Timeout::Total(total)) => request.timeout(duration(total)?),
    };
    // `Session.head` does not follow unless asked to.
    if call.allow_redirects == Some(false) {
        request = request.no_redirect();
    }
    if !call.proxies.is_empty() {
        request = request.proxies(proxies(&call.proxies));
    }
    if call.unverified {
        request = request.tls(unverified());
    }
    Ok(if call.hooks.is_empty() { request } else { request.hooks(hooks(&call.hooks, log)) })
}

fn with_content(request: RequestBuilder, content: &Content) -> RequestBuilder {
    match content {
        Content::Bytes(bytes) => request.body(bytes.clone()),
        Content::Text(text) => request.body(text.clone()),
        Content::Form(form) => request.form(form),
        // Python's reader takes it for a number, and serde_json's values have none such.
        Content::Json(text) if text == "NaN" => request.json(&f64::NAN),
        Content::Json(text) => request.json(&serde_json::from_str::<Value>(text).unwrap()),
        Content::Stream(chunks) => {
            let chunks = chunks.clone().into_iter().map(Ok::<_, io::Error>);
            request.body(Body::stream(futures_util::stream::iter(chunks)))
        }
        Content::Multipart(parts) => request.multipart(form(parts)),
        Content::WithFiles(content, files) => with_content(request, content).multipart(form(files)),
    }
}

fn form(parts: &[Part]) -> Multipart {
    parts.iter().fold(Multipart::new(), |form, part| match &part.filename {
        None => form.text(&*part.name, &*part.content),
        Some(filename) => {
            let file = multipart::Part::bytes(part.content.clone()).file_name(&**filename);
            form.part(&*part.name, part.mime.iter().fold(file, |file, mime| file.mime(&**mime)))
        }
    })
}

async fn one(session: &Session, call: &Call, log: &Log, kept_unread: &mut Vec<Response>) -> Map<String, Value> {
    let mut out = Map::new();
    if call.after_reading {
        for response in kept_unread.drain(..) {
            response.bytes().await.unwrap();
        }
    }
    if call.after_close {
        session.close().await;
    }
    let Ok(request) = request(session, call, log) else {
        return Map::from_iter([("error".to_owned(), "invalid timeout".into())]);
    };
    let answer = match call.prepared {
        false => request.send().await,
        true => match request.build() {
            Ok(request) => session.send(request).await,
            Err(error) => Err(error),
        },
    };
    let answer = match answer {
        Ok(response) if call.by_hand => step(session, &response).await,
        answer => answer,
    };
    match answer {
        // requests reads the content before it gives an answer out, and so has none if that fails.
        Ok(response) => match read(response, call, &mut out, kept_unread).await {
            Ok(()) => out,
            Err(error) => Map::from_iter([("error".to_owned(), word_of_content(&error).into())]),
        },
        Err(error) => {
            let mut failed = Map::from_iter([("error".to_owned(), word(&error).into())]);
            if find::<TooManyRedirects>(&error).is_some() {
                failed.insert("followed".to_owned(), error.history().len().into());
            }
            failed
        }
    }
}

/// Sends what comes after a redirect that was not followed.
async fn step(session: &Session, response: &Response) -> Result<Response, sortie::Error> {
    let next = response.next()?.expect("the scenario has a redirect");
    session.send(next).await
}

async fn read(
    response: Response,
    call: &Call,
    out: &mut Map<String, Value>,
    kept_unread: &mut Vec<Response>,
) -> Result<(), sortie::Error> {
    out.insert("status".into(), response.status().as_u16().into());
    out.insert("version".into(), format!("{:?}", response.version()).into());
    out.insert("url".into(), response.url().map(ToString::to_string).into());
    out.insert("history".into(), hops(response.history()).into());
    let headers = call.show.iter().map(|name| ((*name).to_owned(), joined(&response, name)));
    out.insert("headers".into(), Value::Object(headers.collect()));
    if call.show_cookies {
        let mut cookies: Vec<_> = response.cookies().map(|cookie| cookie.stripped().to_string()).collect();
        cookies.sort();
        out.insert("cookies".into(), cookies.into());
    }
    if call.show_hops {
        let elapsed = response.history().iter().map(|hop| Some(hop.elapsed())).chain([response.elapsed()]);
        out.insert("hops".into(), elapsed.enumerate().map(hop).collect::<Vec<_>>().into());
    }
    if call.show_attempts {
        let tried_again = response.retry_log().iter().filter(|attempt| matches!(attempt.next(), Next::Retried { .. }));
        out.insert("attempts".into(), tried_again.map(end).collect::<Vec<_>>().into());
    }
    match call.read {
        Read::Content => drop(out.insert("body".into(), latin1(&response.bytes().await?).into())),
        Read::Text => drop(out.insert("text".into(), response.text().await?.into())),
        Read::Json => drop(out.insert("json".into(), response.json::<Value>().await?.to_string().into())),
        Read::RaiseForStatus => match response.error_for_status() {
            Ok(response) => drop(out.insert("body".into(), latin1(&response.bytes().await?).into())),
            Err(error) => {
                out.insert("error".into(), word(&error).into());
                out.insert("body".into(), latin1(&error.into_response()?.bytes().await?).into());
            }
        },
        Read::Lines => {
            let mut lines = response.lines();
            let mut all = Vec::new();
            while let Some(line) = lines.next_line().await? {
                all.push(line);
            }
            out.insert("lines".into(), all.into());
        }
        Read::Links => {
            let of = |link: &sortie::links::Link| {
                format!("{} {}", link.relations().collect::<Vec<_>>().join(" "), link.url())
            };
            let mut links: Vec<_> = response.links().iter().map(of).collect();
            links.sort();
            out.insert("links".into(), links.into());
        }
        Read::Nothing => drop(response),
        Read::Later => kept_unread.push(response),
    }
    Ok(())
}

/// What came before a hop, and when it came itself. Here no redirect has a history of its own: what stands before it in
/// that of the answer is it.
fn hop((before, elapsed): (usize, Option<Duration>)) -> String {
    let when = match elapsed {
        None | Some(Duration::ZERO) => "never",
        Some(elapsed) if elapsed < LATE => "at once",
        Some(_) => "late",
    };
    format!("{before} before, {when}")
}

/// A cookie's value.
fn found(jar: &Jar, url: &str, name: &str) -> String {
    let cookie = jar.get(&url.parse().unwrap(), name);
    cookie.map_or_else(|| "none".to_owned(), |cookie| cookie.value().to_owned())
}

/// How an attempt ended.
fn end(attempt: &Attempt) -> String {
    match attempt.end() {
        AttemptEnd::Answered(status) => status.as_u16().to_string(),
        AttemptEnd::Failed { failure: Some(Failure::Connect), .. } => "connect".to_owned(),
        AttemptEnd::Failed { failure: Some(Failure::Timeout), .. } => "read timeout".to_owned(),
        AttemptEnd::Failed { failure: Some(Failure::MaybeProcessed), .. } => "protocol".to_owned(),
        end => format!("{end:?}"),
    }
}

/// The values of a header as requests joins them; null if there are none.
fn joined(response: &Response, name: &str) -> Value {
    let values: Vec<_> = response.headers().get_all(name).iter().map(|value| latin1(value.as_bytes())).collect();
    if values.is_empty() { Value::Null } else { values.join(", ").into() }
}

fn hops(history: &[Hop]) -> Vec<String> {
    history.iter().map(|hop| format!("{} {}", hop.status().as_u16(), hop.url())).collect()
}

/// The cookies in a jar: what, where, and whether for that host alone.
fn kept(jar: &Jar) -> Vec<String> {
    let kept = jar.iter().map(|stored| {
        let scope = if stored.host_only { "host" } else { "domain" };
        let secure = if stored.cookie.secure() == Some(true) { "; secure" } else { "" };
        let (name, value) = stored.cookie.name_value();
        let pair = if name.is_empty() { value.to_owned() } else { format!("{name}={value}") };
        format!("{pair}; {scope} {}; {}{secure}", stored.domain, stored.cookie.path().unwrap_or_default())
    });
    let mut kept: Vec<_> = kept.collect();
    kept.sort();
    kept
}

/// What went wrong with the content of an answer.
fn word_of_content(error: &sortie::Error) -> String {
    // requests has one class for content that breaks off, whichever way.
    if error.kind() == ErrorKind::Protocol { "body".to_owned() } else { word(error) }
}

/// What went wrong, in the words that both clients' errors are put into.
fn word(error: &sortie::Error) -> String {
    let text = told(error);
    let word = match error.kind() {
        ErrorKind::Timeout => match error.phase() {
            Some(Phase::Dns | Phase::Connect | Phase::Proxy | Phase::Tls) => "connect timeout",
            Some(Phase::FirstByte | Phase::Read) => "read timeout",
            Some(Phase::Total) => "total timeout",
            phase => return format!("{phase:?} timeout"),
        },
        ErrorKind::Redirect if find::<TooManyRedirects>(error).is_some() => "too many redirects",
        ErrorKind::Redirect if find::<ForbiddenScheme>(error).is_some() => "unsupported scheme",
        _ if find::<NotReplayable>(error).is_some() => "not replayable",
        ErrorKind::Redirect => "invalid url",
        ErrorKind::Unsupported => "unsupported scheme",
        ErrorKind::Builder => match find::<InvalidUrl>(error) {
            Some(InvalidUrl::Relative) => "relative url",
            Some(_) => "invalid url",
            None if text.contains("the method is not") => "invalid method",
            None if text.contains("::header") || text.contains("Content-Length") => "invalid header",
            None => return format!("Builder: {text}"),
        },
        ErrorKind::Closed => "closed",
        ErrorKind::Hook => "hook",
        ErrorKind::Status => "status",
        ErrorKind::Connect => "connect",
        ErrorKind::Proxy => "proxy",
        ErrorKind::Tls => "tls",
        ErrorKind::Protocol => "protocol",
        ErrorKind::Body => "body",
        ErrorKind::Decode if find::<sortie::InvalidJson>(error).is_some() => "not json",
        ErrorKind::Decode => "coding",
        kind => return format!("{kind:?}"),
    };
    word.to_owned()
}
