//! The layer: offers codings, and undoes those of the response.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, Request, Response};
use http_body::Body as HttpBody;
use pin_project_lite::pin_project;
use sortie_core::{BoxError, Defaulted, PerRequest, Prepared, Without};
use tower_layer::Layer;
use tower_service::Service;

use crate::chain::Chain;
use crate::coding::offer;
use crate::decide::{asked, codings, content_length};
use crate::{Decoded, DecompressBody, DecompressError, DecompressOptions, MAX_CODINGS};

/// Makes a service decode its responses; see the [crate] for what that means.
#[derive(Clone, Debug)]
pub struct DecompressLayer {
    options: Option<DecompressOptions>,
    lists: bool,
}

impl DecompressLayer {
    /// Decodes by these options. `None` leaves every response as it is, but for a request that asks by its
    /// [`PerRequest`].
    #[must_use]
    pub fn new(options: impl Into<Option<DecompressOptions>>) -> Self {
        Self { options: options.into(), lists: true }
    }

    /// Whether the `Accept-Encoding` that this fills in is listed in [`Defaulted`], so that a mount's header may replace
    /// it; yes by default. Where nothing further in sets that header, the list is two allocations for nothing.
    #[must_use]
    pub fn replaceable(self, replaceable: bool) -> Self {
        Self { lists: replaceable, ..self }
    }
}

/// By the default options.
impl Default for DecompressLayer {
    fn default() -> Self {
        Self::new(DecompressOptions::default())
    }
}

impl<S> Layer<S> for DecompressLayer {
    type Service = Decompress<S>;

    fn layer(&self, inner: S) -> Decompress<S> {
        Decompress { inner, options: self.options, lists: self.lists, offer: offer() }
    }
}

/// The service made by [`DecompressLayer`].
#[derive(Clone, Debug)]
pub struct Decompress<S> {
    inner: S,
    options: Option<DecompressOptions>,
    lists: bool,
    offer: Option<HeaderValue>,
}

impl<S> Decompress<S> {
    /// Readies a request; by which options its response is to be decoded.
    fn prepare<B>(&self, request: &mut Request<B>) -> Option<DecompressOptions> {
        let options = *PerRequest::resolve(request.extensions(), self.options.as_ref())?;
        // A redirect that is followed by hand passes a second time, with what was offered at the first.
        if Prepared::is(request.extensions()) && request.headers().get(ACCEPT_ENCODING) == self.offer.as_ref() {
            request.headers_mut().remove(ACCEPT_ENCODING);
        }
        let unwanted = Without::contains(request.extensions(), &ACCEPT_ENCODING);
        let asked = asked(request.method(), request.headers(), unwanted, &options);
        if let Some(offer) = self.offer.as_ref().filter(|_| asked.offers) {
            // Fails for a map that holds 24,576 headers, more than any server takes; `insert` would panic.
            if request.headers_mut().try_insert(ACCEPT_ENCODING, offer.clone()).is_ok() && self.lists {
                list(request, offer);
            }
        }
        asked.decodes.then_some(options)
    }
}

/// Says that nobody asked for this `Accept-Encoding`.
fn list<B>(request: &mut Request<B>, offer: &HeaderValue) {
    let listed = request.extensions().get().map_or(&[][..], Defaulted::headers);
    // It may be listed already, for a redirect that is followed by hand.
    let others = listed.iter().filter(|(name, _)| *name != ACCEPT_ENCODING).cloned();
    let all: Vec<_> = others.chain([(ACCEPT_ENCODING, offer.clone())]).collect();
    request.extensions_mut().insert(Defaulted::new(all));
}

impl<S, B, RB> Service<Request<B>> for Decompress<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
    RB: HttpBody,
    RB::Error: Into<BoxError>,
{
    type Response = Response<DecompressBody<RB>>;
    type Error = S::Error;
    type Future = DecompressFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let options = self.prepare(&mut request);
        DecompressFuture { inner: self.inner.call(request), options }
    }
}

pin_project! {
    /// The future of [`Decompress`].
    #[must_use = "futures do nothing unless polled"]
    pub struct DecompressFuture<F> {
        #[pin]
        inner: F,
        options: Option<DecompressOptions>,
    }
}

impl<F, RB, E> Future for DecompressFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
    RB: HttpBody,
{
    type Output = Result<Response<DecompressBody<RB>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        Poll::Ready(Ok(match this.options {
            Some(options) if response.headers().contains_key(CONTENT_ENCODING) => decode(response, options),
            _ => response.map(DecompressBody::plain),
        }))
    }
}

/// A response with its codings undone, if it has any.
fn decode<RB: HttpBody>(response: Response<RB>, options: &DecompressOptions) -> Response<DecompressBody<RB>> {
    let (mut head, body) = response.into_parts();
    let Some(codings) = codings(&head, &body) else {
        return Response::from_parts(head, DecompressBody::plain(body));
    };
    if codings.len() > MAX_CODINGS {
        let error = DecompressError::TooManyCodings { codings: codings.len() };
        return Response::from_parts(head, DecompressBody::failed(body, error));
    }
    let decoded = Decoded::new(&codings, content_length(&head.headers));
    // Neither says anything of the body as it is read.
    head.headers.remove(CONTENT_ENCODING);
    head.headers.remove(CONTENT_LENGTH);
    head.extensions.insert(decoded.clone());
    let chain = Chain::new(&codings, options, decoded);
    Response::from_parts(head, DecompressBody::decoded(body, chain))
}

impl<F> fmt::Debug for DecompressFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecompressFuture").field("options", &self.options).finish_non_exhaustive()
    }
}
