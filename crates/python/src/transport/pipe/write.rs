//! `WritePipeTransport`: see `asyncio.WriteTransport`. Bytes leave as those of a stream connection do, at the end of the
//! callback. That the other side is gone is seen at once, not only by the next write: a pipe is watched for it.

use std::cell::Cell;
use std::ffi::CStr;

use ferrio_core::conn::{Action, Conn};
use ferrio_core::flow::Flow;
use ferrio_reactor::Interest;
use pyo3::exceptions::{PyBrokenPipeError, PyNotImplementedError, PyOSError};
use pyo3::prelude::*;

use super::PipeTransport;
use crate::engine::{Direction, Engine, SinkCall};
use crate::error;
use crate::ffi::{
    self, Args, Class, Immortal, Method, Own, Property, PyRes, Raised, TypeBuilder, TypeSlot,
    Visit, WithDict, exception,
};
use crate::future::Future;
use crate::names;
use crate::transport::in_own_context;
use crate::transport::outgoing::{LIMITS, Outgoing, Sent, limits_object, payload};

/// The writing end of a pipe.
#[repr(C)]
pub struct WritePipeTransport {
    base: PipeTransport,
    outgoing: Outgoing,
    /// Does readability mean that the other side is gone? Not on a terminal, where it means input.
    watches_peer: Cell<bool>,
}

ffi::extends!(WritePipeTransport: PipeTransport, base);

static WRITE_PIPE: TypeSlot = TypeSlot::new();

impl Class for WritePipeTransport {
    const NAME: &'static CStr = c"ferrio.WritePipeTransport";
    const DOC: &'static CStr = c"The writing end of a pipe; see asyncio.WriteTransport.";
    type Head = WithDict;
    const FINALIZER: bool = true;

    fn slot() -> &'static TypeSlot {
        &WRITE_PIPE
    }

    fn traverse(&self, visit: &mut Visit) {
        self.base.traverse(visit);
    }

    fn clear(&self, py: Python<'_>) {
        self.base.clear(py);
    }

    fn wants_finalizer(&self) -> bool {
        self.base.wants_finalizer()
    }

    fn finalize(py: Python<'_>, this: &Own<Self>) {
        PipeTransport::finalize(py, this.base());
    }
}

/// A transport whose `connection_made` is scheduled.
pub fn start(
    py: Python<'_>,
    engine: &Own<Engine>,
    pipe: &Own,
    protocol: &Own,
    waiter: Option<Own<Future>>,
    watches_peer: bool,
) -> PyRes<Own<WritePipeTransport>> {
    let data = WritePipeTransport {
        base: PipeTransport::new(py, engine, pipe, protocol, waiter)?,
        outgoing: Outgoing::new(),
        watches_peer: Cell::new(watches_peer),
    };
    let transport = Own::alloc(py, data)?;
    PipeTransport::later(transport.base(), SinkCall::Start);
    Ok(transport)
}

/// `SinkCall`s come here from the ready queue.
pub fn call(py: Python<'_>, this: &Own<WritePipeTransport>, call: SinkCall) -> PyRes<()> {
    match call {
        SinkCall::Start => PipeTransport::begin(py, this.base(), || update_interest(py, this)),
        SinkCall::Started => PipeTransport::started(py, this.base(), || update_interest(py, this)),
        SinkCall::ConnectionLost => PipeTransport::connection_lost(py, this.base()),
    }
}

fn update_interest(py: Python<'_>, this: &Own<WritePipeTransport>) -> PyRes<()> {
    let is_open = !this.conn.get().is_lost();
    let interest = Interest {
        readable: is_open && this.watches_peer.get(),
        writable: is_open && this.outgoing.is_blocked(),
        ..Interest::NONE
    };
    PipeTransport::watch(py, this.base(), interest)
}

/// Readiness comes here from `dispatch`.
pub fn ready(py: Python<'_>, this: &Own<WritePipeTransport>, direction: Direction) -> PyRes<()> {
    match direction {
        Direction::Write if this.outgoing.is_blocked() => unblocked(py, this),
        Direction::Read if this.watches_peer.get() => {
            // The other side is gone, and with it who would have read what still waits.
            let lost = this.outgoing.has_bytes();
            let error = lost.then(|| Raised::new::<PyBrokenPipeError>(py, "").take(py));
            force(py, this, error)
        }
        _ => Ok(()),
    }
}

fn write(py: Python<'_>, this: &Own<WritePipeTransport>, data: &Own) -> PyRes<()> {
    let payload = payload(py, data)?;
    let length = payload.as_ref().len();
    if length == 0 {
        return Ok(());
    }
    if this.conn.get().is_closing() {
        let warning = "pipe closed by peer or os.write(pipe, data) raised exception.";
        return this.outgoing.drop_write(py, warning);
    }
    this.outgoing.push(payload);
    if this.outgoing.is_blocked() {
        return tell(py, this, this.outgoing.after_write());
    }
    if !this.keeps_messages && this.outgoing.waits(&this.engine, length, this.as_any()) {
        return Ok(());
    }
    flush(py, this)
}

fn write_lines(py: Python<'_>, this: &Own<WritePipeTransport>, lines: &Own) -> PyRes<()> {
    for line in lines.bound(py).try_iter()? {
        write(py, this, &Own::from(line?))?;
    }
    Ok(())
}

fn tell(py: Python<'_>, this: &Own<WritePipeTransport>, flow: Flow) -> PyRes<()> {
    match flow {
        Flow::Steady => Ok(()),
        Flow::Pause => {
            let done = in_own_context(py, &this.context, || {
                this.protocol.call(py, &names::PAUSE_WRITING, &[]).map(drop)
            });
            PipeTransport::survive(py, this.base(), done, &names::PAUSE_WRITING)
        }
        Flow::Resume => PipeTransport::tell(py, this.base(), &names::RESUME_WRITING, &[]),
    }
}

/// Sends what waits. Does nothing while the kernel refuses bytes, or after the connection is lost.
pub fn flush(py: Python<'_>, this: &Own<WritePipeTransport>) -> PyRes<()> {
    this.outgoing.forget_note();
    if this.outgoing.is_blocked() || this.conn.get().is_lost() || !this.outgoing.has_bytes() {
        return Ok(());
    }
    match this.outgoing.send(py, this.fd.get()) {
        Sent::All => drained(py, this)?,
        Sent::Blocked => {
            this.outgoing.set_blocked(true);
            update_interest(py, this)?;
            return tell(py, this, this.outgoing.after_write());
        }
        Sent::Failed(error) => failed(py, this, &error)?,
    }
    Ok(())
}

/// The kernel takes bytes again.
fn unblocked(py: Python<'_>, this: &Own<WritePipeTransport>) -> PyRes<()> {
    match this.outgoing.send(py, this.fd.get()) {
        Sent::Blocked => tell(py, this, this.outgoing.after_drain()),
        Sent::Failed(error) => failed(py, this, &error),
        Sent::All => {
            this.outgoing.set_blocked(false);
            let told = tell(py, this, this.outgoing.after_drain());
            // An interrupt in it must not leave us waiting to write nothing.
            exception::and_then(py, told, || {
                update_interest(py, this)?;
                // `resume_writing` may have written more.
                if this.outgoing.has_bytes() {
                    return Ok(());
                }
                drained(py, this)
            })
        }
    }
}

/// Nothing waits any more: a close that has waited for it comes now.
fn drained(py: Python<'_>, this: &Own<WritePipeTransport>) -> PyRes<()> {
    match this.change(Conn::drained) {
        Action::Lose => PipeTransport::lose(py, this.base(), None),
        _ => Ok(()),
    }
}

/// System errors are everyday life, others are reported.
fn failed(py: Python<'_>, this: &Own<WritePipeTransport>, error: &std::io::Error) -> PyRes<()> {
    let exception = error::os_error_object(py, error)?;
    if !exception.bound(py).is_instance_of::<PyOSError>() {
        let text = "Fatal write error on pipe transport";
        PipeTransport::report(py, this.base(), &exception, text)?;
    }
    force(py, this, Some(exception))
}

/// `abort()`: at once. The kernel is offered what this callback has written: asyncio has done so in `write`.
fn abort(py: Python<'_>, this: &Own<WritePipeTransport>) -> PyRes<()> {
    flush(py, this)?;
    force(py, this, None)
}

/// At once; what waits is lost.
fn force(py: Python<'_>, this: &Own<WritePipeTransport>, error: Option<Own>) -> PyRes<()> {
    match this.change(Conn::force) {
        Action::Lose => {
            this.outgoing.discard();
            PipeTransport::lose(py, this.base(), error)
        }
        _ => Ok(()),
    }
}

/// `close()` and `write_eof()`, which are the same for a pipe: when everything written has been sent.
fn close(py: Python<'_>, this: &Own<WritePipeTransport>) -> PyRes<()> {
    flush(py, this)?;
    let left = this.outgoing.has_bytes();
    match this.change(|conn| conn.close(left)) {
        Action::Lose => PipeTransport::lose(py, this.base(), None),
        _ => Ok(()),
    }
}

fn set_write_buffer_limits(
    py: Python<'_>,
    this: &Own<WritePipeTransport>,
    args: Args<'_>,
) -> PyRes<()> {
    let [high, low] = args.bind(py, &LIMITS)?;
    this.outgoing.set_limits(py, high, low)?;
    flush(py, this)?;
    tell(py, this, this.outgoing.after_write())
}

fn get_write_buffer_limits(py: Python<'_>, this: &Own<WritePipeTransport>) -> PyRes {
    limits_object(py, this.outgoing.limits())
}

fn get_write_buffer_size(py: Python<'_>, this: &Own<WritePipeTransport>) -> PyRes<i64> {
    flush(py, this)?;
    Ok(this.outgoing.len_bytes() as i64)
}

/// asyncio's has the methods of every transport; those that make no sense raise as the abstract class's do.
#[cold]
fn no_reading(py: Python<'_>, _: &Own<WritePipeTransport>) -> PyRes<()> {
    Err(Raised::new::<PyNotImplementedError>(py, ""))
}

fn methods() -> Vec<Method<WritePipeTransport>> {
    vec![
        Method::noargs(
            c"is_reading",
            c"is_reading($self, /)\n--\n\nRaises NotImplementedError.",
            no_reading,
        ),
        Method::noargs(
            c"pause_reading",
            c"pause_reading($self, /)\n--\n\nRaises NotImplementedError.",
            no_reading,
        ),
        Method::noargs(
            c"resume_reading",
            c"resume_reading($self, /)\n--\n\nRaises NotImplementedError.",
            no_reading,
        ),
        Method::one(
            c"write",
            c"write($self, data, /)\n--\n\nQueue bytes; they are sent when the callback returns, or earlier. Never blocks.",
            write,
        ),
        Method::one(
            c"writelines",
            c"writelines($self, list_of_data, /)\n--\n\nQueue several pieces without joining them.",
            write_lines,
        ),
        Method::noargs(
            c"write_eof",
            c"write_eof($self, /)\n--\n\nClose the pipe after everything written.",
            close,
        ),
        Method::noargs(
            c"can_write_eof",
            c"can_write_eof($self, /)\n--\n\nTrue.",
            |_, _: &Own<WritePipeTransport>| true,
        ),
        Method::noargs(
            c"close",
            c"close($self, /)\n--\n\nClose when everything written has been sent.",
            close,
        ),
        Method::noargs(
            c"abort",
            c"abort($self, /)\n--\n\nClose at once; what the kernel has not taken is lost.",
            abort,
        ),
        Method::noargs(
            c"get_write_buffer_size",
            c"get_write_buffer_size($self, /)\n--\n\nBytes that the kernel has not taken.",
            get_write_buffer_size,
        ),
        Method::noargs(
            c"get_write_buffer_limits",
            c"get_write_buffer_limits($self, /)\n--\n\n(low, high) in bytes.",
            get_write_buffer_limits,
        ),
        Method::args(
            c"set_write_buffer_limits",
            c"set_write_buffer_limits($self, /, high=None, low=None)\n--\n\nSet when the protocol is paused and resumed, in bytes.",
            set_write_buffer_limits,
        ),
    ]
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<WritePipeTransport>::new()
        .base(PipeTransport::slot(), py)
        .methods(methods())
        .properties([Property::get(
            c"__class__",
            |py, _: &Own<WritePipeTransport>| {
                static WRITE_TRANSPORT: Immortal = Immortal::empty();
                WRITE_TRANSPORT
                    .import(py, "asyncio.transports", "WriteTransport")
                    .cloned()
            },
        )])
        .repr(|py, this: &Own<WritePipeTransport>| {
            let waiting = format!(" bufsize={}", this.outgoing.len_bytes());
            let polling = this.outgoing.is_blocked();
            let text = this.shown("_UnixWritePipeTransport", polling, &waiting);
            Ok(Own::str(py, &text))
        })
        .build(py)
        .map(drop)
}
