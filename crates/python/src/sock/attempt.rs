//! The calls themselves.

use std::io::{self, ErrorKind};
use std::os::fd::RawFd;

use ferrio_reactor::net;
use pyo3::exceptions::{PyBlockingIOError, PyInterruptedError, PyOSError, PyValueError};
use pyo3::prelude::*;

use super::{SockCall, Wish};
use crate::engine::Engine;
use crate::ffi::buffer::{View, new_bytes};
use crate::ffi::growing::{self, Growing};
use crate::ffi::{Name, Own, PyRes, Raised, Slot, call, exception, spare_bytes};
use crate::transport::socket::Socket;
use crate::{convert, error, names};

/// `None` where the kernel would block.
fn unless_blocked<T>(py: Python<'_>, result: io::Result<T>) -> PyRes<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error::os_error(py, &error)),
    }
}

fn object(py: Python<'_>, slot: &Slot) -> Own {
    slot.get().unwrap_or_else(|| Own::none(py))
}

/// How much `recv` is to receive at most, as the method of a socket reads it.
fn most(py: Python<'_>, nbytes: &Own) -> PyRes<usize> {
    let number = match call::small_int(nbytes) {
        Some(number) => number,
        None => nbytes.bound(py).extract::<i64>()?,
    };
    usize::try_from(number)
        .map_err(|_| Raised::new::<PyValueError>(py, "negative buffersize in recv"))
}

impl SockCall {
    /// Tries the call: its result, or nothing where the kernel would block. Of `recv` and `recv_into` without room the kernel hears
    /// nothing, as from the methods of a socket: it would block on a socket from which nothing can be read.
    pub(super) fn attempt(&self, py: Python<'_>, engine: &Own<Engine>) -> PyRes<Option<Own>> {
        let fd = self.fd.get();
        match &self.wish {
            Wish::Recv(nbytes) => receive(py, engine, fd, most(py, &object(py, nbytes))?),
            Wish::RecvInto(target) => {
                let target = object(py, target);
                let Ok(mut view) = View::writable(py, &target).map_err(|raised| raised.clear(py))
                else {
                    // Of what cannot be written to the method says so.
                    return self.by_method(py, &names::RECV_INTO, [target]);
                };
                let received = match view.as_mut_slice() {
                    [] => Ok(0),
                    room => net::recv(fd, room),
                };
                drop(view);
                unless_blocked(py, received)?
                    .map(|n| Own::int(py, n as i64))
                    .transpose()
            }
            Wish::SendAll(data, sent) => {
                let view = View::readable(py, &object(py, data))?;
                // Also of nothing at all the kernel is asked: it says that the socket is closed, it sends an empty datagram.
                loop {
                    let rest = view.as_slice().get(sent.get()..).unwrap_or(&[]);
                    match unless_blocked(py, net::send(fd, rest))? {
                        Some(n) => sent.set(sent.get() + n),
                        None if !rest.is_empty() => return Ok(None),
                        None => {}
                    }
                    if sent.get() >= view.len() {
                        return Ok(Some(Own::none(py)));
                    }
                }
            }
            Wish::RecvFrom(most) => self.by_method(py, &names::RECVFROM, [object(py, most)]),
            Wish::RecvFromInto(target, most) => {
                // 0 means as many as fit, and so does None.
                let most = match most.get() {
                    Some(most) if call::truth(py, &most)? => most,
                    _ => Own::int(py, 0)?,
                };
                self.by_method(py, &names::RECVFROM_INTO, [object(py, target), most])
            }
            Wish::SendTo(data, address) => {
                let arguments = [object(py, data), object(py, address)];
                self.by_method(py, &names::SENDTO, arguments)
            }
            // Not known before an event has come.
            Wish::Writable(asked) => Ok(asked.replace(true).then(|| Own::none(py))),
            Wish::Accept => {
                let Some((fd, peer)) = unless_blocked(py, net::accept_with_peer(fd))? else {
                    return Ok(None);
                };
                let address = convert::address_object(py, &peer)?;
                Own::tuple(py, &[Socket::into_python(py, fd)?, address]).map(Some)
            }
            Wish::Connect(address, started) => {
                if started.replace(true) {
                    self.finish_connect(py, &object(py, address))
                } else {
                    self.by_method(py, &names::CONNECT, [object(py, address)])
                }
            }
        }
    }

    /// Where addresses come in the socket object does it: it knows every family's.
    fn by_method<const N: usize>(
        &self,
        py: Python<'_>,
        name: &'static Name,
        args: [Own; N],
    ) -> PyRes<Option<Own>> {
        let args = args.each_ref();
        match call::method(py, &object(py, &self.socket), name, &args) {
            Ok(done) => Ok(Some(done)),
            Err(error)
                if error.is::<PyBlockingIOError>(py) || error.is::<PyInterruptedError>(py) =>
            {
                error.clear(py);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn finish_connect(&self, py: Python<'_>, address: &Own) -> PyRes<Option<Own>> {
        let failure = net::take_error(self.fd.get()).map_err(|e| error::os_error(py, &e))?;
        let Some(failure) = failure else {
            return Ok(Some(Own::none(py)));
        };
        let errno = failure.raw_os_error().unwrap_or(0);
        let text = format!("Connect call failed {}", address.bound(py).repr()?);
        let class = Own::from(py.get_type::<PyOSError>().into_any());
        let arguments = [Own::int(py, i64::from(errno))?, Own::str(py, &text)];
        Err(exception::raise_made(
            py,
            call::call(py, &class, &arguments),
        ))
    }
}

/// Up to `most` bytes; a small piece by way of the loop's buffer, as the size that it will have is not known.
fn receive(py: Python<'_>, engine: &Own<Engine>, fd: RawFd, most: usize) -> PyRes<Option<Own>> {
    if most == 0 {
        return new_bytes(py, &[]).map(Some);
    }
    let mut room = engine.take_receive_buffer();
    if most <= room.len() {
        let received = net::recv(fd, &mut room[..most]);
        let received = unless_blocked(py, received);
        let bytes = received.map(|n| n.map(|n| spare_bytes::new_bytes(py, &room[..n])));
        engine.return_receive_buffer(room);
        return bytes?.transpose();
    }
    engine.return_receive_buffer(room);
    let mut bytes = Growing::new(py, most)?;
    let received = growing::fill(std::iter::once(&mut bytes), most, |rooms| {
        net::recv_uninit(fd, rooms[0])
    });
    match unless_blocked(py, received)? {
        Some(_) => bytes.into_bytes(py).map(Some),
        None => Ok(None),
    }
}
