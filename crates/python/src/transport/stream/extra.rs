//! `get_extra_info`: addresses and socket objects are made when somebody asks.

use ferrio_reactor::net;
use pyo3::prelude::*;

use super::{StreamTransport, write};
use crate::convert;
use crate::ffi::{Own, PyRes, call};
use crate::transport::socket::Socket;

fn extra(py: Python<'_>, this: &StreamTransport) -> Own {
    this.extra.get().unwrap_or_else(|| {
        let made = Own::from(pyo3::types::PyDict::new(py).into_any());
        this.extra.set(Some(made.clone()));
        made
    })
}

/// `get_extra_info(name, default)`.
pub(super) fn get(py: Python<'_>, this: &Own<StreamTransport>, name: &Own, default: Own) -> PyRes {
    let known = extra(py, this);
    let known = known
        .bound(py)
        .cast::<pyo3::types::PyDict>()
        .map_err(PyErr::from)?;
    if let Some(value) = known.get_item(name.bound(py))? {
        return Ok(Own::from(value));
    }
    let text = name.bound(py).extract::<String>().unwrap_or_default();
    let made = match text.as_str() {
        "socket" => socket(py, this)?,
        "peername" => {
            let peer = this.peer.with(|peer| peer.clone());
            peer.map(|peer| convert::address_object(py, &peer))
                .transpose()?
        }
        "sockname" => {
            let kept = this.local.with(|local| local.clone());
            let local = kept.or_else(|| net::local_addr(this.fd.get()).ok());
            local
                .map(|local| convert::address_object(py, &local))
                .transpose()?
        }
        _ => return Ok(default),
    };
    // asyncio notes that there is no address, so the default does not apply.
    let made = made.unwrap_or_else(|| Own::none(py));
    known.set_item(name.bound(py), made.bound(py))?;
    Ok(made)
}

/// The Python socket behind the transport; an accepted descriptor becomes one here. Whoever gets it may look at the
/// kernel's side, so what was written is flushed first.
pub(super) fn python_socket(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<Option<Own>> {
    write::flush(py, this)?;
    match this
        .socket
        .with(|socket| std::mem::replace(socket, Socket::Gone))
    {
        Socket::Gone => Ok(None),
        Socket::Python(socket) => {
            this.socket
                .with(|place| *place = Socket::Python(socket.clone()));
            Ok(Some(socket))
        }
        Socket::Native(fd) => {
            let socket = Socket::into_python(py, fd)?;
            this.socket
                .with(|place| *place = Socket::Python(socket.clone()));
            Ok(Some(socket))
        }
    }
}

/// The socket as programs see it: an `asyncio.trsock.TransportSocket`.
fn socket(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<Option<Own>> {
    let socket = match python_socket(py, this)? {
        Some(socket) => socket,
        // asyncio makes the object with the transport, so a program that asks late finds a closed one.
        None => {
            let socket = py.import("socket")?.getattr("socket")?.call0()?;
            socket.call_method0("close")?;
            Own::from(socket)
        }
    };
    let class = Own::from(py.import("asyncio.trsock")?.getattr("TransportSocket")?);
    call::call1(py, &class, &socket).map(Some)
}
