//! Receiving and sending.
//!
//! `recv` and `send` rather than `read` and `write`: only they take MSG_NOSIGNAL. On a descriptor
//! that is no socket (a pipe, a terminal) they fail with ENOTSOCK, and the plain call is made; such
//! callers rely on SIGPIPE being ignored, as CPython does at start.

use std::io::{self, IoSlice};
use std::mem::{MaybeUninit, zeroed};
use std::os::fd::RawFd;

use crate::sys::retry_len;

/// UIO_MAXIOV of Linux: more slices in one call are refused with EMSGSIZE (EINVAL by `writev`).
const MOST_SLICES: usize = 1024;
/// What `recv_pieces` takes.
const MOST_PIECES: usize = 16;

/// Receives into `buf`; returns how many bytes came, 0 for end of file (or for an empty `buf`).
///
/// # Errors
/// `WouldBlock`, ECONNRESET, ETIMEDOUT, and so on: recv(2).
#[inline]
pub fn recv(fd: RawFd, buf: &mut [u8]) -> io::Result<usize> {
    // SAFETY: nothing but bytes is ever written behind the pointer, so `buf` stays initialised.
    recv_uninit(fd, unsafe {
        &mut *(std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>])
    })
}

/// As [`recv`], into memory that need not be initialised: as many bytes of `buf` as the returned
/// number says are so afterwards.
///
/// # Errors
/// As [`recv`].
#[inline]
pub fn recv_uninit(fd: RawFd, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `buf.len()` bytes, into `buf`.
    let received = retry_len(|| unsafe { libc::recv(fd, buf.as_mut_ptr().cast(), buf.len(), 0) });
    match received {
        Err(error) if is_no_socket(&error) => read_uninit(fd, buf),
        received => received,
    }
}

/// As [`recv_uninit`], into several places in one call, the first one first; of more than 16 the first 16 are used.
///
/// # Errors
/// As [`recv`].
pub fn recv_pieces(fd: RawFd, pieces: &mut [&mut [MaybeUninit<u8>]]) -> io::Result<usize> {
    // SAFETY: an iovec is a pointer and a number.
    let mut slices: [libc::iovec; MOST_PIECES] = unsafe { zeroed() };
    for (slice, piece) in slices.iter_mut().zip(pieces.iter_mut()) {
        slice.iov_base = piece.as_mut_ptr().cast();
        slice.iov_len = piece.len();
    }
    // At most MOST_PIECES, so the cast keeps the value.
    let count = pieces.len().min(MOST_PIECES) as i32;
    // SAFETY: the kernel writes into the pieces that the slices describe, no more than they hold.
    retry_len(|| unsafe { libc::readv(fd, slices.as_ptr(), count) })
}

/// As [`recv`], with one system call also where the descriptor is no socket.
///
/// # Errors
/// `WouldBlock`, EIO, and so on: read(2).
#[inline]
pub fn read(fd: RawFd, buf: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `buf.len()` bytes, into `buf`.
    retry_len(|| unsafe { libc::read(fd, buf.as_mut_ptr().cast(), buf.len()) })
}

/// Sends from `buf`; returns how many bytes the kernel took, perhaps fewer than there are.
///
/// # Errors
/// `WouldBlock`, EPIPE, ECONNRESET, and so on: send(2).
#[inline]
pub fn send(fd: RawFd, buf: &[u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads `buf.len()` bytes of `buf`.
    let sent =
        retry_len(|| unsafe { libc::send(fd, buf.as_ptr().cast(), buf.len(), libc::MSG_NOSIGNAL) });
    match sent {
        Err(error) if is_no_socket(&error) => write(fd, buf),
        sent => sent,
    }
}

/// As [`send`], from several places in one call; of more than 1024 slices the first 1024 are tried.
///
/// # Errors
/// As [`send`].
#[inline]
pub fn send_vectored(fd: RawFd, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let bufs = &bufs[..bufs.len().min(MOST_SLICES)];
    // SAFETY: a msghdr is plain numbers and pointers: zero means no address, no control data.
    let mut message: libc::msghdr = unsafe { zeroed() };
    // An IoSlice is laid out as an iovec (documented by std); sendmsg(2) does not write to it.
    message.msg_iov = bufs.as_ptr().cast_mut().cast();
    // `size_t` in glibc, `int` in musl.
    message.msg_iovlen = bufs.len() as _;
    // SAFETY: `message` and what it points to live through the call.
    let sent = retry_len(|| unsafe { libc::sendmsg(fd, &raw const message, libc::MSG_NOSIGNAL) });
    match sent {
        Err(error) if is_no_socket(&error) => write_vectored(fd, bufs),
        sent => sent,
    }
}

#[inline]
fn is_no_socket(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOTSOCK)
}

#[cold]
fn read_uninit(fd: RawFd, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `buf.len()` bytes, into `buf`.
    retry_len(|| unsafe { libc::read(fd, buf.as_mut_ptr().cast(), buf.len()) })
}

#[cold]
fn write(fd: RawFd, buf: &[u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads `buf.len()` bytes of `buf`.
    retry_len(|| unsafe { libc::write(fd, buf.as_ptr().cast(), buf.len()) })
}

#[cold]
fn write_vectored(fd: RawFd, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    // At most MOST_SLICES, so the cast keeps the value.
    let count = bufs.len() as i32;
    // SAFETY: an IoSlice is laid out as an iovec; the kernel reads what they describe.
    retry_len(|| unsafe { libc::writev(fd, bufs.as_ptr().cast(), count) })
}
