//! The end of a connection.

use ferrio_core::conn::{Action, Conn};
use ferrio_reactor::net;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use super::{StreamTransport, write};
use crate::engine::SinkCall;
use crate::ffi::{self, Own, PyRes, call};
use crate::names;
use crate::transport::{self, socket::Socket};

/// Since 3.12.1 a server wants to know which transport comes and goes.
fn server_call(
    py: Python<'_>,
    this: &Own<StreamTransport>,
    server: &Own,
    name: &'static ffi::Name,
) -> PyRes<()> {
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
    let left = write::has_bytes(this);
    match this.change(|conn| conn.close(left)) {
        Action::Lose => lose(py, this, None),
        _ => StreamTransport::update_interest(py, this),
    }
}

/// `abort()` and errors: at once.
pub(super) fn force(py: Python<'_>, this: &Own<StreamTransport>, error: Option<Own>) -> PyRes<()> {
    match this.change(Conn::force) {
        Action::Lose => lose(py, this, error),
        _ => Ok(()),
    }
}

/// Stops listening to the kernel and schedules `connection_lost`.
pub(super) fn lose(py: Python<'_>, this: &Own<StreamTransport>, error: Option<Own>) -> PyRes<()> {
    write::discard(this);
    if let (Some(engine), Some(key)) = (this.engine.get(), this.key.take()) {
        engine.deregister(key);
    }
    this.dropped_writes.set(1);
    this.error.set(error);
    this.later(py, this, SinkCall::ConnectionLost)
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
    release(py, this)?;
    detach(py, this)?;
    this.protocol.release();
    this.context.set(None);
    // Someone who still waits for connection_made has nothing to wait for any more.
    if let Some(waiter) = this.waiter.take() {
        crate::future::Future::cancel(py, &waiter, None)?;
    }
    lost
}

/// Closes the descriptor, once; addresses stay known.
fn release(py: Python<'_>, this: &StreamTransport) -> PyRes<()> {
    let fd = this.fd.replace(-1);
    if fd < 0 {
        return Ok(());
    }
    if let Ok(local) = net::local_addr(fd) {
        this.local.with(|place| *place = Some(local));
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

/// An error that ends the connection: system errors are everyday life, others are reported.
pub(super) fn fatal(
    py: Python<'_>,
    this: &Own<StreamTransport>,
    exception: Own,
    text: &str,
) -> PyRes<()> {
    if !exception.bound(py).is_instance_of::<PyOSError>() {
        report(py, this, &exception, text)?;
    } else if this
        .engine
        .peek(|engine| engine.is_some_and(|engine| engine.is_debug()))
    {
        let logger = py.import("asyncio.log")?.getattr("logger")?;
        let kwargs = pyo3::types::PyDict::new(py);
        kwargs.set_item("exc_info", exception.bound(py))?;
        let args = ("%r: %s", this.as_any().bound(py), text);
        logger.getattr("debug")?.call(args, Some(&kwargs))?;
    }
    force(py, this, Some(exception))
}

/// Tells the loop's exception handler.
pub(super) fn report(
    py: Python<'_>,
    this: &Own<StreamTransport>,
    exception: &Own,
    text: &str,
) -> PyRes<()> {
    match this.engine.get() {
        Some(engine) => {
            transport::report(py, &engine, this.as_any(), &this.protocol, exception, text)
        }
        None => Ok(()),
    }
}

/// The finalizer: nobody holds the transport any more, and it was never closed.
pub(super) fn abandon(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    let text = format!("unclosed transport {}", this.as_any().bound(py).repr()?);
    let warned = ffi::exception::resource_warning(py, this.as_any(), &text);
    release(py, this)?;
    detach(py, this)?;
    warned
}
