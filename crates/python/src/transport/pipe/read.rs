//! `ReadPipeTransport`: see `asyncio.ReadTransport`. The end of the stream closes it: `eof_received`, then `connection_lost`.

use std::cell::Cell;
use std::ffi::CStr;
use std::io::ErrorKind;

use ferrio_core::conn::{Action, Conn};
use ferrio_reactor::{Interest, net};
use pyo3::prelude::*;

use super::PipeTransport;
use crate::engine::{Engine, SinkCall};
use crate::error;
use crate::ffi::{
    self, Class, Immortal, Method, Own, Property, PyRes, TypeBuilder, TypeSlot, Visit, WithDict,
    buffer,
};
use crate::future::Future;
use crate::names;

/// The reading end of a pipe.
#[repr(C)]
pub struct ReadPipeTransport {
    base: PipeTransport,
    /// `eof_received` is owed before `connection_lost`.
    at_eof: Cell<bool>,
}

ffi::extends!(ReadPipeTransport: PipeTransport, base);

static READ_PIPE: TypeSlot = TypeSlot::new();

impl Class for ReadPipeTransport {
    const NAME: &'static CStr = c"ferrio.ReadPipeTransport";
    const DOC: &'static CStr = c"The reading end of a pipe; see asyncio.ReadTransport.";
    type Head = WithDict;
    const FINALIZER: bool = true;

    fn slot() -> &'static TypeSlot {
        &READ_PIPE
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
) -> PyRes<Own<ReadPipeTransport>> {
    let data = ReadPipeTransport {
        base: PipeTransport::new(py, engine, pipe, protocol, waiter)?,
        at_eof: Cell::new(false),
    };
    let transport = Own::alloc(py, data)?;
    PipeTransport::later(transport.base(), SinkCall::Start);
    Ok(transport)
}

/// `SinkCall`s come here from the ready queue.
pub fn call(py: Python<'_>, this: &Own<ReadPipeTransport>, call: SinkCall) -> PyRes<()> {
    match call {
        SinkCall::Start => PipeTransport::begin(py, this.base(), || update_interest(py, this)),
        SinkCall::Started => PipeTransport::started(py, this.base(), || update_interest(py, this)),
        SinkCall::ConnectionLost => {
            if this.at_eof.replace(false) {
                let told = PipeTransport::tell(py, this.base(), &names::EOF_RECEIVED, &[]);
                if let Err(interrupt) = told {
                    // The next run goes on.
                    PipeTransport::later(this.base(), SinkCall::ConnectionLost);
                    return Err(interrupt);
                }
            }
            PipeTransport::connection_lost(py, this.base())
        }
    }
}

fn update_interest(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    let interest = if this.conn.get().wants_bytes() {
        Interest::READ
    } else {
        Interest::NONE
    };
    PipeTransport::watch(py, this.base(), interest)
}

/// asyncio's `max_size`. What is more of a message is lost.
const LARGEST: usize = 256 * 1024;

/// Readiness comes here from `dispatch`: one read for each event.
pub fn ready(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    let Some(engine) = this.engine.get().filter(|_| this.conn.get().wants_bytes()) else {
        return Ok(());
    };
    let mut room = engine.take_receive_buffer();
    let mut large = Vec::new();
    let place = if this.keeps_messages {
        large.resize(LARGEST, 0);
        &mut large[..]
    } else {
        &mut room[..]
    };
    let received = net::read(this.fd.get(), place);
    let data = match &received {
        Ok(length @ 1..) => Some(buffer::new_bytes(py, &place[..*length])),
        _ => None,
    };
    engine.return_receive_buffer(room);
    match (received, data) {
        (_, Some(data)) => {
            let data = data?;
            let done = this.in_context(py, || this.protocol.data_received(py, &data));
            PipeTransport::survive(py, this.base(), done, &names::DATA_RECEIVED)
        }
        (Ok(_), None) => {
            this.at_eof.set(true);
            close(py, this)
        }
        (Err(error), None) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
            _ => failed(py, this, &error),
        },
    }
}

/// EIO is how a terminal says that its other side is gone; every other error is reported.
fn failed(py: Python<'_>, this: &Own<ReadPipeTransport>, error: &std::io::Error) -> PyRes<()> {
    const EIO: i32 = 5;
    let exception = error::os_error_object(py, error)?;
    if error.raw_os_error() != Some(EIO) {
        let text = "Fatal read error on pipe transport";
        PipeTransport::report(py, this.base(), &exception, text)?;
    }
    match this.change(Conn::force) {
        Action::Lose => PipeTransport::lose(py, this.base(), Some(exception)),
        _ => Ok(()),
    }
}

/// `close()`; nothing happens the second time.
fn close(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    match this.change(|conn| conn.close(false)) {
        Action::Lose => PipeTransport::lose(py, this.base(), None),
        _ => Ok(()),
    }
}

fn pause_reading(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    let _interest_follows = this.change(Conn::pause);
    update_interest(py, this)
}

fn resume_reading(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    let _interest_follows = this.change(Conn::resume);
    update_interest(py, this)
}

fn methods() -> Vec<Method<ReadPipeTransport>> {
    vec![
        Method::noargs(
            c"close",
            c"close($self, /)\n--\n\nStop reading, call connection_lost(), close the pipe.",
            close,
        ),
        Method::noargs(
            c"is_reading",
            c"is_reading($self, /)\n--\n\nNeither paused nor closing?",
            |_, this: &Own<ReadPipeTransport>| this.conn.get().is_reading(),
        ),
        Method::noargs(
            c"pause_reading",
            c"pause_reading($self, /)\n--\n\nNo data_received() until resume_reading(). Idempotent.",
            pause_reading,
        ),
        Method::noargs(
            c"resume_reading",
            c"resume_reading($self, /)\n--\n\nRead again. Idempotent.",
            resume_reading,
        ),
    ]
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<ReadPipeTransport>::new()
        .base(PipeTransport::slot(), py)
        .methods(methods())
        .properties([Property::get(
            c"__class__",
            |py, _: &Own<ReadPipeTransport>| {
                static READ_TRANSPORT: Immortal = Immortal::empty();
                READ_TRANSPORT
                    .import(py, "asyncio.transports", "ReadTransport")
                    .cloned()
            },
        )])
        .repr(|py, this: &Own<ReadPipeTransport>| {
            let polling = this.watched.get().readable;
            let text = this.shown("_UnixReadPipeTransport", polling, "");
            Ok(Own::str(py, &text))
        })
        .build(py)
        .map(drop)
}
