//! Signal numbers come out of the pipe as they went in.

use std::io;
use std::os::fd::RawFd;

use ferrio_reactor::{Events, Interest, Key, Poller, SignalPipe, Wait};

/// As CPython's C signal handler does it.
fn write_one(fd: RawFd, signum: u8) -> io::Result<()> {
    // SAFETY: one byte is read.
    match unsafe { libc::write(fd, (&raw const signum).cast(), 1) } {
        1 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[test]
fn in_order_and_only_once() {
    let pipe = SignalPipe::new().expect("a pipe");
    let mut numbers = vec![99];
    assert_eq!(pipe.drain(&mut numbers), 0);
    for signum in [libc::SIGINT, libc::SIGTERM, libc::SIGINT] {
        write_one(pipe.write_fd(), signum as u8).expect("room");
    }
    assert_eq!(pipe.drain(&mut numbers), 3);
    assert_eq!(numbers, [99, 2, 15, 2]);
    assert_eq!(pipe.drain(&mut numbers), 0);
}

#[test]
fn a_signal_makes_the_pipe_readable() {
    let pipe = SignalPipe::new().expect("a pipe");
    let poller = Poller::new().expect("a poller");
    poller
        .add(pipe.read_fd(), Key(1), Interest::READ)
        .expect("a pipe can be watched");
    let look = || {
        poller
            .wait(&mut Events::with_capacity(1), Some(0))
            .expect("a look")
    };
    assert_eq!(look(), Wait::TimedOut);
    write_one(pipe.write_fd(), 2).expect("room");
    assert_eq!(look(), Wait::Events);
    pipe.drain(&mut Vec::new());
    assert_eq!(look(), Wait::TimedOut);
}

#[test]
fn a_storm_fits_and_a_full_pipe_does_not_block() {
    let pipe = SignalPipe::new().expect("a pipe");
    let mut written = 0_usize;
    let full = loop {
        match write_one(pipe.write_fd(), (written % 64) as u8) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    // One page is what a pipe has at least, when a user's limit on pipe pages is used up.
    assert!(written >= 4096, "{written}");
    let mut numbers = Vec::new();
    assert_eq!(pipe.drain(&mut numbers), written);
    assert!(
        numbers
            .iter()
            .enumerate()
            .all(|(index, &number)| usize::from(number) == index % 64)
    );
}

#[test]
fn both_ends_are_non_blocking_and_closed_by_exec() {
    let pipe = SignalPipe::new().expect("a pipe");
    for fd in [pipe.read_fd(), pipe.write_fd()] {
        // SAFETY: F_GETFL and F_GETFD take no pointer.
        let (status, flags) = unsafe {
            (
                libc::fcntl(fd, libc::F_GETFL),
                libc::fcntl(fd, libc::F_GETFD),
            )
        };
        assert_ne!(status & libc::O_NONBLOCK, 0);
        assert_ne!(flags & libc::FD_CLOEXEC, 0);
    }
}
