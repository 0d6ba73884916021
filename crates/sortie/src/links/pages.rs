use std::collections::HashSet;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use sortie_core::BoxFuture;
use url::Url;

use crate::template::Template;
use crate::{Error, ErrorKind, RequestBuilder, Response};

/// How many pages are asked for unless said otherwise.
const MAX_PAGES: usize = 10_000;

impl RequestBuilder {
    /// This response and all that follow it by links of the relation `next`: see the [module](crate::links). Nothing is
    /// sent before the first page is asked for.
    pub fn pages(self) -> Pages {
        let (session, request) = self.into_request();
        match request {
            Ok((request, url)) => Pages::new(State::Next(Box::new(Template::new(session, request, url)))),
            Err(error) => Pages::new(State::Failed(error)),
        }
    }
}

/// The pages of something, each a [`Response`]: a stream of them, and a method.
///
/// Each is asked for when it is wanted, once the one before it has been given out; whether that has been read does not
/// matter. A response with an error status is a page like any other, most often the last.
pub struct Pages {
    state: State,
    asked: HashSet<Url>,
    max_pages: usize,
}

enum State {
    Next(Box<Template>),
    Asking(Box<Template>, BoxFuture<'static, Result<Response, Error>>),
    Failed(Error),
    Ended,
}

impl Pages {
    fn new(state: State) -> Self {
        Self { state, asked: HashSet::new(), max_pages: MAX_PAGES }
    }

    /// How many pages there may be: 10,000 by default. A link to one more is the error [`PagesError::TooMany`].
    #[must_use]
    pub fn max_pages(self, max_pages: usize) -> Self {
        Self { max_pages, ..self }
    }

    /// The next page; `None` after the last one. It may be dropped and called again.
    ///
    /// # Errors
    ///
    /// As [`RequestBuilder::send`]; and [`ErrorKind::Redirect`] by [`PagesError`] where the link cannot be followed. After an
    /// error there are no more pages.
    pub async fn next_page(&mut self) -> Result<Option<Response>, Error> {
        poll_fn(|cx| self.poll_page(cx)).await
    }

    fn poll_page(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Response>, Error>> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Next(template) => {
                    let url = template.url();
                    if let Some(problem) = self.problem(url) {
                        let error = Error::new(ErrorKind::Redirect, problem).with_url(|| Some(url.clone()));
                        return Poll::Ready(Err(error));
                    }
                    self.asked.insert(url.clone());
                    let asking = Box::pin(template.sending(Vec::new()));
                    self.state = State::Asking(template, asking);
                }
                State::Asking(mut template, mut asking) => {
                    let Poll::Ready(answer) = asking.as_mut().poll(cx) else {
                        self.state = State::Asking(template, asking);
                        return Poll::Pending;
                    };
                    let page = answer?;
                    if let Some(next) = page.next_page() {
                        self.state = match follow(&mut template, &page, next) {
                            Ok(()) => State::Next(template),
                            // It is this page's link that is wrong, and not the page.
                            Err(error) => State::Failed(error),
                        };
                    }
                    return Poll::Ready(Ok(Some(page)));
                }
                State::Failed(error) => return Poll::Ready(Err(error)),
                State::Ended => return Poll::Ready(Ok(None)),
            }
        }
    }

    fn problem(&self, url: &Url) -> Option<PagesError> {
        if self.asked.contains(url) {
            return Some(PagesError::Loop);
        }
        (self.asked.len() >= self.max_pages).then_some(PagesError::TooMany { limit: self.max_pages })
    }
}

fn follow(template: &mut Template, page: &Response, mut next: Url) -> Result<(), Error> {
    next.set_fragment(None);
    let is_web = matches!(next.scheme(), "http" | "https");
    if !is_web && page.url().is_none_or(|url| url.scheme() != next.scheme() || url.host() != next.host()) {
        let scheme = next.scheme().to_owned();
        return Err(Error::new(ErrorKind::Redirect, PagesError::ForbiddenScheme { scheme }));
    }
    template.follow(page, &next)
}

impl Stream for Pages {
    type Item = Result<Response, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(ready!(self.poll_page(cx)).transpose())
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("asked", &self.asked.len())
            .field("max_pages", &self.max_pages)
            .finish_non_exhaustive()
    }
}

/// Why a link to the next page is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PagesError {
    /// It leads to a page that has been asked for: the pages would never end.
    Loop,
    /// There have been as many pages as there may be.
    #[non_exhaustive]
    TooMany {
        /// How many pages there may be.
        limit: usize,
    },
    /// It leads away from the web.
    #[non_exhaustive]
    ForbiddenScheme {
        /// The scheme of its URL.
        scheme: String,
    },
}

impl fmt::Display for PagesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loop => f.write_str("the link to the next page leads to one that has been there already"),
            Self::TooMany { limit } => write!(f, "there are more than {limit} pages (Pages::max_pages)"),
            Self::ForbiddenScheme { scheme } => {
                write!(f, "the link to the next page leads to a {scheme} URL; only http and https are followed")
            }
        }
    }
}

impl std::error::Error for PagesError {}
