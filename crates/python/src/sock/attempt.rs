//! The calls themselves.

use std::io::{self, ErrorKind};

use ferrio_reactor::net;
use pyo3::exceptions::{PyBlockingIOError, PyInterruptedError, PyOSError, PyValueError};
use pyo3::prelude::*;

use super::{SockOperation, Wish};
use crate::ffi::buffer::{self, View};
use crate::ffi::{Name, Own, PyRes, Raised, Slot, call, exception};
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

impl SockOperation {
    /// Tries the call: its result, or nothing where the kernel would block.
    pub(super) fn attempt(&self, py: Python<'_>) -> PyRes<Option<Own>> {
        match &self.wish {
            Wish::Recv(most) => self.recv(py, *most),
            Wish::RecvInto(target) => {
                let mut view = View::writable(py, &object(py, target))?;
                let received = net::recv(self.fd, view.as_mut_slice());
                drop(view);
                unless_blocked(py, received)?
                    .map(|n| Own::int(py, n as i64))
                    .transpose()
            }
            Wish::SendAll(data, sent) => {
                let view = View::readable(py, &object(py, data))?;
                while sent.get() < view.len() {
                    let result = net::send(self.fd, &view.as_slice()[sent.get()..]);
                    match unless_blocked(py, result)? {
                        Some(n) => sent.set(sent.get() + n),
                        None => return Ok(None),
                    }
                }
                Ok(Some(Own::none(py)))
            }
            Wish::RecvFrom(most) => self.by_method(py, &names::RECVFROM, &[most]),
            Wish::RecvFromInto(target, most) => {
                self.by_method(py, &names::RECVFROM_INTO, &[target, most])
            }
            Wish::SendTo(data, address) => self.by_method(py, &names::SENDTO, &[data, address]),
            // Not known before an event has come.
            Wish::Writable(asked) => Ok(asked.replace(true).then(|| Own::none(py))),
            Wish::Accept => {
                let Some((fd, peer)) = unless_blocked(py, net::accept_with_peer(self.fd))? else {
                    return Ok(None);
                };
                let address = convert::address_object(py, &peer)?;
                Own::tuple(py, &[Socket::into_python(py, fd)?, address]).map(Some)
            }
            Wish::Connect(address, started) => {
                if started.replace(true) {
                    self.finish_connect(py, &object(py, address))
                } else {
                    self.by_method(py, &names::CONNECT, &[address])
                }
            }
        }
    }

    fn recv(&self, py: Python<'_>, most: usize) -> PyRes<Option<Own>> {
        let Some(engine) = self.engine.get() else {
            return Err(Raised::new::<PyValueError>(
                py,
                "the call has no loop any more",
            ));
        };
        let mut room = engine.take_receive_buffer();
        let result = if most <= room.len() {
            let received = net::recv(self.fd, &mut room[..most]);
            unless_blocked(py, received).map(|n| n.map(|n| buffer::new_bytes(py, &room[..n])))
        } else {
            let mut large = vec![0; most];
            let received = net::recv(self.fd, &mut large);
            unless_blocked(py, received).map(|n| n.map(|n| buffer::new_bytes(py, &large[..n])))
        };
        engine.return_receive_buffer(room);
        result?.transpose()
    }

    /// Where addresses come in the socket object does it: it knows every family's.
    fn by_method(&self, py: Python<'_>, name: &'static Name, args: &[&Slot]) -> PyRes<Option<Own>> {
        let args: Vec<Own> = args.iter().map(|slot| object(py, slot)).collect();
        let args: Vec<&Own> = args.iter().collect();
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
        let failure = net::take_error(self.fd).map_err(|e| error::os_error(py, &e))?;
        let Some(failure) = failure else {
            return Ok(Some(Own::none(py)));
        };
        let errno = failure.raw_os_error().unwrap_or(0);
        let text = format!("Connect call failed {}", address.bound(py).repr()?);
        let class = Own::from(py.get_type::<PyOSError>().into_any());
        let arguments = [Own::int(py, i64::from(errno))?, Own::str(py, &text)];
        let instance = call::call(py, &class, &arguments)?;
        Err(exception::restore(py, instance))
    }
}
