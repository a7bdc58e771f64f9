//! `contextvars` through the C API (`Context.run` costs ten times as much).

use pyo3::ffi;
use pyo3::prelude::*;

use super::own::Any;
use super::{Own, PyRes, Raised};

/// Is it a `contextvars.Context`?
#[inline]
pub fn is_context(object: &Own) -> bool {
    // SAFETY: a live object.
    unsafe { ffi::PyContext_CheckExact(object.as_ptr()) != 0 }
}

/// `contextvars.copy_context()`.
#[inline]
pub fn copy_current(py: Python<'_>) -> PyRes {
    // SAFETY: attached.
    unsafe { Own::<Any>::from_owned_ptr(py, ffi::PyContext_CopyCurrent()) }
}

/// `context.copy()`. Fails where it is no `Context`.
#[inline]
pub fn copy(py: Python<'_>, context: &Own) -> PyRes {
    // SAFETY: a live object; the function checks its type.
    unsafe { Own::<Any>::from_owned_ptr(py, ffi::PyContext_Copy(context.as_ptr())) }
}

/// Enters the context; pairs with `exit`. Fails where it is already entered or where it is no `Context`.
#[inline]
pub fn enter(py: Python<'_>, context: &Own) -> PyRes<()> {
    // SAFETY: a live object; the function checks its type.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } == 0 {
        Ok(())
    } else {
        Err(Raised::already_set(py))
    }
}

/// `run`, or a plain call where the context is entered already.
pub fn run_or_stay<R>(py: Python<'_>, context: &Own, f: impl FnOnce() -> PyRes<R>) -> PyRes<R> {
    match enter(py, context) {
        Ok(()) => leave_after(py, context, f()),
        Err(entered) => {
            entered.clear(py);
            f()
        }
    }
}

/// Leaves the context entered last.
#[inline]
pub fn exit(py: Python<'_>, context: &Own) -> PyRes<()> {
    // SAFETY: a live object; the function checks that it is the current one.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } == 0 {
        Ok(())
    } else {
        Err(Raised::already_set(py))
    }
}

/// Runs `f` in the context. The result of `f` is what counts: leaving can only fail after `f` has unbalanced
/// the contexts itself, and then `f`'s own error says more.
#[inline]
pub fn run<R>(py: Python<'_>, context: &Own, f: impl FnOnce() -> PyRes<R>) -> PyRes<R> {
    match enter(py, context) {
        Ok(()) => leave_after(py, context, f()),
        Err(error) => run_entered(py, context, error, f),
    }
}

/// `run` where the context is entered already. Further down the stack, when a loop runs inside a run: `f` stays in it where it is
/// the innermost; else it has to be content with a copy. Without such a run that is an error, as it is for asyncio.
#[cold]
pub fn run_entered<R>(
    py: Python<'_>,
    context: &Own,
    error: Raised,
    f: impl FnOnce() -> PyRes<R>,
) -> PyRes<R> {
    if super::runtime::nested_runs() == 0 || !is_context(context) {
        return Err(error);
    }
    error.clear(py);
    if leave_if_current(py, context) {
        enter(py, context)?;
        return f();
    }
    let copy = copy(py, context)?;
    enter(py, &copy)?;
    leave_after(py, &copy, f())
}

/// Leaves the context if it is the one entered last; was it?
pub fn leave_if_current(py: Python<'_>, context: &Own) -> bool {
    exit(py, context).map_err(|other| other.clear(py)).is_ok()
}

/// Is it entered, by whomever?
pub fn is_entered(py: Python<'_>, context: &Own) -> bool {
    match enter(py, context) {
        Ok(()) => !leave_if_current(py, context),
        Err(entered) => {
            entered.clear(py);
            true
        }
    }
}

#[inline]
fn leave_after<R>(py: Python<'_>, context: &Own, done: PyRes<R>) -> PyRes<R> {
    match done {
        Ok(result) => exit(py, context).map(|()| result),
        Err(error) => {
            // `PyContext_Exit` must not be called with an error set where it could raise its own.
            let exception = error.take(py);
            if let Err(unbalanced) = exit(py, context) {
                unbalanced.clear(py);
            }
            Err(super::exception::restore(py, exception))
        }
    }
}
