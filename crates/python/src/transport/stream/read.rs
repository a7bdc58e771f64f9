//! From the kernel to the protocol.

use std::io::ErrorKind;

use ferrio_core::conn::Action;
use ferrio_reactor::net;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::{StreamTransport, loss, write};
use crate::error;
use crate::ffi::buffer::{self, View};
use crate::ffi::{Own, PyRes, Raised, call};
use crate::names;

/// One receive for each event: the kernel says it again while there is more, and others get their turn.
#[inline]
pub(super) fn ready(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    if this.protocol.is_buffered() {
        into_protocol(py, this)
    } else {
        as_bytes(py, this)
    }
}

fn as_bytes(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let Some(engine) = this.engine.get() else {
        return Ok(());
    };
    let mut room = engine.take_receive_buffer();
    let received = net::recv(this.fd.get(), &mut room);
    let data = match &received {
        Ok(0) | Err(_) => None,
        Ok(length) => {
            let bytes = &room[..*length];
            Some(match this.protocol.received(py, bytes) {
                Ok(false) => buffer::new_bytes(py, bytes).map(Some),
                done => done.map(|_received| None),
            })
        }
    };
    engine.return_receive_buffer(room);
    match (received, data) {
        (Err(error), _) => failed(py, this, &error),
        (Ok(_), None) => end_of_stream(py, this),
        (Ok(_), Some(Ok(None))) => Ok(()),
        (Ok(_), Some(data)) => {
            let done = data.and_then(|data| match data {
                Some(data) => this.in_context(py, || this.protocol.data_received(py, &data)),
                None => Ok(()),
            });
            let text = "Fatal error: protocol.data_received() call failed.";
            StreamTransport::survive(py, this, done, text)
        }
    }
}

fn failed(py: Python<'_>, this: &Own<StreamTransport>, error: &std::io::Error) -> PyRes<()> {
    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) {
        return Ok(());
    }
    let exception = error::os_error_object(py, error)?;
    loss::fatal(py, this, exception, "Fatal read error on socket transport")
}

/// `BufferedProtocol`: the kernel writes where the protocol says.
fn into_protocol(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let lent = this.in_context(py, || {
        let object = this.protocol.get_buffer(py)?;
        let view = View::writable(py, &object)?;
        if view.is_empty() {
            let text = "get_buffer() returned an empty buffer";
            return Err(Raised::new::<PyRuntimeError>(py, text));
        }
        Ok(view)
    });
    let mut view = match lent {
        Ok(view) => view,
        Err(error) => {
            let text = "Fatal error: protocol.get_buffer() call failed.";
            return StreamTransport::survive(py, this, Err(error), text);
        }
    };
    let received = net::recv(this.fd.get(), view.as_mut_slice());
    drop(view);
    match received {
        Err(error) => failed(py, this, &error),
        Ok(0) => end_of_stream(py, this),
        Ok(length) => {
            let done = this.in_context(py, || this.protocol.buffer_updated(py, length));
            let text = "Fatal error: protocol.buffer_updated() call failed.";
            StreamTransport::survive(py, this, done, text)
        }
    }
}

/// The peer has ended its half: the protocol says whether ours stays open.
fn end_of_stream(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    if this.at_eof.replace(true) {
        // The kernel says it again to a run inside `eof_received`.
        return Ok(());
    }
    let answer = this.in_context(py, || {
        let answer = this.protocol.call(py, &names::EOF_RECEIVED, &[])?;
        call::truth(py, &answer)
    });
    this.at_eof.set(false);
    let keep_open = match answer {
        Ok(keep_open) => keep_open,
        Err(error) => {
            let text = "Fatal error: protocol.eof_received() call failed.";
            return StreamTransport::survive(py, this, Err(error), text);
        }
    };
    write::flush(py, this)?;
    let left = this.outgoing.has_bytes();
    match this.change(|conn| conn.peer_eof(keep_open, left)) {
        Action::Lose => loss::lose(py, this, None),
        _ => StreamTransport::update_interest(py, this),
    }
}
