//! How do I read all pages of a list? By the links to the next one (`Link: <…>; rel="next"`), as GitHub and many others send
//! them: as a stream, by hand, and only as many as are needed.

use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;
use sortie::{BoxError, Session};
use sortie_testkit::TestServer;

const ITEMS: usize = 7;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = TestServer::new(Router::new().route("/items", get(items)));
    let session = Session::builder().base_url(server.url("/")).header("x-team", "blue").no_env().build()?;

    // Every page is a call of its own, with the same headers and settings.
    let mut pages = session.get("items").query(&[("per_page", "3")]).pages();
    let mut all = Vec::new();
    while let Some(page) = pages.next_page().await? {
        let page = page.error_for_status()?;
        println!("{}", page.url().ok_or("a received response has a URL")?);
        all.extend(page.json::<Vec<usize>>().await?);
    }
    println!("  {all:?}");
    assert_eq!(all, (0..ITEMS).collect::<Vec<_>>());

    // Pages are asked for when they are wanted: of four there are two requests.
    let before = server.requests().len();
    let first: Vec<usize> = session
        .get("items")
        .query(&[("per_page", "2")])
        .pages()
        .and_then(|page| async { page.error_for_status()?.json::<Vec<usize>>().await })
        .map_ok(|items| futures_util::stream::iter(items).map(Ok::<_, sortie::Error>))
        .try_flatten()
        .take(3)
        .try_collect()
        .await?;
    println!("the first three are {first:?}, with {} requests", server.requests().len() - before);
    assert_eq!((first, server.requests().len() - before), (vec![0, 1, 2], 2));

    // By hand each page is a request of its own, and whether its origin is to have these headers, the program's business.
    let mut next = Some(session.get("items").query(&[("per_page", "4")]));
    let mut all = Vec::new();
    while let Some(request) = next {
        let page = request.send().await?.error_for_status()?;
        next = page.next_page().map(|url| session.get(url));
        all.push(page.json::<Vec<usize>>().await?);
    }
    println!("by hand {all:?}");
    assert_eq!(all, [vec![0, 1, 2, 3], vec![4, 5, 6]]);

    // All links of a response.
    let page = session.get("items").query(&[("page", "1"), ("per_page", "3")]).send().await?;
    for link in page.links() {
        println!("{:?} leads to {}, {:?}", link.relations().collect::<Vec<_>>(), link.url().path(), link.title());
    }
    let last = page.link("last").ok_or("there is a last page")?;
    assert_eq!(last.url().query(), Some("page=2&per_page=3"));
    Ok(())
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    page: usize,
    per_page: usize,
}

async fn items(Query(Asked { page, per_page }): Query<Asked>, headers: HeaderMap) -> impl IntoResponse {
    assert_eq!(headers["x-team"], "blue");
    let last = (ITEMS - 1) / per_page;
    let link = |page: usize, more: &str| format!("</items?page={page}&per_page={per_page}>; {more}");
    let mut links = vec![link(0, "rel=\"first\"; title*=UTF-8''the%20beginning"), link(last, "rel=last")];
    if page < last {
        links.push(link(page + 1, "rel=\"next\""));
    }
    let items: Vec<usize> = (0..ITEMS).skip(page * per_page).take(per_page).collect();
    ([("link", links.join(", "))], Json(items))
}
