//! Requests that a proxy of HTTP forwards: in absolute-form
//! ([RFC 9112 §3.2.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2)), and with what the proxy is to know.

use std::sync::Arc;

use http::header::PROXY_AUTHORIZATION;
use http::uri::{PathAndQuery, Scheme};
use http::{Method, Request, Response, Uri, response};
use sortie_core::auth::{Answer, Auth, Conversation, Recipient, SharedAuth, Step, Verdict};
use sortie_core::{BoxError, Phase, Replay, Ticket, find};

use super::auth::{introduce, sign};
use super::error::ProxyError;
use super::proxy::Proxy;
use crate::body::Pooled;
use crate::error::{ConnectError, NotSent};
use crate::future::ResponseFuture;
use crate::pool::origin::Origin;
use crate::route::Route;
use crate::upload::Upload;

/// The target of a forwarded request: no userinfo, and no port that goes without saying.
pub(crate) fn absolute_form(uri: &Uri, route: &Route) -> Uri {
    let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let mut parts = http::uri::Parts::default();
    (parts.scheme, parts.authority, parts.path_and_query) = (Some(Scheme::HTTP), route.authority(), Some(path));
    Uri::from_parts(parts).unwrap_or_default()
}

/// Sends a request that the proxy is to forward.
#[cold]
pub(crate) fn send(
    proxy: &Proxy,
    origin: &Arc<Origin>,
    mut request: Request<Upload>,
    ticket: Ticket,
) -> ResponseFuture {
    match prepare(proxy, &origin.route, &mut request) {
        Ok(None) => ResponseFuture::send(origin, request, ticket),
        Ok(Some(_)) => {
            let conversation = converse(origin.clone(), proxy.clone(), request, ticket);
            ResponseFuture::signed(Box::pin(conversation))
        }
        Err(error) => ResponseFuture::failed(error),
    }
}

/// Puts on a request what the proxy is to know, unless the request says it itself. The scheme that is still to sign it,
/// if there is one.
fn prepare<'a, B>(
    proxy: &'a Proxy,
    route: &Route,
    request: &mut Request<B>,
) -> Result<Option<&'a SharedAuth>, BoxError> {
    introduce(proxy, request.headers_mut()).map_err(|error| failed(route, error.at(proxy)))?;
    let auth = proxy.shared_auth().filter(|_| !request.headers().contains_key(PROXY_AUTHORIZATION));
    // The scheme signs the target that is sent. CONNECT has another one, which has no path.
    if auth.is_some() && *request.method() != Method::CONNECT {
        *request.uri_mut() = absolute_form(request.uri(), route);
    }
    Ok(auth)
}

/// What a proxy's refusal is to the request: it did not reach the origin.
pub(crate) fn refused(proxy: &Proxy, route: &Route, answer: response::Parts) -> BoxError {
    failed(route, ProxyError::answered(answer).at(proxy))
}

fn failed(route: &Route, error: ProxyError) -> BoxError {
    ConnectError::new(route, Phase::Proxy, error).fault()
}

/// Sends a request with the signature of the proxy's scheme, and again where the scheme can answer a challenge and the
/// body can be sent again.
async fn converse(
    origin: Arc<Origin>,
    proxy: Proxy,
    request: Request<Upload>,
    ticket: Ticket,
) -> Result<Response<Pooled>, BoxError> {
    let Some(auth) = proxy.shared_auth() else { return ResponseFuture::send(&origin, request, ticket).await };
    let (legs, name) = (auth.legs(), proxy.to_string());
    let (head, mut body) = request.into_parts();
    let spare = if legs > 0 { body.replay() } else { None };
    let (mut leg, mut continues, mut challenge, mut ticket) = (0, false, None, Some(ticket));
    let conversation = match head.extensions.get() {
        Some(leg) => Some(Conversation::within(leg)),
        None => auth.connection_owner().map(Conversation::new),
    };
    loop {
        let mut signed = head.clone();
        if let Some(conversation) = &conversation {
            signed.extensions.insert(conversation.leg(continues));
        }
        let signing = sign(auth, &name, &mut signed, &body, challenge.as_ref(), leg).await;
        signing.map_err(|error| failed(&origin.route, error.at(&proxy)))?;
        let credentials = signed.headers.get(PROXY_AUTHORIZATION).cloned();
        let ticket = ticket.take().or_else(|| origin.shared().in_flight.enter());
        let ticket = ticket.ok_or_else(|| NotSent::Closed.fault())?;
        let sent = ResponseFuture::send(&origin, Request::from_parts(signed, body), ticket).await;
        let examine = |answer: &_| {
            let answer = Answer::new(&head.method, &head.uri, answer, Recipient::Proxy, leg).proxy_is(&name);
            let examined = (legs > 0).then(|| auth.examine(&answer.with_credentials(credentials.as_ref())));
            examined.unwrap_or(Verdict::Accept)
        };
        let error = match sent {
            Ok(response) => {
                let (answer, content) = response.into_parts();
                // It may say what to sign the next request with.
                return match examine(&answer) {
                    // No fault of the connection, and not to be repeated: the request has been passed on.
                    Verdict::Fail(error) => Err(ProxyError::rejected(error).at(&proxy).into()),
                    verdict => {
                        let accepted = matches!(verdict, Verdict::Accept);
                        conversation.into_iter().for_each(|talk| talk.end(accepted, leg, answer.status));
                        Ok(Response::from_parts(answer, content))
                    }
                };
            }
            Err(error) => error,
        };
        let Some(answer) = find::<ProxyError>(&*error).and_then(ProxyError::answer) else { return Err(error) };
        match examine(&answer).step(leg, legs) {
            Step::Again { same_connection } => continues = same_connection,
            Step::Fail(error) => return Err(failed(&origin.route, ProxyError::rejected(error).at(&proxy))),
            _ => return Err(error),
        }
        let Some(again) = spare.as_ref().and_then(Replay::replay) else { return Err(error) };
        (body, challenge) = (again, Some(answer));
        leg += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::road::Road;
    use crate::route::Parts;

    fn route(uri: &Uri) -> Route {
        let road = Road::default();
        Route::new(Parts::of(uri, &road, &road.tls).unwrap()).unwrap()
    }

    #[test]
    fn the_target_is_absolute_and_has_no_userinfo() {
        for (uri, target) in [
            ("http://u:secret@Example.test:80/p?q=1", "http://example.test/p?q=1"),
            ("http://example.test", "http://example.test/"),
            ("http://example.test:8080?q", "http://example.test:8080/?q"),
            ("http://[::1]:81/", "http://[::1]:81/"),
        ] {
            let uri: Uri = uri.parse().unwrap();
            assert_eq!(absolute_form(&uri, &route(&uri)), target);
        }
    }

    #[test]
    fn a_scheme_signs_what_has_no_credentials_of_its_own() {
        let proxy = Proxy::new("http://proxy").unwrap().auth(|_: &mut sortie_core::auth::Unsigned<'_>| Ok(()));
        let mut request = Request::get("http://u:p@a.test/x").body(()).unwrap();
        let route = route(request.uri());
        assert!(prepare(&proxy, &route, &mut request).unwrap().is_some());
        assert_eq!(request.uri(), "http://a.test/x");
        request.headers_mut().insert(PROXY_AUTHORIZATION, http::HeaderValue::from_static("own"));
        assert!(prepare(&proxy, &route, &mut request).unwrap().is_none());
        let proxy = Proxy::new("http://u:p@proxy").unwrap();
        let mut request = Request::get("http://a.test/x").body(()).unwrap();
        assert!(prepare(&proxy, &route, &mut request).unwrap().is_none());
        assert_eq!(request.headers()[PROXY_AUTHORIZATION], "Basic dTpw");
    }
}
