//! ROOM    floor 4: `loop.sock_*`
//! KNOWS   floors 0–3, reactor::net      NEVER   the event loop's class
//! IN      a Python socket and a wish    OUT     a coroutine of the result
//! PROOF   tests/behaviour/network/test_sock_methods.py, tests/behaviour/network/test_sock_waits.py, CPython's test_sock_lowlevel
//! START   `SockCall`, then `attempt.rs`
//!
//! Try the call first; only where the kernel refuses is the descriptor watched and the call tried again when it is ready.
//!
//! | state | what happens | next |
//! |---|---|---|
//! | start | the kernel obliges, or refuses for good | done: the result, the error |
//! | start | it would block | waits: for a future, and the descriptor is watched |
//! | waits | ready, and it would block again | waits |
//! | waits | ready | done: the result, the error |
//! | waits | an exception is thrown in | done: it comes out, nobody watches any more |
//! | waits | another call waits for the same direction | waits, unwatched, as asyncio's would |

mod attempt;
mod functions;
mod hold;
mod wish;

use std::cell::Cell;
use std::os::fd::RawFd;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome};
use crate::engine::{Engine, SinkRef, Watcher};
use crate::ffi::{Own, PyRes, Raised, Recycled, Slot, TypeSlot, Visit, exception};
use crate::future::Future;
use crate::transport::socket::Socket;
use hold::{hold_open, is_plain, let_close};

pub use functions::native;
pub use wish::Wish;

/// The coroutine of a call.
#[derive(Debug)]
pub struct SockCall {
    engine: Slot<Engine>,
    socket: Slot,
    wish: Wish,
    /// The socket's, once the call has begun.
    fd: Cell<RawFd>,
    /// What it waits for.
    future: Slot<Future>,
    /// Does the socket object count it among its files?
    holds_open: Cell<bool>,
}

/// What is watched for: the coroutine itself.
pub type SockOperation = Coroutine<SockCall>;

static SOCK_CALL: TypeSlot = TypeSlot::new();

impl Awaitable for SockCall {
    const TYPE_NAME: &'static std::ffi::CStr = c"ferrio._ferrio.SockCallCoroutine";
    // Which of them it is, the wish knows.
    const QUALNAME: &'static str = "Loop.sock_*";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(34));

    fn slot() -> &'static TypeSlot {
        &SOCK_CALL
    }

    fn qualname(&self) -> &'static str {
        self.wish.qualname()
    }

    fn start(py: Python<'_>, this: &Own<SockOperation>) -> PyRes<Next> {
        let (Some(engine), Some(socket)) = (this.engine.get(), this.socket.get()) else {
            return Ok(Next::Return(None));
        };
        check_socket(py, &engine, &socket)?;
        this.fd.set(Socket::fd_of(py, &socket)?);
        match this.attempt(py, &engine)? {
            Some(result) => Ok(Next::Return(Some(result))),
            None => watch(py, &engine, this).map(|future| Next::Await(future.into_any())),
        }
    }

    fn resume(py: Python<'_>, this: &Own<SockOperation>, outcome: Outcome) -> PyRes<Next> {
        // Cancelled or closed, it still watches.
        let unwatched = unwatch(py, this);
        exception::after_finally(py, outcome, unwatched).map(|result| Next::Return(Some(result)))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.engine);
        visit.slot(&self.socket);
        visit.slot(&self.future);
        self.wish.traverse(visit);
    }

    fn clear(&self) {
        self.engine.set(None);
        self.socket.set(None);
        self.future.set(None);
        self.wish.clear();
    }
}

/// A coroutine of what is wished.
#[inline]
pub fn call(
    py: Python<'_>,
    engine: &Own<Engine>,
    socket: &Own,
    wish: Wish,
) -> PyRes<Own<SockOperation>> {
    let states = SockCall {
        engine: Slot::new(Some(engine.clone())),
        socket: Slot::new(Some(socket.clone())),
        wish,
        fd: Cell::new(-1),
        future: Slot::empty(),
        holds_open: Cell::new(false),
    };
    awaitable::new(py, states)
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

/// Watches the descriptor; the future that is done when the call is.
fn watch(py: Python<'_>, engine: &Own<Engine>, this: &Own<SockOperation>) -> PyRes<Own<Future>> {
    engine.check_no_transport(py, this.fd.get(), None)?;
    this.wish.hold_data(py)?;
    let future = Future::new_pending(py, engine)?;
    let watcher = Watcher::Operation(SinkRef(this.as_any().clone()));
    drop(engine.watch(py, this.fd.get(), this.wish.direction(), watcher)?);
    this.future.set(Some(future.clone()));
    match hold_open(py, this) {
        Ok(()) => Ok(future),
        Err(error) => {
            unwatch(py, this)?;
            Err(error)
        }
    }
}

/// Stops watching, unless another call has taken the place.
fn unwatch(py: Python<'_>, this: &Own<SockOperation>) -> PyRes<()> {
    if this.future.take().is_none() {
        return Ok(());
    }
    let (Some(engine), fd, direction) = (this.engine.get(), this.fd.get(), this.wish.direction())
    else {
        return Ok(());
    };
    if engine
        .watched_by(fd, direction)
        .is_some_and(|sink| sink.0.is(this))
    {
        drop(engine.unwatch(py, fd, direction)?);
    }
    let_close(py, this)
}

/// The descriptor is ready: tries again. Comes from `dispatch`.
pub fn operation_ready(py: Python<'_>, this: &Own<SockOperation>) -> PyRes<()> {
    let (Some(engine), Some(future)) = (this.engine.get(), this.future.get()) else {
        return Ok(());
    };
    if future.is_done() {
        // Cancelled; the coroutine is going to hear of it.
        return unwatch(py, this);
    }
    match this.attempt(py, &engine) {
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

/// The loop is closed: nobody waits for the call any more.
pub fn abandon(py: Python<'_>, this: &Own<SockOperation>) -> PyRes<()> {
    this.wish.clear();
    let_close(py, this)
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    awaitable::make_type::<SockCall>(py)
}
