//! The plain server answers the generator's loads right, and is served by every kind of socket.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use common::{complaint, generator};
use serde_json::Value;

/// The server's process, which ends with the test.
struct Limit {
    process: Child,
    address: Value,
}

impl Limit {
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_ferrio-limit"))
            .args(["--ready-fd", "1"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server was built for this test");
        let output = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .expect("it tells where it listens");
        let address = serde_json::from_str(&line).expect("one line of JSON");
        Self { process, address }
    }

    fn tcp(&self) -> String {
        format!("127.0.0.1:{}", self.address["port"])
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.process.kill().expect("it is our child");
        self.process.wait().expect("it was killed");
    }
}

fn check(server: [&str; 2], arguments: &str) {
    let output = generator(server, arguments);
    assert!(
        output.status.success(),
        "{arguments}: {}",
        complaint(&output)
    );
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert!(report["messages"].as_u64() >= Some(1), "{report}");
}

#[test]
fn echo_in_every_form() {
    let limit = Limit::start(&[]);
    for arguments in [
        "--connections 10 --size 1000",
        "--connections 3 --size 5000000",
        "--connections 3 --size 50 --lines --pipeline 10",
        "--connections 5 --size 100 --interval 0.01",
        "--connections 4 --churn",
    ] {
        check(["--addr", &limit.tcp()], arguments);
    }
}

#[test]
fn pages_over_http() {
    let limit = Limit::start(&["--http", "3000", "--spin"]);
    check(
        ["--addr", &limit.tcp()],
        "--http --reply-bytes 3000 --connections 3",
    );
}

#[test]
fn an_echo_is_no_page() {
    let limit = Limit::start(&[]);
    let output = generator(
        ["--addr", &limit.tcp()],
        "--http --reply-bytes 3000 --duration 60",
    );
    let text = complaint(&output);
    assert!(text.contains("status line \"GET / HTTP/1.1\""), "{text}");
}

#[test]
fn a_path() {
    let path = std::env::temp_dir().join(format!("limit-{}.sock", std::process::id()));
    let text = path
        .to_str()
        .expect("the temporary directory has a readable name");
    let limit = Limit::start(&["--unix", text]);
    assert_eq!(limit.address["path"], text);
    check(["--unix", text], "--connections 2");
    std::fs::remove_file(&path).expect("the server made it");
}
