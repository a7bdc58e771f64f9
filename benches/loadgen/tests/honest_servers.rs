//! Against servers that answer right, every kind of load ends with figures that fit together.

mod common;

use std::os::unix::net::UnixListener;
use std::process::Output;

use common::{answer, complaint, generator, serve};
use ferrio_loadgen::pattern::{VARIANTS, reply_byte};
use serde_json::Value;

fn echo_server() -> String {
    serve(|stream| answer(stream, |_, bytes| Some(bytes)))
}

/// The report of a run that must succeed.
fn report(output: &Output) -> Value {
    assert!(output.status.success(), "failed: {}", complaint(output));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn number(report: &Value, path: &str) -> f64 {
    report
        .pointer(path)
        .and_then(Value::as_f64)
        .unwrap_or_else(|| panic!("{path} in {report}"))
}

/// What holds for every report.
fn check(report: &Value, connections: u32) {
    assert_eq!(number(report, "/connections"), f64::from(connections));
    let messages = number(report, "/messages");
    assert!(messages >= 1.0);
    assert_eq!(
        number(report, "/bytes_verified"),
        messages * number(report, "/reply_bytes")
    );
    let rate = messages * 1e9 / number(report, "/measured_ns");
    assert!((number(report, "/messages_per_s") / rate - 1.0).abs() < 1e-9);
    assert!((number(report, "/ns_per_message") * rate / 1e9 - 1.0).abs() < 1e-9);
    let latencies = ["p50", "p90", "p99", "p999", "max"];
    let latencies = latencies.map(|name| number(report, &format!("/latency_ns/{name}")));
    assert!(latencies[0] > 0.0 && latencies.is_sorted(), "{latencies:?}");
}

#[test]
fn echo_over_many_connections() {
    let address = echo_server();
    let report = report(&generator(
        ["--addr", &address],
        "--connections 20 --size 1000",
    ));
    check(&report, 20);
}

#[test]
fn messages_larger_than_the_kernels_buffers() {
    // Neither side can hold 16 MiB: both get stuck unless reading and writing alternate. They are sent without a copy.
    let address = echo_server();
    let arguments = "--connections 2 --size 16777216 --duration 3";
    check(&report(&generator(["--addr", &address], arguments)), 2);
}

#[test]
fn a_pipeline_keeps_its_order() {
    let address = echo_server();
    let arguments = "--connections 3 --size 100 --pipeline 50";
    check(&report(&generator(["--addr", &address], arguments)), 3);
}

#[test]
fn a_connection_for_each_message() {
    let address = echo_server();
    let report = report(&generator(
        ["--addr", &address],
        "--connections 4 --size 64 --churn",
    ));
    check(&report, 4);
    assert_eq!(report["churn"], true);
}

#[test]
fn long_answers_to_short_questions() {
    let address = serve(|stream| {
        answer(stream, |_, bytes| {
            let variants = bytes.iter().map(|&byte| usize::from(byte) % VARIANTS);
            Some(
                variants
                    .flat_map(|variant| (0..3200).map(move |at| reply_byte(variant, at)))
                    .collect(),
            )
        });
    });
    let arguments = "--connections 2 --size 1 --reply-bytes 3200";
    check(&report(&generator(["--addr", &address], arguments)), 2);
}

#[test]
fn a_unix_socket() {
    let path = std::env::temp_dir().join(format!("loadgen-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).expect("a fresh name in the temporary directory");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = connection.expect("accept");
            std::thread::spawn(move || answer(connection, |_, bytes| Some(bytes)));
        }
    });
    let text = path
        .to_str()
        .expect("the temporary directory has a readable name");
    let output = generator(["--unix", text], "--connections 2 --size 500");
    std::fs::remove_file(&path).expect("it was made above");
    check(&report(&output), 2);
}

#[test]
fn the_servers_processor_time_is_told() {
    let address = echo_server();
    let pid = std::process::id();
    // Long enough for the kernel's count, which goes in ticks of 10 ms, to move.
    let arguments = format!("--duration 1 --server-pid {pid}");
    let report = report(&generator(["--addr", &address], &arguments));
    check(&report, 1);
    let [user, system, total] = ["user", "system", "total"]
        .map(|name| number(&report, &format!("/server_cpu_ns_per_message/{name}")));
    assert!(total > 0.0);
    // The two parts are told in ticks.
    let tick = 2e7 / number(&report, "/messages");
    assert!((user + system - total).abs() <= tick, "{report}");
}

#[test]
fn datagrams() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = socket.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            // The generator goes away when its time is over: not our error.
            let _ = socket.send_to(&buffer[..len], from);
        }
    });
    let arguments = "--connections 5 --size 1000";
    check(&report(&generator(["--udp", &address], arguments)), 5);
}

#[test]
fn a_steady_pace() {
    let address = echo_server();
    let arguments = "--connections 4 --size 10 --interval 0.2 --duration 0.5";
    let report = report(&generator(["--addr", &address], arguments));
    check(&report, 4);
    // About 10; without a pace it would be thousands.
    assert!(number(&report, "/messages") < 500.0, "{report}");
}
