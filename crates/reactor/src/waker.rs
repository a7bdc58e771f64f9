//! Waking a loop that sleeps in [`Poller::wait`](crate::Poller::wait), from any thread.
//!
//! Most calls find the loop awake and cost a fence and a load; only the first one that finds it
//! asleep writes to the eventfd.
//!
//! ```text
//!            prepare_sleep             wake: claim, then write 1
//!   Awake ------------------> Sleeping --------------------------> Notified
//!     ^                          |                                    |
//!     +------- finish_sleep -----+----------- finish_sleep -----------+
//! ```
//!
//! # Why no wake-up is lost
//!
//! ```text
//! any thread (W)                 the loop (L)
//! 1  put work into the inbox     a  state := Sleeping       (prepare_sleep)
//! 2  fence SeqCst     (wake)     b  fence SeqCst            (prepare_sleep)
//! 3  read state       (wake)     c  look into the inbox; if there is work, do not wait
//!                                d  wait for the eventfd
//! ```
//!
//! All such fences have one order. Let b be the loop's last fence before W's fence 2, and b' its
//! next one, after 2.
//! * Because 2 is before b', the look c' into the inbox sees the work of 1. So the work is found at
//!   the latest when the loop next wants to sleep; what remains is the sleep that follows b.
//! * Because b is before 2, the load 3 sees what a stored, or something later. *Sleeping*: W claims
//!   and writes, the sleep ends. *Notified*: another thread has claimed that same sleep and writes.
//!   *Awake*: that sleep is over already.
//!
//! Without the fences both sides could read old values: a store followed by a load of another
//! place is the one reordering that x86 does too.
//!
//! # Why nobody reads the eventfd
//!
//! It is watched for edges ([`Interest::edge`]): every write ends one wait, and what it has left in
//! the counter is not reported again. The counter takes 2^64 - 2 writes.
//!
//! Between claiming *Notified* and its write, a thread may be held up for any time, and the loop may
//! have woken for another reason meanwhile. Then the write ends a later sleep that nobody has
//! notified: once, and the loop finds nothing to do.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering, fence};

use crate::fork;
use crate::poller::Interest;
use crate::sys::{check, retry_len};

const AWAKE: u8 = 0;
const SLEEPING: u8 = 1;
const NOTIFIED: u8 = 2;

/// The bell of one loop. Put it into an `Arc` for other threads.
///
/// Register [`fd`](Self::fd) for [`INTEREST`](Self::INTEREST) with the loop's poller, once.
/// `prepare_sleep` and `finish_sleep` are for the loop's thread, `wake` is for any, a signal handler
/// included. In a forked child it does not touch the parent's eventfd any more.
#[derive(Debug)]
pub struct Waker {
    state: AtomicU8,
    /// How often a thread has written, since the beginning.
    writes: AtomicU64,
    eventfd: OwnedFd,
    generation: u64,
}

impl Waker {
    /// What its descriptor is watched for.
    pub const INTEREST: Interest = Interest {
        edge: true,
        ..Interest::READ
    };

    /// A waker for a loop that is awake.
    ///
    /// # Errors
    /// EMFILE, ENFILE, ENOMEM.
    pub fn new() -> io::Result<Self> {
        let generation = fork::generation();
        // SAFETY: takes numbers, returns a descriptor.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        // SAFETY: the kernel has just made `fd` for us; nobody else knows it.
        let eventfd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            state: AtomicU8::new(AWAKE),
            writes: AtomicU64::new(0),
            eventfd,
            generation,
        })
    }

    /// What a wake-up is written to.
    #[inline]
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.eventfd.as_raw_fd()
    }

    /// Announces that the loop is about to wait. Afterwards, and before waiting, the loop must look
    /// once more for work that other threads gave it, and not wait if there is some.
    ///
    /// Calling it twice is harmless: a loop already notified stays so, and its wait returns at once.
    #[inline]
    pub fn prepare_sleep(&self) {
        // Not a plain store: it would wipe out *Notified*, and the next `wake` would write again.
        let _ = self
            .state
            .compare_exchange(AWAKE, SLEEPING, Ordering::Relaxed, Ordering::Relaxed);
        // Our store before the look into the inbox; see the module.
        fence(Ordering::SeqCst);
    }

    /// Announces that the loop is awake, whether it waited or not. From here on `wake` writes
    /// nothing.
    #[inline]
    pub fn finish_sleep(&self) {
        self.state.store(AWAKE, Ordering::Release);
    }

    /// Makes the loop look into its inbox soon. Put the work there first.
    ///
    /// Never blocks, never fails.
    #[inline]
    pub fn wake(&self) {
        if let Some(owed) = self.notify() {
            owed.write();
        }
    }

    /// [`wake`](Self::wake) in two steps: the system call that the caller owes now, if the loop sleeps.
    #[inline]
    pub fn notify(&self) -> Option<Owed<'_>> {
        // What the caller put into the inbox before our load; see the module.
        fence(Ordering::SeqCst);
        let asleep = self.state.load(Ordering::Relaxed) == SLEEPING && self.claim();
        asleep.then_some(Owed(self))
    }

    /// How often a wake-up has cost a system call so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// From Sleeping to Notified; only one of several threads succeeds.
    fn claim(&self) -> bool {
        self.state
            .compare_exchange(SLEEPING, NOTIFIED, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// The write that a successful claim owes.
    #[cold]
    fn ring(&self) {
        if fork::generation() != self.generation {
            return;
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        let one = 1_u64;
        // SAFETY: reads eight bytes of `one`.
        let written = retry_len(|| unsafe {
            libc::write(
                self.eventfd.as_raw_fd(),
                (&raw const one).cast(),
                size_of::<u64>(),
            )
        });
        // EAGAIN would need 2^64 - 2 writes that nobody has read.
        debug_assert!(written.is_ok(), "{written:?}");
    }
}

/// A wake-up that is promised: the loop sleeps until it is written.
#[derive(Debug)]
#[must_use = "the loop sleeps on"]
pub struct Owed<'a>(&'a Waker);

impl Owed<'_> {
    /// Never blocks, never fails.
    pub fn write(self) {
        self.0.ring();
    }
}

#[cfg(test)]
mod tests {
    use super::Waker;
    use crate::poller::{Events, Key, Poller, Wait};

    fn watched() -> (Poller, Waker) {
        let (poller, waker) = (
            Poller::new().expect("a poller"),
            Waker::new().expect("a waker"),
        );
        poller
            .add(waker.fd(), Key(0), Waker::INTEREST)
            .expect("an eventfd can be watched");
        (poller, waker)
    }

    fn ends_a_sleep(poller: &Poller) -> bool {
        poller
            .wait(&mut Events::with_capacity(1), Some(0))
            .expect("a look")
            == Wait::Events
    }

    #[test]
    fn writes_that_come_after_the_loop_has_gone_on_end_one_sleep_each_at_most() {
        let (poller, waker) = watched();
        for _ in 0..2 {
            waker.prepare_sleep();
            assert!(waker.claim());
            // Another event ends the sleep before the claimed write.
            waker.finish_sleep();
        }
        for _ in 0..2 {
            waker.ring();
            assert!(ends_a_sleep(&poller));
            assert!(!ends_a_sleep(&poller));
        }
    }

    #[test]
    fn preparing_twice_keeps_the_notification() {
        let (poller, waker) = watched();
        waker.prepare_sleep();
        waker.wake();
        waker.prepare_sleep();
        waker.wake();
        assert_eq!(waker.writes(), 1);
        assert!(ends_a_sleep(&poller));
        waker.finish_sleep();
        assert!(!ends_a_sleep(&poller));
    }
}
