use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::HeaderValue;
use http::{Request, StatusCode, request};
use sortie_core::{BoxError, Deadline, Prepared, Replay};

use super::location::Place;
use super::next_hop::{Route, ask_anew, send_to};
use super::{Content, Failed, NotReplayable, RedirectOptions};

/// The request that a redirect leads to, for a caller who follows redirects by hand: an extension of a response that is a
/// redirect and was not followed, by [`PerRequest::Off`](sortie_core::PerRequest::Off),
/// [`OnLimit::ReturnLast`](super::OnLimit::ReturnLast), [`OnScope::ReturnLast`](super::OnScope::ReturnLast) or
/// [`Action::Stop`](super::Action::Stop).
///
/// `B` is the type of the request's body.
pub struct NextRequest<B>(Arc<Kept<B>>);

/// What the next request is made of, once somebody asks.
struct Kept<B> {
    head: request::Parts,
    status: StatusCode,
    location: HeaderValue,
    /// A body need not be `Sync`, and an extension must be.
    spare: Mutex<Option<B>>,
    options: Arc<RedirectOptions>,
}

impl<B: Replay> NextRequest<B> {
    pub(super) fn new(
        head: request::Parts,
        status: StatusCode,
        location: HeaderValue,
        spare: Option<B>,
        options: Arc<RedirectOptions>,
    ) -> Self {
        Self(Arc::new(Kept { head, status, location, spare: Mutex::new(spare), options }))
    }

    /// The request, made by the rules of the [module](super) as if the redirect were followed: limit and policy are not
    /// asked.
    ///
    /// To be sent through the same stack. It is marked as [`Prepared`], so that default headers and a default query are
    /// not added again; what does so outside of sortie's layers takes it for a call of its own. Overrides of the first
    /// request stay, among them the one that redirects are left to the caller.
    ///
    /// # Errors
    ///
    /// [`Failed`], if the redirect cannot be followed: an invalid `Location`, a forbidden scheme, a URL that is out of
    /// [scope](RedirectOptions::scope), a body that can be sent only once.
    pub fn request(&self) -> Result<Request<B>, BoxError> {
        let Kept { head, status, location, spare, options } = &*self.0;
        let fail = |from: Option<Place>, error| Failed::new(Vec::new(), None, from.map(Place::into_url), error);
        let route = Route::of(head, location).map_err(|nowhere| fail(nowhere.from, nowhere.error.into()))?;
        let mut head = head.clone();
        let uri = match route.check(&head, options) {
            Ok(uri) => uri,
            Err(refused) => return Err(fail(Some(route.from), refused.into()).into()),
        };
        let content = ask_anew(&mut head, *status, B::nothing().is_some());
        send_to(&mut head, uri, &route, content, options);
        // A new call has a time of its own.
        head.extensions.remove::<Deadline>();
        head.extensions.insert(Prepared);
        let body = match content {
            Content::Keep => spare.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(B::replay),
            Content::Drop => B::nothing(),
        };
        match body {
            Some(body) => Ok(Request::from_parts(head, body)),
            None => Err(fail(Some(route.from), NotReplayable::of(content).into()).into()),
        }
    }
}

impl<B> Clone for NextRequest<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B> fmt::Debug for NextRequest<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextRequest").field("status", &self.0.status).finish_non_exhaustive()
    }
}
