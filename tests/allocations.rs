//! How many heap allocations a warm `GET` takes.
//!
//! dhat counts those of the whole process, so the server here is a thread that makes none: it reads into one buffer and
//! writes one constant.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use http::{Request, Uri};
use http_body_util::BodyExt;
use sortie::core::{BoxHttp, HttpService};
use sortie::{Body, Session, Transport};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// What a warm `GET` of a default session may take in all.
const SESSION_LIMIT: u64 = 20;
/// What the front may add to the stack beneath it.
const FRONT_LIMIT: u64 = 2;

const ROUNDS: u64 = 100;

fn main() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let address = serve();
        let uri: Uri = format!("http://{address}/").parse().expect("a URI");

        let bare = warm_get(Transport::default(), &uri).await;
        let boxed = warm_get(BoxHttp::new(Transport::default()), &uri).await;
        let front = warm_get(Session::from_service(Transport::default()), &uri).await;
        let session = warm_get(Session::builder().no_env().build().expect("a session"), &uri).await;

        println!("allocations of a warm GET, request and response body included:");
        println!("  transport alone                     {bare}");
        println!("  transport behind BoxHttp            {boxed}");
        println!("  front over the transport            {front}");
        println!("  default session                     {session} (limit {SESSION_LIMIT})");
        assert!(front <= bare + FRONT_LIMIT, "the front adds {} allocations to the stack", front - bare);
        assert!(session <= SESSION_LIMIT, "a warm GET takes {session} allocations");
    });
    println!("test result: ok. 1 passed; 0 failed");
}

/// The allocations of one call, from the call to the end of the body, on a connection that is open.
async fn warm_get<S: HttpService<Body>>(mut service: S, uri: &Uri) -> u64 {
    let request = || {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.clone();
        request
    };
    for _ in 0..10 {
        get(&mut service, request()).await;
    }
    let before = dhat::HeapStats::get().total_blocks;
    for _ in 0..ROUNDS {
        get(&mut service, request()).await;
    }
    let counted = dhat::HeapStats::get().total_blocks - before;
    // Rounded: a buffer that grows once in a hundred calls is not a cost of each.
    (counted + ROUNDS / 2) / ROUNDS
}

async fn get<S: HttpService<Body>>(service: &mut S, request: Request<Body>) {
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into).expect("ready");
    let response = service.call(request).await.map_err(Into::into).expect("a response");
    assert_eq!(response.status(), 200);
    let mut body = std::pin::pin!(response.into_body());
    while let Some(frame) = body.frame().await {
        assert!(frame.is_ok());
    }
}

fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut buffer = [0; 4096];
            // A GET of ours is one small write, so one read is one request.
            while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world").is_err() {
                    break;
                }
            }
        }
    });
    address
}
