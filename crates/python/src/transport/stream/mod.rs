//! ROOM    floor 4: `StreamTransport`, a TCP or unix stream connection
//! KNOWS   floors 0–3, transport::{protocol, socket}, core, reactor::net    NEVER   listeners, the event loop's class
//! IN      readiness and flushes from `dispatch`, calls from Python       OUT     protocol callbacks, bytes to the kernel
//! PROOF   tests/behaviour/network, CPython's test_streams, test_buffered_proto
//! START   `StreamTransport`, then `read.rs` and `write.rs`; how it ends: `loss.rs`, then `close.rs`
//!
//! Registered once, level-triggered, for reading; for writing only while the kernel has refused bytes. Written bytes wait in
//! `queue` until the callback that wrote them has returned (`flush`), so a hundred small writes are one `writev`. They go out
//! earlier where a program could notice: beyond 64 KiB, before watermarks are judged, and before every method that tells
//! of the buffer or ends the connection.

pub mod clients;
mod close;
mod extra;
mod file;
mod loss;
mod python;
mod read;
mod write;

use std::cell::Cell;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, RawFd};

use ferrio_core::conn::{Action, Conn};
use ferrio_reactor::net::{self, SockAddr};
use ferrio_reactor::{Interest, Key};
use pyo3::prelude::*;

use self::clients::Membership;
use super::outgoing::Outgoing;
use super::protocol::Protocol;
use super::socket::Socket;
use crate::engine::{Claim, Engine, Entry, SinkCall, SinkRef, Source};
use crate::error;
use crate::ffi::{
    Class, GuardedCell, Name, Own, PyRes, Raised, Slot, TypeSlot, Visit, WithDict, context,
};
use crate::future::Future;
use crate::names;

pub use python::make_types;
pub use write::{flush, write};

/// A stream connection. `Start` → reading and writing → `connection_lost`, once.
pub struct StreamTransport {
    engine: Slot<Engine>,
    socket: GuardedCell<Socket>,
    /// -1 once closed.
    fd: Cell<RawFd>,
    /// What `fd` was, for `repr`.
    number: RawFd,
    key: Cell<Option<Key>>,
    /// To the descriptor, as long as it is open.
    claim: Cell<Option<Claim>>,
    conn: Cell<Conn>,
    outgoing: Outgoing,
    protocol: Protocol,
    /// All protocol callbacks run in the context the transport was made in.
    context: Slot,
    /// Resolved after `connection_made`.
    waiter: Slot<Future>,
    server: Slot,
    /// Its place among the server's connections.
    membership: GuardedCell<Option<Membership>>,
    /// What `get_extra_info` has been asked for, and what the maker added.
    extra: Slot,
    peer: GuardedCell<Option<SockAddr>>,
    /// Kept when the descriptor is closed; until then the kernel is asked.
    local: GuardedCell<Option<SockAddr>>,
    /// So many bytes the last receive brought.
    received: Cell<usize>,
    /// `eof_received` is being called.
    at_eof: Cell<bool>,
    /// Why the connection was lost.
    error: Slot,
    /// Between `_begin_sendfile` and `_end_sendfile`: nobody may write.
    sending_file: Cell<bool>,
    /// Who waits to send the next piece of a file.
    file_waiter: Slot<Future>,
}

static STREAM_TRANSPORT: TypeSlot = TypeSlot::new();

impl Class for StreamTransport {
    const NAME: &'static CStr = c"ferrio.StreamTransport";
    const DOC: &'static CStr = c"A TCP or unix stream connection; see asyncio.Transport.";
    type Head = WithDict;
    const FINALIZER: bool = true;

    fn slot() -> &'static TypeSlot {
        &STREAM_TRANSPORT
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.engine);
        let _ = self.socket.look(|socket| {
            if let Socket::Python(socket) = socket {
                visit.own(socket);
            }
        });
        self.protocol.traverse(visit);
        visit.slot(&self.context);
        visit.slot(&self.waiter);
        visit.slot(&self.server);
        visit.slot(&self.extra);
        visit.slot(&self.error);
        visit.slot(&self.file_waiter);
    }

    fn clear(&self, _py: Python<'_>) {
        self.protocol.release();
        self.extra.set(None);
        self.waiter.set(None);
        self.server.set(None);
        self.error.set(None);
        self.file_waiter.set(None);
        self.context.set(None);
    }

    fn wants_finalizer(&self) -> bool {
        self.fd.get() >= 0
    }

    fn finalize(py: Python<'_>, this: &Own<Self>) {
        if let Err(error) = close::abandon(py, this) {
            error.write_unraisable(py, Some(this.as_any()));
        }
    }

    fn before_dealloc(&self, _py: Python<'_>) {
        self.disown();
        drop(self.membership.with(Option::take));
    }
}

/// What a new connection begins with.
#[derive(Debug)]
pub struct Beginning {
    /// The connected, non-blocking descriptor.
    pub socket: Socket,
    /// The peer's address where it is known already.
    pub peer: Option<SockAddr>,
    /// The user's protocol.
    pub protocol: Own,
    /// Resolved with `None` after `connection_made`.
    pub waiter: Option<Own<Future>>,
    /// The server it was accepted by.
    pub server: Option<Own>,
    /// More for `get_extra_info`.
    pub extra: Option<Own>,
    /// Nagle is switched off already.
    pub nodelay: bool,
}

impl StreamTransport {
    /// A transport whose `connection_made` is scheduled.
    pub fn start(py: Python<'_>, engine: &Own<Engine>, begin: Beginning) -> PyRes<Own<Self>> {
        let (fd, named) = match &begin.socket {
            Socket::Native(fd) => (fd.as_raw_fd(), None),
            Socket::Python(socket) => (Socket::fd_of(py, socket)?, Some(socket)),
            Socket::Gone => (-1, None),
        };
        engine.check_no_transport(py, fd, named)?;
        let protocol = Protocol::default();
        protocol.set(py, &begin.protocol)?;
        let peer = begin.peer.or_else(|| net::peer_addr(fd).ok());
        let internet = matches!(peer, Some(SockAddr::V4 { .. } | SockAddr::V6 { .. }));
        if internet && !begin.nodelay {
            // asyncio switches Nagle off and lives with a socket that cannot.
            let _ = net::set_nodelay(fd);
        }
        let transport = Own::alloc(
            py,
            Self {
                engine: Slot::new(Some(engine.clone())),
                socket: GuardedCell::new(begin.socket),
                fd: Cell::new(fd),
                number: fd,
                key: Cell::new(None),
                claim: Cell::new(None),
                conn: Cell::new(Conn::new()),
                outgoing: Outgoing::new(),
                protocol,
                context: Slot::new(Some(context::copy_current(py)?)),
                waiter: Slot::new(begin.waiter),
                server: Slot::empty(),
                membership: GuardedCell::new(None),
                extra: Slot::new(begin.extra),
                peer: GuardedCell::new(peer),
                local: GuardedCell::new(None),
                received: Cell::new(0),
                at_eof: Cell::new(false),
                error: Slot::empty(),
                sending_file: Cell::new(false),
                file_waiter: Slot::empty(),
            },
        )?;
        let claim = engine.own(fd, transport.as_any());
        transport.claim.set(Some(claim));
        if let Some(server) = begin.server {
            close::attach(py, &transport, server)?;
        }
        transport.later(py, &transport, SinkCall::Start)?;
        Ok(transport)
    }

    /// Is the descriptor still the connection's? A program may close its socket object under us, and the kernel give the
    /// number to another file.
    #[inline]
    fn owns_descriptor(&self, py: Python<'_>) -> PyRes<bool> {
        let socket = self.socket.with(|socket| match socket {
            Socket::Python(socket) => Some(socket.clone()),
            Socket::Native(_) | Socket::Gone => None,
        });
        match socket {
            None => Ok(true),
            Some(socket) => match Socket::fd_of(py, &socket) {
                Ok(fd) => Ok(fd == self.fd.get()),
                Err(error) if error.leaves_the_loop(py) => Err(error),
                Err(error) => {
                    error.clear(py);
                    Ok(false)
                }
            },
        }
    }

    /// The descriptor is going to be closed.
    fn disown(&self) {
        if let (Some(engine), Some(claim)) = (self.engine.get(), self.claim.take()) {
            engine.disown(self.fd.get(), claim);
        }
    }

    /// Its place among the connections of a server.
    pub fn membership(&self) -> &GuardedCell<Option<Membership>> {
        &self.membership
    }

    /// Schedules one of our own calls.
    fn later(&self, _py: Python<'_>, this: &Own<Self>, call: SinkCall) -> PyRes<()> {
        if let Some(engine) = self.engine.get() {
            engine.schedule_quietly(Entry::sink(SinkRef(this.as_any().clone()), call));
        }
        Ok(())
    }

    /// Makes one transition and says what it asks for.
    fn change(&self, transition: impl FnOnce(&mut Conn) -> Action) -> Action {
        super::change(&self.conn, transition)
    }

    /// Tells the poller what we wait for now. While that is nothing the loop does not know the transport: one that is
    /// paused and forgotten by everybody is finalized, with a warning.
    fn update_interest(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        let Some(engine) = this.engine.get() else {
            return Ok(());
        };
        let conn = this.conn.get();
        let interest = Interest {
            readable: conn.wants_bytes(),
            writable: (this.outgoing.is_blocked() || !this.file_waiter.is_empty())
                && !conn.is_lost(),
            ..Interest::NONE
        };
        match (this.key.get(), interest == Interest::NONE) {
            (Some(key), true) => {
                this.key.set(None);
                engine.deregister(key);
                Ok(())
            }
            (Some(key), false) => match engine.set_interest(py, key, interest) {
                Err(error) => unwatchable(py, this, error),
                done => done,
            },
            (None, false) if this.fd.get() >= 0 => register(py, this, &engine, interest),
            (None, _) => Ok(()),
        }
    }

    /// `is_closing()`.
    #[inline]
    pub fn is_closing(&self) -> bool {
        self.conn.get().is_closing()
    }

    /// `pause_reading()` by somebody who will soon resume: the kernel is told only if there are bytes before that.
    #[inline]
    pub fn pause_lazily(&self) {
        let _the_next_event_sees_to_it = self.change(Conn::pause);
    }

    /// `resume_reading()`.
    pub fn resume(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        let _interest_follows = this.change(Conn::resume);
        Self::update_interest(py, this)
    }

    /// Runs a protocol callback in the transport's context.
    #[inline]
    fn in_context<R>(&self, py: Python<'_>, f: impl FnOnce() -> PyRes<R>) -> PyRes<R> {
        super::in_context(py, &self.context, f)
    }

    /// A protocol callback whose error ends the connection; what it wrote before goes out.
    fn survive(py: Python<'_>, this: &Own<Self>, done: PyRes<()>, text: &str) -> PyRes<()> {
        match done {
            Ok(()) => Ok(()),
            Err(error) if error.leaves_the_loop(py) => Err(error),
            Err(error) => {
                let exception = error.take(py);
                write::flush(py, this)?;
                loss::fatal(py, this, exception, text)
            }
        }
    }
}

/// `SinkCall`s come here from the ready queue.
pub fn call(py: Python<'_>, this: &Own<StreamTransport>, call: SinkCall) -> PyRes<()> {
    match call {
        SinkCall::Start => begin(py, this),
        SinkCall::Started => started(py, this),
        SinkCall::ConnectionLost => close::connection_lost(py, this),
    }
}

/// Readiness comes here from `dispatch`.
#[inline]
pub fn ready(
    py: Python<'_>,
    this: &Own<StreamTransport>,
    readable: bool,
    writable: bool,
) -> PyRes<()> {
    if readable {
        if this.conn.get().wants_bytes() {
            read::ready(py, this)?;
        } else {
            // Paused lazily: now it costs to be told.
            StreamTransport::update_interest(py, this)?;
        }
    }
    if writable && this.outgoing.is_blocked() {
        write::unblocked(py, this)?;
    }
    if writable && !this.file_waiter.is_empty() {
        file::writable(py, this)?;
    }
    Ok(())
}

/// `connection_made`, then reading, then whoever waits for the connection.
fn begin(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let tell = || {
        let made = this.in_context(py, || {
            this.protocol
                .call(py, &names::CONNECTION_MADE, &[this.as_any()])
                .map(drop)
        });
        report_callback(py, this, made, &names::CONNECTION_MADE)
    };
    super::begin(&this.engine, this.as_any(), tell, || started(py, this))
}

fn started(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let _interest_follows = this.change(Conn::started);
    StreamTransport::update_interest(py, this)?;
    if let Some(waiter) = this.waiter.take() {
        if !waiter.is_done() {
            Future::set_result(py, &waiter, Own::none(py))?;
        }
    }
    Ok(())
}

fn register(
    py: Python<'_>,
    this: &Own<StreamTransport>,
    engine: &Engine,
    interest: Interest,
) -> PyRes<()> {
    if !this.owns_descriptor(py)? {
        return unwatchable(py, this, error::os_error(py, &bad_descriptor()));
    }
    let source = Source::Stream(SinkRef(this.as_any().clone()));
    match engine.register(py, this.fd.get(), source, interest) {
        Ok(key) => {
            this.key.set(Some(key));
            // A BufferedProtocol, as TLS is, receives without the loop's buffer.
            engine.keep_the_heap();
            Ok(())
        }
        Err(error) => unwatchable(py, this, error),
    }
}

fn unwatchable(py: Python<'_>, this: &Own<StreamTransport>, error: Raised) -> PyRes<()> {
    let exception = error.take(py);
    let text = "Fatal error: cannot watch the connection";
    loss::fatal(py, this, exception, text)
}

/// What the kernel says of a descriptor that is closed.
fn bad_descriptor() -> std::io::Error {
    const EBADF: i32 = 9;
    std::io::Error::from_raw_os_error(EBADF)
}

/// A callback that asyncio would have run through `call_soon`: its error is reported and changes nothing.
fn report_callback(
    py: Python<'_>,
    this: &Own<StreamTransport>,
    done: PyRes<()>,
    name: &'static Name,
) -> PyRes<()> {
    match done {
        Ok(()) => Ok(()),
        Err(error) if error.leaves_the_loop(py) => Err(error),
        Err(error) => {
            let exception = error.take(py);
            let text = this.protocol.failed_callback(py, name)?;
            loss::report(py, this, &exception, &text)
        }
    }
}

/// For methods of a transport that has lost its loop (after `connection_lost`).
fn engine_of(py: Python<'_>, this: &StreamTransport) -> PyRes<Own<Engine>> {
    this.engine.get().ok_or_else(|| {
        Raised::new::<pyo3::exceptions::PyRuntimeError>(py, "the transport has no loop any more")
    })
}

const _: () = assert!(size_of::<Conn>() <= 8, "copied at every readiness");
