//! A socket that a call waits for stays open.

use pyo3::prelude::*;

use super::SockCall;
use crate::ffi::{Immortal, Own, PyRes, call};
use crate::names;

/// The socket object counts the call among its files, as uvloop does and `makefile()`: `close()` takes effect when the call is
/// over, so that the kernel gives the number to nobody else. What only looks like a socket counts nothing.
pub(super) fn hold_open(py: Python<'_>, this: &SockCall) -> PyRes<()> {
    let Some(socket) = this.socket.get() else {
        return Ok(());
    };
    let count = call::optional_attribute(py, &socket, &names::IO_REFS)?;
    let count = count.and_then(|count| count.bound(py).extract::<i64>().ok());
    if let Some(count) = count {
        let more = Own::int(py, count + 1)?;
        call::set_attribute(py, &socket, &names::IO_REFS, &more)?;
        this.holds_open.set(true);
    }
    Ok(())
}

/// The call is over: closes the socket if the program has tried to meanwhile.
pub(super) fn let_close(py: Python<'_>, this: &SockCall) -> PyRes<()> {
    match this.socket.get() {
        Some(socket) if this.holds_open.replace(false) => {
            if is_plain(py, &socket)? && count_down(py, &socket)? {
                return Ok(());
            }
            call::method(py, &socket, &names::DECREF_SOCKETIOS, &[]).map(drop)
        }
        _ => Ok(()),
    }
}

/// What `_decref_socketios` does of an open socket, without its frame. False where the socket is to be closed.
fn count_down(py: Python<'_>, socket: &Own) -> PyRes<bool> {
    let closed = call::attribute(py, socket, &names::CLOSED)?;
    if call::truth(py, &closed)? {
        return Ok(false);
    }
    let count = call::attribute(py, socket, &names::IO_REFS)?;
    let count = count.bound(py).extract::<i64>()?;
    if count > 0 {
        let less = Own::int(py, count - 1)?;
        call::set_attribute(py, socket, &names::IO_REFS, &less)?;
    }
    Ok(true)
}

/// Exactly a `socket.socket`, of no class derived from it.
pub(super) fn is_plain(py: Python<'_>, socket: &Own) -> PyRes<bool> {
    static SOCKET: Immortal = Immortal::empty();
    Ok(socket.is_exactly(SOCKET.import(py, "socket", "socket")?))
}
