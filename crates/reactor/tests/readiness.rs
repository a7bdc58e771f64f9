//! A poller reports what is ready, as long as it is ready and asked for.

#[path = "support/pipe.rs"]
mod pipe;

use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use ferrio_reactor::{Event, Events, Interest, Key, Poller, Wait};
use pipe::pipe;

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("a socket pair")
}

fn look(poller: &Poller) -> Vec<Event> {
    let mut events = Events::with_capacity(16);
    let why = poller.wait(&mut events, Some(0)).expect("a look");
    assert_eq!(why == Wait::Events, !events.is_empty());
    assert_ne!(why, Wait::Interrupted);
    events.iter().collect()
}

fn event(key: u64, readable: bool, writable: bool) -> Event {
    Event {
        key: Key(key),
        readable,
        writable,
        hangup: false,
        error: false,
    }
}

#[test]
fn data_is_reported_until_it_is_read() {
    let poller = Poller::new().expect("a poller");
    let (mut near, mut far) = pair();
    poller
        .add(near.as_raw_fd(), Key(7), Interest::READ)
        .expect("add");
    assert_eq!(look(&poller), []);
    far.write_all(b"x").expect("room");
    assert_eq!(look(&poller), [event(7, true, false)]);
    assert_eq!(look(&poller), [event(7, true, false)]);
    near.read_exact(&mut [0]).expect("the byte");
    assert_eq!(look(&poller), []);
}

#[test]
fn interest_and_key_can_be_changed() {
    let poller = Poller::new().expect("a poller");
    let (near, mut far) = pair();
    far.write_all(b"x").expect("room");
    poller
        .add(near.as_raw_fd(), Key(1), Interest::READ)
        .expect("add");
    for (key, interest, readable, writable) in [
        (2, Interest::WRITE, false, true),
        (u64::MAX, Interest::BOTH, true, true),
        (3, Interest::READ, true, false),
    ] {
        poller
            .modify(near.as_raw_fd(), Key(key), interest)
            .expect("modify");
        assert_eq!(look(&poller), [event(key, readable, writable)]);
    }
    poller
        .modify(near.as_raw_fd(), Key(4), Interest::NONE)
        .expect("modify");
    assert_eq!(look(&poller), []);
}

#[test]
fn removed_means_silent_and_addable_again() {
    let poller = Poller::new().expect("a poller");
    let (near, mut far) = pair();
    far.write_all(b"x").expect("room");
    poller
        .add(near.as_raw_fd(), Key(1), Interest::BOTH)
        .expect("add");
    poller.remove(near.as_raw_fd()).expect("remove");
    assert_eq!(look(&poller), []);
    poller
        .add(near.as_raw_fd(), Key(2), Interest::READ)
        .expect("add");
    assert_eq!(look(&poller), [event(2, true, false)]);
}

#[test]
fn a_hangup_is_readable_and_writable_whatever_was_asked() {
    for interest in [Interest::READ, Interest::WRITE, Interest::BOTH] {
        let poller = Poller::new().expect("a poller");
        let (near, far) = pair();
        poller.add(near.as_raw_fd(), Key(1), interest).expect("add");
        drop(far);
        let events = look(&poller);
        assert_eq!(events.len(), 1);
        assert!(
            events[0].readable && events[0].writable && events[0].hangup,
            "{events:?}"
        );
    }
}

#[test]
fn a_broken_pipe_is_an_error_readable_and_writable() {
    let poller = Poller::new().expect("a poller");
    let (reader, writer) = pipe();
    poller
        .add(writer.as_raw_fd(), Key(1), Interest::WRITE)
        .expect("add");
    drop(reader);
    let events = look(&poller);
    assert_eq!(events.len(), 1);
    assert!(
        events[0].readable && events[0].writable && events[0].error,
        "{events:?}"
    );
}

#[test]
fn a_peer_that_stopped_sending_is_readable_and_no_hangup() {
    let poller = Poller::new().expect("a poller");
    let (near, far) = pair();
    far.shutdown(Shutdown::Write).expect("half-close");
    poller
        .add(near.as_raw_fd(), Key(1), Interest::READ)
        .expect("add");
    assert_eq!(look(&poller), [event(1, true, false)]);
    // A paused reader is not woken by it, over and over, while it waits to write.
    poller
        .modify(near.as_raw_fd(), Key(1), Interest::WRITE)
        .expect("modify");
    assert_eq!(look(&poller), [event(1, false, true)]);
}

#[test]
fn without_interest_a_hangup_is_reported_at_most_once() {
    let poller = Poller::new().expect("a poller");
    let (near, far) = pair();
    poller
        .add(near.as_raw_fd(), Key(1), Interest::NONE)
        .expect("add");
    drop(far);
    assert!(look(&poller).len() <= 1);
    for _ in 0..10 {
        assert_eq!(look(&poller), []);
    }
    poller
        .modify(near.as_raw_fd(), Key(2), Interest::READ)
        .expect("modify");
    let events = look(&poller);
    assert_eq!(
        (events.len(), events[0].key, events[0].hangup),
        (1, Key(2), true)
    );
}

#[test]
fn a_full_buffer_loses_nothing() {
    let poller = Poller::new().expect("a poller");
    let pairs: Vec<_> = (0..10).map(|_| pair()).collect();
    for (key, (near, _)) in (0..).zip(&pairs) {
        poller
            .add(near.as_raw_fd(), Key(key), Interest::WRITE)
            .expect("add");
    }
    let mut events = Events::with_capacity(0);
    let mut seen = std::collections::BTreeSet::new();
    // The kernel moves what it has reported to the end of its list.
    for _ in 0..pairs.len() {
        assert_eq!(
            poller.wait(&mut events, None).expect("a wait"),
            Wait::Events
        );
        assert_eq!(events.len(), 1);
        seen.extend(events.iter().map(|event| event.key.0));
    }
    assert_eq!(seen, (0..10).collect());
}

#[test]
fn events_can_be_had_by_index_and_forgotten() {
    let poller = Poller::new().expect("a poller");
    let (near, _far) = pair();
    poller
        .add(near.as_raw_fd(), Key(5), Interest::WRITE)
        .expect("add");
    let mut events = Events::with_capacity(4);
    assert_eq!(
        poller.wait(&mut events, None).expect("a wait"),
        Wait::Events
    );
    assert_eq!(events.get(0), Some(event(5, false, true)));
    assert_eq!(events.get(1), None);
    events.clear();
    assert!(events.is_empty());
    assert_eq!(events.get(0), None);
}

#[test]
fn what_cannot_be_watched_is_refused_with_the_kernels_error() {
    let poller = Poller::new().expect("a poller");
    let (near, _far) = pair();
    let errno = |result: std::io::Result<()>| result.expect_err("refused").raw_os_error();

    let file = File::open(env!("CARGO_MANIFEST_PATH")).expect("this package has a manifest");
    let added = poller.add(file.as_raw_fd(), Key(0), Interest::READ);
    assert_eq!(errno(added), Some(libc::EPERM));
    assert_eq!(
        errno(poller.add(-1, Key(0), Interest::READ)),
        Some(libc::EBADF)
    );
    assert_eq!(errno(poller.remove(near.as_raw_fd())), Some(libc::ENOENT));
    let modified = poller.modify(near.as_raw_fd(), Key(0), Interest::READ);
    assert_eq!(errno(modified), Some(libc::ENOENT));
    poller
        .add(near.as_raw_fd(), Key(0), Interest::READ)
        .expect("add");
    let again = poller.add(near.as_raw_fd(), Key(0), Interest::READ);
    assert_eq!(errno(again), Some(libc::EEXIST));
}

#[test]
fn a_poller_can_be_polled() {
    let (inner, outer) = (
        Poller::new().expect("a poller"),
        Poller::new().expect("a poller"),
    );
    let (near, mut far) = pair();
    inner
        .add(near.as_raw_fd(), Key(1), Interest::READ)
        .expect("add");
    outer
        .add(inner.as_raw_fd(), Key(2), Interest::READ)
        .expect("add");
    assert_eq!(look(&outer), []);
    far.write_all(b"x").expect("room");
    assert_eq!(look(&outer), [event(2, true, false)]);
}

#[test]
fn what_is_asked_for_once_is_said_once() {
    let poller = Poller::new().expect("a poller");
    let (near, mut far) = pair();
    let once = Interest {
        once: true,
        ..Interest::READ
    };
    poller.add(near.as_raw_fd(), Key(1), once).expect("add");
    assert_eq!(look(&poller), []);
    far.write_all(b"x").expect("room");
    assert_eq!(look(&poller), [event(1, true, false)]);
    assert_eq!(look(&poller), []);
    poller
        .modify(near.as_raw_fd(), Key(2), once)
        .expect("modify");
    assert_eq!(look(&poller), [event(2, true, false)]);
    drop(far);
    assert_eq!(look(&poller), []);
    poller
        .modify(near.as_raw_fd(), Key(3), Interest::READ)
        .expect("modify");
    assert_eq!(look(&poller)[0].key, Key(3));
    assert_eq!(look(&poller)[0].key, Key(3));
}

#[test]
fn what_is_asked_for_by_edges_is_said_for_each_arrival() {
    let poller = Poller::new().expect("a poller");
    let (near, mut far) = pair();
    let edge = Interest {
        edge: true,
        ..Interest::READ
    };
    poller.add(near.as_raw_fd(), Key(1), edge).expect("add");
    for _ in 0..2 {
        far.write_all(b"x").expect("room");
        assert_eq!(look(&poller), [event(1, true, false)]);
        assert_eq!(look(&poller), []);
    }
}
