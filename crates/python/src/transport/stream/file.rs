//! `loop.sendfile`: the kernel sends a file over the connection.
//!
//! `_begin_sendfile`, then `_sendfile` for each piece, then `_end_sendfile`, whatever has happened. In between nobody else may
//! write: what was written before leaves first, what is written after comes behind the file. Where a piece cannot be sent yet,
//! `_sendfile_ready` tells when. `python/ferrio/_sendfile.py` makes the calls.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::{StreamTransport, engine_of, loss, write};
use crate::ffi::{Args, Own, PyRes, Raised};
use crate::future::Future;
use crate::transport::file::Piece;

/// No writes from now on; those before are on their way. Errors: `RuntimeError` where a file is being sent already.
pub(super) fn begin(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    if this.sending_file.replace(true) {
        let text = "another sendfile is in progress";
        return Err(Raised::new::<PyRuntimeError>(py, text));
    }
    write::flush(py, this)
}

/// `(file, offset, count)`: how many bytes have been sent, 0 at the end of the file, `None` where it must wait.
pub(super) fn send(
    py: Python<'_>,
    this: &Own<StreamTransport>,
    args: Args<'_>,
) -> PyRes<Option<Own>> {
    if this.conn.get().is_lost() || this.outgoing.has_bytes() {
        return Ok(None);
    }
    Piece::from_arguments(py, args.positional())?.send(py, this.fd.get())
}

/// A future that is resolved when everything written has been sent and the kernel takes bytes again. Errors: `ConnectionError`
/// where it never will, now or through the future.
pub(super) fn when_ready(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<Own<Future>> {
    if this.conn.get().is_lost() {
        return Err(loss::gone(py));
    }
    let future = Future::new_pending(py, &engine_of(py, this)?)?;
    this.file_waiter.set(Some(future.clone()));
    StreamTransport::update_interest(py, this)?;
    Ok(future)
}

/// The kernel takes bytes.
pub(super) fn writable(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    if this.outgoing.has_bytes() {
        return Ok(());
    }
    let Some(waiter) = this.file_waiter.take() else {
        return Ok(());
    };
    StreamTransport::update_interest(py, this)?;
    if waiter.is_done() {
        return Ok(());
    }
    Future::set_result(py, &waiter, Own::none(py))
}

/// Writes are welcome again.
pub(super) fn end(py: Python<'_>, this: &Own<StreamTransport>) -> PyRes<()> {
    this.sending_file.set(false);
    drop(this.file_waiter.take());
    StreamTransport::update_interest(py, this)
}
