//! A connection is given up: at once, or because of an error.

use ferrio_core::conn::{Action, Conn};
use pyo3::exceptions::{PyConnectionError, PyOSError};
use pyo3::prelude::*;

use super::StreamTransport;
use crate::engine::SinkCall;
use crate::ffi::{Own, PyRes, Raised};
use crate::future::Future;
use crate::transport;

/// At once; what waits is lost.
pub(super) fn force(py: Python<'_>, this: &Own<StreamTransport>, error: Option<Own>) -> PyRes<()> {
    match this.change(Conn::force) {
        Action::Lose => lose(py, this, error),
        _ => Ok(()),
    }
}

/// Stops listening to the kernel and schedules `connection_lost`.
pub(super) fn lose(py: Python<'_>, this: &Own<StreamTransport>, error: Option<Own>) -> PyRes<()> {
    this.outgoing.discard();
    if let (Some(engine), Some(key)) = (this.engine.get(), this.key.take()) {
        engine.deregister(key);
    }
    stop_sending_file(py, this, error.as_ref())?;
    this.error.set(error);
    this.later(py, this, SinkCall::ConnectionLost)
}

/// Whoever waits to send more of a file is told why it cannot.
fn stop_sending_file(
    py: Python<'_>,
    this: &Own<StreamTransport>,
    error: Option<&Own>,
) -> PyRes<()> {
    let Some(waiter) = this.file_waiter.take().filter(|waiter| !waiter.is_done()) else {
        return Ok(());
    };
    let error = error.cloned().unwrap_or_else(|| gone(py).take(py));
    Future::set_exception(py, &waiter, error)
}

/// What the sender of a file is told where there is no other error: asyncio's words.
#[cold]
pub(super) fn gone(py: Python<'_>) -> Raised {
    Raised::new::<PyConnectionError>(py, "Connection is closed by peer")
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
