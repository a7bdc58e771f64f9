//! `Listener`: one listening socket of a server.

use std::cell::Cell;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use ferrio_reactor::net::{self, SockAddr};
use ferrio_reactor::{Interest, Key};
use pyo3::prelude::*;

use super::socket::Socket;
use super::stream::{self, Beginning, StreamTransport};
use crate::engine::{Engine, SinkRef, Source};
use crate::error;
use crate::ffi::call::FunctionCell;
use crate::ffi::{
    Args, Class, Method, Own, Plain, PyRes, Slot, TypeBuilder, TypeSlot, Visit, call, context,
    exception,
};
use crate::names;

/// How long accepting rests when the process is out of descriptors or memory, in seconds (asyncio's ACCEPT_RETRY_DELAY).
const RETRY_AFTER: f64 = 1.0;

/// Linux's number.
const IPPROTO_TCP: i32 = 6;

/// Accepts connections of one listening socket for a server.
#[derive(Debug)]
pub struct Listener {
    engine: Slot<Engine>,
    /// The listening socket; its owner is the server.
    socket: Slot,
    fd: RawFd,
    /// IPPROTO_TCP, …; 0 where there is none.
    protocol: i32,
    /// Do its connections begin with its own TCP_NODELAY? Not every kernel hands it down: the first one tells.
    hands_down: Cell<Option<bool>>,
    key: Cell<Option<Key>>,
    /// How many connections one event may accept.
    backlog: usize,
    protocol_factory: Slot,
    server: Slot,
    /// Each connection begins in a copy of the context the server was started in.
    context: Slot,
}

static LISTENER: TypeSlot = TypeSlot::new();

impl Class for Listener {
    const NAME: &'static CStr = c"ferrio._ferrio.Listener";
    const DOC: &'static CStr = c"One listening socket of a server.";
    type Head = Plain;

    fn slot() -> &'static TypeSlot {
        &LISTENER
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.engine);
        visit.slot(&self.socket);
        visit.slot(&self.protocol_factory);
        visit.slot(&self.server);
        visit.slot(&self.context);
    }

    fn clear(&self, _py: Python<'_>) {
        self.protocol_factory.set(None);
        self.server.set(None);
        self.socket.set(None);
        self.context.set(None);
    }
}

/// Begins to accept. The listener lives in the fd table until `stop`.
pub fn start(
    py: Python<'_>,
    engine: &Own<Engine>,
    socket: &Own,
    protocol_factory: &Own,
    server: &Own,
    backlog: usize,
) -> PyRes<Own<Listener>> {
    let fd = Socket::fd_of(py, socket)?;
    stream::clients::install(py, server)?;
    let protocol = net::socket_protocol(fd).unwrap_or(0);
    // Once here instead of once for each connection.
    let nodelay = protocol == IPPROTO_TCP && net::set_nodelay(fd).is_ok();
    let listener = Own::alloc(
        py,
        Listener {
            engine: Slot::new(Some(engine.clone())),
            socket: Slot::new(Some(socket.clone())),
            fd,
            protocol,
            hands_down: Cell::new((!nodelay).then_some(false)),
            key: Cell::new(None),
            backlog,
            protocol_factory: Slot::new(Some(protocol_factory.clone())),
            server: Slot::new(Some(server.clone())),
            context: Slot::new(Some(context::copy_current(py)?)),
        },
    )?;
    let source = Source::Listener(SinkRef(listener.as_any().clone()));
    listener
        .key
        .set(Some(engine.register(py, fd, source, Interest::READ)?));
    Ok(listener)
}

/// The socket may be accepted from.
pub fn ready(py: Python<'_>, this: &Own<Listener>) -> PyRes<()> {
    let mut queued = 1;
    for _ in 0..this.backlog {
        if this.key.get().is_none() {
            // A protocol factory has closed the server.
            return Ok(());
        }
        if queued == 0 {
            queued = net::queued(this.fd, this.protocol);
            if queued == 0 {
                return Ok(());
            }
        }
        queued -= 1;
        match net::accept_with_peer(this.fd) {
            Ok((fd, peer)) => accepted(py, this, fd, peer)?,
            Err(error) => return refused(py, this, &error),
        }
    }
    Ok(())
}

fn accepted(py: Python<'_>, this: &Own<Listener>, fd: OwnedFd, peer: SockAddr) -> PyRes<()> {
    let connected = match this.context.get() {
        Some(server) => {
            let own = context::copy(py, &server)?;
            context::run(py, &own, || connect(py, this, fd, peer))
        }
        None => connect(py, this, fd, peer),
    };
    match connected {
        Ok(()) => Ok(()),
        Err(error) if error.leaves_the_loop(py) => Err(error),
        // As asyncio: told of in debug mode only.
        Err(error)
            if this
                .engine
                .peek(|engine| engine.is_none_or(|engine| !engine.is_debug())) =>
        {
            error.clear(py);
            Ok(())
        }
        Err(error) => {
            let exception = error.take(py);
            let text = "Error on transport creation for incoming connection";
            report(py, this, &exception, text)
        }
    }
}

fn connect(py: Python<'_>, this: &Own<Listener>, fd: OwnedFd, peer: SockAddr) -> PyRes<()> {
    let (Some(engine), Some(factory)) = (this.engine.get(), this.protocol_factory.get()) else {
        return Ok(());
    };
    let protocol = call::call0(py, &factory)?;
    let nodelay = this.hands_down.get().unwrap_or_else(|| {
        let handed_down = net::is_nodelay(fd.as_raw_fd()).unwrap_or(false);
        this.hands_down.set(Some(handed_down));
        handed_down
    });
    let begin = Beginning {
        socket: Socket::Native(fd),
        peer: Some(peer),
        protocol,
        waiter: None,
        server: this.server.get(),
        extra: None,
        nodelay,
    };
    StreamTransport::start(py, &engine, begin).map(drop)
}

/// Nothing to accept, a peer that has given up, or the process is out of something.
fn refused(py: Python<'_>, this: &Own<Listener>, error: &io::Error) -> PyRes<()> {
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    const ENOBUFS: i32 = 105;
    const ENOMEM: i32 = 12;
    match error.raw_os_error() {
        _ if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        _ if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        _ if error.kind() == io::ErrorKind::ConnectionAborted => Ok(()),
        Some(EMFILE | ENFILE | ENOBUFS | ENOMEM) => {
            let exception = error::os_error_object(py, error)?;
            report(
                py,
                this,
                &exception,
                "socket.accept() out of system resource",
            )?;
            rest(py, this)
        }
        _ => {
            let exception = error::os_error_object(py, error)?;
            report(py, this, &exception, "socket.accept() failed")
        }
    }
}

/// Level-triggered polling would report the waiting connection at once again: look away for a while.
fn rest(py: Python<'_>, this: &Own<Listener>) -> PyRes<()> {
    static RESUME: FunctionCell = FunctionCell::new(c"resume_accepting");
    let (Some(engine), Some(key)) = (this.engine.get(), this.key.get()) else {
        return Ok(());
    };
    engine.set_interest(py, key, Interest::NONE)?;
    let resume = call::bound_function(
        py,
        this,
        &RESUME,
        |py, this: &Own<Listener>, _: Args<'_>| match (this.engine.get(), this.key.get()) {
            (Some(engine), Some(key)) => engine.set_interest(py, key, Interest::READ),
            _ => Ok(()),
        },
    )?;
    let delay = Own::float(py, RETRY_AFTER)?;
    call::method(py, engine.as_any(), &names::CALL_LATER, &[&delay, &resume]).map(drop)
}

fn report(py: Python<'_>, this: &Own<Listener>, exception: &Own, text: &str) -> PyRes<()> {
    let Some(engine) = this.engine.get() else {
        return Ok(());
    };
    let details = pyo3::types::PyDict::new(py);
    details.set_item("message", text)?;
    details.set_item("exception", exception.bound(py))?;
    if let Some(socket) = this.socket.get() {
        let class = py.import("asyncio.trsock")?.getattr("TransportSocket")?;
        details.set_item("socket", class.call1((socket.bound(py),))?)?;
    }
    let details = Own::from(details.into_any());
    exception::while_handled(py, exception, || {
        let name = &names::CALL_EXCEPTION_HANDLER;
        call::method(py, engine.as_any(), name, &[&details]).map(drop)
    })
}

/// Stops accepting; the socket is the server's to close.
pub fn stop(_py: Python<'_>, this: &Own<Listener>) {
    if let (Some(engine), Some(key)) = (this.engine.get(), this.key.take()) {
        engine.deregister(key);
    }
}

/// Makes the type.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<Listener>::new()
        .methods([Method::noargs(
            c"stop",
            c"stop($self, /)\n--\n\nStop accepting.",
            stop,
        )])
        .build(py)
        .map(drop)
}
