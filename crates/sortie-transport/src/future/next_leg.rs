//! A request that goes by the connection that another one went by before it.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Request;
use sortie_core::auth::{Held, SameConnection};

use super::exchange::Call;
use super::{State, begin_http1, checkout};
use crate::error::NotSent;
use crate::pool::handles::{BetweenLegs, Exclusive};
use crate::pool::origin::{Origin, is_usable, may_end_handshake};
use crate::upload::Upload;

/// A leg of a conversation, until the leg before it is over.
pub(super) struct NextLeg {
    same: SameConnection,
    origin: Arc<Origin>,
    work: Option<(Request<Upload>, Call)>,
}

impl NextLeg {
    pub(super) fn new(same: SameConnection, origin: Arc<Origin>, request: Request<Upload>, call: Call) -> Box<Self> {
        Box::new(Self { same, origin, work: Some((request, call)) })
    }

    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<State> {
        let last = ready!(self.same.poll_take(cx)).and_then(|held| self.usable(held));
        let Some((request, call)) = self.work.take() else { return Poll::Ready(State::Failed(None)) };
        Poll::Ready(match last {
            Some(handle) => begin_http1(handle, request, call),
            None if self.same.is_required() => State::Failed(Some(NotSent::LegsParted.fault())),
            None => checkout(&self.origin, request, call),
        })
    }

    /// The connection, if it can still serve. One that the server has closed meanwhile is dropped.
    fn usable(&self, held: Box<dyn Held>) -> Option<Box<Exclusive>> {
        let held: Box<dyn std::any::Any> = held;
        let handle = held.downcast::<BetweenLegs>().ok()?.into_handle()?;
        let ours = Arc::ptr_eq(&handle.conn.origin, &self.origin);
        let is_usable = |handle: &Exclusive| is_usable(handle, self.origin.shared().epoch.now());
        if ours && (is_usable(&handle) || (self.same.is_required() && may_end_handshake(&handle))) {
            return Some(handle);
        }
        drop(BetweenLegs::new(handle));
        None
    }
}
