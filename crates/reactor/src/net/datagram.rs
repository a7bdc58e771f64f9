//! Datagrams: one whole datagram a call, with the address it comes from or goes to.

use std::io;
use std::os::fd::RawFd;

use super::address::RawAddr;
use crate::sys::retry_len;

/// Receives one datagram into `buf` and its sender's address into `from`; returns how many bytes came. What does not fit
/// into `buf` is lost (recvfrom(2)). A sender without a name leaves `from` empty.
///
/// # Errors
/// `WouldBlock`; ECONNREFUSED for an earlier datagram that nobody wanted, and so on: recvfrom(2), udp(7). `from` is empty then.
#[inline]
pub fn recv_from(fd: RawFd, buf: &mut [u8], from: &mut RawAddr) -> io::Result<usize> {
    from.refilled_by(|addr, len| {
        // SAFETY: the kernel writes at most `buf.len()` bytes into `buf`; `refilled_by` gives room for any address, and its
        // true length.
        retry_len(|| unsafe {
            libc::recvfrom(fd, buf.as_mut_ptr().cast(), buf.len(), 0, addr, len)
        })
    })
}

/// Sends one datagram to an address; returns how many bytes it has, which is all of them. To a socket's peer sends
/// [`send`](super::send).
///
/// # Errors
/// `WouldBlock`, EMSGSIZE, ECONNREFUSED for an earlier datagram, ENETUNREACH, EACCES (broadcast), and so on: sendto(2).
#[inline]
pub fn send_to(fd: RawFd, buf: &[u8], to: &RawAddr) -> io::Result<usize> {
    // SAFETY: the kernel reads `buf.len()` bytes of `buf`, and of `to` as many as it says it has.
    retry_len(|| unsafe {
        libc::sendto(
            fd,
            buf.as_ptr().cast(),
            buf.len(),
            libc::MSG_NOSIGNAL,
            to.as_ptr(),
            to.len(),
        )
    })
}
