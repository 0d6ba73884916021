//! Sessions that are resumed, and their secrets.

use std::sync::{Arc, Mutex};

use sortie_testkit::{ServedVersions, TestServer, TlsSetup};
use sortie_transport::tls::{Tls, TlsOptions};
use sortie_transport::{Transport, TransportOptions, Versions};

use super::{Scratch, asked, https, is_served, only};

/// A transport that makes a connection for each request.
fn anew(tls: Tls) -> Transport {
    Transport::new(TransportOptions::default().tls(tls).versions(Versions::Http1Only).max_idle_per_origin(0))
}

async fn resumes(options: impl Fn(TlsOptions) -> TlsOptions, server: &TestServer) -> Vec<bool> {
    let transport = anew(options(only(server.certificate_authority())).build().unwrap());
    let mut resumed = Vec::new();
    for _ in 0..2 {
        let info = asked(&transport, server).await;
        let tls = info.tls().unwrap();
        assert_eq!(tls.peer_certificates().count(), 1);
        resumed.push(tls.is_resumed());
    }
    resumed
}

#[tokio::test]
async fn a_second_connection_resumes_the_first_ones_session_unless_none_is_kept() {
    for versions in [ServedVersions::Tls12, ServedVersions::Tls13] {
        let server = https(TlsSetup::new().versions(versions));
        assert_eq!(resumes(|options| options, &server).await, [false, true], "{versions:?}");
        assert_eq!(resumes(|options| options.session_cache(1), &server).await, [false, true], "{versions:?}");
        for none in [None, Some(0)] {
            assert_eq!(resumes(|options| options.session_cache(none), &server).await, [false; 2], "{versions:?}");
        }
        let seen: Vec<_> = server.tls_peers().iter().map(|peer| peer.is_resumed).collect();
        assert_eq!(seen, [false, true, false, true, false, false, false, false]);
    }
}

#[tokio::test]
async fn two_handles_of_the_same_options_resume_nothing_of_each_other() {
    let server = https(TlsSetup::new());
    for _ in 0..2 {
        let transport = anew(only(server.certificate_authority()).build().unwrap());
        assert!(!asked(&transport, &server).await.tls().unwrap().is_resumed());
    }
}

#[tokio::test]
async fn the_secrets_of_a_session_are_told_a_line_at_a_time_and_appended_to_a_file() {
    let server = https(TlsSetup::new());
    let lines = Arc::new(Mutex::new(Vec::new()));
    let told = lines.clone();
    let options = only(server.certificate_authority()).key_log(move |line| told.lock().unwrap().push(line.to_owned()));
    assert!(is_served(options.build().unwrap(), &server).await);
    let lines = lines.lock().unwrap().clone();
    for label in ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"] {
        let line = lines.iter().find(|line| line.starts_with(label)).unwrap();
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!((words.len(), words[1].len()), (3, 64), "{line}");
        assert!(words[1..].iter().all(|word| word.bytes().all(|octet| octet.is_ascii_hexdigit())), "{line}");
    }

    let file = Scratch::with("keys.log", "before\n");
    let options = only(server.certificate_authority()).key_log_file(&file.0).unwrap();
    assert!(is_served(options.build().unwrap(), &server).await);
    let content = std::fs::read_to_string(&file.0).unwrap();
    assert!(content.starts_with("before\n") && content.ends_with('\n'));
    assert_eq!(content.lines().count(), 1 + lines.len());
    assert!(only(server.certificate_authority()).key_log_file("/nowhere/keys.log").is_err());
}

#[cfg(unix)]
#[test]
fn a_new_key_log_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let file = Scratch::new("keys.log");
    let _open = TlsOptions::default().key_log_file(&file.0).unwrap();
    assert_eq!(std::fs::metadata(&file.0).unwrap().permissions().mode() & 0o777, 0o600);
}
