//! The backend for Linux.
//!
//! Some facts about epoll:
//! * EPOLLERR and EPOLLHUP are always reported, asked for or not (epoll_ctl(2)). With
//!   EPOLLONESHOT the kernel clears the whole mask after one report, those two included: that is
//!   how a descriptor nobody is interested in is kept from waking us for ever.
//! * A registration is of an open file under a number. EPOLL_CTL_MOD answers ENOENT where the number
//!   has been given to another file meanwhile, so it also tells whether the old one is still meant.
//! * EPOLLRDHUP is not asked for: see `Event::hangup`.
//! * `epoll_wait` counts milliseconds; `epoll_pwait2` (Linux 5.11) takes a timespec. Seccomp
//!   filters older than the call (Docker before 20.10.6 among them) answer EPERM instead of ENOSYS;
//!   the call itself knows no EPERM.
//! * A time-out is measured by the kernel from the call on, so it cannot be early by itself; only
//!   rounding down could make it so.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Event, Interest, Key, Wait};
use crate::sys::check;

const NS_PER_SECOND: u64 = 1_000_000_000;
const NS_PER_MS: u64 = 1_000_000;

/// An epoll instance.
#[derive(Debug)]
pub(super) struct Selector {
    epoll: OwnedFd,
    /// Cleared when the kernel turns out to lack `epoll_pwait2`.
    counts_ns: AtomicBool,
}

/// `struct __kernel_timespec`: 64 bits on every architecture, unlike `libc::timespec`.
#[repr(C)]
struct KernelTimespec {
    seconds: i64,
    nanoseconds: i64,
}

impl Selector {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: takes a flag, returns a descriptor.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel has just made `fd` for us; nobody else knows it.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self {
            epoll,
            counts_ns: AtomicBool::new(true),
        })
    }

    #[inline]
    pub(super) fn add(&self, fd: RawFd, key: Key, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, key, interest)
    }

    #[inline]
    pub(super) fn modify(&self, fd: RawFd, key: Key, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, key, interest)
    }

    #[inline]
    pub(super) fn remove(&self, fd: RawFd) -> io::Result<()> {
        // Kernels before 2.6.9 wanted an event here as well; a dummy costs nothing.
        self.control(libc::EPOLL_CTL_DEL, fd, Key(0), Interest::NONE)
    }

    #[inline]
    fn control(&self, what: i32, fd: RawFd, key: Key, interest: Interest) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: mask(interest),
            u64: key.0,
        };
        // SAFETY: `event` outlives the call, which only reads it.
        check(unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, fd, &raw mut event) })?;
        Ok(())
    }

    #[inline]
    pub(super) fn wait(&self, into: &mut Buffer, timeout_ns: Option<u64>) -> io::Result<Wait> {
        into.clear();
        match timeout_ns {
            None => self.wait_ms(into, -1),
            Some(0) => self.wait_ms(into, 0),
            Some(ns) if self.counts_ns.load(Ordering::Relaxed) => self.wait_ns(into, ns),
            Some(ns) => self.wait_rounded_up(into, ns),
        }
    }

    fn wait_ns(&self, into: &mut Buffer, ns: u64) -> io::Result<Wait> {
        // u64::MAX ns are 1.8e10 s: both casts keep the value.
        let timeout = KernelTimespec {
            seconds: (ns / NS_PER_SECOND) as i64,
            nanoseconds: (ns % NS_PER_SECOND) as i64,
        };
        // By number: glibc has a name for it only since 2.35.
        // SAFETY: the kernel writes at most `room()` events behind `start()`, which `into` has; the
        // time is read only; no signal mask is given.
        let got = check(unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                into.start(),
                into.room(),
                &raw const timeout,
                ptr::null::<libc::sigset_t>(),
                size_of::<u64>(),
            )
        });
        if let Err(error) = &got {
            if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) {
                self.counts_ns.store(false, Ordering::Relaxed);
                return self.wait_rounded_up(into, ns);
            }
        }
        into.filled(got.map(|count| usize::try_from(count).unwrap_or(0)))
    }

    fn wait_rounded_up(&self, into: &mut Buffer, ns: u64) -> io::Result<Wait> {
        match i32::try_from(ns.div_ceil(NS_PER_MS)) {
            Ok(ms) => self.wait_ms(into, ms),
            // More than 24 days: not all of it at once, and then it is not over.
            Err(_) => Ok(match self.wait_ms(into, i32::MAX)? {
                Wait::TimedOut => Wait::Interrupted,
                other => other,
            }),
        }
    }

    #[inline]
    fn wait_ms(&self, into: &mut Buffer, ms: i32) -> io::Result<Wait> {
        // SAFETY: the kernel writes at most `room()` events behind `start()`, which `into` has.
        let got = check(unsafe {
            libc::epoll_wait(self.epoll.as_raw_fd(), into.start(), into.room(), ms)
        });
        into.filled(got.map(|count| usize::try_from(count).unwrap_or(0)))
    }
}

impl AsRawFd for Selector {
    #[inline]
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}

#[inline]
fn mask(interest: Interest) -> u32 {
    let mut bits = 0;
    if interest.readable {
        bits |= libc::EPOLLIN;
    }
    if interest.writable {
        bits |= libc::EPOLLOUT;
    }
    if interest.once || interest.is_none() {
        bits |= libc::EPOLLONESHOT;
    }
    if interest.edge {
        bits |= libc::EPOLLET;
    }
    bits as u32
}

/// Kernel-written events: all of `list`'s elements are initialised, its spare room is not.
pub(super) struct Buffer {
    list: Vec<libc::epoll_event>,
}

impl Buffer {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            list: Vec::with_capacity(capacity),
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<Event> {
        self.list.get(index).map(decode)
    }

    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.list.iter().map(decode)
    }

    fn start(&mut self) -> *mut libc::epoll_event {
        self.list.as_mut_ptr()
    }

    /// As much as fits, and as the kernel accepts (`INT_MAX / sizeof(struct epoll_event)`).
    fn room(&self) -> i32 {
        const MOST: usize = i32::MAX as usize / size_of::<libc::epoll_event>();
        self.list.capacity().min(MOST) as i32
    }

    /// Takes over what a wait has written.
    #[inline]
    fn filled(&mut self, got: io::Result<usize>) -> io::Result<Wait> {
        match got {
            Ok(0) => Ok(Wait::TimedOut),
            Ok(count) => {
                debug_assert!(count <= self.list.capacity());
                // SAFETY: the kernel was told `room()`, at most the capacity, and says that it has
                // written `count` of them.
                unsafe { self.list.set_len(count) };
                Ok(Wait::Events)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Wait::Interrupted),
            Err(error) => Err(error),
        }
    }
}

#[inline]
fn decode(raw: &libc::epoll_event) -> Event {
    // The struct is packed on x86-64: copy the fields, never borrow them.
    let libc::epoll_event { events, u64: key } = *raw;
    let has = |bits: i32| events & bits as u32 != 0;
    let broken = has(libc::EPOLLHUP | libc::EPOLLERR);
    Event {
        key: Key(key),
        readable: broken || has(libc::EPOLLIN),
        writable: broken || has(libc::EPOLLOUT),
        hangup: has(libc::EPOLLHUP),
        error: has(libc::EPOLLERR),
    }
}

#[cfg(test)]
mod tests {
    use super::{Buffer, Ordering, Selector, Wait};
    use crate::clock::now_ns;

    fn assert_never_early(selector: &Selector) {
        let mut buffer = Buffer::with_capacity(4);
        for asked in [1, 999, 1_000, 250_001, 1_000_000, 1_000_001, 2_700_000] {
            let start = now_ns();
            let why = selector
                .wait(&mut buffer, Some(asked))
                .expect("an empty set can wait");
            let waited = now_ns() - start;
            assert_eq!(why, Wait::TimedOut);
            assert!(waited >= asked, "asked for {asked} ns, waited {waited} ns");
        }
    }

    #[test]
    fn a_kernel_that_counts_milliseconds_is_never_early_either() {
        let selector = Selector::new().expect("an epoll instance");
        selector.counts_ns.store(false, Ordering::Relaxed);
        assert_never_early(&selector);
        assert!(!selector.counts_ns.load(Ordering::Relaxed));
    }

    #[test]
    fn nanoseconds_are_never_early() {
        assert_never_early(&Selector::new().expect("an epoll instance"));
    }
}
