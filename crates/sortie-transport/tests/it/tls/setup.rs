//! Settings that cannot be: errors that say so before anything is connected.

use sortie_testkit::{CertificateAuthority, CertificateOptions, Validity, told};
use sortie_transport::tls::{Identity, Revocation, TlsErrorKind, TlsOptions, TlsVersion};

use super::{Scratch, client, identity, kinds, only};

#[test]
fn roots_that_are_none_are_an_error() {
    let errors = [
        TlsOptions::default().extra_roots([b"garbage"]).build().unwrap_err(),
        TlsOptions::default().only_roots_pem(b"no PEM at all").unwrap_err(),
        TlsOptions::default().only_roots(Vec::<Vec<u8>>::new()).build().unwrap_err(),
        TlsOptions::default().extra_roots_file("/nowhere/ca.pem").unwrap_err(),
    ];
    assert!(told(&errors[3]).contains("/nowhere/ca.pem"), "{}", told(&errors[3]));
    assert_eq!(kinds(errors), [TlsErrorKind::Setup; 4]);
}

#[test]
fn settings_that_contradict_each_other_are_an_error_that_names_them() {
    let authority = CertificateAuthority::new();
    let list = || Revocation::der([authority.revocation_list([], Validity::Now).der()]);
    for (options, says) in [
        (
            TlsOptions::default().min_version(TlsVersion::Tls13).max_version(TlsVersion::Tls12),
            "TlsOptions::min_version",
        ),
        (TlsOptions::default().revocation(list()), "TlsOptions::only_roots"),
        (only(&authority).revocation(Revocation::der(Vec::<Vec<u8>>::new())), "TlsOptions::revocation"),
        (only(&authority).revocation(Revocation::der([b"garbage"])), "a revocation list cannot be used"),
        (TlsOptions::default().server_name("no name"), "TlsOptions::server_name"),
    ] {
        let error = options.build().unwrap_err();
        assert!(told(&error).contains(says), "{}", told(&error));
    }
}

/// And nothing of the key: CVE-2023-0833 (OkHttp) was an error text with a secret in it.
#[test]
fn an_identity_that_cannot_be_used_says_why() {
    let authority = CertificateAuthority::new();
    let (one, other) = (client(&authority, "one"), client(&authority, "other"));
    let (chain, key) = (one.chain_pem(), one.key_pem());
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let traditional = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n\
                       -----END RSA PRIVATE KEY-----\n";
    for (chain, key, says) in [
        (&*chain, &*encrypted, "the private key is encrypted"),
        (&*chain, traditional, "the private key is encrypted"),
        (&*chain, &*other.key_pem(), "the private key is not that of the first certificate"),
        (&*chain, &*chain, "there is no private key in it"),
        (&*chain, "", "there is no private key in it"),
        (&*chain, "-----BEGIN PRIVATE KEY-----\nAAAA\n", "the private key is no PEM text"),
        (&*chain, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "the private key cannot be used"),
        ("", &*key, "there is no certificate in it"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &*key, "the certificate cannot be decoded"),
    ] {
        let error = Identity::pem_parts(chain.as_bytes(), key.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), TlsErrorKind::Identity);
        assert!(told(&error).contains(says), "{says}: {}", told(&error));
        assert!(!format!("{error:?} {}", told(&error)).contains("AAAA"));
    }
    let error = Identity::files("/nowhere/client.pem", "/nowhere/client.key").unwrap_err();
    assert!(told(&error).contains("/nowhere/client.pem"), "{}", told(&error));
    assert!(Identity::der([one.der().to_vec()], *b"garbage").is_err());
}

/// The content of the first octet string within a PKCS#8 key, which is the key in its older encoding.
fn within(pkcs8: &[u8]) -> &[u8] {
    fn value(der: &[u8]) -> (u8, &[u8], &[u8]) {
        let (tag, first) = (der[0], usize::from(der[1]));
        let (length, start) = match first {
            0x81 => (usize::from(der[2]), 3),
            0x82 => (usize::from(der[2]) << 8 | usize::from(der[3]), 4),
            short => (short, 2),
        };
        (tag, &der[start..start + length], &der[start + length..])
    }
    let (_, mut rest, _) = value(pkcs8);
    loop {
        let (tag, content, after) = value(rest);
        if tag == 4 {
            return content;
        }
        rest = after;
    }
}

#[test]
fn keys_come_in_three_encodings_in_text_and_binary_and_from_files() {
    let authority = CertificateAuthority::new();
    let ecdsa = authority.issue_with(CertificateOptions::new(["client"]));
    let rsa = authority.issue_with(CertificateOptions::new(["client"]).rsa(true));
    for (certificate, label) in [(&ecdsa, "EC"), (&rsa, "RSA")] {
        let pkcs8 = certificate.key_der().secret_der().to_vec();
        let older = within(&pkcs8).to_vec();
        assert!(Identity::der([certificate.der().to_vec()], pkcs8).is_ok(), "{label}");
        assert!(Identity::der([certificate.der().to_vec()], older.clone()).is_ok(), "{label}");

        let pem = pem_of(label, &older);
        let both = Scratch::with("both.pem", format!("{pem}{}", certificate.pem()));
        assert_eq!(Identity::files(&both.0, &both.0).unwrap().certificates().count(), 1, "{label}");
        let both = format!("{}{}", certificate.chain_pem(), certificate.key_pem());
        assert!(Identity::pem(both.as_bytes()).is_ok(), "{label}");
    }
}

fn pem_of(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label} PRIVATE KEY-----\n{}\n-----END {label} PRIVATE KEY-----\n", lines.join("\n"))
}

#[test]
fn no_debug_output_has_the_key() {
    let one = client(&CertificateAuthority::new(), "one");
    let options = TlsOptions::default().identity(identity(&one));
    let debug = format!("{options:?} {:?} {:?}", identity(&one), options.clone().build().unwrap());
    let key = one.key_pem();
    for line in key.lines().filter(|line| !line.starts_with('-')) {
        assert!(!debug.contains(line));
    }
    assert!(debug.contains("Identity { certificates: 1, .. }"), "{debug}");
}
