use http::{Uri, request};
use sortie_core::{Chain, Without};

use super::{RedirectOptions, next_hop};

impl RedirectOptions {
    /// Takes from the head of a request what must not go to `to`, as a redirect there would; whether that is a foreign
    /// origin, or the chain has been at one before.
    ///
    /// It is for whoever sends a request on to a URL that a server named by other means than a redirect: a link to the
    /// next page. The head's URI is where that server is; the chain, which is noted in the extensions, goes on from
    /// there. Such a request passes the layer that fills in the session's default headers anew, so its defaults for the
    /// names that a redirect strips are [left out](Without::add_for_session) at a foreign origin.
    ///
    /// ```
    /// use http::{Request, Uri};
    /// use sortie_layers::redirect::RedirectOptions;
    ///
    /// let (mut head, ()) = Request::get("https://a.test/1").header("authorization", "k3y").body(()).unwrap().into_parts();
    /// let options = RedirectOptions::default();
    /// assert!(!options.cross(&mut head, &Uri::from_static("https://a.test/2")));
    /// assert!(head.headers.contains_key("authorization"));
    /// assert!(options.cross(&mut head, &Uri::from_static("https://b.test/3")));
    /// assert!(!head.headers.contains_key("authorization"));
    /// ```
    pub fn cross(&self, head: &mut request::Parts, to: &Uri) -> bool {
        next_hop::cross(head, to, self);
        let crossed = Chain::has_crossed(&head.extensions);
        if crossed {
            for name in next_hop::CREDENTIALS.iter().chain(&self.sensitive) {
                Without::add_for_session(&mut head.extensions, name.clone());
            }
        }
        crossed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::{HeadersLayer, HeadersOptions};
    use http::header::{ACCEPT, AUTHORIZATION};
    use http::{HeaderMap, HeaderValue, Request};
    use sortie_core::{Body, call_when_ready};
    use sortie_testkit::{Scripted, status};
    use tower_layer::Layer;

    /// The names that a request of this head has after a layer has filled in its defaults.
    async fn filled(head: &request::Parts, layer: fn(HeadersOptions) -> HeadersLayer) -> HeaderMap {
        let value = || HeaderValue::from_static("default");
        let defaults = HeaderMap::from_iter([(AUTHORIZATION, value()), (ACCEPT, value())]);
        let server = Scripted::new([status(200)]);
        let request = Request::from_parts(head.clone(), Body::empty());
        call_when_ready(layer(defaults.into()).layer(server.clone()), request).await.unwrap();
        server.requests()[0].headers.clone()
    }

    #[tokio::test]
    async fn what_was_left_behind_stays_behind_and_no_default_takes_its_place() {
        let key = http::HeaderName::from_static("x-key");
        let options = RedirectOptions::default().sensitive(key.clone());
        let request = Request::get("http://a/").header(AUTHORIZATION, "1").header(&key, "2").header("x-own", "3");
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        for (to, crossed) in
            [("http://a/2", false), ("https://a/3", false), ("https://b/4", true), ("https://a/5", true)]
        {
            let to: Uri = to.parse().unwrap();
            assert_eq!(options.cross(&mut head, &to), crossed, "{to}");
            head.uri = to;
            let of_session = filled(&head, HeadersLayer::new).await;
            assert_eq!(of_session.get(AUTHORIZATION).map(HeaderValue::as_bytes), (!crossed).then_some(&b"1"[..]));
            assert_eq!((of_session.contains_key(&key), of_session.contains_key("x-own")), (!crossed, true));
            assert_eq!(of_session[ACCEPT], "default");
            // A mount's header goes where the mount is.
            let of_mount = filled(&head, HeadersLayer::for_mount).await;
            assert_eq!(of_mount[AUTHORIZATION], if crossed { "default" } else { "1" });
        }
    }
}
