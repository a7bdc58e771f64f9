//! From the kernel to the protocol.

use std::io::ErrorKind;

use ferrio_reactor::net::{self, RawAddr};
use pyo3::exceptions::{PyBlockingIOError, PyInterruptedError, PyOSError};
use pyo3::prelude::*;

use super::address::Family;
use super::{DatagramTransport, fatal, send};
use crate::engine::Engine;
use crate::error;
use crate::ffi::{Own, PyRes, call, spare_bytes};
use crate::names;

/// How many datagrams one event brings at most: then others get their turn, and the kernel says it again.
const AT_ONCE: usize = 16;
/// asyncio's `max_size`: what Python's socket object is asked for.
const LARGEST: i64 = 256 * 1024;

/// What waits in the kernel, up to `AT_ONCE`.
pub(super) fn ready(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    let Some(engine) = this.engine.get() else {
        return Ok(());
    };
    // In a nested run too, whose end is not that of the outer one.
    let outer = this.handing_out.replace(true);
    let done = hand_out(py, this, &engine);
    this.handing_out.set(outer);
    done
}

fn hand_out(py: Python<'_>, this: &Own<DatagramTransport>, engine: &Own<Engine>) -> PyRes<()> {
    let mut from = RawAddr::empty();
    for _ in 0..AT_ONCE {
        let more = match this.family {
            Family::V4 | Family::V6 => internet(py, this, engine, &mut from)?,
            Family::Other => by_python(py, this)?,
        };
        // The callback may have closed or paused the transport, or stopped the loop.
        if !more || !this.conn.get().wants_bytes() || engine.is_stopping() {
            break;
        }
        send::flush_in_time(py, this)?;
    }
    Ok(())
}

/// One datagram of an internet socket, none of which is larger than the receive buffer; false: there is no more.
fn internet(
    py: Python<'_>,
    this: &Own<DatagramTransport>,
    engine: &Own<Engine>,
    from: &mut RawAddr,
) -> PyRes<bool> {
    let mut room = engine.take_receive_buffer();
    let received = net::recv_from(this.fd.get(), &mut room, from);
    let data = received.map(|length| spare_bytes::new_bytes(py, &room[..length]));
    engine.return_receive_buffer(room);
    match data {
        Ok(data) => {
            let (data, address) = (data?, this.received_from.object_of(py, from)?);
            let more = deliver(py, this, &data, &address);
            spare_bytes::give_back(py, data);
            more
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => failed(py, this, &error::os_error_object(py, &error)?),
    }
}

/// The same through Python's socket object.
fn by_python(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<bool> {
    let Some(socket) = this.socket.get() else {
        return Ok(false);
    };
    let most = Own::int(py, LARGEST)?;
    match call::method(py, &socket, &names::RECVFROM, &[&most]) {
        Ok(pair) => match pair.tuple_items() {
            Some([data, address]) => deliver(py, this, data, address),
            _ => Ok(false),
        },
        Err(error) if error.is::<PyBlockingIOError>(py) || error.is::<PyInterruptedError>(py) => {
            error.clear(py);
            Ok(false)
        }
        Err(error) if error.is::<PyOSError>(py) => failed(py, this, &error.take(py)),
        Err(error) if error.leaves_the_loop(py) => Err(error),
        Err(error) => {
            let text = "Fatal read error on datagram transport";
            fatal(py, this, error.take(py), text).map(|()| false)
        }
    }
}

fn deliver(
    py: Python<'_>,
    this: &Own<DatagramTransport>,
    data: &Own,
    address: &Own,
) -> PyRes<bool> {
    let args = [data, address];
    DatagramTransport::tell(py, this, &names::DATAGRAM_RECEIVED, &args).map(|()| true)
}

/// One error for each event: the kernel forgets it when it is told, so one that comes back is new.
fn failed(py: Python<'_>, this: &Own<DatagramTransport>, exception: &Own) -> PyRes<bool> {
    DatagramTransport::tell(py, this, &names::ERROR_RECEIVED, &[exception]).map(|()| false)
}
