//! A server that answers wrong in any way is found out, and the run has no figures.

mod common;

use std::net::TcpStream;

use common::{answer, complaint, generator, serve};

/// What the generator says about a server that passes its answers through `change`.
fn caught(
    arguments: &str,
    change: impl FnMut(u64, Vec<u8>) -> Option<Vec<u8>> + Clone + Send + 'static,
) -> String {
    let address = serve(move |stream: TcpStream| answer(stream, change.clone()));
    let output = generator(["--addr", &address], arguments);
    assert!(!output.status.success(), "not found out: {arguments}");
    complaint(&output)
}

/// Changes the byte at `place` of the stream, if it is in this piece.
fn flip(place: u64) -> impl FnMut(u64, Vec<u8>) -> Option<Vec<u8>> + Clone + Send + 'static {
    move |position, mut bytes| {
        let at = place
            .checked_sub(position)
            .and_then(|at| usize::try_from(at).ok());
        if let Some(byte) = at.and_then(|at| bytes.get_mut(at)) {
            *byte ^= 1;
        }
        Some(bytes)
    }
}

#[test]
fn one_wrong_bit_in_the_first_message_or_a_later_one() {
    for message in [0, 50] {
        let text = caught("--size 1000 --warmup 60", flip(message * 1000 + 999));
        let place = format!("connection 0, message {message}: byte 999 is");
        assert!(text.contains(&place), "{text}");
    }
}

#[test]
fn one_wrong_bit_in_a_pipeline() {
    let text = caught("--size 10 --pipeline 20 --duration 60", flip(105));
    assert!(text.contains("message 10: byte 5 is"), "{text}");
}

#[test]
fn one_wrong_bit_on_a_short_connection() {
    let text = caught("--size 10 --churn --duration 60", flip(3));
    assert!(text.contains("message 0: byte 3 is"), "{text}");
}

#[test]
fn answers_that_come_twice() {
    let text = caught("--size 10 --duration 60", |_, bytes| Some(bytes.repeat(2)));
    // The second copy comes with the first one, or is taken for the next answer.
    let found = [
        "nobody asked for",
        "wrong answer on connection 0, message 1",
    ];
    assert!(found.iter().any(|words| text.contains(words)), "{text}");
}

#[test]
fn answers_that_come_twice_on_a_short_connection() {
    let text = caught("--size 10 --churn --duration 60", |_, bytes| {
        Some(bytes.repeat(2))
    });
    assert!(text.contains("nobody asked for"), "{text}");
}

#[test]
fn a_long_answer_with_two_writes_swapped() {
    let text = caught("--size 1 --reply-bytes 96 --duration 60", |_, bytes| {
        let variant = usize::from(bytes[0]) % 8;
        let right: Vec<u8> = (0..96)
            .map(|at| ferrio_loadgen::pattern::reply_byte(variant, at))
            .collect();
        Some([&right[..32], &right[64..], &right[32..64]].concat())
    });
    assert!(text.contains("message 0: byte 32 is"), "{text}");
}

#[test]
fn a_connection_closed_in_the_middle() {
    let text = caught("--size 1000 --duration 60", |position, bytes| {
        (position + bytes.len() as u64 <= 20_000).then_some(bytes)
    });
    // With unread bytes in its buffer the server's close is a reset.
    let found = [
        "closed connection 0 in message 20",
        "failed on connection 0, message 20",
    ];
    assert!(found.iter().any(|words| text.contains(words)), "{text}");
}

#[test]
fn a_server_that_never_answers() {
    let text = caught("--duration 60 --patience 0.3", |_, _| Some(Vec::new()));
    assert!(text.contains("nothing came for 0.3 s"), "{text}");
}

#[test]
fn nobody_listens() {
    let output = generator(["--unix", "/nonexistent/server.sock"], "");
    assert!(!output.status.success());
    let text = complaint(&output);
    assert!(
        text.contains("connect failed on connection 0, message 0"),
        "{text}"
    );
}
