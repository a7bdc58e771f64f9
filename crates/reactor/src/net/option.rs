//! Socket options and flags.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::RawFd;

use crate::sys::check;

/// Sets or clears O_NONBLOCK. It belongs to the open file: every duplicate, also one in another
/// process (a shared terminal), changes with it.
///
/// # Errors
/// EBADF.
pub fn set_nonblocking(fd: RawFd, nonblocking: bool) -> io::Result<()> {
    let mut on = libc::c_int::from(nonblocking);
    // One call, where fcntl(2) needs two. Linux accepts it for every kind of file.
    // SAFETY: FIONBIO reads one int.
    check(unsafe { libc::ioctl(fd, libc::FIONBIO, &raw mut on) })?;
    Ok(())
}

/// Sends small segments at once (TCP_NODELAY): no waiting for more to fill a packet.
///
/// # Errors
/// EOPNOTSUPP or ENOPROTOOPT when it is no TCP socket, EBADF, ENOTSOCK.
pub fn set_nodelay(fd: RawFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the kernel reads one int.
    check(unsafe {
        libc::setsockopt(
            fd,
            libc::IPPROTO_TCP,
            libc::TCP_NODELAY,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    })?;
    Ok(())
}

/// Are small segments sent at once?
///
/// # Errors
/// As [`set_nodelay`].
pub fn is_nodelay(fd: RawFd) -> io::Result<bool> {
    let [on] = numbers(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY)?;
    Ok(on != 0)
}

/// SOCK_STREAM, SOCK_DGRAM, … without flags.
///
/// # Errors
/// EBADF, ENOTSOCK.
pub fn socket_type(fd: RawFd) -> io::Result<i32> {
    int_option(fd, libc::SO_TYPE)
}

/// AF_INET, AF_UNIX, …
///
/// # Errors
/// EBADF, ENOTSOCK.
pub fn socket_family(fd: RawFd) -> io::Result<i32> {
    int_option(fd, libc::SO_DOMAIN)
}

/// IPPROTO_TCP, …; 0 for unix sockets.
///
/// # Errors
/// EBADF, ENOTSOCK.
pub fn socket_protocol(fd: RawFd) -> io::Result<i32> {
    int_option(fd, libc::SO_PROTOCOL)
}

/// Whether it is a byte stream.
///
/// # Errors
/// EBADF, ENOTSOCK.
pub fn is_stream(fd: RawFd) -> io::Result<bool> {
    Ok(socket_type(fd)? == libc::SOCK_STREAM)
}

/// Whether what is written in pieces is for the reader what is written at once: so for a pipe, a stream socket and a terminal,
/// not for other sockets, a pipe in packet mode (O_DIRECT), a network device. False for what is no descriptor.
#[must_use]
pub fn is_byte_stream(fd: RawFd) -> bool {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel writes the structure, or says that it has not.
    let kind = match check(unsafe { libc::fstat(fd, stat.as_mut_ptr()) }) {
        // SAFETY: it has.
        Ok(_) => unsafe { stat.assume_init() }.st_mode & libc::S_IFMT,
        Err(_) => return false,
    };
    match kind {
        libc::S_IFIFO => {
            // SAFETY: asks for flags.
            let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
            flags & libc::O_DIRECT == 0
        }
        libc::S_IFSOCK => is_stream(fd).unwrap_or(false),
        // SAFETY: asks for the terminal's settings.
        libc::S_IFCHR => unsafe { libc::isatty(fd) == 1 },
        _ => false,
    }
}

/// The error the socket has met since it was last asked (SO_ERROR): the outcome of a
/// [`connect`](super::connect) in progress, for one. Asking clears it.
///
/// # Errors
/// EBADF, ENOTSOCK: that asking failed.
pub fn take_error(fd: RawFd) -> io::Result<Option<io::Error>> {
    let errno = int_option(fd, libc::SO_ERROR)?;
    Ok((errno != 0).then(|| io::Error::from_raw_os_error(errno)))
}

fn int_option(fd: RawFd, name: libc::c_int) -> io::Result<i32> {
    let [value] = numbers(fd, libc::SOL_SOCKET, name)?;
    Ok(value)
}

/// An option that is made of numbers, or begins with them.
pub(super) fn numbers<const COUNT: usize>(
    fd: RawFd,
    level: libc::c_int,
    name: libc::c_int,
) -> io::Result<[libc::c_int; COUNT]> {
    let mut values = [0; COUNT];
    let mut len = size_of_val(&values) as libc::socklen_t;
    let room = values.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `len` bytes, into `values`.
    check(unsafe { libc::getsockopt(fd, level, name, room, &raw mut len) })?;
    Ok(values)
}
