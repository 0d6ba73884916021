//! What is to be done about a redirect: by the limit, the caller's policy and the rules, in this order.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::{Method, Response, StatusCode, request};
use sortie_core::{BoxError, Replay};
use url::Url;

use super::location::Place;
use super::next_hop::{Nowhere, Route, ask_anew, limit, refuse, send_to};
use super::report::Reporter;
use super::{
    Action, Attempt, Content, Failed, FinalUrl, History, Hop, NextRequest, NotReplayable, RedirectOptions, Report,
    Verdict,
};

/// A call on its way through redirects.
pub(super) struct Call<B> {
    options: Arc<RedirectOptions>,
    spare: Option<B>,
    hops: Vec<Hop>,
    /// Where the last hop led.
    at: Option<Url>,
}

/// What is done about a redirect.
pub(super) enum Decision<B> {
    /// Another request is sent.
    Follow(Box<request::Parts>, B),
    /// It is the answer. It has the head of the request that was redirected.
    Stop(Box<request::Parts>),
    Fail(BoxError),
}

/// A redirect that is not followed.
struct Ended {
    from: Option<Place>,
    to: Option<Place>,
    /// `None` if the redirect is the answer.
    error: Option<BoxError>,
}

impl Ended {
    /// [`Action::Follow`] never gets here. Boxed, for results are moved and this is large.
    fn new(action: Action, from: Option<Place>, to: Option<Place>) -> Box<Self> {
        let error = if let Action::Fail(error) = action { Some(error) } else { None };
        Box::new(Self { from, to, error })
    }
}

impl<B: Replay + Send + 'static> Call<B> {
    pub(super) fn new(spare: Option<B>, options: Arc<RedirectOptions>) -> Self {
        Self { options, spare, hops: Vec::new(), at: None }
    }

    /// Decides about `response`, which leads to `location` and answered the request of `head` after `elapsed`.
    pub(super) async fn decide<RB>(
        &mut self,
        head: request::Parts,
        location: &HeaderValue,
        response: &mut Response<RB>,
        elapsed: Duration,
    ) -> Decision<B> {
        let (status, method) = (response.status(), head.method.clone());
        let told = Told::of(&self.options, &head, status, self.hops.len());
        // Who follows by hand what a policy left to the caller does so by the rules, and not by half of its changes.
        let unchanged = self.options.has_policy().then(|| head.clone());
        let (mut head, ruling) = self.rule(head, location, response).await;
        let ruling = ruling.and_then(|(route, content)| match self.body(content) {
            Some(body) => Ok((route, body)),
            None => {
                let error = Action::fail(NotReplayable::of(content));
                Err(Ended::new(error, Some(route.from), Some(route.to)))
            }
        });
        if let Some(told) = told {
            told.report(&method, &head, &ruling);
        }
        let mut hop = |method, from: Place| Hop::taken_from(response, method, from.into_url(), elapsed);
        match ruling {
            Ok((Route { from, to }, body)) => {
                self.hops.push(hop(method, from));
                self.at = Some(to.into_url());
                Decision::Follow(Box::new(head), body)
            }
            Err(ended) => match ended.error {
                None => {
                    head.method = method; // It may have been the next one's.
                    Decision::Stop(Box::new(unchanged.unwrap_or(head)))
                }
                Some(error) => {
                    let hop = ended.from.map(|from| hop(method, from));
                    let url = hop.as_ref().map(|hop| hop.url().clone());
                    Decision::Fail(Failed::new(std::mem::take(&mut self.hops), hop, url, error).into())
                }
            },
        }
    }

    /// Makes `head` that of the next request, if there is to be one.
    async fn rule<RB>(
        &mut self,
        head: request::Parts,
        location: &HeaderValue,
        response: &mut Response<RB>,
    ) -> (request::Parts, Result<(Route, Content), Box<Ended>>) {
        let options = self.options.clone();
        let route = match (limit(self.hops.len(), &options), Route::of(&head, location)) {
            (None, Ok(route)) => route,
            (Some(action), Ok(Route { from, to })) => return (head, Err(Ended::new(action, Some(from), Some(to)))),
            (action, Err(nowhere)) => {
                let Nowhere { from, error } = *nowhere;
                return (head, Err(Ended::new(action.unwrap_or_else(|| Action::fail(error)), from, None)));
            }
        };
        let (headers, hops) = (std::mem::take(response.headers_mut()), std::mem::take(&mut self.hops));
        let mut head = head;
        let content = ask_anew(&mut head, response.status(), B::nothing().is_some());
        let mut attempt = Attempt::new(head, content, route, response.status(), headers, hops, options);
        let action = attempt.judge().await;
        let Attempt { mut head, content, route, response_headers, history, options, .. } = attempt;
        (*response.headers_mut(), self.hops) = (response_headers, history);
        let action = match (action, route.check(&head, &options)) {
            (Action::Follow, Ok(uri)) => {
                send_to(&mut head, uri, &route, content, &options);
                return (head, Ok((route, content)));
            }
            (Action::Follow, Err(refused)) => refuse(refused, &options),
            (action, _) => action,
        };
        (head, Err(Ended::new(action, Some(route.from), Some(route.to))))
    }

    /// The body of the next request, if it can be had.
    fn body(&mut self, content: Content) -> Option<B> {
        if content == Content::Drop {
            self.spare = B::nothing();
        }
        self.spare.as_ref().and_then(B::replay)
    }

    /// Leaves it to the caller to follow `response`, which leads to `location`.
    pub(super) fn leave<RB>(self, response: Response<RB>, head: request::Parts, location: HeaderValue) -> Response<RB> {
        let Self { options, spare, hops, at } = self;
        let mut response = response;
        let next = NextRequest::new(head, response.status(), location, spare, options.clone());
        response.extensions_mut().insert(next);
        Self { options, spare: None, hops, at }.answer(response)
    }

    /// The answer, which tells the way if there was one.
    pub(super) fn answer<RB>(self, mut response: Response<RB>) -> Response<RB> {
        if let Some(url) = self.at {
            response.extensions_mut().insert(History::new(self.hops));
            response.extensions_mut().insert(FinalUrl::new(url));
        }
        response
    }

    /// A failure of the service below, after at least one hop.
    pub(super) fn failed(self, error: BoxError) -> BoxError {
        Failed::new(self.hops, None, self.at, error).into()
    }
}

/// What is told of a decision, apart from the decision.
struct Told {
    reporter: Reporter,
    status: StatusCode,
    followed: usize,
    /// The headers of the request that was redirected.
    headers: Vec<HeaderName>,
}

impl Told {
    /// `None` if nobody wants to know.
    fn of(options: &RedirectOptions, head: &request::Parts, status: StatusCode, followed: usize) -> Option<Self> {
        let reporter = options.reporter.clone()?;
        Some(Self { reporter, status, followed, headers: head.headers.keys().cloned().collect() })
    }

    fn report<B>(mut self, method: &Method, head: &request::Parts, ruling: &Result<(Route, B), Box<Ended>>) {
        self.headers.retain(|name| !head.headers.contains_key(name));
        let (from, to, verdict) = match ruling {
            Ok((Route { from, to }, _)) => {
                let verdict = Verdict::Followed { method: &head.method, dropped: &self.headers };
                (Some(from), Some(to), verdict)
            }
            Err(ended) => {
                let verdict = ended.error.as_ref().map_or(Verdict::Stopped, Verdict::Failed);
                (ended.from.as_ref(), ended.to.as_ref(), verdict)
            }
        };
        let (from, to) = (from.map(Place::url), to.map(Place::url));
        (self.reporter)(&Report { status: self.status, method, from, to, followed: self.followed, verdict });
    }
}
