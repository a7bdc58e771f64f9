//! Exceptions as objects.

use pyo3::exceptions::PyStopIteration;
use pyo3::ffi;
use pyo3::prelude::*;

use super::own::Any;
use super::{Own, PyRes, Raised};

/// Puts an exception instance back into the indicator, traceback and all.
pub fn restore(py: Python<'_>, exception: Own) -> Raised {
    #[cfg(Py_3_12)]
    // SAFETY: takes over one reference to an exception instance.
    unsafe {
        ffi::PyErr_SetRaisedException(exception.into_ptr());
    }
    #[cfg(not(Py_3_12))]
    PyErr::from_value(exception.into_bound(py)).restore(py);
    Raised::already_set(py)
}

/// Is it an exception instance?
pub fn is_instance(object: &Own) -> bool {
    // SAFETY: looks at type flags.
    unsafe { ffi::PyExceptionInstance_Check(object.as_ptr()) != 0 }
}

/// Is it an exception class?
pub fn is_class(object: &Own) -> bool {
    // SAFETY: looks at type flags.
    unsafe { ffi::PyExceptionClass_Check(object.as_ptr()) != 0 }
}

/// Is it an instance of the class or of one of a tuple of classes?
pub fn matches(exception: &Own, class: &Own) -> bool {
    // SAFETY: two live objects.
    unsafe { ffi::PyErr_GivenExceptionMatches(exception.as_ptr(), class.as_ptr()) != 0 }
}

/// `exception.__traceback__`.
pub fn traceback(py: Python<'_>, exception: &Own) -> Option<Own> {
    // SAFETY: an exception instance; null means none, without an error.
    unsafe {
        Own::<Any>::from_owned_ptr_or_none(py, ffi::PyException_GetTraceback(exception.as_ptr()))
    }
}

/// `exception.__traceback__ = traceback`; anything but a traceback is refused by CPython and ignored here.
pub fn set_traceback(py: Python<'_>, exception: &Own, traceback: Option<&Own>) {
    let none = Own::none(py);
    let traceback = traceback.unwrap_or(&none);
    // SAFETY: two live objects.
    unsafe {
        if ffi::PyException_SetTraceback(exception.as_ptr(), traceback.as_ptr()) < 0 {
            ffi::PyErr_Clear();
        }
    }
}

/// If the error set is `StopIteration`, takes it and gives its value: what a finished generator means by it.
pub fn take_stop_iteration(py: Python<'_>, error: Raised) -> PyRes {
    if !error.is::<PyStopIteration>(py) {
        return Err(error);
    }
    let exception = error.take(py);
    // SAFETY: an instance of StopIteration or a subclass, whose layout begins with these fields.
    unsafe {
        let value = (*exception.as_ptr().cast::<ffi::PyStopIterationObject>()).value;
        if value.is_null() {
            Ok(Own::none(py))
        } else {
            Ok(Own::from_borrowed_ptr(value))
        }
    }
}

/// `warnings.warn(text, ResourceWarning, source=source)`. Works while the interpreter shuts down; a filter may make
/// it an error.
pub fn resource_warning(py: Python<'_>, source: &Own, text: &str) -> PyRes<()> {
    let text = text.replace('%', "%%").replace('\0', " ");
    let text = std::ffi::CString::new(text).expect("NULs were replaced");
    // SAFETY: a live object and a format without conversions.
    match unsafe { ffi::PyErr_ResourceWarning(source.as_ptr(), 1, text.as_ptr()) } {
        0 => Ok(()),
        _ => Err(Raised::already_set(py)),
    }
}

impl Own {
    /// Takes over a reference where null means "nothing", without an error.
    unsafe fn from_owned_ptr_or_none(py: Python<'_>, ptr: *mut ffi::PyObject) -> Option<Own> {
        // SAFETY: not null, owned.
        (!ptr.is_null())
            .then(|| unsafe { Own::from_owned_ptr(py, ptr) }.ok())
            .flatten()
    }
}
