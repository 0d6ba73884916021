use std::process::Command;

use sortie::Session;
use sortie::transport::tls::{Identity, TlsError, TlsErrorKind, TlsOptions, TlsVersion};
use sortie_testkit::{CertificateAuthority, told};

use crate::program::{Program, certify, folder, free_ports};

/// `openssl s_server` with these options. It answers over HTTP/1.0 with a page about the connection.
fn serve(options: &[&str]) -> (Program, CertificateAuthority, u16) {
    let folder = folder("openssl");
    let authority = certify(&folder);
    let [port] = free_ports();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-www", "-accept", &format!("127.0.0.1:{port}")]);
    command.arg("-cert").arg(folder.join("certificate.pem")).arg("-key").arg(folder.join("key.pem")).args(options);
    (Program::start(command, &[port], &folder, "apt-get install openssl"), authority, port)
}

fn session(authority: &CertificateAuthority, change: impl FnOnce(TlsOptions) -> TlsOptions) -> Session {
    let options = TlsOptions::default().only_roots_pem(authority.pem().as_bytes()).unwrap();
    Session::builder().no_env().tls(change(options).build().unwrap()).no_retry().build().unwrap()
}

#[tokio::test]
#[ignore = "needs openssl"]
async fn versions_and_ciphers_are_agreed_upon_and_can_be_read() {
    for (options, version, cipher) in [
        (["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], "TLSv1.3", "TLS13_AES_128_GCM_SHA256"),
        (["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], "TLSv1.3", "TLS13_CHACHA20_POLY1305_SHA256"),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"], "TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ] {
        let (_program, authority, port) = serve(&options);
        let url = format!("https://localhost:{port}/");
        let response = session(&authority, |tls| tls).get(url).send().await;
        let response = response.unwrap_or_else(|error| panic!("{options:?}: {}", told(&error)));
        let tls = response.connection().unwrap().tls().unwrap();
        assert_eq!((tls.version(), tls.cipher(), tls.alpn()), (Some(version), Some(cipher), None));
        assert!(response.text().await.unwrap().contains("s_server"));
    }
}

#[tokio::test]
#[ignore = "needs openssl"]
async fn what_cannot_be_agreed_upon_says_so() {
    type Change = fn(TlsOptions) -> TlsOptions;
    let as_it_is: Change = |tls| tls;
    let newest: Change = |tls| tls.min_version(TlsVersion::Tls13);
    let oldest: Change = |tls| tls.max_version(TlsVersion::Tls12);
    for (options, change, kind) in [
        (["-tls1_2", "-cipher", "ALL"], newest, TlsErrorKind::NoCommonVersion),
        (["-tls1_3", "-cipher", "ALL"], oldest, TlsErrorKind::NoCommonVersion),
        (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], as_it_is, TlsErrorKind::NoCommonVersion),
        (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], as_it_is, TlsErrorKind::NoCommonCipher),
    ] {
        let (_program, authority, port) = serve(&options);
        let error = session(&authority, change).get(format!("https://localhost:{port}/")).send().await.unwrap_err();
        let tls: &TlsError = sortie::core::find(&error).unwrap_or_else(|| panic!("{}", told(&error)));
        assert_eq!(tls.kind(), kind, "{options:?}: {}", told(&error));
        println!("openssl s_server {options:?}: {}", told(&error));
    }
}

/// Before TLS 1.3 a missing certificate is a `handshake_failure`, as a missing cipher is; since then the client learns of
/// it after the handshake.
#[tokio::test]
#[ignore = "needs openssl"]
async fn a_missing_and_a_foreign_client_certificate_are_told_apart() {
    let foreign = CertificateAuthority::new().issue(["someone"]);
    let identity = Identity::pem_parts(foreign.pem().as_bytes(), foreign.key_pem().as_bytes()).unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let (_program, authority, port) = serve(&[version, "-Verify", "1", "-verify_return_error"]);
        let shown = identity.clone();
        for (change, kind) in
            [(None, TlsErrorKind::ClientCertificateRequired), (Some(shown), TlsErrorKind::ClientCertificateRefused)]
        {
            let session = session(&authority, |tls| tls.identity(change));
            let error = session.get(format!("https://localhost:{port}/")).send().await.unwrap_err();
            let tls: &TlsError = sortie::core::find(&error).unwrap_or_else(|| panic!("{version}: {}", told(&error)));
            assert_eq!(tls.kind(), kind, "{version}: {}", told(&error));
            println!("openssl s_server {version} -Verify: {}", told(&error));
        }
    }
}
