//! Datagrams: one whole datagram a call, with the address it comes from or goes to.

use std::io;
use std::mem;
use std::os::fd::RawFd;

use super::address::RawAddr;
use crate::sys::{retry, retry_len};

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

/// [`send_many`] takes at most so many.
pub const AT_ONCE: usize = 16;

/// Sends several datagrams in one call, in order, those after the first `AT_ONCE` left out; `None` sends to the socket's peer.
/// Returns how many of them have left; without any the kernel is not called. Where that is not all, a [`send_to`] or
/// [`send`](super::send) of the next one tells why.
///
/// # Errors
/// As [`send_to`], where it concerns the first one.
pub fn send_many<'a>(
    fd: RawFd,
    datagrams: impl Iterator<Item = (&'a [u8], Option<&'a RawAddr>)>,
) -> io::Result<usize> {
    // SAFETY: structures of numbers and pointers, for which zeros are good values.
    let (mut headers, mut pieces): ([libc::mmsghdr; AT_ONCE], [libc::iovec; AT_ONCE]) =
        unsafe { (mem::zeroed(), mem::zeroed()) };
    let mut count = 0;
    for ((data, to), (header, piece)) in datagrams.zip(headers.iter_mut().zip(&mut pieces)) {
        piece.iov_base = data.as_ptr().cast_mut().cast();
        piece.iov_len = data.len();
        header.msg_hdr.msg_iov = piece;
        header.msg_hdr.msg_iovlen = 1;
        if let Some(to) = to {
            header.msg_hdr.msg_name = to.as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = to.len();
        }
        count += 1;
    }
    if count == 0 {
        return Ok(0);
    }
    // SAFETY: `count` headers, whose pieces and names live through the call; the kernel reads them, and writes into the headers only.
    let sent =
        retry(|| unsafe { libc::sendmmsg(fd, headers.as_mut_ptr(), count, libc::MSG_NOSIGNAL) })?;
    // Not -1, so not negative at all.
    Ok(sent as usize)
}
