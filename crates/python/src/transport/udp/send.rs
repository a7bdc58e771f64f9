//! From the program to the kernel.

use std::io::ErrorKind;

use ferrio_core::conn::{Action, Conn};
use ferrio_core::flow::{Flow, Watermarks};
use ferrio_core::write_delay::WriteDelay;
use ferrio_reactor::net::{self, RawAddr};
use pyo3::exceptions::{PyBlockingIOError, PyInterruptedError, PyOSError, PyValueError};
use pyo3::prelude::*;

use super::address::Family;
use super::{DatagramTransport, Peer, fatal, lose};
use crate::engine::SinkRef;
use crate::error;
use crate::ffi::buffer::{self, Payload};
use crate::ffi::{Own, PyRes, Raised, call};
use crate::names;
use crate::transport::in_own_context;
use crate::transport::outgoing::{count_dropped, have_waited, payload, used_up};

/// Until 3.12 asyncio swallows an empty datagram.
const SENDS_EMPTY: bool = cfg!(Py_3_13);

/// One of more bytes does not wait for others: a call costs little beside it, and it may be refused for its size.
const LARGE: usize = 16 * 1024;

/// What waits to be sent.
#[derive(Debug)]
pub(super) struct Datagram {
    data: Payload,
    /// As it was given; `None` where the kernel knows.
    pub(super) to: Option<Own>,
    /// The same for the kernel, where that can be had without a look-up and the kernel needs it.
    raw: Option<RawAddr>,
}

impl Datagram {
    /// Does the kernel know where to, or can it be told?
    fn is_ready(&self, transport: &DatagramTransport) -> bool {
        transport.peer == Peer::Named || self.raw.is_some()
    }
}

/// How a try to send has ended.
enum Attempt {
    Sent,
    /// The kernel takes no more for now.
    Blocked,
    /// A system error: the protocol's to know, and no more.
    Failed(Own),
    /// Any other error, of a wrong address for one: the end.
    Broken(Own),
}

/// `sendto(data, addr=None)`.
pub(super) fn send_to(
    py: Python<'_>,
    this: &Own<DatagramTransport>,
    data: &Own,
    to: Option<&Own>,
) -> PyRes<()> {
    let data = payload(py, data)?;
    if !SENDS_EMPTY && data.as_ref().is_empty() {
        return Ok(());
    }
    let to = to.filter(|to| !to.is_none()).cloned();
    let remote = this.remote.get();
    if let (Some(to), Some(remote)) = (&to, &remote) {
        check_address(py, to, remote)?;
    }
    // Without a remote address asyncio sends as long as the socket is open.
    if this.conn.get().is_lost() && (remote.is_some() || this.fd.get() < 0) {
        return count_dropped(py, &this.dropped, "socket.send() raised exception.");
    }
    let to = remote.or(to);
    let raw = to.as_ref().and_then(|to| raw(py, this, to));
    let datagram = Datagram { data, to, raw };
    let datagram = match gather(py, this, datagram)? {
        None => return Ok(()),
        Some(datagram) => datagram,
    };
    if this.waiting.with(|waiting| waiting.is_empty()) {
        match attempt(py, this, &datagram)? {
            Attempt::Sent => return Ok(()),
            Attempt::Blocked => {}
            // In the caller's context, and its errors are the caller's: asyncio calls it from here as well.
            Attempt::Failed(error) => {
                let told = this.protocol.call(py, &names::ERROR_RECEIVED, &[&error]);
                return told.map(drop);
            }
            Attempt::Broken(error) => {
                return fatal(py, this, error, "Fatal write error on datagram transport");
            }
        }
    }
    wait(py, this, datagram)
}

/// While received datagrams are handed out, what is sent waits for their end, or for as many as leave in one call, so that it
/// costs fewer calls. What cannot wait is handed back; nothing is before it.
#[inline]
fn gather(
    py: Python<'_>,
    this: &Own<DatagramTransport>,
    datagram: Datagram,
) -> PyRes<Option<Datagram>> {
    if this.blocked.get() {
        return Ok(Some(datagram));
    }
    let length = datagram.data.as_ref().len();
    let may_wait = this.handing_out.get()
        && this.family != Family::Other
        && datagram.is_ready(this)
        && length <= LARGE
        && !this.conn.get().is_closing();
    if !may_wait {
        flush(py, this)?;
        return Ok(Some(datagram));
    }
    let count = this.waiting.with(|waiting| {
        waiting.push(datagram, length);
        waiting.len()
    });
    match count {
        1 => note(this),
        net::AT_ONCE.. => flush(py, this)?,
        _ => {}
    }
    Ok(None)
}

/// Something waits for the end of the turn.
fn note(this: &Own<DatagramTransport>) {
    if let Some(engine) = this.engine.get() {
        engine.note_unflushed(SinkRef(this.as_any().clone()));
    }
}

/// After a datagram has been handed out: sends what has waited for long.
#[inline]
pub(super) fn flush_in_time(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    if this.waiting.with(|waiting| !waiting.is_empty()) && have_waited(&this.delay) {
        return flush(py, this);
    }
    Ok(())
}

/// The kernel's form of an address, where that can be had without a look-up. An answer goes where the question came from.
fn raw(py: Python<'_>, this: &DatagramTransport, to: &Own) -> Option<RawAddr> {
    if this.family == Family::Other || this.peer == Peer::Named {
        return None;
    }
    let known = this.received_from.raw_of(to);
    let known = known.or_else(|| this.sent_to.raw_of(to));
    known.or_else(|| this.sent_to.raw_after_parsing(py, this.family, to))
}

/// Sends what waits for the end of its event. Does nothing while the kernel refuses it.
pub fn flush(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    this.delay.set(WriteDelay::new());
    if this.blocked.get() || this.waiting.with(|waiting| waiting.is_empty()) {
        return Ok(());
    }
    match drain(py, this) {
        Ok(true) => {
            drained(this);
            Ok(())
        }
        Ok(false) if this.blocked.replace(true) => Ok(()),
        Ok(false) => {
            DatagramTransport::update_interest(py, this)?;
            judge(py, this)
        }
        Err(error) => {
            // The others are left for the next flush.
            note(this);
            Err(error)
        }
    }
}

/// Sends what waits, and tells the protocol of errors; false where the kernel takes no more.
fn drain(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<bool> {
    loop {
        send_many(py, this);
        let Some((datagram, counted)) = this.waiting.with(|waiting| waiting.pop()) else {
            return Ok(true);
        };
        match attempt(py, this, &datagram)? {
            Attempt::Sent => used_up(py, datagram.data),
            // Aborted during the attempt: nobody waits any more.
            Attempt::Blocked if this.conn.get().is_lost() => {}
            Attempt::Blocked => {
                let back = (datagram, counted);
                this.waiting.with(|waiting| waiting.put_back(back));
                return Ok(false);
            }
            Attempt::Failed(error) => {
                // What it sends does not wait: it could be refused again and again.
                let outer = this.handing_out.replace(false);
                let told = DatagramTransport::tell(py, this, &names::ERROR_RECEIVED, &[&error]);
                this.handing_out.set(outer);
                told?;
            }
            Attempt::Broken(error) => {
                fatal(py, this, error, "Fatal write error on datagram transport")?;
            }
        }
    }
}

/// As many of the first ones as the kernel takes in one call, where there are several.
fn send_many(py: Python<'_>, this: &DatagramTransport) {
    let fd = this.fd.get();
    let sent = this.waiting.with(|waiting| {
        if waiting.len() < 2 || fd < 0 {
            return 0;
        }
        let first = waiting.iter().take(net::AT_ONCE);
        let first = first.take_while(|datagram| datagram.is_ready(this));
        let first = first.map(|datagram| (datagram.data.as_ref(), datagram.raw.as_ref()));
        // An error is found again by whoever tries the next one by itself.
        net::send_many(fd, first).unwrap_or(0)
    });
    for _ in 0..sent {
        if let Some((datagram, _)) = this.waiting.with(|waiting| waiting.pop()) {
            used_up(py, datagram.data);
        }
    }
}

/// Nothing waits any more: that may have been what `close` waited for.
fn drained(this: &Own<DatagramTransport>) {
    let nothing_left = this.waiting.with(|waiting| waiting.is_empty());
    if nothing_left && this.change(Conn::drained) == Action::Lose {
        lose(this, None);
    }
}

fn check_address(py: Python<'_>, to: &Own, remote: &Own) -> PyRes<()> {
    if call::equal(py, to, remote)? {
        return Ok(());
    }
    let text = format!("Invalid address: must be None or {}", remote.bound(py));
    Err(Raised::new::<PyValueError>(py, text))
}

/// The kernel is full: the datagram waits until it is not.
#[cold]
fn wait(py: Python<'_>, this: &Own<DatagramTransport>, datagram: Datagram) -> PyRes<()> {
    // The socket is closed before it will take another, or Python code has closed it during the attempt.
    if this.conn.get().is_lost() {
        return Ok(());
    }
    let length = datagram.data.as_ref().len();
    this.waiting.with(|waiting| waiting.push(datagram, length));
    if !this.blocked.replace(true) {
        DatagramTransport::update_interest(py, this)?;
    }
    judge(py, this)
}

/// Datagrams wait, or the limits have changed: should the program pause?
pub(super) fn judge(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    if flow(this, Watermarks::after_write) != Flow::Pause {
        return Ok(());
    }
    let told = in_own_context(py, &this.context, || {
        this.protocol.call(py, &names::PAUSE_WRITING, &[]).map(drop)
    });
    survive(py, this, told, "protocol.pause_writing() failed")
}

fn resume(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    if flow(this, Watermarks::after_drain) != Flow::Resume {
        return Ok(());
    }
    let told = this.in_context(py, || {
        let told = this.protocol.call(py, &names::RESUME_WRITING, &[]);
        told.map(drop)
    });
    survive(py, this, told, "protocol.resume_writing() failed")
}

fn flow(this: &Own<DatagramTransport>, judge: impl FnOnce(&mut Watermarks, usize) -> Flow) -> Flow {
    let mut marks = this.marks.get();
    let flow = judge(&mut marks, this.waiting.with(|waiting| waiting.len_bytes()));
    this.marks.set(marks);
    flow
}

fn survive(
    py: Python<'_>,
    this: &Own<DatagramTransport>,
    told: PyRes<()>,
    text: &str,
) -> PyRes<()> {
    match told {
        Err(error) if !error.leaves_the_loop(py) => {
            DatagramTransport::report(py, this, &error.take(py), text)
        }
        told => told,
    }
}

/// The kernel takes datagrams again.
pub(super) fn unblocked(py: Python<'_>, this: &Own<DatagramTransport>) -> PyRes<()> {
    if !drain(py, this)? {
        return resume(py, this);
    }
    resume(py, this)?;
    // `resume_writing` may have sent more than the kernel takes.
    if this.waiting.with(|waiting| !waiting.is_empty()) {
        return Ok(());
    }
    this.blocked.set(false);
    drained(this);
    DatagramTransport::update_interest(py, this)
}

/// Tries to send.
#[inline]
fn attempt(py: Python<'_>, this: &Own<DatagramTransport>, datagram: &Datagram) -> PyRes<Attempt> {
    let (fd, data) = (this.fd.get(), datagram.data.as_ref());
    let sent = match (&datagram.raw, this.peer) {
        (Some(raw), _) => Some(net::send_to(fd, data, raw)),
        (None, Peer::Named) => Some(net::send(fd, data)),
        (None, Peer::Nameless) if datagram.to.is_none() => Some(net::send(fd, data)),
        _ => None,
    };
    match sent {
        Some(Ok(_)) => Ok(Attempt::Sent),
        Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => Ok(Attempt::Blocked),
        Some(Err(error)) => Ok(Attempt::Failed(error::os_error_object(py, &error)?)),
        None => by_python(py, this, datagram),
    }
}

/// Addresses of other families, names to look up, and what is wrong: Python's socket object knows.
#[cold]
fn by_python(py: Python<'_>, this: &Own<DatagramTransport>, datagram: &Datagram) -> PyRes<Attempt> {
    let Some(socket) = this.socket.get() else {
        return Ok(Attempt::Sent);
    };
    let data = match &datagram.data {
        Payload::Bytes(data) => data.clone(),
        Payload::Copied(data) => buffer::new_bytes(py, data)?,
    };
    let to = datagram.to.clone().unwrap_or_else(|| Own::none(py));
    match call::method(py, &socket, &names::SENDTO, &[&data, &to]) {
        Ok(_) => Ok(Attempt::Sent),
        Err(error) if error.is::<PyBlockingIOError>(py) || error.is::<PyInterruptedError>(py) => {
            error.clear(py);
            Ok(Attempt::Blocked)
        }
        Err(error) if error.leaves_the_loop(py) => Err(error),
        Err(error) if error.is::<PyOSError>(py) => Ok(Attempt::Failed(error.take(py))),
        Err(error) => Ok(Attempt::Broken(error.take(py))),
    }
}
