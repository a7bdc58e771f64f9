//! The end of a connection.

use ferrio_core::conn::Action;
use ferrio_reactor::net;
use pyo3::prelude::*;

use super::{StreamTransport, loss, write};
use crate::ffi::{self, Own, PyRes, call};
use crate::names;
use crate::transport::socket::Socket;

/// Since 3.12.1 a server wants to know which transport comes and goes.
fn server_call(
    py: Python<'_>,
    this: &Own<StreamTransport>,
    server: &Own,
    name: &'static ffi::Name,
) -> PyRes<()> {
    if cfg!(Py_3_13) {
        return call::method(py, server, name, &[this.as_any()]).map(drop);
    }
    let method = call::attribute(py, server, name)?;
    let code = method.bound(py).getattr("__code__");
    let takes_transport = code
        .and_then(|code| code.getattr("co_argcount")?.extract::<usize>())
        .is_ok_and(|count| count > 1);
    let done = if takes_transport {
        call::call1(py, &method, this.as_any())
    } else {
        call::call0(py, &method)
    };
    done.map(drop)
}

/// The server counts the connection.
pub(super) fn attach(py: Python<'_>, this: &Own<StreamTransport>, server: Own) -> PyRes<()> {
    server_call(py, this, &server, &names::ATTACH)?;
    this.server.set(Some(server));
    Ok(())
}

fn detach(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    match this.server.take() {
        Some(server) => server_call(py, this, &server, &names::DETACH),
        None => Ok(()),
    }
}

/// `close()`: when everything written has been sent.
pub(super) fn close(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    write::flush(py, this)?;
    let left = this.outgoing.has_bytes();
    match this.change(|conn| conn.close(left)) {
        Action::Lose => loss::lose(py, this, None),
        _ => StreamTransport::update_interest(py, this),
    }
}

/// `abort()`: at once. The kernel is offered what this turn has written: asyncio has done so in `write`.
pub(super) fn abort(py: Python<'_>, this: &Own<StreamTransport>, error: Option<Own>) -> PyRes<()> {
    write::flush(py, this)?;
    loss::force(py, this, error)
}

/// `connection_lost`, then the descriptor.
pub(super) fn connection_lost(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let error = this.error.take().unwrap_or_else(|| Own::none(py));
    let lost = this.in_context(py, || {
        this.protocol
            .call(py, &names::CONNECTION_LOST, &[&error])
            .map(drop)
    });
    let lost = super::report_callback(py, this, lost, &names::CONNECTION_LOST);
    // Whatever fails on the way, the rest is let go of too. An error is taken out of the indicator before more Python runs.
    let mut leaving = lost.err().map(|error| error.take(py));
    this.protocol.release();
    this.context.set(None);
    let released = release(py, this);
    leaving = leaving.or(survive_end(py, this, released)?);
    let detached = detach(py, this);
    leaving = leaving.or(survive_end(py, this, detached)?);
    // Someone who still waits for connection_made has nothing to wait for any more.
    if let Some(waiter) = this.waiter.take() {
        crate::future::Future::cancel(py, &waiter, None)?;
    }
    match leaving {
        Some(exception) => Err(ffi::exception::restore(py, exception)),
        None => Ok(()),
    }
}

/// What goes wrong at the very end (somebody else has closed the descriptor) is reported and changes nothing; what leaves
/// the loop is handed back.
fn survive_end(py: Python<'_>, this: &Own<StreamTransport>, done: PyRes<()>) -> PyRes<Option<Own>> {
    let Err(error) = done else {
        return Ok(None);
    };
    let leaves = error.leaves_the_loop(py);
    let exception = error.take(py);
    if leaves {
        return Ok(Some(exception));
    }
    loss::report(
        py,
        this,
        &exception,
        "Exception while closing a socket transport",
    )?;
    Ok(None)
}

/// Closes the descriptor, once. Addresses stay known to whoever holds the transport still: most often only its protocol did.
fn release(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    this.disown();
    let fd = this.fd.replace(-1);
    if fd < 0 {
        return Ok(());
    }
    if this.as_any().refcount() > 1 {
        if let Ok(local) = net::local_addr(fd) {
            this.local.with(|place| *place = Some(local));
        }
    }
    match this
        .socket
        .with(|socket| std::mem::replace(socket, Socket::Gone))
    {
        Socket::Native(fd) => drop(fd),
        Socket::Python(socket) => call::method(py, &socket, &names::CLOSE, &[]).map(drop)?,
        Socket::Gone => {}
    }
    Ok(())
}

/// The finalizer: nobody holds the transport any more, and it was never closed.
pub(super) fn abandon(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let text = format!("unclosed transport {}", this.as_any().bound(py).repr()?);
    let warned = ffi::exception::resource_warning(py, this.as_any(), &text);
    release(py, this)?;
    detach(py, this)?;
    warned
}
