//! ROOM    floor 4: `DatagramTransport`, an endpoint for datagrams: UDP, unix, or of any other family
//! KNOWS   floors 0–3, core::{conn, datagrams, flow}, reactor::net, protocol, socket    NEVER   the event loop's class
//! IN      readiness from `dispatch`, calls from Python       OUT     protocol callbacks, datagrams to the kernel
//! PROOF   tests/behaviour/network/test_datagrams.py, CPython's test_events
//! START   `DatagramTransport`, then `receive.rs` and `send.rs`
//!
//! Lives the life of a stream connection (`core::conn`) without ends of streams. A datagram is tried at once, inside of `sendto`,
//! and waits only where the kernel refuses it: asyncio's promise is that an error of sending is told before `sendto` returns. What is
//! sent while received ones are handed out waits for the end of that, since an answer costs a fifth less if it leaves with others.
//!
//! Of internet sockets addresses are converted here (`address.rs`); for every other family Python's socket object is called,
//! which knows them all.

mod address;
mod python;
mod receive;
mod send;

use std::cell::Cell;
use std::ffi::CStr;
use std::os::fd::RawFd;

use ferrio_core::conn::{Action, Conn};
use ferrio_core::datagrams::DatagramQueue;
use ferrio_core::flow::Watermarks;
use ferrio_core::write_delay::WriteDelay;
use ferrio_reactor::{Interest, Key};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use self::address::{Family, Known, Peers};
use self::send::Datagram;
use super::protocol::Protocol;
use super::report;
use super::socket::Socket;
use crate::engine::{Claim, Engine, Entry, SinkCall, SinkRef, Source};
use crate::ffi::{
    Class, GuardedCell, Name, Own, PyRes, Slot, TypeSlot, Visit, WithDict, call, context, exception,
};
use crate::future::Future;
use crate::names;

pub use python::make_types;
pub use send::flush;

/// Counted for each datagram that waits, beside its bytes: since 3.13, where empty ones are sent.
const HEADER: usize = if cfg!(Py_3_13) { 8 } else { 0 };

/// Does the kernel know where to send to?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Peer {
    None,
    /// The other half of a unix `socketpair`. For asyncio that is none, so an address may be given; without one asyncio's
    /// `sendto` ends the endpoint with a TypeError.
    Nameless,
    Named,
}

/// An endpoint. `Start` → receiving and sending → `connection_lost`, once.
pub struct DatagramTransport {
    engine: Slot<Engine>,
    /// A Python socket object; closed with the transport.
    socket: Slot,
    /// -1 once closed.
    fd: Cell<RawFd>,
    /// What `fd` was, for `repr`.
    number: RawFd,
    family: Family,
    peer: Peer,
    /// `remote_addr`: the only address that may be given to `sendto`.
    remote: Slot,
    key: Cell<Option<Key>>,
    /// To the descriptor, as long as it is open.
    claim: Cell<Option<Claim>>,
    conn: Cell<Conn>,
    protocol: Protocol,
    /// Callbacks from the loop run in the context the transport was made in.
    context: Slot,
    /// Resolved after `connection_made`.
    waiter: Slot<Future>,
    /// The dict behind `get_extra_info`.
    extra: Slot,
    /// What the kernel has refused, or what waits for the end of the event in which it was sent.
    waiting: GuardedCell<DatagramQueue<Datagram>>,
    marks: Cell<Watermarks>,
    /// The kernel has refused a datagram; we wait for it to be writable.
    blocked: Cell<bool>,
    /// Received datagrams are given to the protocol.
    handing_out: Cell<bool>,
    /// Begins when the first of what is sent meanwhile waits, ends with a flush.
    delay: Cell<WriteDelay>,
    /// Datagrams dropped because the connection is lost.
    dropped: Cell<u32>,
    received_from: Peers,
    sent_to: Known,
    /// Why the connection was lost.
    error: Slot,
}

static DATAGRAM_TRANSPORT: TypeSlot = TypeSlot::new();

impl Class for DatagramTransport {
    const NAME: &'static CStr = c"ferrio.DatagramTransport";
    const DOC: &'static CStr = c"An endpoint for datagrams; see asyncio.DatagramTransport.";
    type Head = WithDict;
    const FINALIZER: bool = true;

    fn slot() -> &'static TypeSlot {
        &DATAGRAM_TRANSPORT
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.engine);
        visit.slot(&self.socket);
        visit.slot(&self.remote);
        self.protocol.traverse(visit);
        visit.slot(&self.context);
        visit.slot(&self.waiter);
        visit.slot(&self.extra);
        let _ = self.waiting.look(|waiting| {
            let addresses = waiting.iter().filter_map(|datagram| datagram.to.as_ref());
            addresses.for_each(|address| visit.own(address));
        });
        self.received_from.traverse(visit);
        self.sent_to.traverse(visit);
        visit.slot(&self.error);
    }

    fn clear(&self, _py: Python<'_>) {
        self.protocol.release();
        self.extra.set(None);
        self.waiter.set(None);
        self.error.set(None);
        self.context.set(None);
        drop(self.waiting.with(DatagramQueue::take_all));
    }

    fn wants_finalizer(&self) -> bool {
        self.fd.get() >= 0
    }

    fn before_dealloc(&self, _py: Python<'_>) {
        self.disown();
    }

    fn finalize(py: Python<'_>, this: &Own<Self>) {
        let warned = this.as_any().bound(py).repr().map(|shown| {
            let text = format!("unclosed transport {shown}");
            exception::resource_warning(py, this.as_any(), &text)
        });
        let closed = this.release(py);
        let done = warned.map_err(Into::into).and_then(|warned| warned);
        if let Err(error) = done.and(closed) {
            error.write_unraisable(py, Some(this.as_any()));
        }
    }
}

/// A transport around a non-blocking socket object, whose `connection_made` is scheduled.
pub fn start(
    py: Python<'_>,
    engine: &Own<Engine>,
    socket: &Own,
    protocol: &Own,
    remote: Option<Own>,
    waiter: Option<Own<Future>>,
) -> PyRes<Own<DatagramTransport>> {
    let fd = Socket::fd_of(py, socket)?;
    engine.check_no_transport(py, fd, Some(socket))?;
    let callbacks = Protocol::default();
    callbacks.set(py, protocol)?;
    let (extra, peer) = python::make_extra(py, socket)?;
    let transport = Own::alloc(
        py,
        DatagramTransport {
            engine: Slot::new(Some(engine.clone())),
            socket: Slot::new(Some(socket.clone())),
            fd: Cell::new(fd),
            number: fd,
            family: Family::of(fd),
            peer,
            remote: Slot::new(remote),
            key: Cell::new(None),
            claim: Cell::new(None),
            conn: Cell::new(Conn::new()),
            protocol: callbacks,
            context: Slot::new(Some(context::copy_current(py)?)),
            waiter: Slot::new(waiter),
            extra: Slot::new(Some(extra)),
            waiting: GuardedCell::new(DatagramQueue::new(HEADER)),
            marks: Cell::new(Watermarks::new()),
            blocked: Cell::new(false),
            handing_out: Cell::new(false),
            delay: Cell::new(WriteDelay::new()),
            dropped: Cell::new(0),
            received_from: Peers::none(),
            sent_to: Known::nothing(),
            error: Slot::empty(),
        },
    )?;
    let claim = engine.own(fd, transport.as_any());
    transport.claim.set(Some(claim));
    DatagramTransport::later(&transport, SinkCall::Start);
    Ok(transport)
}

/// `SinkCall`s come here from the ready queue.
pub fn call(py: Python<'_>, this: &Own<DatagramTransport>, call: SinkCall) -> PyRes<()> {
    match call {
        SinkCall::Start => begin(py, this),
        SinkCall::Started => started(py, this),
        SinkCall::ConnectionLost => connection_lost(py, this),
    }
}

/// Readiness comes here from `dispatch`.
#[inline]
pub fn ready(
    py: Python<'_>,
    this: &Own<DatagramTransport>,
    readable: bool,
    writable: bool,
) -> PyRes<()> {
    if readable && this.conn.get().wants_bytes() {
        receive::ready(py, this)?;
    }
    if writable && this.blocked.get() {
        send::unblocked(py, this)?;
    }
    Ok(())
}

/// `connection_made`, then receiving, then whoever waits.
fn begin(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    let tell = || DatagramTransport::tell(py, this, &names::CONNECTION_MADE, &[this.as_any()]);
    super::begin(&this.engine, this.as_any(), tell, || started(py, this))
}

fn started(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    let _interest_follows = this.change(Conn::started);
    DatagramTransport::update_interest(py, this)?;
    match this.waiter.take() {
        Some(waiter) if !waiter.is_done() => Future::set_result(py, &waiter, Own::none(py)),
        _ => Ok(()),
    }
}

/// `connection_lost`, then the socket.
fn connection_lost(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    let error = this.error.take().unwrap_or_else(|| Own::none(py));
    let told = DatagramTransport::tell(py, this, &names::CONNECTION_LOST, &[&error]);
    this.release(py)?;
    this.protocol.release();
    this.context.set(None);
    // Someone who still waits for connection_made has nothing to wait for any more.
    if let Some(waiter) = this.waiter.take() {
        Future::cancel(py, &waiter, None)?;
    }
    told
}

/// `close()`: when everything that waits has been sent.
fn close(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    send::flush(py, this)?;
    let left = this.waiting.with(|waiting| !waiting.is_empty());
    match this.change(|conn| conn.close(left)) {
        Action::Lose => lose(this, None),
        _ => DatagramTransport::update_interest(py, this)?,
    }
    Ok(())
}

/// `abort()`: at once. What this event has sent is offered to the kernel: asyncio has done so in `sendto`.
fn abort(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    send::flush(py, this)?;
    force(this, None);
    Ok(())
}

/// `abort()` and errors that are no system errors: at once; what waits is lost.
fn force(this: &Own<DatagramTransport>, error: Option<Own>) {
    if this.change(Conn::force) == Action::Lose {
        drop(this.waiting.with(DatagramQueue::take_all));
        lose(this, error);
    }
}

/// Stops listening to the kernel and schedules `connection_lost`.
fn lose(this: &Own<DatagramTransport>, error: Option<Own>) {
    this.blocked.set(false);
    this.dropped.set(1);
    if let (Some(engine), Some(key)) = (this.engine.get(), this.key.take()) {
        engine.deregister(key);
    }
    this.error.set(error);
    DatagramTransport::later(this, SinkCall::ConnectionLost);
}

/// An error that ends the endpoint.
fn fatal(py: Python<'_>, this: &Own<DatagramTransport>, exception: Own, text: &str) -> PyRes<()> {
    if !exception.bound(py).is_instance_of::<PyOSError>() {
        DatagramTransport::report(py, this, &exception, text)?;
    }
    force(this, Some(exception));
    Ok(())
}

impl DatagramTransport {
    fn later(this: &Own<Self>, call: SinkCall) {
        if let Some(engine) = this.engine.get() {
            engine.schedule_quietly(Entry::sink(SinkRef(this.as_any().clone()), call));
        }
    }

    /// Makes one transition and says what it asks for.
    fn change(&self, transition: impl FnOnce(&mut Conn) -> Action) -> Action {
        super::change(&self.conn, transition)
    }

    /// Tells the poller what we wait for now; while that is nothing the loop does not know the transport.
    fn update_interest(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        let Some(engine) = this.engine.get() else {
            return Ok(());
        };
        let conn = this.conn.get();
        let interest = Interest {
            readable: conn.wants_bytes(),
            writable: this.blocked.get() && !conn.is_lost(),
            ..Interest::NONE
        };
        match (this.key.get(), interest == Interest::NONE) {
            (Some(key), true) => {
                this.key.set(None);
                engine.deregister(key);
            }
            (Some(key), false) => engine.set_interest(py, key, interest)?,
            (None, false) if this.fd.get() >= 0 => {
                let source = Source::Datagram(SinkRef(this.as_any().clone()));
                match engine.register(py, this.fd.get(), source, interest) {
                    Ok(key) => this.key.set(Some(key)),
                    Err(error) => {
                        let text = "Fatal error: cannot watch the socket";
                        fatal(py, this, error.take(py), text)?;
                    }
                }
            }
            (None, _) => {}
        }
        Ok(())
    }

    /// Calls the protocol from the loop; its errors are reported and change nothing.
    fn tell(py: Python<'_>, this: &Own<Self>, name: &'static Name, args: &[&Own]) -> PyRes<()> {
        let told = this.in_context(py, || this.protocol.call(py, name, args).map(drop));
        match told {
            Err(error) if !error.leaves_the_loop(py) => {
                let exception = error.take(py);
                let text = this.protocol.failed_callback(py, name)?;
                Self::report(py, this, &exception, &text)
            }
            told => told,
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

    /// The descriptor is going to be closed.
    fn disown(&self) {
        if let (Some(engine), Some(claim)) = (self.engine.get(), self.claim.take()) {
            engine.disown(self.fd.get(), claim);
        }
    }

    /// Closes the socket object, once.
    fn release(&self, py: Python<'_>) -> PyRes<()> {
        self.disown();
        if self.fd.replace(-1) < 0 {
            return Ok(());
        }
        match self.socket.take() {
            Some(socket) => call::method(py, &socket, &names::CLOSE, &[]).map(drop),
            None => Ok(()),
        }
    }
}
