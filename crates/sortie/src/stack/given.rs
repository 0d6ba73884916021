use std::task::{Context, Poll};

use http::Request;
use sortie_core::{Body, PerRequest, Prepared};
use sortie_layers::hooks::Hooks;
use sortie_layers::query::QueryOptions;
use sortie_layers::retry::RetryOptions;
use tower_service::Service;

/// A service that was given in the transport's place. It may be another session, or have layers of its own, and what a
/// request overrides is for the session that it was made with: there it has had its effect, and would have it twice.
///
/// What limits a request goes on: whoever follows no redirects, offers no coding or has ten seconds wants that all the way.
#[derive(Clone, Debug)]
pub(crate) struct Given<S>(pub(crate) S);

impl<S: Service<Request<Body>>> Service<Request<Body>> for Given<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        let extensions = request.extensions_mut();
        if !extensions.is_empty() {
            extensions.remove::<PerRequest<Hooks>>();
            extensions.remove::<PerRequest<QueryOptions>>();
            extensions.remove::<PerRequest<RetryOptions>>();
            // Its defaults are not those that the request has by now.
            extensions.remove::<Prepared>();
        }
        self.0.call(request)
    }
}
