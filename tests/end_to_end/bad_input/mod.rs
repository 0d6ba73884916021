//! What users and servers get wrong: an error of the right kind that names what prevents it, or a rule; never a panic
//! and never a secret in the text.

mod caller;
mod once;
mod server;

use sortie::{Error, RequestBuilder};
use sortie_testkit::TestServer;

use crate::support::SECRET;

/// A URL whose every part but the host and the path is a secret.
fn secretive(server: &TestServer, path: &str) -> String {
    format!("http://user:{SECRET}@{}{path}?token={SECRET}#{SECRET}", server.addr())
}

async fn error_of(request: RequestBuilder) -> Error {
    request.send().await.expect_err("it must not be answered")
}
