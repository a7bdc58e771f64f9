//! `StreamWriter.drain()`.
//!
//! States: start → done at once where nothing is paused; else → Waits (among `_drain_waiters` of our protocol) → done. A transport that
//! closes gets one turn first, so that `connection_lost` is heard of (Turn). Another protocol's `_drain_helper` is awaited (Helper).

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::PyConnectionResetError;
use pyo3::prelude::*;

use super::{
    PROTOCOL, READER, StreamReader, StreamReaderProtocol, StreamWriter, create_future, names,
};
use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{Own, PyRes, Raised, Recycled, Slot, TypeSlot, Visit, call, exception};
use crate::transport::stream::StreamTransport;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Turn,
    Waits,
    Helper,
}

/// The coroutine of `drain()`.
pub(super) struct Drain {
    writer: Slot<StreamWriter>,
    phase: Cell<Phase>,
    /// Our future among `_drain_waiters`, and that deque.
    waiter: Slot,
    waiters: Slot,
}

static DRAIN: TypeSlot = TypeSlot::new();

impl Awaitable for Drain {
    const TYPE_NAME: &'static CStr = c"ferrio._ferrio.DrainCoroutine";
    const QUALNAME: &'static str = "StreamWriter.drain";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(12));

    fn slot() -> &'static TypeSlot {
        &DRAIN
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let Some(writer) = this.writer.get() else {
            return Ok(Next::Return(None));
        };
        if let Some(error) = error_of_reader(py, &writer)? {
            return Err(exception::raise(py, &error));
        }
        if is_closing(py, &writer)? {
            this.phase.set(Phase::Turn);
            return Ok(Next::Yield);
        }
        help(py, this, &writer)
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let left = match (this.waiters.take(), this.waiter.take()) {
            // `finally: self._drain_waiters.remove(waiter)`
            (Some(waiters), Some(waiter)) => {
                call::method(py, &waiters, &names::REMOVE, &[&waiter]).map(drop)
            }
            _ => Ok(()),
        };
        exception::after_finally(py, outcome, left)?;
        match (this.phase.get(), this.writer.get()) {
            (Phase::Turn, Some(writer)) => help(py, this, &writer),
            _ => Ok(Next::Return(None)),
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.writer);
        visit.slot(&self.waiter);
        visit.slot(&self.waiters);
    }

    fn clear(&self) {
        self.writer.set(None);
        self.waiter.set(None);
        self.waiters.set(None);
    }
}

/// `self._reader.exception()`, where there is a reader.
#[inline]
fn error_of_reader(py: Python<'_>, writer: &StreamWriter) -> PyRes<Option<Own>> {
    let Some(reader) = writer.reader.get().filter(|reader| !reader.is_none()) else {
        return Ok(None);
    };
    if let Some(reader) = READER.relative::<StreamReader>(&reader) {
        return Ok(reader.exception.get());
    }
    let error = call::method(py, &reader, &crate::names::EXCEPTION, &[])?;
    Ok((!error.is_none()).then_some(error))
}

#[inline]
fn is_closing(py: Python<'_>, writer: &StreamWriter) -> PyRes<bool> {
    let transport = writer.transport(py);
    match transport.exact::<StreamTransport>() {
        Some(stream) if !stream.has_attributes() => Ok(stream.is_closing()),
        _ => {
            let answer = call::method(py, &transport, &crate::names::IS_CLOSING, &[])?;
            call::truth(py, &answer)
        }
    }
}

/// `await self._protocol._drain_helper()`.
#[inline]
fn help(py: Python<'_>, this: &Own<Coroutine<Drain>>, writer: &StreamWriter) -> PyRes<Next> {
    let protocol = writer.protocol.get().unwrap_or_else(|| Own::none(py));
    let Some(protocol) = PROTOCOL.shown::<StreamReaderProtocol>(&protocol) else {
        this.phase.set(Phase::Helper);
        return call::method(py, &protocol, &names::DRAIN_HELPER, &[]).map(Next::Await);
    };
    if protocol.connection_lost.get() {
        let text = "Connection lost";
        return Err(Raised::new::<PyConnectionResetError>(py, text));
    }
    if !protocol.paused.get() {
        return Ok(Next::Return(None));
    }
    let waiter = create_future(py, &protocol.loop_)?;
    let waiters = protocol.drain_waiters(py)?;
    call::method(py, &waiters, &names::APPEND, &[&waiter])?;
    this.waiters.set(Some(waiters));
    this.waiter.set(Some(waiter.clone()));
    this.phase.set(Phase::Waits);
    Ok(Next::Await(waiter))
}

/// The coroutine of `writer.drain()`.
pub(super) fn coroutine(py: Python<'_>, writer: &Own<StreamWriter>) -> PyRes {
    let states = Drain {
        writer: Slot::new(Some(writer.clone())),
        phase: Cell::new(Phase::Helper),
        waiter: Slot::empty(),
        waiters: Slot::empty(),
    };
    awaitable::new(py, states).map(Own::into_any)
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes<()> {
    awaitable::make_type::<Drain>(py)
}
