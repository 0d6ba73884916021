//! A request that is sent more than once: for each page, each connection of an event source, each part of a file.

use http::{HeaderName, HeaderValue, Request, request};
use sortie_core::{Body, PerRequest, Replay, Without};
#[cfg(feature = "decompress")]
use sortie_decompress::{DecompressOptions, HandSet};
use sortie_layers::query::QueryOptions;
use sortie_layers::redirect::{Fragment, RedirectOptions};
use url::Url;

use crate::{Error, ErrorKind, Response, Session, into_url, request as front, setter};

pub(crate) struct Template {
    pub(crate) session: Session,
    head: request::Parts,
    body: Body,
    url: Url,
}

impl Template {
    pub(crate) fn new(session: Session, request: Request<Body>, url: Url) -> Self {
        let (head, body) = request.into_parts();
        Self { session, head, body, url }
    }

    /// Sends it, with these headers in the place of its own.
    pub(crate) async fn send(&self, headers: Vec<(HeaderName, HeaderValue)>) -> Result<Response, Error> {
        self.session.deliver(self.request(headers)?, Some(self.url.clone())).await
    }

    /// The same, as a future of its own.
    pub(crate) fn sending(
        &self,
        headers: Vec<(HeaderName, HeaderValue)>,
    ) -> impl Future<Output = Result<Response, Error>> + Send + 'static {
        let (session, url) = (self.session.clone(), self.url.clone());
        let request = self.request(headers);
        async move { session.deliver(request?, Some(url)).await }
    }

    fn request(&self, headers: Vec<(HeaderName, HeaderValue)>) -> Result<Request<Body>, Error> {
        let Some(body) = self.body.replay() else {
            const ONCE: &str =
                "the request's body can be sent once only, and this may take more: Body::factory makes one that can";
            return Err(Error::new(ErrorKind::Body, ONCE).with_url(|| Some(self.url.clone())));
        };
        let mut head = self.head.clone();
        for (name, value) in headers {
            setter::insert("RequestBuilder::headers", &mut head.headers, name, value)?;
        }
        Ok(Request::from_parts(head, body))
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn has_header(&self, name: &HeaderName) -> bool {
        self.head.headers.contains_key(name)
    }

    /// Has its responses decoded as the session has them, though it is sent with an `Accept-Encoding`: one that nobody set
    /// by hand.
    #[cfg(feature = "decompress")]
    pub(crate) fn decode_hand_set(mut self) -> Self {
        if PerRequest::<DecompressOptions>::of(&self.head.extensions).is_none()
            && let Some(options) = self.session.decompress_options()
        {
            self.head.extensions.insert(PerRequest::Use(options.hand_set(HandSet::Decode)));
        }
        self
    }

    /// Makes it one to `to`, a URL that `response` named, without what must not go there.
    pub(crate) fn follow(&mut self, response: &Response, to: &Url) -> Result<(), Error> {
        let of_session = self.session.redirect_options().cloned().unwrap_or_default();
        let redirects = match PerRequest::<RedirectOptions>::of(&self.head.extensions) {
            Some(PerRequest::Use(options)) => options.clone().protecting(&of_session),
            _ => of_session,
        };
        // By the way of the response, whose redirects may have left its origin, and come back.
        let way = response.history().iter().map(sortie_layers::redirect::Hop::url).chain(response.url()).chain([to]);
        let mut crossed = false;
        for stop in way {
            // The URL of a response shows a Unix socket as people write it.
            let stop = into_url::resolve(stop, None).unwrap_or_else(|_| stop.clone());
            let uri = front::uri(&stop)?;
            crossed = redirects.cross(&mut self.head, &uri);
            self.head.uri = uri;
        }
        if crossed {
            for name in self.session.sensitive_defaults() {
                Without::add_for_session(&mut self.head.extensions, name.clone());
            }
        }
        if PerRequest::<QueryOptions>::of(&self.head.extensions).is_none() {
            self.head.extensions.insert(PerRequest::Use(QueryOptions::default()));
        }
        self.head.extensions.remove::<Fragment>();
        self.url = into_url::resolve(to, None)?;
        Ok(())
    }
}
