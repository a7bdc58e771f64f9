//! A small server in threads, and the generator as a process.

#![allow(
    dead_code,
    reason = "each file of tests is a program of its own and uses what it needs"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};

/// Serves every connection in a thread of its own; returns the address. The threads end with the
/// test's process.
pub fn serve(behaviour: impl Fn(TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = connection.expect("accept");
            connection.set_nodelay(true).expect("it is a TCP socket");
            let behaviour = behaviour.clone();
            std::thread::spawn(move || behaviour(connection));
        }
    });
    address
}

/// Passes everything that comes through `change`, with its position in the stream, and sends it
/// back, until the other side ends or `change` asks to close.
pub fn answer(
    mut stream: impl Read + Write,
    mut change: impl FnMut(u64, Vec<u8>) -> Option<Vec<u8>>,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut position = 0;
    loop {
        // The generator goes away in the middle of a message when its time is over: not our error.
        let Ok(len @ 1..) = stream.read(&mut buffer) else {
            return;
        };
        let Some(reply) = change(position, buffer[..len].to_vec()) else {
            return;
        };
        position += len as u64;
        if stream.write_all(&reply).is_err() {
            return;
        }
    }
}

/// Runs the generator with these arguments, on a short load unless they say otherwise.
pub fn generator(server: [&str; 2], arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ferrio-loadgen"))
        .args(server)
        .args(["--duration", "0.2", "--warmup", "0.05", "--json"])
        .args(arguments.split_whitespace())
        .output()
        .expect("the generator was built for this test")
}

/// What a run that must fail says; it must print no figures.
pub fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(output.stdout.is_empty(), "figures of a failed run");
    }
    text
}
