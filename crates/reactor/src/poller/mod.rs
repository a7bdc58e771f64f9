//! ROOM    waiting for many file descriptors at once
//! KNOWS   the kernel's readiness queue  NEVER   what a descriptor is for, who waits for it
//! IN      fd, `Key`, `Interest`         OUT     `Wait` and a batch of `Event`
//! PROOF   `tests/{readiness,timeout,precision,notify,fork}.rs`
//! START   `Poller::wait`
//!
//! # What a backend must keep
//!
//! A backend is a file beside this one with `Selector` and `Buffer`, of the same silhouette as
//! `epoll.rs`. Nothing outside that file may know which one is in use.
//!
//! * Level-triggered: what is ready is reported by every `wait` until it is no longer so, or no
//!   longer asked for. Only [`Interest::once`] is said once, and [`Interest::edge`] once for each
//!   time that something comes.
//! * A hang-up or an error is reported whatever was asked for, as readable *and* writable, so that
//!   whoever waits tries the call and finds the errno. (Python's `selectors` answer the same.)
//! * With [`Interest::NONE`] a descriptor stays known and costs nothing: at most one event (a
//!   hang-up or an error) may still come until the interest is set again. It never makes `wait`
//!   return over and over.
//! * `wait` never reports a time-out before the time is over.
//! * A descriptor that cannot be waited for (a regular file) is refused with the kernel's error.
//!
//! # What the caller must keep
//!
//! * Call `remove` before closing a descriptor. The kernel forgets it by itself only when the last
//!   duplicate of it is gone, and a forked child, `dup` or a message to another process keeps one:
//!   until then events come in for a number that means something else by now.
//! * Expect a stale [`Key`]: events of one batch may be for a descriptor that the handling of
//!   an earlier event of the batch has removed.

mod epoll;

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

use crate::fork;
use epoll as backend;

/// What the caller wants to be told with an event; any number.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Key(pub u64);

/// What to wait for.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Interest {
    /// Data, end of file or a connection to accept.
    pub readable: bool,
    /// Room to write, or a connection made (or refused).
    pub writable: bool,
    /// Only until the next event: after it nothing is reported, not even a hang-up, until the interest is set again.
    pub once: bool,
    /// Only when something new comes: what is left unread is not reported again.
    pub edge: bool,
}

impl Interest {
    /// Nothing for now; see the module about hang-ups.
    pub const NONE: Self = Self {
        readable: false,
        writable: false,
        once: false,
        edge: false,
    };
    /// To read.
    pub const READ: Self = Self {
        readable: true,
        ..Self::NONE
    };
    /// To write.
    pub const WRITE: Self = Self {
        writable: true,
        ..Self::NONE
    };
    /// Either.
    pub const BOTH: Self = Self {
        readable: true,
        writable: true,
        ..Self::NONE
    };

    /// Whether it asks for nothing.
    #[inline]
    #[must_use]
    pub const fn is_none(self) -> bool {
        !self.readable && !self.writable
    }
}

/// What happened to one descriptor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Event {
    /// As given to [`Poller::add`] or [`Poller::modify`].
    pub key: Key,
    /// A read would not block. Also set by `hangup` and `error`.
    pub readable: bool,
    /// A write would not block. Also set by `hangup` and `error`.
    pub writable: bool,
    /// Both directions are finished: a socket shut down on both sides, a pipe without writers.
    /// Data may still be there to read. A peer that only stopped sending is *not* a hang-up: it is
    /// readable, and the read returns 0. (It cannot be masked where it is asked for, so a paused
    /// reader that waits to write would spin.)
    pub hangup: bool,
    /// The descriptor has a pending error (`SO_ERROR`), or is a pipe without readers.
    pub error: bool,
}

/// Room for the events of one [`Poller::wait`], used again and again.
///
/// What does not fit is not lost: the next `wait` reports it, and the kernel takes turns.
pub struct Events {
    buffer: backend::Buffer,
}

impl Events {
    /// Room for `capacity` events, at least one.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            buffer: backend::Buffer::with_capacity(capacity.max(1)),
        }
    }

    /// The events of the last wait, in the kernel's order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.buffer.iter()
    }

    /// The event at `index`, for a caller that cannot keep a borrow while it handles one.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Event> {
        self.buffer.get(index)
    }

    /// How many there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets them. [`Poller::wait`] does so first.
    #[inline]
    pub fn clear(&mut self) {
        self.buffer.clear();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Why [`Poller::wait`] came back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Wait {
    /// There is at least one event.
    Events,
    /// The time is over, with no event.
    TimedOut,
    /// Neither: a signal arrived (or the time asked for was more than the kernel takes at once).
    /// Let signal handlers run, work out the time left, wait again.
    Interrupted,
}

/// The kernel's set of descriptors to watch.
///
/// All methods may be called from any thread at any time. In a child made by `fork()` it is dead:
/// `add`, `modify` and `wait` fail with [`fork::Inherited`] and `remove` does nothing, because the
/// set is the parent's. Dropping it there is harmless.
#[derive(Debug)]
pub struct Poller {
    selector: backend::Selector,
    generation: u64,
}

impl Poller {
    /// An empty set.
    ///
    /// # Errors
    /// EMFILE, ENFILE, ENOMEM.
    pub fn new() -> io::Result<Self> {
        let generation = fork::generation();
        Ok(Self {
            selector: backend::Selector::new()?,
            generation,
        })
    }

    /// Starts to watch `fd`.
    ///
    /// # Errors
    /// EEXIST when it is watched, EPERM for a regular file or directory, EBADF, ENOSPC
    /// (`/proc/sys/fs/epoll/max_user_watches`), [`fork::Inherited`].
    #[inline]
    pub fn add(&self, fd: RawFd, key: Key, interest: Interest) -> io::Result<()> {
        self.ours()?;
        self.selector.add(fd, key, interest)
    }

    /// Replaces key and interest of a watched `fd`.
    ///
    /// # Errors
    /// ENOENT when it is not watched, EBADF, [`fork::Inherited`].
    #[inline]
    pub fn modify(&self, fd: RawFd, key: Key, interest: Interest) -> io::Result<()> {
        self.ours()?;
        self.selector.modify(fd, key, interest)
    }

    /// Stops watching `fd`; before it is closed, please.
    ///
    /// # Errors
    /// ENOENT when it is not watched, EBADF when it is closed already. None in a forked child,
    /// where there is nothing to undo.
    #[inline]
    pub fn remove(&self, fd: RawFd) -> io::Result<()> {
        if self.ours().is_err() {
            return Ok(());
        }
        self.selector.remove(fd)
    }

    /// Waits for events, at most `timeout_ns` nanoseconds; `None` waits for ever, 0 only looks.
    ///
    /// Never early. Late by the scheduler's and the timer's slack (50 µs by default,
    /// `PR_SET_TIMERSLACK`), and by up to 1 ms on kernels that count milliseconds.
    ///
    /// # Errors
    /// [`fork::Inherited`]; nothing else in practice.
    #[inline]
    pub fn wait(&self, events: &mut Events, timeout_ns: Option<u64>) -> io::Result<Wait> {
        events.clear();
        self.ours()?;
        self.selector.wait(&mut events.buffer, timeout_ns)
    }

    #[inline]
    fn ours(&self) -> Result<(), fork::Inherited> {
        if fork::generation() == self.generation {
            Ok(())
        } else {
            Err(fork::Inherited)
        }
    }
}

impl AsRawFd for Poller {
    /// The set's own descriptor: readable when an event is waiting.
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.selector.as_raw_fd()
    }
}
