//! A wait is never early, however short it is.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use ferrio_reactor::{Events, Interest, Key, Poller, Wait, now_ns};

fn assert_not_early(poller: &Poller, asked_ns: u64) {
    let mut events = Events::with_capacity(4);
    let deadline_ns = now_ns() + asked_ns;
    let why = poller.wait(&mut events, Some(asked_ns)).expect("a wait");
    let now_ns = now_ns();
    assert_eq!(why, Wait::TimedOut);
    assert!(
        now_ns >= deadline_ns,
        "{asked_ns} ns: early by {}",
        deadline_ns - now_ns
    );
}

#[test]
fn around_every_power_of_two_up_to_four_milliseconds() {
    let poller = Poller::new().expect("a poller");
    for exponent in 0..=22 {
        for asked_ns in [(1 << exponent) - 1, 1 << exponent, (1 << exponent) + 1] {
            assert_not_early(&poller, asked_ns);
        }
    }
}

#[test]
fn around_whole_microseconds_and_milliseconds() {
    let poller = Poller::new().expect("a poller");
    for unit in [1_000, 1_000_000] {
        for count in [1, 2, 5] {
            for asked_ns in [unit * count - 1, unit * count, unit * count + 1] {
                assert_not_early(&poller, asked_ns);
            }
        }
    }
}

#[test]
fn many_short_waits_in_a_row() {
    let poller = Poller::new().expect("a poller");
    // Any spread will do; a fixed one can be repeated.
    for step in 0..500_u64 {
        assert_not_early(&poller, step * 7_919 % 300_000);
    }
}

#[test]
fn beside_a_descriptor_that_stays_quiet() {
    let poller = Poller::new().expect("a poller");
    let (near, _far) = UnixStream::pair().expect("a socket pair");
    poller
        .add(near.as_raw_fd(), Key(0), Interest::READ)
        .expect("add");
    for asked_ns in [1, 50_000, 1_500_000] {
        assert_not_early(&poller, asked_ns);
    }
}
