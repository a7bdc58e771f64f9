//! `Raised`: a zero-sized "an error is set in this thread", so that the hot path carries no `PyErr`.

use pyo3::prelude::*;
use pyo3::{PyTypeInfo, ffi};

use super::Own;

/// Proof that CPython's error indicator is set. Whoever drops it without raising or taking the error must say why.
#[derive(Debug)]
#[must_use = "an error is set in the thread: return it, `take` it or `clear` it"]
pub struct Raised(());

/// What a function that makes a Python object returns.
pub type PyRes<T = Own> = Result<T, Raised>;

impl Raised {
    /// States that the error indicator is set (a C API call has just failed).
    #[inline]
    pub fn already_set(_py: Python<'_>) -> Self {
        #[cfg(debug_assertions)]
        // SAFETY: attached; only looks at the indicator.
        unsafe {
            assert!(
                !ffi::PyErr_Occurred().is_null(),
                "Raised without an error set"
            );
        }
        Self(())
    }

    /// Raises `E(message)`.
    #[cold]
    pub fn new<E: PyTypeInfo>(py: Python<'_>, message: impl AsRef<str>) -> Self {
        let message = pyo3::types::PyString::new(py, message.as_ref());
        // SAFETY: attached; both arguments are live objects.
        unsafe { ffi::PyErr_SetObject(E::type_object(py).as_ptr(), message.as_ptr()) };
        Self(())
    }

    /// Raises `E()`.
    #[cold]
    pub fn new_empty<E: PyTypeInfo>(py: Python<'_>) -> Self {
        let made = E::type_object(py).call0();
        super::exception::raise_made(py, made.map(Own::from).map_err(Self::from))
    }

    /// Takes the exception instance out of the indicator (with its traceback attached).
    pub fn take(self, py: Python<'_>) -> Own {
        #[cfg(Py_3_12)]
        // SAFETY: attached; an error is set, so the result is an owned exception.
        unsafe {
            Own::from_owned_ptr(py, ffi::PyErr_GetRaisedException()).expect("an error is set")
        }
        #[cfg(not(Py_3_12))]
        {
            let _ = py;
            let (mut class, mut value, mut traceback) = (
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            );
            // SAFETY: attached; an error is set. Not through `PyErr`: what it drops is parked until PyO3 attaches next.
            unsafe {
                ffi::PyErr_Fetch(&raw mut class, &raw mut value, &raw mut traceback);
                ffi::PyErr_NormalizeException(&raw mut class, &raw mut value, &raw mut traceback);
                if !traceback.is_null() {
                    ffi::PyException_SetTraceback(value, traceback);
                }
                ffi::Py_XDECREF(traceback);
                ffi::Py_XDECREF(class);
                Own::from_owned_ptr(py, value).expect("an error is set")
            }
        }
    }

    /// Is the error an instance of `E`?
    pub fn is<E: PyTypeInfo>(&self, py: Python<'_>) -> bool {
        // SAFETY: attached and an error is set.
        unsafe { ffi::PyErr_ExceptionMatches(E::type_object(py).as_ptr()) != 0 }
    }

    /// `KeyboardInterrupt` and `SystemExit` leave the loop; asyncio treats every other error as the callback's own.
    pub fn leaves_the_loop(&self, py: Python<'_>) -> bool {
        self.is::<pyo3::exceptions::PyKeyboardInterrupt>(py)
            || self.is::<pyo3::exceptions::PySystemExit>(py)
    }

    /// Forgets the error; say at the call why that is right.
    pub fn clear(self, _py: Python<'_>) {
        // SAFETY: attached.
        unsafe { ffi::PyErr_Clear() }
    }

    /// Prints the error to `sys.unraisablehook`, for places that have nobody to raise it to.
    pub fn write_unraisable(self, py: Python<'_>, context: Option<&Own>) {
        let context = context.map_or(std::ptr::null_mut(), Own::as_ptr);
        let _ = py;
        // SAFETY: attached; context is null or live.
        unsafe { ffi::PyErr_WriteUnraisable(context) }
    }
}

impl From<PyErr> for Raised {
    #[cold]
    fn from(error: PyErr) -> Self {
        // SAFETY: this crate meets a `PyErr` only in functions that Python has called. `Python::attach` would do, but it
        // refuses while the interpreter shuts down, when finalizers still run.
        error.restore(unsafe { Python::assume_attached() });
        Self(())
    }
}

impl From<Raised> for PyErr {
    #[cold]
    fn from(_: Raised) -> Self {
        // SAFETY: as above.
        PyErr::fetch(unsafe { Python::assume_attached() })
    }
}
