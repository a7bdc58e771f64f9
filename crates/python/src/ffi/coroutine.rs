//! Driving coroutines.

use pyo3::ffi;
use pyo3::prelude::*;

use super::own::{Any, Name};
use super::{Own, PyRes, Raised, call, exception};

static THROW: Name = Name::new("throw");

/// What a coroutine did with one resumption.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// It waits for this.
    Yielded(Own),
    /// It is done with this value.
    Returned(Own),
    /// It is done with an error, which is set.
    Failed(Raised),
}

/// `coroutine.send(None)`, through `am_send` where the type has it.
#[inline]
pub fn send(py: Python<'_>, coroutine: &Own) -> Step {
    let mut result = std::ptr::null_mut();
    // SAFETY: a live object; PyIter_Send falls back to `tp_iternext` and the method `send`.
    unsafe {
        match ffi::PyIter_Send(coroutine.as_ptr(), ffi::Py_None(), &raw mut result) {
            ffi::PySendResult::PYGEN_NEXT => owned(py, result, Step::Yielded),
            ffi::PySendResult::PYGEN_RETURN => owned(py, result, Step::Returned),
            ffi::PySendResult::PYGEN_ERROR => Step::Failed(Raised::already_set(py)),
        }
    }
}

/// # Safety
/// `result` is an owned reference.
#[inline]
unsafe fn owned(py: Python<'_>, result: *mut ffi::PyObject, step: fn(Own) -> Step) -> Step {
    // SAFETY: the caller's promise.
    match unsafe { Own::<Any>::from_owned_ptr(py, result) } {
        Ok(object) => step(object),
        Err(error) => Step::Failed(error),
    }
}

/// `coroutine.throw(exception)`.
pub fn throw(py: Python<'_>, coroutine: &Own, error: &Own) -> Step {
    match call::method(py, coroutine, &THROW, &[error]) {
        Ok(yielded) => Step::Yielded(yielded),
        Err(error) => match exception::take_stop_iteration(py, error) {
            Ok(value) => Step::Returned(value),
            Err(error) => Step::Failed(error),
        },
    }
}

/// Is it exactly a native coroutine object (by far the most common case of `asyncio.iscoroutine`)?
#[inline]
pub fn is_native(object: &Own) -> bool {
    // SAFETY: compares types.
    unsafe { ffi::PyCoro_CheckExact(object.as_ptr()) != 0 }
}

/// What asyncio takes for a coroutine, or for a function that makes one. Its name for the latter warns since 3.14.
pub fn is_coroutine_or_function(py: Python<'_>, object: &Own) -> PyRes<bool> {
    let function = if cfg!(Py_3_14) {
        "_iscoroutinefunction"
    } else {
        "iscoroutinefunction"
    };
    let coroutines = py.import("asyncio.coroutines")?;
    for name in ["iscoroutine", function] {
        let answer = coroutines.getattr(name)?.call1((object.bound(py),))?;
        if answer.is_truthy()? {
            return Ok(true);
        }
    }
    Ok(false)
}
