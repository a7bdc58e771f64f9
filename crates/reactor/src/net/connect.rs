//! Making, accepting, connecting and half-closing sockets.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;

use super::address::{RawAddr, SockAddr};
use super::option;
use crate::sys::{check, retry};

/// What a non-blocking [`connect`] has achieved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Connect {
    /// Connected.
    Done,
    /// On its way: when the socket becomes writable, [`take_error`](super::take_error) tells how it
    /// ended.
    InProgress,
}

/// A new socket. `socktype` without flags; the numbers are those of socket(2).
///
/// # Errors
/// EMFILE, EAFNOSUPPORT, EPROTONOSUPPORT, EPERM, and so on.
pub fn socket(family: i32, socktype: i32, protocol: i32) -> io::Result<OwnedFd> {
    let socktype = socktype | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: takes numbers, returns a descriptor.
    let fd = check(unsafe { libc::socket(family, socktype, protocol) })?;
    // SAFETY: the kernel has just made `fd` for us; nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Gives the socket its local address.
///
/// # Errors
/// EADDRINUSE, EADDRNOTAVAIL, EACCES, and so on; EINVAL for an address that cannot be written down
/// (a unix path that is too long or contains NUL).
pub fn bind(fd: RawFd, addr: &SockAddr) -> io::Result<()> {
    let raw = addr.to_raw()?;
    // SAFETY: `raw` lives through the call and says its true length.
    check(unsafe { libc::bind(fd, raw.as_ptr(), raw.len()) })?;
    Ok(())
}

/// Starts to queue connections, at most `backlog` (and `/proc/sys/net/core/somaxconn`).
///
/// # Errors
/// EADDRINUSE, EOPNOTSUPP.
pub fn listen(fd: RawFd, backlog: i32) -> io::Result<()> {
    // SAFETY: takes numbers.
    check(unsafe { libc::listen(fd, backlog) })?;
    Ok(())
}

/// Takes one connection from the listener's queue, without asking for its address.
///
/// # Errors
/// `WouldBlock` when the queue is empty; EMFILE and ENFILE leave the connection in it, so the
/// listener stays readable. Errors of a connection that died while queued (ECONNABORTED, EPROTO,
/// ENETDOWN, EHOSTUNREACH …) come through here as well: accept(2) says to treat them like
/// `WouldBlock`, the next call may succeed.
#[inline]
pub fn accept(listener: RawFd) -> io::Result<OwnedFd> {
    const FLAGS: i32 = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no address is asked for, so null pointers are allowed.
    let fd = retry(|| unsafe { libc::accept4(listener, ptr::null_mut(), ptr::null_mut(), FLAGS) })?;
    // SAFETY: the kernel has just made `fd` for us; nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// As [`accept`], with the peer's address.
///
/// # Errors
/// As [`accept`].
pub fn accept_with_peer(listener: RawFd) -> io::Result<(OwnedFd, SockAddr)> {
    const FLAGS: i32 = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let (fd, peer) = RawAddr::filled_by(|addr, len| {
        // SAFETY: `filled_by` gives room for any address, and its true length.
        retry(|| unsafe { libc::accept4(listener, addr, len, FLAGS) })
    })?;
    // SAFETY: the kernel has just made `fd` for us; nobody else knows it.
    Ok((unsafe { OwnedFd::from_raw_fd(fd) }, peer.decode()))
}

/// How many connections are queued, of which [`accept`] may be worth a call; where the kernel does not tell, at most one.
/// An error of the socket's counts there, too.
///
/// An accept(2) that finds none costs seven times as much: the kernel makes the new socket's file before it looks.
#[must_use]
pub fn queued(listener: RawFd, protocol: i32) -> usize {
    if protocol == libc::IPPROTO_TCP {
        // tcp_info as far as tcpi_unacked, which for a listener is the length of its queue.
        const UNACKED: usize = 6;
        let info = option::numbers::<{ UNACKED + 1 }>(listener, protocol, libc::TCP_INFO);
        if let Ok(info) = info {
            return usize::try_from(info[UNACKED]).unwrap_or(0);
        }
    }
    let mut asked = libc::pollfd {
        fd: listener,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one structure, which outlives the call.
    let answer = unsafe { libc::poll(&raw mut asked, 1, 0) };
    usize::from(answer != 0)
}

/// Starts to connect.
///
/// # Errors
/// ECONNREFUSED, ENETUNREACH, ENOENT (unix), and so on. `WouldBlock` comes from a unix socket whose
/// listener's queue is full: nothing was started, try again later. EINVAL as for [`bind`].
pub fn connect(fd: RawFd, addr: &SockAddr) -> io::Result<Connect> {
    let raw = addr.to_raw()?;
    // SAFETY: `raw` lives through the call and says its true length.
    let error = match check(unsafe { libc::connect(fd, raw.as_ptr(), raw.len()) }) {
        Ok(_) => return Ok(Connect::Done),
        Err(error) => error,
    };
    match error.raw_os_error() {
        // After EINTR the kernel goes on connecting; a second call would say EALREADY (POSIX).
        Some(libc::EINPROGRESS | libc::EINTR) => Ok(Connect::InProgress),
        _ => Err(error),
    }
}

/// Sends end of file and keeps receiving.
///
/// # Errors
/// ENOTCONN when the peer has gone already, ENOTSOCK.
pub fn shutdown_write(fd: RawFd) -> io::Result<()> {
    // SAFETY: takes numbers.
    check(unsafe { libc::shutdown(fd, libc::SHUT_WR) })?;
    Ok(())
}

/// The socket's own address.
///
/// # Errors
/// EBADF, ENOTSOCK.
pub fn local_addr(fd: RawFd) -> io::Result<SockAddr> {
    let (_, addr) = RawAddr::filled_by(|addr, len| {
        // SAFETY: `filled_by` gives room for any address, and its true length.
        check(unsafe { libc::getsockname(fd, addr, len) })
    })?;
    Ok(addr.decode())
}

/// The address of the socket's peer.
///
/// # Errors
/// ENOTCONN, EBADF, ENOTSOCK.
pub fn peer_addr(fd: RawFd) -> io::Result<SockAddr> {
    let (_, addr) = RawAddr::filled_by(|addr, len| {
        // SAFETY: `filled_by` gives room for any address, and its true length.
        check(unsafe { libc::getpeername(fd, addr, len) })
    })?;
    Ok(addr.decode())
}
