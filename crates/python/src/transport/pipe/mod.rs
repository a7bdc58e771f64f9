//! ROOM    the two ends of pipes, FIFOs, terminals and sockets that asyncio calls pipes
//! KNOWS   core::conn, reactor::net, outgoing, protocol    NEVER   files: epoll refuses them
//! IN      readiness from `dispatch`, calls from Python    OUT     protocol callbacks, bytes to the kernel
//! PROOF   tests/behaviour/network/test_pipes.py, tests/behaviour/network/test_processes.py
//! START   `PipeTransport` here, then `read.rs` and `write.rs`
//!
//! Both ends live the life of a stream connection (`core::conn`) with one half missing. Errors of protocol callbacks are
//! reported and change nothing, `data_received` included: so it is with asyncio's pipes, unlike its sockets.

pub mod read;
pub mod write;

use std::cell::Cell;
use std::ffi::CStr;
use std::os::fd::RawFd;

use ferrio_core::conn::{Action, Conn};
use ferrio_reactor::{Interest, net};
use pyo3::prelude::*;

use super::protocol::{Protocol, SET_PROTOCOL};
use super::report;
use super::socket::Socket;
use crate::engine::{Direction, Engine, Entry, SinkCall, SinkRef, Watcher};
use crate::ffi::{
    Args, Class, Method, Name, Own, Params, PyRes, Slot, TypeBuilder, TypeSlot, Visit, WithDict,
    call, context, exception,
};
use crate::future::Future;
use crate::names;

/// What both ends have. `Start` → open → `connection_lost`, once.
#[repr(C)]
pub struct PipeTransport {
    engine: Slot<Engine>,
    /// The program's file object; closed with the transport.
    pipe: Slot,
    /// -1 once closed.
    fd: Cell<RawFd>,
    /// What `fd` was, for `repr`.
    number: RawFd,
    /// Is every write a message of its own, which comes back whole or not at all?
    keeps_messages: bool,
    /// Which directions the engine watches for us.
    watched: Cell<Interest>,
    conn: Cell<Conn>,
    protocol: Protocol,
    /// All protocol callbacks run in the context the transport was made in.
    context: Slot,
    /// Resolved after `connection_made`.
    waiter: Slot<Future>,
    /// Why the connection was lost.
    error: Slot,
}

static PIPE: TypeSlot = TypeSlot::new();

impl Class for PipeTransport {
    const NAME: &'static CStr = c"ferrio._ferrio.PipeTransport";
    const DOC: &'static CStr = c"One end of a pipe.";
    type Head = WithDict;
    const FINALIZER: bool = true;

    fn slot() -> &'static TypeSlot {
        &PIPE
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
        let warned = this.as_any().bound(py).repr().map(|shown| {
            let text = format!("unclosed transport {shown}");
            exception::resource_warning(py, this.as_any(), &text)
        });
        let closed = this.release(py);
        if let Err(error) = warned
            .map_err(Into::into)
            .and_then(|warned| warned)
            .and(closed)
        {
            error.write_unraisable(py, Some(this.as_any()));
        }
    }
}

impl PipeTransport {
    /// Around a non-blocking file object.
    fn new(
        py: Python<'_>,
        engine: &Own<Engine>,
        pipe: &Own,
        protocol: &Own,
        waiter: Option<Own<Future>>,
    ) -> PyRes<Self> {
        let callbacks = Protocol::default();
        callbacks.set(py, protocol)?;
        let fd = Socket::fd_of(py, pipe)?;
        Ok(Self {
            engine: Slot::new(Some(engine.clone())),
            fd: Cell::new(fd),
            number: fd,
            keeps_messages: !net::is_byte_stream(fd),
            pipe: Slot::new(Some(pipe.clone())),
            watched: Cell::new(Interest::NONE),
            conn: Cell::new(Conn::new()),
            protocol: callbacks,
            context: Slot::new(Some(context::copy_current(py)?)),
            waiter: Slot::new(waiter),
            error: Slot::empty(),
        })
    }

    fn later(this: &Own<Self>, call: SinkCall) {
        if let Some(engine) = this.engine.get() {
            engine.schedule_quietly(Entry::sink(SinkRef(this.as_any().clone()), call));
        }
    }

    fn change(&self, transition: impl FnOnce(&mut Conn) -> Action) -> Action {
        super::change(&self.conn, transition)
    }

    /// `connection_made`, then watching the descriptor, then whoever waits.
    fn begin(py: Python<'_>, this: &Own<Self>, watch: impl FnOnce() -> PyRes<()>) -> PyRes<()> {
        let tell = || Self::tell(py, this, &names::CONNECTION_MADE, &[this.as_any()]);
        super::begin(&this.engine, this.as_any(), tell, || {
            Self::started(py, this, watch)
        })
    }

    fn started(py: Python<'_>, this: &Own<Self>, watch: impl FnOnce() -> PyRes<()>) -> PyRes<()> {
        let _interest_follows = this.change(Conn::started);
        if let Err(error) = watch() {
            // epoll refuses some character devices (/dev/null): told, as asyncio does, and nothing is read.
            let exception = error.take(py);
            Self::report(py, this, &exception, "Cannot watch the pipe")?;
        }
        match this.waiter.take() {
            Some(waiter) if !waiter.is_done() => Future::set_result(py, &waiter, Own::none(py)),
            _ => Ok(()),
        }
    }

    /// Calls the protocol.
    fn tell(py: Python<'_>, this: &Own<Self>, name: &'static Name, args: &[&Own]) -> PyRes<()> {
        let done = this.in_context(py, || this.protocol.call(py, name, args).map(drop));
        Self::survive(py, this, done, name)
    }

    fn survive(
        py: Python<'_>,
        this: &Own<Self>,
        done: PyRes<()>,
        name: &'static Name,
    ) -> PyRes<()> {
        match done {
            Err(error) if !error.leaves_the_loop(py) => {
                let exception = error.take(py);
                let text = this.protocol.failed_callback(py, name)?;
                Self::report(py, this, &exception, &text)
            }
            done => done,
        }
    }

    fn in_context<R>(&self, py: Python<'_>, f: impl FnOnce() -> PyRes<R>) -> PyRes<R> {
        super::in_context(py, &self.context, f)
    }

    fn report(py: Python<'_>, this: &Own<Self>, exception: &Own, text: &str) -> PyRes<()> {
        match this.engine.get() {
            Some(engine) => report(py, &engine, this.as_any(), &this.protocol, exception, text),
            None => Ok(()),
        }
    }

    /// Tells the engine what to wait for now. Who has waited for the same before, as somebody may on a terminal, waits no more:
    /// asyncio's rule for readers and writers.
    fn watch(py: Python<'_>, this: &Own<Self>, interest: Interest) -> PyRes<()> {
        let Some(engine) = this.engine.get().filter(|_| this.fd.get() >= 0) else {
            return Ok(());
        };
        let (fd, before) = (this.fd.get(), this.watched.get());
        for (direction, before, now) in [
            (Direction::Read, before.readable, interest.readable),
            (Direction::Write, before.writable, interest.writable),
        ] {
            match (before, now) {
                (false, true) => {
                    let watcher = Watcher::Pipe(SinkRef(this.as_any().clone()));
                    drop(engine.watch(py, fd, direction, watcher)?);
                }
                (true, false) => engine.unwatch_pipe(py, fd, direction, this.as_any())?,
                _ => {}
            }
        }
        this.watched.set(interest);
        Ok(())
    }

    /// Stops watching and schedules `connection_lost`.
    fn lose(py: Python<'_>, this: &Own<Self>, error: Option<Own>) -> PyRes<()> {
        this.error.set(error);
        Self::later(this, SinkCall::ConnectionLost);
        Self::watch(py, this, Interest::NONE)
    }

    /// `connection_lost`, then the descriptor.
    fn connection_lost(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        let error = this.error.take().unwrap_or_else(|| Own::none(py));
        let told = Self::tell(py, this, &names::CONNECTION_LOST, &[&error]);
        // Taken out of the indicator before more Python runs.
        let mut leaving = told.err().map(|error| error.take(py));
        if let Err(error) = this.release(py) {
            // A buffered file's last flush, say: reported, and the loop goes on.
            let leaves = error.leaves_the_loop(py);
            let exception = error.take(py);
            if leaves {
                leaving = leaving.or(Some(exception));
            } else {
                Self::report(
                    py,
                    this,
                    &exception,
                    "Exception while closing a pipe transport",
                )?;
            }
        }
        this.protocol.release();
        this.context.set(None);
        if let Some(waiter) = this.waiter.take() {
            Future::cancel(py, &waiter, None)?;
        }
        match leaving {
            Some(exception) => Err(exception::restore(py, exception)),
            None => Ok(()),
        }
    }

    /// Closes the file object, once.
    fn release(&self, py: Python<'_>) -> PyRes<()> {
        if self.fd.replace(-1) < 0 {
            return Ok(());
        }
        match self.pipe.get() {
            Some(pipe) => call::method(py, &pipe, &names::CLOSE, &[]).map(drop),
            None => Ok(()),
        }
    }

    /// asyncio's words for its own pipe transports.
    fn shown(&self, class: &str, is_polling: bool, more: &str) -> String {
        let fd = self.number;
        if self.fd.get() < 0 {
            // asyncio's says so twice.
            return format!("<{class} closed fd={fd} closed>");
        }
        let closing = if self.conn.get().is_closing() {
            " closing"
        } else {
            ""
        };
        let is_open = self
            .engine
            .peek(|engine| engine.is_some_and(|engine| !engine.is_closed()));
        let polling = match (is_open, is_polling) {
            (false, _) => "open",
            (true, true) => "polling",
            (true, false) => "idle",
        };
        format!("<{class}{closing} fd={fd} {polling}{more}>")
    }
}

static GET_EXTRA_INFO: Params<2> = Params {
    function: "get_extra_info",
    names: [&names::NAME, &names::DEFAULT],
    positional: 2,
    required: 1,
};

fn get_extra_info(py: Python<'_>, this: &Own<PipeTransport>, args: Args<'_>) -> PyRes {
    let [name, default] = args.bind(py, &GET_EXTRA_INFO)?;
    let name = name.expect("bind checks what is required").bound(py);
    match this.pipe.get() {
        Some(pipe) if name.eq("pipe")? => Ok(pipe),
        _ => Ok(default.cloned().unwrap_or_else(|| Own::none(py))),
    }
}

fn methods() -> Vec<Method<PipeTransport>> {
    vec![
        Method::noargs(
            c"is_closing",
            c"is_closing($self, /)\n--\n\nClosing or closed?",
            |_, this: &Own<PipeTransport>| this.conn.get().is_closing(),
        ),
        Method::noargs(
            c"get_protocol",
            c"get_protocol($self, /)\n--\n\nThe protocol.",
            |_, this: &Own<PipeTransport>| this.protocol.object(),
        ),
        Method::args(
            c"set_protocol",
            c"set_protocol($self, /, protocol)\n--\n\nSwitch to another protocol.",
            |py, this: &Own<PipeTransport>, args: Args<'_>| {
                this.protocol.set(py, args.bind_one(py, &SET_PROTOCOL)?)
            },
        ),
        Method::args(
            c"get_extra_info",
            c"get_extra_info($self, /, name, default=None)\n--\n\n'pipe': the file object.",
            get_extra_info,
        ),
    ]
}

/// Makes the types.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<PipeTransport>::new()
        .methods(methods())
        .subclassable()
        .build(py)?;
    read::make_type(py)?;
    write::make_type(py)
}
