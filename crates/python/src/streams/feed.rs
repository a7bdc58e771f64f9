//! What comes in: from the transport without a call of Python, or through `feed_data`.

use pyo3::exceptions::{PyAssertionError, PyNotImplementedError};
use pyo3::prelude::*;

use super::pieces::{self, Piece};
use super::{StreamReader, names};
use crate::ffi::buffer;
use crate::ffi::{Own, PyRes, Raised, call};
use crate::future::Future;
use crate::transport::protocol::{Receive, Received};
use crate::transport::stream::StreamTransport;

/// Smaller ones are copied faster than objects are made for those that nobody may read.
const SMALLEST_PIECE: usize = 4096;

/// `feed_data(data)` with bytes that stay where they are for the call only.
#[inline]
pub(super) fn bytes(py: Python<'_>, reader: &Own<StreamReader>, bytes: &[u8]) -> PyRes<()> {
    check_open(py, reader)?;
    if !pieces::collect(py, reader, bytes)? && !reader.with(|buffer| buffer.gather(bytes)) {
        // Who reads in pieces will get each without a copy.
        let piece = match reader.asked.get() {
            asked if asked >= SMALLEST_PIECE => asked,
            _ => bytes.len(),
        };
        for piece in bytes.chunks(piece) {
            let chunk = Piece::Whole(buffer::new_bytes(py, piece)?);
            reader.with(|buffer| buffer.push(chunk));
        }
    }
    arrived(py, reader)
}

/// `feed_data(data)` with a `bytes` object, which is kept.
pub(super) fn object(
    py: Python<'_>,
    reader: &Own<StreamReader>,
    data: &Own,
    bytes: &[u8],
) -> PyRes<()> {
    check_open(py, reader)?;
    if bytes.is_empty() {
        return Ok(());
    }
    if !reader.with(|buffer| buffer.gather(bytes)) {
        let chunk = Piece::Whole(data.clone());
        reader.with(|buffer| buffer.push(chunk));
    }
    arrived(py, reader)
}

/// A receive straight into the buffer, after one of `before` bytes; none where copies serve better.
pub(super) fn receive(
    py: Python<'_>,
    reader: &Own<StreamReader>,
    before: usize,
    receive: Receive<'_>,
) -> Received {
    let received = pieces::receive(py, reader, before, receive)?;
    if matches!(received, Some(Ok(1..))) {
        arrived(py, reader)?;
    }
    Ok(received)
}

#[inline]
fn check_open(py: Python<'_>, reader: &StreamReader) -> PyRes<()> {
    if reader.eof.get() {
        let text = "feed_data after feed_eof";
        return Err(Raised::new::<PyAssertionError>(py, text));
    }
    Ok(())
}

/// Whoever waits is woken; a transport that brings too much is paused.
#[inline]
fn arrived(py: Python<'_>, reader: &Own<StreamReader>) -> PyRes<()> {
    wake(py, reader)?;
    if reader.len() > 2 * reader.limit() && !reader.paused.get() {
        pause(py, reader)?;
    }
    Ok(())
}

/// `_wakeup_waiter()`.
#[inline]
fn wake(py: Python<'_>, reader: &StreamReader) -> PyRes<()> {
    let Some(waiter) = reader.waiter.take() else {
        return Ok(());
    };
    if let Some(future) = waiter.exact::<Future>() {
        if future.is_cancelled() {
            return Ok(());
        }
        return Future::set_result(py, future, Own::none(py));
    }
    let cancelled = call::method(py, &waiter, &crate::names::CANCELLED, &[])?;
    if call::truth(py, &cancelled)? {
        return Ok(());
    }
    call::method(py, &waiter, &names::SET_RESULT, &[&Own::none(py)]).map(drop)
}

/// A transport that cannot pause is forgotten: there is no use in asking it again.
fn pause(py: Python<'_>, reader: &StreamReader) -> PyRes<()> {
    let Some(transport) = reader.transport.get() else {
        return Ok(());
    };
    match transport.exact::<StreamTransport>() {
        Some(stream) if !stream.has_attributes() => stream.pause_lazily(),
        _ => match call::method(py, &transport, &names::PAUSE_READING, &[]) {
            Ok(_none) => {}
            Err(error) if error.is::<PyNotImplementedError>(py) => {
                error.clear(py);
                reader.transport.set(None);
                return Ok(());
            }
            Err(error) => return Err(error),
        },
    }
    reader.paused.set(true);
    Ok(())
}
