//! From the kernel to the protocol.

use std::io::ErrorKind;

use ferrio_core::conn::Action;
use ferrio_reactor::net;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::{StreamTransport, loss, write};
use crate::engine::Engine;
use crate::error;
use crate::ffi::buffer::View;
use crate::ffi::growing::{self, Growing};
use crate::ffi::{Own, PyRes, Raised, call, spare_bytes};
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

/// After so much, the next bytes go where they will stay. To copy fewer costs less than to make an object for the most that could
/// come, and to cut it.
const MUCH: usize = 16 * 1024;
const DATA_RECEIVED: &str = "Fatal error: protocol.data_received() call failed.";

#[inline]
fn as_bytes(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    if this.received.get() < MUCH {
        return copied(py, this);
    }
    let before = this.received.get();
    let mut receive = |pieces: &mut [&mut [_]]| net::recv_pieces(this.fd.get(), pieces);
    let received = match this.protocol.receive(py, before, &mut receive) {
        Ok(Some(received)) => received,
        Ok(None) if this.protocol.is_direct() => return copied(py, this),
        Ok(None) => return uncopied(py, this),
        Err(error) => return StreamTransport::survive(py, this, Err(error), DATA_RECEIVED),
    };
    match received {
        Ok(0) => end_of_stream(py, this),
        Ok(length) => {
            this.received.set(length);
            Ok(())
        }
        Err(error) => failed(py, this, &error),
    }
}

/// A receive into the object that the protocol gets, which has room for no more than asyncio's.
fn uncopied(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let most = 2 * this.received.get().min(Engine::RECEIVE_BYTES);
    let mut data = match Growing::new(py, most) {
        Ok(data) => data,
        Err(error) => return StreamTransport::survive(py, this, Err(error), DATA_RECEIVED),
    };
    let received = growing::fill([&mut data].into_iter(), most, |pieces| {
        net::recv_pieces(this.fd.get(), pieces)
    });
    match received {
        Ok(0) => end_of_stream(py, this),
        Ok(length) => {
            this.received.set(length);
            let done = data
                .into_bytes(py)
                .and_then(|data| this.in_context(py, || this.protocol.data_received(py, &data)));
            StreamTransport::survive(py, this, done, DATA_RECEIVED)
        }
        Err(error) => failed(py, this, &error),
    }
}

/// A receive into the loop's buffer; what is made of the bytes is no larger than they are.
#[inline]
fn copied(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let Some(engine) = this.engine.get() else {
        return Ok(());
    };
    let mut room = engine.take_receive_buffer();
    let received = net::recv(this.fd.get(), &mut room);
    let data = match received {
        Ok(length) if length > 0 => handed_over(py, this, &room[..length]),
        nothing => {
            engine.return_receive_buffer(room);
            return match nothing {
                Ok(_) => end_of_stream(py, this),
                Err(error) => failed(py, this, &error),
            };
        }
    };
    engine.return_receive_buffer(room);
    let done = data.and_then(|data| {
        let Some(data) = data else {
            return Ok(());
        };
        let done = this.in_context(py, || this.protocol.data_received(py, &data));
        spare_bytes::give_back(py, data);
        done
    });
    StreamTransport::survive(py, this, done, DATA_RECEIVED)
}

/// Received bytes as an object for the protocol; none where they have reached it without.
#[inline]
fn handed_over(py: Python<'_>, this: &StreamTransport, bytes: &[u8]) -> PyRes<Option<Own>> {
    this.received.set(bytes.len());
    if this.protocol.received(py, bytes)? {
        return Ok(None);
    }
    spare_bytes::new_bytes(py, bytes).map(Some)
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
