//! What an error says of the call: nothing of what a hook, a signature or a policy met elsewhere, and all that was sent.

use sortie::core::auth::Unsigned;
use sortie::core::{BoxError, Elapsed, Fault, Outcome, Phase};
use sortie::hooks::Hooks;
use sortie::redirect::{Action, RedirectOptions};
use sortie::{ErrorKind, SessionBuilder};

use crate::support::{always, builder, dialing, redirect};

/// The error of another exchange, with all that would count if it were this one's.
fn elsewhere() -> BoxError {
    let elapsed = Elapsed::new(Phase::Connect, std::time::Duration::from_secs(1));
    Fault::new(Outcome::Connect { phase: Phase::Connect }, elapsed).into()
}

type Change = fn(SessionBuilder) -> SessionBuilder;

#[tokio::test]
async fn what_failed_elsewhere_is_not_the_calls() {
    let server = always(|| redirect(303, "http://b.test/"));
    let cases: [(Change, ErrorKind); 4] = [
        (|session| session.hooks(Hooks::new().on_response(|_, _| Err::<(), _>(elsewhere()))), ErrorKind::Hook),
        (|session| session.hooks(Hooks::new().on_request(|_| Err::<(), _>(elsewhere()))), ErrorKind::Hook),
        (|session| session.auth(|_: &mut Unsigned<'_>| Err(elsewhere())), ErrorKind::Auth),
        (
            |session| session.redirect(RedirectOptions::default().policy(|_| Action::Fail(elsewhere()))),
            ErrorKind::Redirect,
        ),
    ];
    for (change, kind) in cases {
        let session = change(builder()).build().unwrap();
        let error = session.post(server.url("/")).body("x").send().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert_eq!((error.outcome(), error.phase(), error.is_connect()), (None, None, false), "{error:?}");
    }
}

#[tokio::test]
async fn a_call_that_a_redirect_led_on_may_have_been_processed_though_nobody_was_there() {
    let a = always(|| redirect(303, "http://b.test/"));
    let session = builder().transport_options(dialing([("http://a.test", a.addr())])).build().unwrap();
    let error = session.post("http://a.test/").body("x").send().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Some(Outcome::MaybeProcessed)));
    assert!(error.is_connect(), "the last request");

    let error = session.post("http://b.test/").body("x").send().await.unwrap_err();
    assert!(matches!(error.outcome(), Some(Outcome::Connect { .. })), "{error:?}");
}
