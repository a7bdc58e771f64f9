//! From the program to the kernel.

use std::io::ErrorKind;

use ferrio_core::conn::{Action, Conn};
use ferrio_core::flow::{Flow, Watermarks};
use ferrio_reactor::net;
use pyo3::exceptions::{PyBlockingIOError, PyInterruptedError, PyOSError, PyValueError};
use pyo3::prelude::*;

use super::address::Family;
use super::{DatagramTransport, Peer, fatal, lose};
use crate::error;
use crate::ffi::buffer::{self, Payload};
use crate::ffi::{Own, PyRes, Raised, call};
use crate::names;
use crate::transport::in_own_context;
use crate::transport::outgoing::{count_dropped, payload};

/// Until 3.12 asyncio swallows an empty datagram.
const SENDS_EMPTY: bool = cfg!(Py_3_13);

/// What waits to be sent.
#[derive(Debug)]
pub(super) struct Datagram {
    data: Payload,
    /// As it was given; `None` where the kernel knows.
    pub(super) to: Option<Own>,
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
    let datagram = Datagram {
        data,
        to: remote.or(to),
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
    while let Some((datagram, counted)) = this.waiting.with(|waiting| waiting.pop()) {
        match attempt(py, this, &datagram)? {
            Attempt::Sent => {}
            // Aborted during the attempt: nobody waits any more.
            Attempt::Blocked if this.conn.get().is_lost() => {}
            Attempt::Blocked => {
                let back = (datagram, counted);
                this.waiting.with(|waiting| waiting.put_back(back));
                return resume(py, this);
            }
            // The others at the next event, which comes at once.
            Attempt::Failed(error) => {
                return DatagramTransport::tell(py, this, &names::ERROR_RECEIVED, &[&error]);
            }
            Attempt::Broken(error) => {
                return fatal(py, this, error, "Fatal write error on datagram transport");
            }
        }
    }
    resume(py, this)?;
    // `resume_writing` may have sent more than the kernel takes.
    if this.waiting.with(|waiting| !waiting.is_empty()) {
        return Ok(());
    }
    this.blocked.set(false);
    if this.change(Conn::drained) == Action::Lose {
        lose(this, None);
    }
    DatagramTransport::update_interest(py, this)
}

/// Tries to send.
#[inline]
fn attempt(py: Python<'_>, this: &Own<DatagramTransport>, datagram: &Datagram) -> PyRes<Attempt> {
    let (fd, data) = (this.fd.get(), datagram.data.as_ref());
    let sent = match &datagram.to {
        _ if this.peer == Peer::Named => Some(net::send(fd, data)),
        None if this.peer == Peer::Nameless => Some(net::send(fd, data)),
        Some(to) if this.family != Family::Other => {
            let send = |raw: &net::RawAddr| net::send_to(fd, data, raw);
            // An answer goes where the question came from.
            let known = this.received_from.raw_of(to, send);
            let known = known.or_else(|| this.sent_to.raw_of(to, send));
            known.or_else(|| this.sent_to.raw_after_parsing(py, this.family, to, send))
        }
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
