//! How do I fetch URLs that strangers give me, and none that leads into my network?

use std::net::IpAddr;

use axum::Router;
use axum::extract::Path;
use axum::response::Redirect;
use axum::routing::get;
use sortie::transport::address_policy::{AddressRefused, Network};
use sortie::transport::{AddressPolicy, TransportOptions};
use sortie::{BoxError, Mount, Session};
use sortie_testkit::TestServer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    // What a stranger must not reach: it listens on this machine.
    let admin = TestServer::new(Router::new().route("/", get(async || "all the secrets")));
    let url = admin.url("/");
    let port = admin.addr().port();

    // A name that somebody else owns may lead anywhere: here, as a look-up could, to this machine.
    let names = TransportOptions::default().resolve_to("innocent.example", IpAddr::from([127, 0, 0, 1]));
    let guarded = || {
        // The preview service stands for a public site, which sends its visitors wherever they ask.
        let public = Mount::from(Router::new().route("/to/{*url}", get(async |Path(url)| leave(url))));
        Session::builder().mount("http://preview.example/", public).transport_options(names.clone()).no_env()
    };
    let session = guarded().address_policy(AddressPolicy::public_only()).build()?;

    for stranger in [
        url.clone(),
        format!("http://localhost:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://innocent.example:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        format!("http://preview.example/to/{url}"),
    ] {
        let error = session.get(&stranger).send().await.err().ok_or("it is refused")?;
        let refused: &AddressRefused = sortie::core::find(&error).ok_or("the policy refused it")?;
        println!("{stranger}: {refused}");
    }
    assert_eq!(admin.connections(), 0);

    // One network of ours may be reached all the same.
    let ours: Network = "127.0.0.0/8".parse()?;
    let session = guarded().address_policy(AddressPolicy::public_only().allow(ours)).build()?;
    let response = session.get(&url).send().await?.error_for_status()?;
    println!("{url}, allowed: {}", response.status());
    Ok(())
}

fn leave(url: String) -> Redirect {
    Redirect::temporary(&url)
}
