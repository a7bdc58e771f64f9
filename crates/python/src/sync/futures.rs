//! What can be done to the future of one who waits: ours natively, anybody else's by its methods.

use pyo3::prelude::*;

use crate::ffi::{Own, PyRes, call};
use crate::future::Future;
use crate::names;

/// `future.done()`.
#[inline]
pub(super) fn is_done(py: Python<'_>, future: &Own) -> PyRes<bool> {
    match future.exact::<Future>() {
        Some(future) => Ok(future.is_done()),
        None => call::truth(py, &call::method(py, future, &names::DONE, &[])?),
    }
}

/// `future.cancelled()`.
#[inline]
pub(super) fn is_cancelled(py: Python<'_>, future: &Own) -> PyRes<bool> {
    match future.exact::<Future>() {
        Some(future) => Ok(future.is_cancelled()),
        None => call::truth(py, &call::method(py, future, &names::CANCELLED, &[])?),
    }
}

/// `future.cancel()`.
pub(super) fn cancel(py: Python<'_>, future: &Own) -> PyRes<()> {
    match future.exact::<Future>() {
        Some(future) => Future::cancel(py, future, None).map(drop),
        None => call::method(py, future, &names::CANCEL, &[]).map(drop),
    }
}

/// `if not future.done(): future.set_result(value)`; was it pending?
#[inline]
pub(super) fn wake(
    py: Python<'_>,
    future: &Own,
    value: impl FnOnce(Python<'_>) -> Own,
) -> PyRes<bool> {
    if is_done(py, future)? {
        return Ok(false);
    }
    match future.exact::<Future>() {
        Some(future) => Future::set_result(py, future, value(py))?,
        None => {
            call::method(py, future, &names::SET_RESULT, &[&value(py)])?;
        }
    }
    Ok(true)
}

/// The value of most wake-ups.
#[inline]
pub(super) fn yes(py: Python<'_>) -> Own {
    Own::bool(py, true)
}
