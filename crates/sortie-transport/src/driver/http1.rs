use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::{ConnIo, Engine, ended};
use crate::options::Http;
use crate::pool::conn::Conn;
use crate::pool::handles::Exclusive;
use crate::reason::CloseReason;

type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// hyper's connection, able to become something else (101, CONNECT). Its type has no name.
pub(super) struct Http1(Connection);

pub(super) async fn handshake(io: TokioIo<ConnIo>, conn: &Arc<Conn>) -> hyper::Result<(Box<Exclusive>, Http1)> {
    let (sender, connection) = builder(&conn.origin.shared().http).handshake(io).await?;
    let handle = Exclusive::new(sender, conn.clone());
    Ok((handle, Http1(Box::pin(connection.with_upgrades()))))
}

fn builder(http: &Http) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.title_case_headers(http.title_case);
    if let Some(headers) = http.max_headers {
        builder.max_headers(headers);
    }
    if let Some(size) = http.max_head_size {
        builder.max_header_size(size);
    }
    if let Some(size) = http.buffer_size() {
        builder.max_buf_size(size);
    }
    builder
}

impl Engine for Http1 {
    fn poll(&mut self, cx: &mut Context<'_>, _: &Conn) -> Poll<CloseReason> {
        // Its error has gone to the exchange that it concerns.
        self.0.as_mut().poll(cx).map(|result| ended(&result))
    }
}
