//! What the layer allocates where it has nothing to do: nothing. A binary of its own, for the count is process-wide.

use std::convert::Infallible;
use std::future::ready;

use http::{Request, Response};
use sortie_cookies::{CookieOptions, CookiesLayer, Jar};
use tower::{Layer, Service, service_fn};
use url::Url;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[tokio::test]
async fn a_host_without_cookies_costs_no_allocation() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let jar = Jar::new();
    let server = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(()))));
    let mut client = CookiesLayer::new(CookieOptions::jar(jar.clone())).layer(server);
    for filled in [false, true] {
        if filled {
            for n in 0..100 {
                let url = Url::parse(&format!("https://h{n}.example.com/")).unwrap();
                jar.receive(&url, b"a=1; Path=/").unwrap();
            }
        }
        for uri in
            ["https://www.example.com/", "https://www.example.com/a/b?c", "http://127.0.0.1:8080/", "http://[::1]/"]
        {
            // The least of some, for the test harness may allocate meanwhile.
            let mut allocations = u64::MAX;
            for _ in 0..5 {
                let request = Request::get(uri).body(()).unwrap();
                let before = dhat::HeapStats::get().total_blocks;
                client.call(request).await.unwrap();
                allocations = allocations.min(dhat::HeapStats::get().total_blocks - before);
            }
            assert_eq!(allocations, 0, "{uri}, jar of {}", jar.len());
        }
    }
}
