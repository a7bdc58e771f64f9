//! The pipe through which CPython's C signal handler reaches the loop.
//!
//! The handler writes the signal's number, one byte, with `write(2)` to the descriptor given to
//! `signal.set_wakeup_fd()`, in whatever thread the signal hit. A pipe and not a socket pair: the
//! kernel packs single bytes into pages, so 65,536 signals fit, while a socket keeps a buffer of
//! several hundred bytes for each and is full after a few hundred.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::fork;
use crate::sys::{check, retry_len};

/// A pipe for signal numbers: non-blocking (as `set_wakeup_fd` demands) and close-on-exec.
#[derive(Debug)]
pub struct SignalPipe {
    read: OwnedFd,
    write: OwnedFd,
    generation: u64,
}

impl SignalPipe {
    /// An empty pipe.
    ///
    /// # Errors
    /// EMFILE, ENFILE.
    pub fn new() -> io::Result<Self> {
        let generation = fork::generation();
        let mut ends = [-1; 2];
        // SAFETY: `ends` has room for two descriptors.
        check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) })?;
        // SAFETY: the kernel has just made it for us; nobody else knows it.
        let read = unsafe { OwnedFd::from_raw_fd(ends[0]) };
        // SAFETY: as above.
        let write = unsafe { OwnedFd::from_raw_fd(ends[1]) };
        Ok(Self {
            read,
            write,
            generation,
        })
    }

    /// Register this one for reading.
    #[inline]
    #[must_use]
    pub fn read_fd(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// Give this one to `signal.set_wakeup_fd`.
    #[inline]
    #[must_use]
    pub fn write_fd(&self) -> RawFd {
        self.write.as_raw_fd()
    }

    /// Appends the numbers of all signals that have come in, in order, and returns how many.
    ///
    /// Nothing in a forked child: what is in the pipe is for the parent.
    pub fn drain(&self, into: &mut Vec<u8>) -> usize {
        if fork::generation() != self.generation {
            return 0;
        }
        let before = into.len();
        let mut chunk = [0_u8; 256];
        loop {
            // SAFETY: writes at most `chunk.len()` bytes, into `chunk`.
            let read = retry_len(|| unsafe {
                libc::read(
                    self.read.as_raw_fd(),
                    chunk.as_mut_ptr().cast(),
                    chunk.len(),
                )
            });
            // EAGAIN when it is empty; end of file cannot be, we hold the other end.
            let Ok(count) = read else { break };
            into.extend_from_slice(&chunk[..count]);
            if count < chunk.len() {
                break;
            }
        }
        into.len() - before
    }
}

/// Ends the process by SIGINT with its default action, as CPython does after an uncaught KeyboardInterrupt
/// (Modules/main.c, `exit_sigint`): a shell that sees it stops its script too.
///
/// Returns only if SIGINT is blocked in the calling thread.
pub fn die_of_interrupt() {
    // SAFETY: both take plain numbers and are async-signal-safe.
    unsafe {
        libc::signal(libc::SIGINT, libc::SIG_DFL);
        libc::kill(libc::getpid(), libc::SIGINT);
    }
}
