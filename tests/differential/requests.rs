//! python-requests, in a process of its own that drives it through one scenario after the other.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use sortie_testkit::CertificateAuthority;
use sortie_tests::{INSTALL_PYTHON, python};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::scenario::Scenario;

/// How long a scenario may take: far longer than any does.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Requests {
    _child: Child,
    tasks: ChildStdin,
    outcomes: Lines<BufReader<ChildStdout>>,
}

impl Requests {
    /// Starts Python, which trusts this certificate authority.
    ///
    /// # Panics
    ///
    /// If there is none, with the command that makes it.
    pub(crate) fn start(authority: &CertificateAuthority) -> Self {
        let python = python();
        let mut command = Command::new(&python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/differential/drive.py")).arg(authority.pem());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{}: {error}; {INSTALL_PYTHON}", python.display()));
        let (tasks, outcomes) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { _child: child, tasks, outcomes: BufReader::new(outcomes).lines() }
    }

    /// What came of the scenario, with these ports in place of its servers, and this home folder.
    pub(crate) async fn drive(&mut self, scenario: &Scenario, ports: &BTreeMap<String, u16>, home: &str) -> Value {
        let task = json!({"scenario": scenario, "ports": ports, "home": home});
        let exchange = async {
            // An end of the process shows in what it says, or does not say, next.
            let _ = self.tasks.write_all(format!("{task}\n").as_bytes()).await;
            self.outcomes.next_line().await.unwrap()
        };
        let outcome = tokio::time::timeout(PATIENCE, exchange).await;
        let outcome = outcome.unwrap_or_else(|_| panic!("python-requests hangs in {:?}", scenario.name));
        let outcome =
            outcome.unwrap_or_else(|| panic!("Python has ended before {:?}; {INSTALL_PYTHON}", scenario.name));
        serde_json::from_str(&outcome).unwrap()
    }
}
