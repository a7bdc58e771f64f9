//! From the program to the kernel.

use std::io::ErrorKind;

use ferrio_core::conn::{Action, Conn};
use ferrio_core::flow::Flow;
use ferrio_reactor::net;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::{StreamTransport, bad_descriptor, loss};
use crate::error;
use crate::ffi::{Name, Own, PyRes, Raised, buffer, exception};
use crate::names;
use crate::transport::outgoing::{Sent, payload};
use crate::transport::{in_own_context, is_running};

/// `write(data)`. While bytes wait for the end of the turn, a small one is copied behind them: whatever would forbid that,
/// or has to be told, goes through a flush first.
#[inline]
pub fn write(py: Python<'_>, this: &Own<StreamTransport>, data: &Own) -> PyRes<()> {
    let appended = buffer::exact_bytes(data)
        .is_some_and(|bytes| is_running(&this.engine) && this.outgoing.append(bytes));
    if appended {
        return Ok(());
    }
    write_anew(py, this, data)
}

#[inline(never)]
fn write_anew(py: Python<'_>, this: &Own<StreamTransport>, data: &Own) -> PyRes<()> {
    let payload = payload(py, data)?;
    let length = payload.as_ref().len();
    if may_write(py, this, "write", length)? && length > 0 {
        this.outgoing.push(payload);
        written(py, this, length)?;
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
    let length = payloads.iter().map(|payload| payload.as_ref().len()).sum();
    if !may_write(py, this, "writelines", length)? || payloads.is_empty() {
        return Ok(());
    }
    for payload in payloads {
        this.outgoing.push(payload);
    }
    written(py, this, length)
}

/// False where the connection is lost: the bytes, if there are any, are dropped, with a warning once it becomes a habit.
fn may_write(py: Python<'_>, this: &StreamTransport, method: &str, length: usize) -> PyRes<bool> {
    let conn = this.conn.get();
    if conn.has_written_eof() {
        let text = format!("Cannot call {method}() after write_eof()");
        return Err(Raised::new::<PyRuntimeError>(py, text));
    }
    if this.sending_file.get() {
        let text = format!("unable to {method}; sendfile is in progress");
        return Err(Raised::new::<PyRuntimeError>(py, text));
    }
    if !conn.is_lost() {
        return Ok(true);
    }
    if length > 0 {
        this.outgoing
            .drop_write(py, "socket.send() raised exception.")?;
    }
    Ok(false)
}

/// `length` bytes have been queued: sees to it that they are flushed, and judges the watermarks by what the kernel does not take.
#[inline]
fn written(py: Python<'_>, this: &Own<StreamTransport>, length: usize) -> PyRes<()> {
    if this.outgoing.is_blocked() {
        this.outgoing.invite();
        return tell(py, this, this.outgoing.after_write());
    }
    if !this.outgoing.waits(&this.engine, length, this.as_any()) {
        return flush(py, this);
    }
    this.outgoing.invite();
    Ok(())
}

/// Judges anew after the limits were changed.
pub(super) fn judge(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    flush(py, this)?;
    tell(py, this, this.outgoing.after_write())
}

fn tell(py: Python<'_>, this: &Own<StreamTransport>, flow: Flow) -> PyRes<()> {
    let name: &'static Name = match flow {
        Flow::Steady => return Ok(()),
        Flow::Pause => &names::PAUSE_WRITING,
        Flow::Resume => &names::RESUME_WRITING,
    };
    let done = in_own_context(py, &this.context, || {
        this.protocol.call(py, name, &[]).map(drop)
    });
    match done {
        Err(error) if !error.leaves_the_loop(py) => {
            let exception = error.take(py);
            let text = format!("protocol.{}() failed", name.text());
            loss::report(py, this, &exception, &text)
        }
        done => done,
    }
}

/// Sends what waits, and judges what the kernel has left. Does nothing while it refuses bytes, or after the connection is lost.
#[inline]
pub fn flush(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    this.outgoing.forget_note();
    if this.outgoing.is_blocked() || this.conn.get().is_lost() || !this.outgoing.has_bytes() {
        return Ok(());
    }
    if !this.owns_descriptor(py)? {
        return send_failed(py, this, &bad_descriptor());
    }
    match this.outgoing.send(py, this.fd.get()) {
        Sent::All => drained(py, this),
        Sent::Blocked => {
            this.outgoing.set_blocked(true);
            StreamTransport::update_interest(py, this)?;
            tell(py, this, this.outgoing.after_write())
        }
        Sent::Failed(error) => send_failed(py, this, &error),
    }
}

/// The kernel takes bytes again.
pub(super) fn unblocked(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    if this.conn.get().is_lost() {
        return Ok(());
    }
    if !this.owns_descriptor(py)? {
        return send_failed(py, this, &bad_descriptor());
    }
    match this.outgoing.send(py, this.fd.get()) {
        Sent::Blocked => tell(py, this, this.outgoing.after_drain()),
        Sent::Failed(error) => send_failed(py, this, &error),
        Sent::All => {
            this.outgoing.set_blocked(false);
            let told = tell(py, this, this.outgoing.after_drain());
            // An interrupt in it must not leave us waiting to write nothing.
            exception::and_then(py, told, || {
                StreamTransport::update_interest(py, this)?;
                // `resume_writing` may have written more.
                if this.outgoing.has_bytes() {
                    return Ok(());
                }
                drained(py, this)
            })
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
        Action::ShutdownWrite => match shutdown(py, this) {
            Err(error) if !error.leaves_the_loop(py) => {
                let exception = error.take(py);
                loss::report(py, this, &exception, "Cannot end the output of a transport")
            }
            done => done,
        },
        _ => loss::lose(py, this, None),
    }
}

/// `write_eof()`.
pub(super) fn write_eof(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    flush(py, this)?;
    let left = this.outgoing.has_bytes();
    match this.change(|conn| conn.write_eof(left)) {
        Action::ShutdownWrite => shutdown(py, this),
        _ => Ok(()),
    }
}

fn shutdown(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    if !this.owns_descriptor(py)? {
        return Err(error::os_error(py, &bad_descriptor()));
    }
    match net::shutdown_write(this.fd.get()) {
        Ok(()) => Ok(()),
        // The peer is gone already: there is nobody to tell.
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
        Err(error) => Err(error::os_error(py, &error)),
    }
}
