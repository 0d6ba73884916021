//! One transport, several runtimes.

use sortie_core::Outcome;
use sortie_testkit::{Steps, TcpScript, TestServer, reply};
use sortie_transport::{CloseReason, Transport, TransportOptions};
use tokio::runtime::{Builder, Runtime};
use tower_service::Service;

use crate::support::{fetch, get, send, until};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn a_runtime_that_is_shut_down_takes_only_its_own_connections_with_it() {
    let serving = runtime();
    let server = serving.block_on(async { TestServer::from_fn(async |_| reply(200, [], "hello")) });
    let transport = Transport::default();
    for connections in 1..=3 {
        let calling = runtime();
        for _ in 0..2 {
            assert_eq!(calling.block_on(fetch(&transport, get(server.url("/")))).unwrap(), "hello");
        }
        assert_eq!(server.connections(), connections);
        drop(calling);
        assert_eq!(transport.stats().open, 0);
    }
    assert_eq!(transport.stats().closed.by(CloseReason::Runtime), 3);
}

#[test]
fn what_is_under_way_in_a_runtime_that_is_shut_down_fails() {
    let serving = runtime();
    let server = serving.block_on(async {
        TestServer::from_fn(async |_| {
            std::future::pending::<()>().await;
            reply(200, [], "never")
        })
    });
    let transport = Transport::default();
    let calling = runtime();
    let (ended, end) = std::sync::mpsc::channel();
    // Polled by this thread, while the connection belongs to the runtime that goes.
    let call = std::thread::spawn({
        let (transport, handle, url) = (transport.clone(), calling.handle().clone(), server.url("/"));
        move || {
            let _within = handle.enter();
            let call = fetch(&transport, get(url));
            ended.send(futures_executor(call)).unwrap();
        }
    });
    serving.block_on(server.wait_for_requests(1));
    drop(calling);
    let error = end.recv_timeout(std::time::Duration::from_secs(10)).unwrap().unwrap_err();
    assert_eq!(Outcome::of(&*error), Some(Outcome::MaybeProcessed));
    call.join().unwrap();
    assert_eq!(transport.stats().open, 0);
}

/// Drives a future with nothing but this thread.
fn futures_executor<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut std::task::Context::from_waker(&waker)) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn a_call_may_be_made_outside_of_the_runtime_that_polls_it() {
    let serving = runtime();
    let server = serving.block_on(async { TestServer::from_fn(async |_| reply(200, [], "hello")) });
    let mut transport = Transport::default();
    let call = transport.call(get(server.url("/")));
    assert_eq!(serving.block_on(call).unwrap().status(), 200);
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let mut transport = Transport::default();
    let error = futures_executor(transport.call(get("http://127.0.0.1:9/"))).unwrap_err();
    assert_eq!(
        error.source().unwrap().to_string(),
        "a connection can only be made within a tokio runtime, and there is none here"
    );
    assert_eq!(transport.stats().waiting, 0);
}

#[test]
fn a_place_that_is_freed_outside_of_a_runtime_is_the_next_waiters() {
    let serving = runtime();
    let steps = Steps::new().read_head().send("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n").hold();
    let server = serving.block_on(async move { TcpScript::each(steps) });
    let transport = Transport::new(TransportOptions::default().max_connections_per_origin(1));
    let stream = serving.block_on(async {
        let response = send(&transport, get(server.url("/"))).await.unwrap();
        hyper::upgrade::on(response).await.unwrap()
    });
    let waiting = serving.spawn({
        let (transport, url) = (transport.clone(), server.url("/"));
        async move { send(&transport, get(url)).await.map(|response| response.status()) }
    });
    serving.block_on(until("it waits", || transport.stats().waiting == 1));
    // On this thread, which has no runtime.
    drop(stream);
    assert_eq!(serving.block_on(waiting).unwrap().unwrap(), 101);
}

#[test]
fn a_runtime_that_is_shut_down_leaves_its_place_to_another_runtimes_waiter() {
    let serving = runtime();
    let server = serving.block_on(async { TestServer::from_fn(async |_| reply(200, [], vec![0; 3_000_000])) });
    let transport = Transport::new(TransportOptions::default().max_connections_per_origin(1));
    let going = runtime();
    // Half read, so that the connection is in use.
    let response = going.block_on(send(&transport, get(server.url("/")))).unwrap();
    let waiting = serving.spawn({
        let (transport, url) = (transport.clone(), server.url("/"));
        async move { fetch(&transport, get(url)).await.map(|body| body.len()) }
    });
    serving.block_on(until("it waits", || transport.stats().waiting == 1));
    drop(going);
    assert_eq!(serving.block_on(waiting).unwrap().unwrap(), 3_000_000);
    drop(response);
}
