use std::fs;
use std::process::Command;

use sortie::transport::{TransportOptions, Versions};
use sortie_testkit::CertificateAuthority;

use crate::backend::Backend;
use crate::calls::{TOGETHER, fill_two_streams, trusting};
use crate::program::{Program, certify, fill, folder, free_ports};

struct Apache {
    _program: Program,
    backend: Backend,
    authority: CertificateAuthority,
    https: u16,
    h2c: u16,
}

impl Apache {
    fn start(backend: Backend) -> Self {
        let folder = folder("apache");
        let ports @ [https, h2c] = free_ports();
        let authority = certify(&folder);
        let config = fill(
            include_str!("../servers/apache.conf"),
            &[("DIR", &folder.display()), ("HTTPS", &https), ("H2C", &h2c), ("BACKEND", &backend.port())],
        );
        fs::write(folder.join("apache.conf"), config).unwrap();
        let mut command = Command::new("apache2");
        command.arg("-X").arg("-f").arg(folder.join("apache.conf"));
        let program = Program::start(command, &ports, &folder, "apt-get install apache2-bin");
        Self { _program: program, backend, authority, https, h2c }
    }
}

#[tokio::test]
#[ignore = "needs apache2"]
async fn http2_over_tls_takes_two_streams_of_each_of_four_connections() {
    let apache = Apache::start(Backend::start(TOGETHER));
    let url = format!("https://localhost:{}", apache.https);
    fill_two_streams("apache2", &apache.backend, trusting(&apache.authority), &url).await;
}

#[tokio::test]
#[ignore = "needs apache2"]
async fn http2_by_prior_knowledge_takes_two_streams_of_each_of_four_connections() {
    let apache = Apache::start(Backend::start(TOGETHER));
    let options = TransportOptions::default().versions(Versions::Http2Only);
    fill_two_streams("apache2", &apache.backend, options, &format!("http://127.0.0.1:{}", apache.h2c)).await;
}
