//! Who owns a connection's descriptor.

use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};

use ferrio_reactor::net;
use pyo3::prelude::*;

use crate::error;
use crate::ffi::{Own, PyRes, call};
use crate::names;

/// A descriptor, ours or a Python socket's. Exactly one of the two closes it, once.
#[derive(Debug)]
pub enum Socket {
    /// Accepted by us; nobody has asked for the socket object.
    Native(OwnedFd),
    /// Given by the program, or made when somebody asked.
    Python(Own),
    /// Closed.
    Gone,
}

impl Socket {
    /// The descriptor of a Python socket object.
    pub fn fd_of(py: Python<'_>, socket: &Own) -> PyRes<RawFd> {
        let fd = call::method(py, socket, &names::FILENO, &[])?;
        Ok(fd.bound(py).extract::<RawFd>()?)
    }

    /// Hands the descriptor over to a new `socket.socket`.
    pub fn into_python(py: Python<'_>, fd: OwnedFd) -> PyRes {
        let raw = fd.as_raw_fd();
        let read = |option: std::io::Result<i32>| option.map_err(|e| error::os_error(py, &e));
        let family = read(net::socket_family(raw))?;
        let kind = read(net::socket_type(raw))?;
        let protocol = read(net::socket_protocol(raw))?;
        let class = py.import("socket")?.getattr("socket")?;
        let object = class.call1((family, kind, protocol, raw))?;
        // The object closes it from now on.
        let _ = fd.into_raw_fd();
        object.call_method1("setblocking", (false,))?;
        Ok(Own::from(object))
    }
}
