//! Which redirects are followed, who decides it, and how do I follow one by hand?

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use sortie::redirect::{Action, OutOfScope, RedirectOptions, Scope, Verdict};
use sortie::transport::ConnectionInfo;
use sortie::{BoxError, Session};
use sortie_testkit::TestServer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let files = TestServer::new(Router::new().route("/report", get(async || "42 pages")));
    let at_files = files.url("/report");
    let site = TestServer::new(
        Router::new()
            .route("/old", get(async || Redirect::permanent("/new")))
            .route("/new", get(async || "the new page"))
            .route("/report", get(async move || Redirect::temporary(&at_files)))
            .route("/log-out", get(async || Redirect::to("/log-in"))),
    );
    let session = Session::builder().no_env().build()?;

    println!("1. each decision is told, and the history has what each hop was");
    let told = RedirectOptions::default().report(|report| {
        if let Verdict::Followed { dropped, .. } = report.verdict {
            println!("   {} to port {:?}, without {dropped:?}", report.status, report.to.and_then(|to| to.port()));
        }
    });
    let response = session.get(site.url("/report")).bearer_auth("t0k3n").header("cookie", "a=b").redirect(told);
    let response = response.send().await?;
    for hop in response.history() {
        let connection = hop.extensions().get::<ConnectionInfo>().map(ConnectionInfo::id);
        println!("   {} {} took {:?}, connection {connection:?}", hop.status(), hop.url().path(), hop.elapsed());
    }
    assert_eq!(response.text().await?, "42 pages");

    println!("2. none that leaves the site");
    let at_home = session.to_builder().redirect(RedirectOptions::default().scope(Scope::SameOrigin)).build()?;
    assert_eq!(at_home.get(site.url("/old")).send().await?.text().await?, "the new page");
    let error = at_home.get(site.url("/report")).send().await.err().ok_or("it leads to another origin")?;
    println!("   {}", sortie::core::find::<OutOfScope>(&error).ok_or("the scope refused it")?);

    println!("3. a closure decides; one that has to ask somebody first goes to `policy_async`");
    let careful = RedirectOptions::default().policy(|attempt| match attempt.url().path() {
        "/log-in" => Action::Stop,
        _ if attempt.is_foreign() => Action::fail("somebody else's"),
        _ => Action::Follow,
    });
    let response = session.get(site.url("/log-out")).redirect(careful.clone()).send().await?;
    println!("   {} is the answer: {:?}", response.status(), response.headers().get("location"));
    let error = session.get(site.url("/report")).redirect(careful).send().await.err().ok_or("it is foreign")?;
    println!("   {error}");

    println!("4. by hand: each step sends what the session would have sent");
    let mut response = session.get(site.url("/report")).bearer_auth("t0k3n").no_redirect().send().await?;
    while let Some(next) = response.next()? {
        println!("   {} leads to {}", response.status(), next.uri());
        response = session.send(next).await?;
    }
    assert_eq!(response.text().await?, "42 pages");
    assert!(files.requests().iter().all(|head| !head.headers.contains_key("authorization")));
    Ok(())
}
