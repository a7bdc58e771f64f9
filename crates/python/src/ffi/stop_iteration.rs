//! Returning a value from an iterator slot means raising `StopIteration(value)`. Making one costs 76 ns on 3.13, more than
//! a whole coroutine frame; filling the value into one that nobody else holds costs 23.

use pyo3::ffi;
use pyo3::prelude::*;

use super::Own;
#[cfg(Py_3_12)]
use super::Slot;

#[cfg(Py_3_12)]
thread_local! {
    // Per thread: two threads may both be between "raised" and "caught". Holds at most one exception for each thread,
    // forgotten (not freed) when the thread ends, since a dying thread is no longer attached.
    static REUSED: std::mem::ManuallyDrop<Slot> = const { std::mem::ManuallyDrop::new(Slot::empty()) };
}

/// Raises `StopIteration(value)`.
#[cfg(Py_3_12)]
#[inline]
pub(super) fn raise(py: Python<'_>, value: Own) {
    REUSED.with(|cell| {
        let exception = match cell.take() {
            Some(old) if is_ours_alone(&old) => old,
            _ => match make(py) {
                Some(new) => new,
                None => return,
            },
        };
        // SAFETY: a StopIteration that nobody else can see; the old value is released after the new one is in.
        unsafe {
            let fields = exception.as_ptr().cast::<ffi::PyStopIterationObject>();
            let old = std::mem::replace(&mut (*fields).value, value.into_ptr());
            cell.set(Some(exception.clone()));
            ffi::PyErr_SetRaisedException(exception.into_ptr());
            ffi::Py_XDECREF(old);
        }
    });
}

/// Lets go of the last value raised, so that it lives no longer than under asyncio. Called when an awaitable dies.
#[inline]
pub fn release() {
    #[cfg(Py_3_12)]
    REUSED.with(|cell| {
        // One that Python code has caught holds that code's frames: whoever caught it may keep it, we do not.
        if cell.peek(|exception| exception.is_some_and(|e| !is_unspoilt(e))) {
            drop(cell.take());
            return;
        }
        let value = cell.peek(|exception| match exception {
            // SAFETY: ours alone, so nobody can miss the value.
            Some(exception) if is_ours_alone(exception) => unsafe {
                let fields = exception.as_ptr().cast::<ffi::PyStopIterationObject>();
                std::mem::replace(&mut (*fields).value, ffi::Py_None())
            },
            _ => std::ptr::null_mut(),
        });
        // SAFETY: the reference that the exception owned; dropped outside the cell, as it may run Python.
        // None stands in the field unowned only where it is immortal.
        unsafe {
            if !value.is_null() {
                ffi::Py_DECREF(value);
            }
        }
    });
}

#[cfg(Py_3_12)]
#[inline]
fn is_ours_alone(exception: &Own) -> bool {
    exception.refcount() == 1 && is_unspoilt(exception)
}

#[cfg(Py_3_12)]
#[inline]
fn is_unspoilt(exception: &Own) -> bool {
    // SAFETY: reads fields of a live StopIteration.
    unsafe {
        let fields = exception.as_ptr().cast::<ffi::PyStopIterationObject>();
        (*fields).traceback.is_null()
            && (*fields).context.is_null()
            && (*fields).cause.is_null()
            && (*fields).notes.is_null()
            && (*fields).dict.is_null()
    }
}

#[cfg(Py_3_12)]
#[cold]
fn make(py: Python<'_>) -> Option<Own> {
    // SAFETY: calls a live type; a failure leaves an error set, which is what the caller's slot returns.
    unsafe { Own::from_owned_ptr(py, ffi::PyObject_CallNoArgs(ffi::PyExc_StopIteration)).ok() }
}

/// Raises `StopIteration(value)`. On 3.11 `await` takes `am_send`, so this is only for `next()` by hand.
#[cfg(not(Py_3_12))]
pub(super) fn raise(_py: Python<'_>, value: Own) {
    // SAFETY: the instance is made first, so that a tuple or an exception as value is not taken apart.
    unsafe {
        let exception = ffi::PyObject_CallOneArg(ffi::PyExc_StopIteration, value.as_ptr());
        if !exception.is_null() {
            ffi::PyErr_SetObject(ffi::PyExc_StopIteration, exception);
            ffi::Py_DECREF(exception);
        }
    }
}
