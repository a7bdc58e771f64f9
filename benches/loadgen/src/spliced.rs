//! A socket that long messages are handed to without a copy: the kernel is given the memory they stand in.
//!
//! Copying what it sends would keep a sender as busy as the server is with copying what it receives; then the rate is the
//! sender's, for every loop that is faster. What is written stays as it is for ever (`Pattern`), so it may be sent at any time.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::fcntl::{SpliceFFlags, vmsplice};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// As large as anybody's pipe may be: all of a message of 1 MiB in one call.
const PIPE_BYTES: usize = 1 << 20;

/// A socket, and a pipe that it is fed from.
#[derive(Debug)]
pub struct Spliced {
    socket: OwnedFd,
    begin: OwnedFd,
    end: OwnedFd,
    /// Bytes in the pipe. They are the first of what is to be sent.
    waiting: usize,
}

impl Spliced {
    /// Feeds this socket.
    ///
    /// # Errors
    /// No descriptors are left for the pipe.
    pub fn new(socket: OwnedFd) -> Result<Self, Errno> {
        let (end, begin) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Who has many of them gets smaller ones: more calls.
        let _ = fcntl_setpipe_size(&begin, PIPE_BYTES);
        Ok(Self {
            socket,
            begin,
            end,
            waiting: 0,
        })
    }

    /// As writev(2). What the socket has not taken must be what the next call begins with.
    ///
    /// # Errors
    /// The kernel's; `AGAIN` when the socket takes no more.
    pub fn write(&mut self, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
        if self.waiting == 0 {
            self.waiting = vmsplice(&self.begin, slices, SpliceFFlags::SPLICE_F_NONBLOCK)
                .map_err(|errno| Errno::from_raw_os_error(errno as i32))?;
        }
        let sent = splice(
            &self.end,
            None,
            &self.socket,
            None,
            self.waiting,
            SpliceFlags::NONBLOCK,
        )?;
        self.waiting -= sent;
        Ok(sent)
    }
}

impl AsFd for Spliced {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
