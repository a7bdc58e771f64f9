//! `ReadPipeTransport`: the reading end of a pipe, FIFO, terminal or socket; see `asyncio.ReadTransport`.
//!
//! The life of a stream connection (`core::conn`) without its writing half. The end of the stream closes the transport:
//! `eof_received`, then `connection_lost`.

use std::cell::Cell;
use std::ffi::CStr;
use std::io::ErrorKind;
use std::os::fd::RawFd;

use ferrio_core::conn::{Action, Conn};
use ferrio_reactor::{Interest, Key, net};
use pyo3::prelude::*;

use super::protocol::Protocol;
use super::report;
use super::socket::Socket;
use crate::engine::{Engine, Entry, SinkCall, SinkRef, Source};
use crate::error;
use crate::ffi::{
    Args, Class, Immortal, Method, Name, Own, Params, Property, PyRes, Slot, TypeBuilder, TypeSlot,
    Visit, WithDict, buffer, call, context, exception,
};
use crate::future::{Future, asyncio_class};
use crate::names;

/// The reading end of a pipe. `Start` → reading → `connection_lost`, once.
pub struct ReadPipeTransport {
    engine: Slot<Engine>,
    /// The program's file object; closed with the transport.
    pipe: Slot,
    /// -1 once closed.
    fd: Cell<RawFd>,
    key: Cell<Option<Key>>,
    conn: Cell<Conn>,
    /// `eof_received` is owed before `connection_lost`.
    at_eof: Cell<bool>,
    protocol: Protocol,
    /// All protocol callbacks run in the context the transport was made in.
    context: Slot,
    /// Resolved after `connection_made`.
    waiter: Slot<Future>,
    /// Why the connection was lost.
    error: Slot,
}

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
        visit.slot(&self.engine);
        visit.slot(&self.pipe);
        self.protocol.traverse(visit);
        visit.slot(&self.context);
        visit.slot(&self.waiter);
        visit.slot(&self.error);
    }

    fn clear(&self, _py: Python<'_>) {
        self.protocol.release();
        self.waiter.set(None);
        self.error.set(None);
        self.context.set(None);
    }

    fn wants_finalizer(&self) -> bool {
        self.fd.get() >= 0
    }

    fn finalize(py: Python<'_>, this: &Own<Self>) {
        let shown = this.as_any().bound(py).repr().map_err(Into::into);
        let warned = shown.and_then(|shown| {
            let text = format!("unclosed transport {shown}");
            exception::resource_warning(py, this.as_any(), &text)
        });
        let closed = release(py, this);
        if let Err(error) = warned.and(closed) {
            error.write_unraisable(py, Some(this.as_any()));
        }
    }
}

/// What a new transport begins with: the file object (non-blocking), the program's protocol, and who waits.
pub fn start(
    py: Python<'_>,
    engine: &Own<Engine>,
    pipe: &Own,
    protocol: &Own,
    waiter: Option<Own<Future>>,
) -> PyRes<Own<ReadPipeTransport>> {
    let fd = Socket::fd_of(py, pipe)?;
    let callbacks = Protocol::default();
    callbacks.set(py, protocol)?;
    let transport = Own::alloc(
        py,
        ReadPipeTransport {
            engine: Slot::new(Some(engine.clone())),
            pipe: Slot::new(Some(pipe.clone())),
            fd: Cell::new(fd),
            key: Cell::new(None),
            conn: Cell::new(Conn::new()),
            at_eof: Cell::new(false),
            protocol: callbacks,
            context: Slot::new(Some(context::copy_current(py)?)),
            waiter: Slot::new(waiter),
            error: Slot::empty(),
        },
    )?;
    later(&transport, SinkCall::Start);
    Ok(transport)
}

fn later(this: &Own<ReadPipeTransport>, call: SinkCall) {
    if let Some(engine) = this.engine.get() {
        engine.schedule_quietly(Entry::Sink(SinkRef(this.as_any().clone()), call));
    }
}

fn change(this: &Own<ReadPipeTransport>, transition: impl FnOnce(&mut Conn) -> Action) -> Action {
    let mut conn = this.conn.get();
    let action = transition(&mut conn);
    this.conn.set(conn);
    action
}

/// `SinkCall`s come here from the ready queue.
pub fn call(py: Python<'_>, this: &Own<ReadPipeTransport>, call: SinkCall) -> PyRes<()> {
    match call {
        SinkCall::Start => begin(py, this),
        SinkCall::ConnectionLost => connection_lost(py, this),
    }
}

/// `connection_made`, then reading, then whoever waits: asyncio's order.
fn begin(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    tell(py, this, &names::CONNECTION_MADE, &[this.as_any()])?;
    let _interest_follows = change(this, Conn::started);
    update_interest(py, this)?;
    match this.waiter.take() {
        Some(waiter) if !waiter.is_done() => Future::set_result(py, &waiter, Own::none(py)),
        _ => Ok(()),
    }
}

/// Calls the protocol.
fn tell(
    py: Python<'_>,
    this: &Own<ReadPipeTransport>,
    name: &'static Name,
    args: &[&Own],
) -> PyRes<()> {
    let done = in_context(py, this, || this.protocol.call(py, name, args).map(drop));
    survive(py, this, done, name)
}

/// An error of a protocol callback is reported and changes nothing, `data_received` included: so it is with asyncio's pipes,
/// unlike its sockets.
fn survive(
    py: Python<'_>,
    this: &Own<ReadPipeTransport>,
    done: PyRes<()>,
    name: &'static Name,
) -> PyRes<()> {
    match done {
        Err(error) if !error.leaves_the_loop(py) => {
            let exception = error.take(py);
            let text = this.protocol.failed_callback(py, name)?;
            tell_loop(py, this, &exception, &text)
        }
        done => done,
    }
}

fn in_context<R>(
    py: Python<'_>,
    this: &Own<ReadPipeTransport>,
    f: impl FnOnce() -> PyRes<R>,
) -> PyRes<R> {
    match this.context.get() {
        Some(context) => context::run(py, &context, f),
        None => f(),
    }
}

fn tell_loop(
    py: Python<'_>,
    this: &Own<ReadPipeTransport>,
    exception: &Own,
    text: &str,
) -> PyRes<()> {
    match this.engine.get() {
        Some(engine) => report(py, &engine, this.as_any(), &this.protocol, exception, text),
        None => Ok(()),
    }
}

fn update_interest(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    let Some(engine) = this.engine.get() else {
        return Ok(());
    };
    match (this.key.get(), this.conn.get().wants_bytes()) {
        (None, true) => {
            let source = Source::ReadPipe(SinkRef(this.as_any().clone()));
            let key = engine.register(py, this.fd.get(), source, Interest::READ);
            match key {
                Ok(key) => this.key.set(Some(key)),
                Err(error) => {
                    let exception = error.take(py);
                    fatal(py, this, exception, "Fatal error: cannot watch the pipe")?;
                }
            }
        }
        (Some(_), false) => forget(this),
        _ => {}
    }
    Ok(())
}

fn forget(this: &Own<ReadPipeTransport>) {
    if let (Some(engine), Some(key)) = (this.engine.get(), this.key.take()) {
        engine.deregister(key);
    }
}

/// Readiness comes here from `dispatch`: one read for each event.
pub fn ready(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    let Some(engine) = this.engine.get().filter(|_| this.conn.get().wants_bytes()) else {
        return Ok(());
    };
    let mut room = engine.take_receive_buffer();
    let received = net::recv(this.fd.get(), &mut room);
    let data = match &received {
        Ok(length @ 1..) => Some(buffer::new_bytes(py, &room[..*length])),
        _ => None,
    };
    engine.return_receive_buffer(room);
    match (received, data) {
        (_, Some(data)) => {
            let data = data?;
            let done = in_context(py, this, || this.protocol.data_received(py, &data));
            survive(py, this, done, &names::DATA_RECEIVED)
        }
        (Ok(_), None) => {
            this.at_eof.set(true);
            close(py, this)
        }
        (Err(error), None) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
            _ => {
                let exception = error::os_error_object(py, &error)?;
                fatal(py, this, exception, "Fatal read error on pipe transport")
            }
        },
    }
}

/// `close()`; nothing happens the second time.
fn close(_py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    if change(this, |conn| conn.close(false)) == Action::Lose {
        forget(this);
        later(this, SinkCall::ConnectionLost);
    }
    Ok(())
}

/// An error that ends the connection; EIO is how a terminal says that its other side is gone.
fn fatal(py: Python<'_>, this: &Own<ReadPipeTransport>, exception: Own, text: &str) -> PyRes<()> {
    const EIO: i32 = 5;
    let errno = exception.bound(py).getattr("errno");
    if errno.and_then(|errno| errno.extract::<i32>()).ok() != Some(EIO) {
        tell_loop(py, this, &exception, text)?;
    }
    this.error.set(Some(exception));
    close(py, this)
}

/// `eof_received` where it is owed, `connection_lost`, then the descriptor.
fn connection_lost(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    if this.at_eof.replace(false) {
        tell(py, this, &names::EOF_RECEIVED, &[])?;
    }
    let error = this.error.take().unwrap_or_else(|| Own::none(py));
    let told = tell(py, this, &names::CONNECTION_LOST, &[&error]);
    release(py, this)?;
    this.protocol.release();
    this.context.set(None);
    if let Some(waiter) = this.waiter.take() {
        Future::cancel(py, &waiter, None)?;
    }
    told
}

/// Closes the file object, once.
fn release(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    this.fd.set(-1);
    match this.pipe.get() {
        Some(pipe) => call::method(py, &pipe, &names::CLOSE, &[]).map(drop),
        None => Ok(()),
    }
}

fn pause_reading(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    let _interest_follows = change(this, Conn::pause);
    update_interest(py, this)
}

fn resume_reading(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes<()> {
    let _interest_follows = change(this, Conn::resume);
    update_interest(py, this)
}

static GET_EXTRA_INFO: Params<2> = Params {
    function: "get_extra_info",
    names: [&names::NAME, &names::DEFAULT],
    positional: 2,
    required: 1,
};

fn get_extra_info(py: Python<'_>, this: &Own<ReadPipeTransport>, args: Args<'_>) -> PyRes {
    let [name, default] = args.bind(py, &GET_EXTRA_INFO)?;
    let name = name.expect("bind checks what is required").bound(py);
    match this.pipe.get() {
        Some(pipe) if name.eq("pipe")? => Ok(pipe),
        _ => Ok(default.cloned().unwrap_or_else(|| Own::none(py))),
    }
}

/// asyncio's words for its own pipe transport.
fn repr(py: Python<'_>, this: &Own<ReadPipeTransport>) -> PyRes {
    let fd = this.fd.get();
    let text = match (fd < 0, this.conn.get().is_closing(), this.key.get()) {
        (true, ..) => "<_UnixReadPipeTransport closed>".to_owned(),
        (false, true, _) => format!("<_UnixReadPipeTransport closing fd={fd} idle>"),
        (false, false, None) => format!("<_UnixReadPipeTransport fd={fd} idle>"),
        (false, false, Some(_)) => format!("<_UnixReadPipeTransport fd={fd} polling>"),
    };
    Ok(Own::str(py, &text))
}

fn methods() -> Vec<Method<ReadPipeTransport>> {
    vec![
        Method::noargs(
            c"close",
            c"close($self, /)\n--\n\nStop reading, call connection_lost(), close the pipe.",
            close,
        ),
        Method::noargs(
            c"is_closing",
            c"is_closing($self, /)\n--\n\nClosing or closed?",
            |_, this: &Own<ReadPipeTransport>| this.conn.get().is_closing(),
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
        Method::noargs(
            c"get_protocol",
            c"get_protocol($self, /)\n--\n\nThe protocol.",
            |_, this: &Own<ReadPipeTransport>| this.protocol.object(),
        ),
        Method::one(
            c"set_protocol",
            c"set_protocol($self, protocol, /)\n--\n\nSwitch to another protocol.",
            |py, this: &Own<ReadPipeTransport>, protocol: &Own| this.protocol.set(py, protocol),
        ),
        Method::args(
            c"get_extra_info",
            c"get_extra_info($self, /, name, default=None)\n--\n\n'pipe': the file object.",
            get_extra_info,
        ),
    ]
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<ReadPipeTransport>::new()
        .methods(methods())
        .properties([Property::get(
            c"__class__",
            |py, _: &Own<ReadPipeTransport>| {
                static READ_TRANSPORT: Immortal = Immortal::empty();
                asyncio_class(py, &READ_TRANSPORT, "asyncio.transports", "ReadTransport")
            },
        )])
        .repr(repr)
        .build(py)
        .map(drop)
}
