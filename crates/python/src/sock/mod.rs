//! ROOM    floor 4: `loop.sock_*`
//! KNOWS   floors 0–3, reactor::net      NEVER   the event loop's class
//! IN      a Python socket and a wish    OUT     a future of the result
//! PROOF   tests/behaviour/network/test_sock_methods.py, CPython's test_sock_lowlevel
//! START   `begin`, then `SockOperation::attempt`
//!
//! Try the call first; only where the kernel refuses is the descriptor watched and the call tried again when it is ready.

mod attempt;

use std::cell::Cell;
use std::ffi::CStr;
use std::os::fd::RawFd;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::engine::{Direction, Engine, SinkRef, Watcher};
use crate::ffi::call::FunctionCell;
use crate::ffi::{
    Args, Class, Immortal, Own, Plain, PyRes, Raised, Slot, TypeBuilder, TypeSlot, Visit, call,
};
use crate::future::Future;
use crate::names;
use crate::transport::socket::Socket;

/// What is wanted of the socket.
#[derive(Debug)]
pub enum Wish {
    /// `sock_recv(sock, nbytes)`.
    Recv(usize),
    /// `sock_recv_into(sock, buf)`.
    RecvInto(Slot),
    /// `sock_sendall(sock, data)`, and how much of it is sent.
    SendAll(Slot, Cell<usize>),
    /// `sock_recvfrom(sock, bufsize)`.
    RecvFrom(Slot),
    /// `sock_recvfrom_into(sock, buf, nbytes)`.
    RecvFromInto(Slot, Slot),
    /// `sock_sendto(sock, data, address)`.
    SendTo(Slot, Slot),
    /// That it can be written to, at the next event: `sock_sendfile` tries its call itself.
    Writable(Cell<bool>),
    /// `sock_accept(sock)`.
    Accept,
    /// `sock_connect(sock, address)`, and whether the kernel is at it.
    Connect(Slot, Cell<bool>),
}

impl Wish {
    fn direction(&self) -> Direction {
        match self {
            Self::Recv(_)
            | Self::RecvInto(_)
            | Self::RecvFrom(_)
            | Self::RecvFromInto(..)
            | Self::Accept => Direction::Read,
            Self::SendAll(..) | Self::SendTo(..) | Self::Writable(_) | Self::Connect(..) => {
                Direction::Write
            }
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        match self {
            Self::RecvInto(object)
            | Self::RecvFrom(object)
            | Self::SendAll(object, _)
            | Self::Connect(object, _) => {
                visit.slot(object);
            }
            Self::RecvFromInto(one, two) | Self::SendTo(one, two) => {
                visit.slot(one);
                visit.slot(two);
            }
            Self::Recv(_) | Self::Writable(_) | Self::Accept => {}
        }
    }
}

/// One call in flight.
#[derive(Debug)]
pub struct SockOperation {
    engine: Slot<Engine>,
    socket: Slot,
    fd: RawFd,
    wish: Wish,
    future: Slot<Future>,
    /// While it waits, the socket object counts it among its files: `close()` takes effect when the call is over, so that
    /// the kernel gives the number to nobody else.
    holds_open: Cell<bool>,
}

static SOCK_OPERATION: TypeSlot = TypeSlot::new();

impl Class for SockOperation {
    const NAME: &'static CStr = c"ferrio._ferrio.SockOperation";
    const DOC: &'static CStr = c"A sock_* call in flight.";
    type Head = Plain;
    const FINALIZER: bool = true;

    fn slot() -> &'static TypeSlot {
        &SOCK_OPERATION
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.engine);
        visit.slot(&self.socket);
        visit.slot(&self.future);
        self.wish.traverse(visit);
    }

    fn clear(&self, _py: Python<'_>) {
        self.future.set(None);
        self.socket.set(None);
    }

    fn wants_finalizer(&self) -> bool {
        self.holds_open.get()
    }

    fn finalize(py: Python<'_>, this: &Own<Self>) {
        if let Err(error) = let_close(py, this) {
            error.write_unraisable(py, Some(this.as_any()));
        }
    }
}

/// Sees to it that the socket stays open, as uvloop does: `makefile()` counts the same way. What only looks like a socket
/// counts nothing.
fn hold_open(py: Python<'_>, this: &SockOperation) -> PyRes<()> {
    let Some(socket) = this.socket.get() else {
        return Ok(());
    };
    let count = call::optional_attribute(py, &socket, &names::IO_REFS)?;
    let count = count.and_then(|count| count.bound(py).extract::<i64>().ok());
    if let Some(count) = count {
        let more = Own::int(py, count + 1)?;
        call::set_attribute(py, &socket, &names::IO_REFS, &more)?;
        this.holds_open.set(true);
    }
    Ok(())
}

/// The call is over: closes the socket if the program has tried to meanwhile.
fn let_close(py: Python<'_>, this: &SockOperation) -> PyRes<()> {
    match this.socket.get() {
        Some(socket) if this.holds_open.replace(false) => {
            if is_plain(py, &socket)? && count_down(py, &socket)? {
                return Ok(());
            }
            call::method(py, &socket, &names::DECREF_SOCKETIOS, &[]).map(drop)
        }
        _ => Ok(()),
    }
}

/// What `_decref_socketios` does of an open socket, without its frame. False where the socket is to be closed.
fn count_down(py: Python<'_>, socket: &Own) -> PyRes<bool> {
    let closed = call::attribute(py, socket, &names::CLOSED)?;
    if call::truth(py, &closed)? {
        return Ok(false);
    }
    let count = call::attribute(py, socket, &names::IO_REFS)?;
    let count = count.bound(py).extract::<i64>()?;
    if count > 0 {
        let less = Own::int(py, count - 1)?;
        call::set_attribute(py, socket, &names::IO_REFS, &less)?;
    }
    Ok(true)
}

/// Exactly a `socket.socket`, of no class derived from it.
fn is_plain(py: Python<'_>, socket: &Own) -> PyRes<bool> {
    static SOCKET: Immortal = Immortal::empty();
    Ok(socket.is_exactly(SOCKET.import(py, "socket", "socket")?))
}

/// The loop is closed: nobody waits for the call any more.
pub fn abandon(py: Python<'_>, this: &Own<SockOperation>) -> PyRes<()> {
    let_close(py, this)
}

/// asyncio's checks of a socket: no TLS object, and in debug mode non-blocking.
fn check_socket(py: Python<'_>, engine: &Own<Engine>, socket: &Own) -> PyRes<()> {
    if !is_plain(py, socket)? && is_tls(py, socket)? {
        return Err(Raised::new::<PyTypeError>(
            py,
            "Socket cannot be of type SSLSocket",
        ));
    }
    if engine.is_debug() {
        let timeout = socket.bound(py).call_method0("gettimeout")?;
        if timeout.is_none() || timeout.extract::<f64>()? != 0.0 {
            return Err(Raised::new::<PyValueError>(
                py,
                "the socket must be non-blocking",
            ));
        }
    }
    Ok(())
}

/// An `SSLSocket`? There is none before `ssl` is imported.
fn is_tls(py: Python<'_>, socket: &Own) -> PyRes<bool> {
    let modules = py.import("sys")?.getattr("modules")?;
    match modules.get_item("ssl") {
        Ok(ssl) => Ok(socket.bound(py).is_instance(&ssl.getattr("SSLSocket")?)?),
        Err(_not_imported) => Ok(false),
    }
}

/// Starts a call: a future that is done already where the kernel could oblige at once.
pub fn begin(py: Python<'_>, engine: &Own<Engine>, socket: &Own, wish: Wish) -> PyRes<Own<Future>> {
    check_socket(py, engine, socket)?;
    let fd = Socket::fd_of(py, socket)?;
    let future = Future::new_pending(py, engine)?;
    let operation = SockOperation {
        engine: Slot::new(Some(engine.clone())),
        socket: Slot::new(Some(socket.clone())),
        fd,
        wish,
        future: Slot::empty(),
        holds_open: Cell::new(false),
    };
    // An object of its own has only a call that has to wait.
    match operation.attempt(py)? {
        Some(result) => Future::set_result(py, &future, result)?,
        None => {
            operation.future.set(Some(future.clone()));
            watch(py, engine, &Own::alloc(py, operation)?, &future)?;
        }
    }
    Ok(future)
}

/// Waits for the descriptor, until the future is done, in whatever way.
fn watch(
    py: Python<'_>,
    engine: &Own<Engine>,
    operation: &Own<SockOperation>,
    future: &Own<Future>,
) -> PyRes<()> {
    static DONE: FunctionCell = FunctionCell::new(c"sock_operation_done");
    engine.check_no_transport(py, operation.fd)?;
    let watcher = Watcher::Operation(SinkRef(operation.as_any().clone()));
    drop(engine.watch(py, operation.fd, operation.wish.direction(), watcher)?);
    hold_open(py, operation)?;
    let done = call::bound_function(
        py,
        operation,
        &DONE,
        |py, this: &Own<SockOperation>, _: Args<'_>| unwatch(py, this),
    )?;
    let context = crate::ffi::snapshot::capture(py)?;
    Future::add_callback(py, future, done, context)
}

/// Stops watching, unless another call has taken the place.
fn unwatch(py: Python<'_>, this: &Own<SockOperation>) -> PyRes<()> {
    let Some(engine) = this.engine.get() else {
        return Ok(());
    };
    let direction = this.wish.direction();
    if engine
        .watched_by(this.fd, direction)
        .is_some_and(|sink| sink.0.is(this))
    {
        drop(engine.unwatch(py, this.fd, direction)?);
    }
    let_close(py, this)
}

/// The descriptor is ready: tries again. Comes from `dispatch`.
pub fn operation_ready(py: Python<'_>, this: &Own<SockOperation>) -> PyRes<()> {
    let Some(future) = this.future.get() else {
        return unwatch(py, this);
    };
    if future.is_done() {
        // Cancelled; its done callback is on the way.
        return unwatch(py, this);
    }
    match this.attempt(py) {
        Ok(None) => Ok(()),
        Ok(Some(result)) => {
            unwatch(py, this)?;
            Future::set_result(py, &future, result)
        }
        Err(error) if error.leaves_the_loop(py) => Err(error),
        Err(error) => {
            let exception = error.take(py);
            unwatch(py, this)?;
            Future::set_exception(py, &future, exception)
        }
    }
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<SockOperation>::new().build(py).map(drop)
}
