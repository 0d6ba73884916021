use std::error::Error;
use std::fmt;

use http::Response;
use sortie_core::BoxError;

/// What a hook may return: nothing, or a `Result` without a value.
pub trait IntoHookResult {
    /// The result that it stands for.
    ///
    /// # Errors
    ///
    /// Those of the hook.
    fn into_hook_result(self) -> Result<(), BoxError>;
}

impl IntoHookResult for () {
    fn into_hook_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> IntoHookResult for Result<(), E> {
    fn into_hook_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

/// What a hook may return that can answer a request: an answer or none, or a `Result` of that.
pub trait IntoAnswer<RB> {
    /// The result that it stands for.
    ///
    /// # Errors
    ///
    /// Those of the hook.
    fn into_answer(self) -> Result<Option<Response<RB>>, BoxError>;
}

impl<RB> IntoAnswer<RB> for Option<Response<RB>> {
    fn into_answer(self) -> Result<Self, BoxError> {
        Ok(self)
    }
}

impl<RB, E: Into<BoxError>> IntoAnswer<RB> for Result<Option<Response<RB>>, E> {
    fn into_answer(self) -> Result<Option<Response<RB>>, BoxError> {
        self.map_err(Into::into)
    }
}

/// What a hook is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// A request is about to be sent.
    Request,
    /// The head of a response has come.
    Response,
}

/// A hook returned an error, which is this one's [`source`](Error::source).
///
/// After a failed request hook nothing was sent; after a failed response hook the response is dropped.
#[derive(Debug)]
pub struct HookFailed {
    which: Event,
    source: BoxError,
}

impl HookFailed {
    pub(crate) fn new(which: Event, source: BoxError) -> Self {
        Self { which, source }
    }

    /// Which kind of hook it was.
    #[must_use]
    pub fn which(&self) -> Event {
        self.which
    }
}

impl fmt::Display for HookFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.which {
            Event::Request => "a request hook failed",
            Event::Response => "a response hook failed",
        })
    }
}

impl Error for HookFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
