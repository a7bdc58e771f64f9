//! Returning a value from an iterator slot means raising `StopIteration(value)`. Making one costs 76 ns on 3.13, more than
//! a whole coroutine frame; filling the value into one that nobody else holds costs 23.

pub(super) use values::raise;
pub use values::release;

#[cfg(all(Py_3_12, not(Py_GIL_DISABLED)))]
mod values {
    use std::cell::Cell;

    use pyo3::ffi;
    use pyo3::prelude::*;

    use crate::ffi::shared::Shared;
    use crate::ffi::{Own, Slot};

    struct Reused {
        /// The last one raised. While somebody is about to catch it, it has a second reference and is left alone.
        exception: Slot,
        /// May it hold a value?
        is_filled: Cell<bool>,
    }

    static REUSED: Shared<Reused> = Shared::new(Reused {
        exception: Slot::empty(),
        is_filled: Cell::new(false),
    });

    /// Raises `StopIteration(value)`.
    #[inline]
    pub fn raise(py: Python<'_>, value: Own) {
        let reused = REUSED.get(py);
        let exception = match reused.exception.take() {
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
            reused.is_filled.set(true);
            reused.exception.set(Some(exception.clone()));
            ffi::PyErr_SetRaisedException(exception.into_ptr());
            ffi::Py_XDECREF(old);
        }
    }

    /// Lets go of the last value raised, so that it lives no longer than under asyncio. Called when an awaitable dies.
    #[inline]
    pub fn release(py: Python<'_>) {
        let reused = REUSED.get(py);
        if reused.is_filled.get() {
            empty(reused);
        }
    }

    fn empty(reused: &Reused) {
        let exception = &reused.exception;
        // One that Python code has caught holds that code's frames: whoever caught it may keep it, we do not.
        if exception.peek(|exception| exception.is_none_or(|e| !is_unspoilt(e))) {
            reused.is_filled.set(false);
            drop(exception.take());
            return;
        }
        let value = exception.peek(|exception| match exception {
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
                reused.is_filled.set(false);
                ffi::Py_DECREF(value);
            }
        }
    }

    #[inline]
    fn is_ours_alone(exception: &Own) -> bool {
        exception.refcount() == 1 && is_unspoilt(exception)
    }

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

    #[cold]
    fn make(py: Python<'_>) -> Option<Own> {
        // SAFETY: calls a live type; a failure leaves an error set, which is what the caller's slot returns.
        unsafe { Own::from_owned_ptr(py, ffi::PyObject_CallNoArgs(ffi::PyExc_StopIteration)).ok() }
    }
}

/// On 3.11 `await` takes `am_send`, so there it is only for `next()` by hand; without the interpreter lock threads cannot share one.
#[cfg(any(not(Py_3_12), Py_GIL_DISABLED))]
mod values {
    use pyo3::ffi;
    use pyo3::prelude::*;

    use crate::ffi::Own;

    /// Raises `StopIteration(value)`.
    pub fn raise(_py: Python<'_>, value: Own) {
        // SAFETY: the instance is made first, so that a tuple or an exception as value is not taken apart.
        unsafe {
            let exception = ffi::PyObject_CallOneArg(ffi::PyExc_StopIteration, value.as_ptr());
            if !exception.is_null() {
                ffi::PyErr_SetObject(ffi::PyExc_StopIteration, exception);
                ffi::Py_DECREF(exception);
            }
        }
    }

    /// Nothing is kept.
    pub fn release(_py: Python<'_>) {}
}
