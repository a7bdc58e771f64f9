//! From a file to a socket without a copy in user space.

use std::io;
use std::os::fd::RawFd;

use crate::sys::retry_len;

/// Sends up to `count` bytes of the file `from`, from byte `offset` on, and leaves the file's own position alone; returns how
/// many bytes the kernel took, 0 at the end of the file.
///
/// The call reads the file, which may mean a disk: it can take as long as reading `count` bytes does. sendfile(2) has no
/// MSG_NOSIGNAL: callers rely on SIGPIPE being ignored, as CPython does at start.
///
/// # Errors
/// `WouldBlock`, EPIPE, ECONNRESET of the socket; where sendfile(2) cannot serve the file (a pipe, some file systems) EINVAL,
/// ESPIPE, ENOSYS, EOVERFLOW; EIO.
#[inline]
pub fn sendfile(to: RawFd, from: RawFd, offset: i64, count: usize) -> io::Result<usize> {
    let mut offset: libc::off64_t = offset;
    // SAFETY: the kernel writes the new offset behind the pointer, which lives through the call.
    retry_len(|| unsafe { libc::sendfile64(to, from, &raw mut offset, count) })
}
