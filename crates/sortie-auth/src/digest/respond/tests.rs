use super::super::challenge::choose;
use super::*;

/// What a request of this user, method and URI is signed with, and its `Authorization`.
fn answer(challenge: &str, account: [&str; 2], request: [&str; 2], qop: Option<Qop>, cnonce: &str) -> (String, String) {
    let [user, password] = account;
    let [method, uri] = request;
    let account = Account { user, password };
    let challenge = choose(&[HeaderValue::from_str(challenge).unwrap()], true).unwrap();
    let signed = Signed {
        algorithm: challenge.algorithm,
        realm: &challenge.realm,
        nonce: &challenge.nonce,
        session: None,
        nc: "00000001",
        cnonce,
        qop,
    };
    let response = response(account, &signed, method, uri, b"");
    let field = credentials(account, &challenge, &signed, uri, &response).unwrap();
    assert!(field.is_sensitive());
    (response, String::from_utf8(field.as_bytes().to_vec()).unwrap())
}

const MUFASA: [&str; 2] = ["Mufasa", "Circle of Life"];
const INDEX: [&str; 2] = ["GET", "/dir/index.html"];

// RFC 2069 §2.4, with the value of its errata 749.
#[test]
fn rfc_2069() {
    let challenge = r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
    let (response, field) = answer(challenge, ["Mufasa", "CircleOfLife"], INDEX, None, "unused");
    assert_eq!(response, "1949323746fe6a43ef61f9606e7febea");
    assert_eq!(
        field,
        r#"Digest username="Mufasa", realm="testrealm@host.com", uri="/dir/index.html", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", response="1949323746fe6a43ef61f9606e7febea", opaque="5ccc069c403ebaf9f0171e9517f40e41""#
    );
}

// RFC 2617 §3.5.
#[test]
fn rfc_2617() {
    let challenge = r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
    let (response, field) = answer(challenge, ["Mufasa", "Circle Of Life"], INDEX, Some(Qop::Auth), "0a4f113b");
    assert_eq!(response, "6629fae49393a05397450978507c4ef1");
    assert!(field.contains(r#", nc=00000001, qop=auth, cnonce="0a4f113b", response="#), "{field}");
    assert!(!field.contains("algorithm"), "the server named none");
}

// RFC 7616 §3.9.1.
#[test]
fn rfc_7616_with_md5_and_sha_256() {
    for (algorithm, expected) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let challenge = format!(
            r#"Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
        );
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let (response, field) = answer(&challenge, MUFASA, INDEX, Some(Qop::Auth), cnonce);
        assert_eq!(response, expected);
        assert!(field.contains(&format!(r#"uri="/dir/index.html", algorithm={algorithm}, nonce="#)), "{field}");
    }
}

// RFC 7616 §3.9.2, computed anew: the values printed there are of another hash function (errata 4897).
#[test]
fn rfc_7616_with_sha_512_256_and_userhash() {
    let challenge = r#"Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true"#;
    let account = ["J\u{e4}s\u{f8}n Doe", "Secret, or not?"];
    let cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm";
    let (response, field) = answer(challenge, account, ["GET", "/doe.json"], Some(Qop::Auth), cnonce);
    assert_eq!(response, "7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c");
    let username = "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b";
    assert!(field.starts_with(&format!(r#"Digest username="{username}", realm="#)), "{field}");
    assert!(field.ends_with(", userhash=true"), "{field}");
}

#[test]
fn a_session_has_its_first_nonces_in_the_key_and_the_body_is_signed_by_auth_int() {
    let account = Account { user: "u", password: "p" };
    let hash = |algorithm: Algorithm, text: String| algorithm.hash.of(&[text.as_bytes()]);
    for name in ["MD5-sess", "SHA-256-sess", "SHA-512-256-sess"] {
        let algorithm = Algorithm::named(name.as_bytes()).unwrap();
        let session = Session { nonce: b"first".to_vec(), cnonce: "mine".to_owned() };
        let (nc, cnonce, qop) = ("0000000b", "mine", Some(Qop::AuthInt));
        let signed = Signed { algorithm, realm: b"r", nonce: b"second", session: Some(&session), nc, cnonce, qop };
        // RFC 7616 §3.4.2, §3.4.3 and §3.4.1, step by step.
        let base = hash(algorithm, "u:r:p".to_owned());
        let a1 = hash(algorithm, format!("{base}:first:mine"));
        let a2 = hash(algorithm, format!("POST:/x?y:{}", hash(algorithm, "content".to_owned())));
        let expected = hash(algorithm, format!("{a1}:second:0000000b:mine:auth-int:{a2}"));
        assert_eq!(response(account, &signed, "POST", "/x?y", b"content"), expected, "{name}");
    }
}

#[test]
fn quotes_and_backslashes_are_escaped() {
    let challenge = r#"Digest realm="the \"realm\" \\", nonce="n\"n", opaque="o\\", algorithm="md5""#;
    let (response, field) = answer(challenge, [r#"a\"b"#, "p"], ["GET", "/?q=\""], None, "");
    assert_eq!(
        field,
        format!(
            r#"Digest username="a\\\"b", realm="the \"realm\" \\", uri="/?q=\"", algorithm=md5, nonce="n\"n", response="{response}", opaque="o\\""#
        )
    );
    let md5 = |text: &str| super::super::algorithm::Hash::Md5.of(&[text.as_bytes()]);
    let (key, request) = (md5(r#"a\"b:the "realm" \:p"#), md5("GET:/?q=\""));
    assert_eq!(response, md5(&format!("{key}:n\"n:{request}")));
}

#[test]
fn a_user_beyond_ascii_is_said_as_the_server_can_understand_it() {
    let name = "J\u{e4}s\u{f8}n (2)*";
    for (more, said) in [
        (", charset=UTF-8", "username*=UTF-8''J%C3%A4s%C3%B8n%20%282%29%2A, realm="),
        (", algorithm=SHA-256", "username*=UTF-8''J%C3%A4s%C3%B8n%20%282%29%2A, realm="),
        ("", "username=\"J\u{e4}s\u{f8}n (2)*\", realm="),
        (", algorithm=MD5", "username=\"J\u{e4}s\u{f8}n (2)*\", realm="),
    ] {
        let (_, field) = answer(&format!("Digest realm=a, nonce=b{more}"), [name, "p"], INDEX, None, "");
        assert!(field.starts_with(&format!("Digest {said}")), "{field}");
    }
    let (_, field) = answer("Digest realm=a, nonce=b, charset=UTF-8", ["ascii", "p"], INDEX, None, "");
    assert!(field.starts_with("Digest username=\"ascii\", "), "{field}");
}

#[test]
fn a_session_without_a_qop_tells_its_cnonce() {
    let (_, field) = answer("Digest realm=a, nonce=b, algorithm=MD5-sess", MUFASA, INDEX, None, "c");
    assert!(field.contains(", cnonce=\"c\", ") && !field.contains("nc=0") && !field.contains("qop"), "{field}");
}
