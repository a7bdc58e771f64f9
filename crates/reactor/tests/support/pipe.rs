//! A plain pipe: `std::io::pipe` is younger than the oldest compiler we support.

use std::os::fd::{FromRawFd, OwnedFd};

/// The reading and the writing end, both blocking.
#[must_use]
pub fn pipe() -> (OwnedFd, OwnedFd) {
    let mut ends = [-1; 2];
    // SAFETY: `ends` has room for two descriptors.
    let status = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) };
    assert_eq!(status, 0, "pipe: {}", std::io::Error::last_os_error());
    // SAFETY: the kernel has just made them, nobody else knows them.
    ends.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).into()
}
