//! A wait ends for the reason it says: an event, the time, or a signal.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ferrio_reactor::{Events, Interest, Key, Poller, Wait};

/// Two milliseconds.
const SHORT_NS: u64 = 2_000_000;

#[test]
fn with_nothing_to_report_the_time_runs_out() {
    let poller = Poller::new().expect("a poller");
    let mut events = Events::with_capacity(4);
    for timeout_ns in [0, 1, SHORT_NS] {
        let why = poller.wait(&mut events, Some(timeout_ns)).expect("a wait");
        assert_eq!(why, Wait::TimedOut);
        assert!(events.is_empty());
    }
}

#[test]
fn a_wait_forgets_the_events_of_the_last_one() {
    let poller = Poller::new().expect("a poller");
    let (near, _far) = UnixStream::pair().expect("a socket pair");
    let mut events = Events::with_capacity(4);
    poller
        .add(near.as_raw_fd(), Key(1), Interest::WRITE)
        .expect("add");
    assert_eq!(
        poller.wait(&mut events, Some(SHORT_NS)).expect("a wait"),
        Wait::Events
    );
    poller.remove(near.as_raw_fd()).expect("remove");
    assert_eq!(
        poller.wait(&mut events, Some(SHORT_NS)).expect("a wait"),
        Wait::TimedOut
    );
    assert_eq!(events.len(), 0);
}

#[test]
fn the_longest_waits_end_with_an_event() {
    for timeout_ns in [
        None,
        Some(u64::MAX),
        Some(u64::MAX / 2),
        Some(30 * 86_400_000_000_000),
    ] {
        let poller = Poller::new().expect("a poller");
        let (near, mut far) = UnixStream::pair().expect("a socket pair");
        poller
            .add(near.as_raw_fd(), Key(9), Interest::READ)
            .expect("add");
        let writer = thread::spawn(move || {
            far.write_all(b"x").expect("room");
            far
        });
        let mut events = Events::with_capacity(4);
        let why = poller.wait(&mut events, timeout_ns).expect("a wait");
        assert_eq!(why, Wait::Events);
        assert_eq!(
            events.iter().map(|event| event.key).collect::<Vec<_>>(),
            [Key(9)]
        );
        drop(writer.join().expect("it wrote"));
    }
}

#[test]
fn a_signal_ends_a_wait_without_an_error() {
    // A function that is harmless to call with a number: the C library's own.
    let handler = libc::abs as *const () as libc::sighandler_t;
    // SAFETY: `abs` takes an int, returns, and touches nothing.
    let before = unsafe { libc::signal(libc::SIGUSR1, handler) };
    assert_ne!(before, libc::SIG_ERR);
    for timeout_ns in [None, Some(3_600_000_000_000)] {
        let done = Arc::new(AtomicBool::new(false));
        let waiter = thread::spawn({
            let done = Arc::clone(&done);
            move || {
                let poller = Poller::new().expect("a poller");
                let mut events = Events::with_capacity(4);
                let why = poller.wait(&mut events, timeout_ns);
                done.store(true, Ordering::SeqCst);
                (why.expect("a signal is no error"), events.len())
            }
        });
        // One may hit before the wait has begun: as many as it takes.
        while !done.load(Ordering::SeqCst) {
            // SAFETY: the thread is not joined yet, so its id is valid.
            unsafe { libc::pthread_kill(waiter.as_pthread_t(), libc::SIGUSR1) };
            thread::yield_now();
        }
        assert_eq!(waiter.join().expect("no panic"), (Wait::Interrupted, 0));
    }
}
