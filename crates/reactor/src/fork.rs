//! Which process this is, counted in forks.
//!
//! A forked child shares the parent's epoll instance, eventfd and pipes (the open file
//! descriptions, not copies of them), but has none of its threads. Whatever would reach through to
//! the parent remembers the [`generation`] it was made in and keeps still in another one.
//!
//! `vfork` and `posix_spawn` run no handlers and need none: their child only calls `exec`.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static GENERATION: AtomicU64 = AtomicU64::new(0);
static WATCHED: AtomicBool = AtomicBool::new(false);

/// A number that a child made by `fork()` does not share with its parent.
///
/// Equal numbers seen by one thread of execution mean: no fork lies between. The first call in a
/// process starts the watch. Two loads afterwards; any thread may call it.
#[inline]
#[must_use]
pub fn generation() -> u64 {
    if !WATCHED.load(Ordering::Acquire) {
        watch();
    }
    GENERATION.load(Ordering::Relaxed)
}

/// Asks for [`in_child`] to be called in every child.
///
/// No lock: a fork in the middle of this could leave it locked in the child for ever. Two threads
/// that come at once register twice, and a child is then two generations on, which is as good.
#[cold]
fn watch() {
    // SAFETY: the handler has the right type, lives as long as the program, and does one atomic
    // addition, which is async-signal-safe, as a child of a threaded process demands.
    let status = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    // ENOMEM is the only error pthread_atfork(3) has.
    assert_eq!(status, 0, "no memory left for the fork handler");
    WATCHED.store(true, Ordering::Release);
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// The error for using, in a forked child, something that belongs to the parent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Inherited;

impl fmt::Display for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("made before fork(), it belongs to the parent process: make a new one here")
    }
}

impl std::error::Error for Inherited {}

impl From<Inherited> for io::Error {
    fn from(inherited: Inherited) -> Self {
        Self::other(inherited)
    }
}
