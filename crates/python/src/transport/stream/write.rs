//! From the program to the kernel.

use std::io::{ErrorKind, IoSlice};

use ferrio_core::conn::{Action, Conn};
use ferrio_core::flow::Flow;
use ferrio_reactor::net;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;

use super::{StreamTransport, loss};
use crate::engine::SinkRef;
use crate::error;
use crate::ffi::buffer::Payload;
use crate::ffi::{Name, Own, PyRes, Raised};
use crate::names;

/// Beyond this many bytes a write does not wait for the end of the callback.
const FLUSH_AT: usize = 64 * 1024;
/// From this many writes into a lost connection on, the program is warned.
const WARN_AFTER: u32 = 5;

/// Do bytes wait?
pub(super) fn has_bytes(this: &StreamTransport) -> bool {
    this.queue.with(|queue| !queue.is_empty())
}

/// How many bytes wait.
pub(super) fn buffered(this: &StreamTransport) -> usize {
    this.queue.with(|queue| queue.len_bytes())
}

fn payload(py: Python<'_>, data: &Own) -> PyRes<Payload> {
    Payload::from_object(py, data).map_err(|error| {
        if !error.is::<PyTypeError>(py) {
            return error;
        }
        error.clear(py);
        let class = data.type_object(py);
        let name = class
            .name()
            .map_or_else(|_| "?".to_owned(), |name| name.to_string());
        let text = format!("data argument must be a bytes-like object, not '{name}'");
        Raised::new::<PyTypeError>(py, text)
    })
}

/// `write(data)`.
#[inline]
pub(super) fn write(py: Python<'_>, this: &Own<StreamTransport>, data: &Own) -> PyRes<()> {
    let payload = payload(py, data)?;
    if may_write(py, this, "write")? && !payload.as_ref().is_empty() {
        this.queue.with(|queue| queue.push(payload));
        written(py, this)?;
    }
    Ok(())
}

/// `writelines(list_of_data)`: one pass, no joining.
pub(super) fn write_lines(py: Python<'_>, this: &Own<StreamTransport>, lines: &Own) -> PyRes<()> {
    let mut payloads = Vec::new();
    for line in lines.bound(py).try_iter()? {
        payloads.push(payload(py, &Own::from(line?))?);
    }
    payloads.retain(|payload| !payload.as_ref().is_empty());
    if !may_write(py, this, "writelines")? || payloads.is_empty() {
        return Ok(());
    }
    this.queue
        .with(|queue| payloads.drain(..).for_each(|payload| queue.push(payload)));
    written(py, this)
}

/// False where the connection is lost: the bytes are dropped, with a warning once it becomes a habit.
fn may_write(py: Python<'_>, this: &StreamTransport, method: &str) -> PyRes<bool> {
    let conn = this.conn.get();
    if conn.has_written_eof() {
        let text = format!("Cannot call {method}() after write_eof()");
        return Err(Raised::new::<PyRuntimeError>(py, text));
    }
    if !conn.is_lost() {
        return Ok(true);
    }
    let dropped = this.dropped_writes.get();
    this.dropped_writes.set(dropped.saturating_add(1));
    if dropped >= WARN_AFTER {
        let logger = py.import("asyncio.log")?.getattr("logger")?;
        logger.call_method1("warning", ("socket.send() raised exception.",))?;
    }
    Ok(false)
}

/// Bytes have been queued: sees to it that they are flushed, and judges the watermarks.
#[inline]
fn written(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let waiting = buffered(this);
    let much = waiting >= FLUSH_AT || this.marks.get().exceeded(waiting);
    if this.blocked.get() || !much {
        note(this);
    } else {
        flush(py, this)?;
    }
    if much { after_write(py, this) } else { Ok(()) }
}

fn note(this: &Own<StreamTransport>) {
    if this.blocked.get() || this.noted.replace(true) {
        return;
    }
    if let Some(engine) = this.engine.get() {
        engine.note_unflushed(SinkRef(this.as_any().clone()));
    }
}

fn after_write(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let mut marks = this.marks.get();
    let flow = marks.after_write(buffered(this));
    this.marks.set(marks);
    tell(py, this, flow)
}

fn after_drain(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let mut marks = this.marks.get();
    let flow = marks.after_drain(buffered(this));
    this.marks.set(marks);
    tell(py, this, flow)
}

/// Judges anew after the limits were changed.
pub(super) fn judge(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    flush(py, this)?;
    after_write(py, this)
}

fn tell(py: Python<'_>, this: &Own<StreamTransport>, flow: Flow) -> PyRes<()> {
    let name: &'static Name = match flow {
        Flow::Steady => return Ok(()),
        Flow::Pause => &names::PAUSE_WRITING,
        Flow::Resume => &names::RESUME_WRITING,
    };
    match this.in_context(py, || this.protocol.call(py, name, &[]).map(drop)) {
        Err(error) if !error.leaves_the_loop(py) => {
            let exception = error.take(py);
            let text = format!("protocol.{}() failed", name.text());
            loss::report(py, this, &exception, &text)
        }
        done => done,
    }
}

enum Sent {
    All,
    Blocked,
    Failed(std::io::Error),
}

/// Gives the kernel what waits, until it refuses or nothing is left.
fn send(this: &StreamTransport) -> Sent {
    let mut done = Vec::new();
    let fd = this.fd.get();
    let outcome = this.queue.with(|queue| {
        loop {
            let result = match queue.single() {
                Some(bytes) => net::send(fd, bytes),
                None if queue.is_empty() => return Sent::All,
                None => {
                    let mut slices: Vec<IoSlice<'_>> = Vec::new();
                    queue.slices(&mut slices);
                    net::send_vectored(fd, &slices)
                }
            };
            match result {
                Ok(bytes) => queue.consume(bytes, &mut done),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Sent::Blocked,
                Err(error) => return Sent::Failed(error),
            }
        }
    });
    drop(done);
    outcome
}

/// Sends what waits. Does nothing while the kernel refuses bytes, or after the connection is lost.
#[inline]
pub fn flush(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    this.noted.set(false);
    if this.blocked.get() || this.conn.get().is_lost() || !has_bytes(this) {
        return Ok(());
    }
    match send(this) {
        Sent::All => drained(py, this),
        Sent::Blocked => {
            this.blocked.set(true);
            StreamTransport::update_interest(py, this)
        }
        Sent::Failed(error) => send_failed(py, this, &error),
    }
}

/// The kernel takes bytes again.
pub(super) fn unblocked(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    if this.conn.get().is_lost() {
        return Ok(());
    }
    match send(this) {
        Sent::Blocked => after_drain(py, this),
        Sent::Failed(error) => send_failed(py, this, &error),
        Sent::All => {
            this.blocked.set(false);
            after_drain(py, this)?;
            StreamTransport::update_interest(py, this)?;
            // `resume_writing` may have written more.
            if has_bytes(this) {
                Ok(())
            } else {
                drained(py, this)
            }
        }
    }
}

fn send_failed(py: Python<'_>, this: &Own<StreamTransport>, error: &std::io::Error) -> PyRes<()> {
    let exception = error::os_error_object(py, error)?;
    loss::fatal(py, this, exception, "Fatal write error on socket transport")
}

/// Nothing waits any more: what was to come after the last byte comes now.
#[inline]
fn drained(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    match this.change(Conn::drained) {
        Action::Nothing => Ok(()),
        Action::ShutdownWrite => shutdown(py, this),
        _ => loss::lose(py, this, None),
    }
}

/// `write_eof()`.
pub(super) fn write_eof(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    flush(py, this)?;
    let left = has_bytes(this);
    match this.change(|conn| conn.write_eof(left)) {
        Action::ShutdownWrite => shutdown(py, this),
        _ => Ok(()),
    }
}

fn shutdown(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    match net::shutdown_write(this.fd.get()) {
        Ok(()) => Ok(()),
        // The peer is gone already: there is nobody to tell.
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
        Err(error) => Err(error::os_error(py, &error)),
    }
}

/// `set_write_buffer_limits(high, low)`.
pub(super) fn limit(py: Python<'_>, value: Option<&Own>) -> PyRes<Option<i64>> {
    match value.filter(|value| !value.is_none()) {
        Some(value) => Ok(Some(value.bound(py).extract::<i64>()?)),
        None => Ok(None),
    }
}
