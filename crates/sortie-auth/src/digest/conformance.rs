//! Responses against what others computed: `digest-vectors.json` in the folder `SORTIE_CONFORMANCE`.

use std::path::PathBuf;

use http::HeaderValue;
use serde_json::Value;

use super::Qop;
use super::challenge::choose;
use super::respond::{Account, Signed, credentials, response, userhash};

fn vectors() -> Vec<Value> {
    let folder = std::env::var_os("SORTIE_CONFORMANCE").expect("SORTIE_CONFORMANCE names the folder of the data");
    let file = PathBuf::from(folder).join("digest-vectors.json");
    let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Each character of the text is one octet.
fn octets(text: &str) -> Vec<u8> {
    text.chars().map(|octet| u8::try_from(octet).unwrap()).collect()
}

/// Whether a row's response is the one that it expects, and whether it says that it is right.
fn answered(row: &Value) -> (bool, bool) {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    let account = Account { user: text("user"), password: text("password") };
    let challenge = HeaderValue::from_bytes(text("challenge").as_bytes()).unwrap();
    let challenge = choose(&[challenge], true).unwrap_or_else(|| panic!("{}: no challenge", row["id"]));
    let qop = [Qop::Auth, Qop::AuthInt].into_iter().find(|qop| qop.name() == text("qop"));
    let signed = Signed {
        algorithm: challenge.algorithm,
        realm: &challenge.realm,
        nonce: &challenge.nonce,
        session: None,
        nc: text("nc"),
        cnonce: text("cnonce"),
        qop,
    };
    let found = response(account, &signed, text("method"), text("uri"), &octets(text("body_latin1")));
    let field = credentials(account, &challenge, &signed, text("uri"), &found).unwrap();
    assert!(String::from_utf8_lossy(field.as_bytes()).contains(&format!("response=\"{found}\"")));
    let name = row["expect_username"].as_str().is_none_or(|name| name == userhash(account.user, &challenge));
    (found == text("expect_response") && name, row["gold"].as_bool().unwrap())
}

#[test]
#[ignore = "needs the conformance data"]
fn responses_are_those_that_others_computed() {
    let vectors = vectors();
    let (gold, rest): (Vec<_>, Vec<_>) = vectors.iter().partition(|row| answered(row).1);
    let wrong: Vec<_> = gold.iter().filter(|row| !answered(row).0).map(|row| row["id"].to_string()).collect();
    println!("digest: {} of {} vectors; {} are marked wrong", gold.len() - wrong.len(), gold.len(), rest.len());
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(gold.len() >= 107, "{} vectors", gold.len());
    assert!(rest.iter().all(|row| !answered(row).0), "what was printed wrongly is not right either");
}
