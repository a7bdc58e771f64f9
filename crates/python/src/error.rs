//! Floor 0: THE table from the errors of the rooms below to Python's exceptions.

use std::io;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::ffi::{Own, Raised, call, exception};

/// An `OSError` (of the subclass Python picks for the number, e.g. `ConnectionResetError`) with the errno and its text.
#[cold]
pub fn os_error(py: Python<'_>, error: &io::Error) -> Raised {
    exception::raise_made(py, os_error_object(py, error))
}

/// The same as an instance, not raised.
pub fn os_error_object(py: Python<'_>, error: &io::Error) -> crate::ffi::PyRes {
    let class = Own::from(py.get_type::<PyOSError>().into_any());
    match error.raw_os_error() {
        Some(number) => {
            // strerror's text alone, as Python shows it, not Rust's with the number behind it.
            let text = py.import("os")?.getattr("strerror")?.call1((number,))?;
            call::call(
                py,
                &class,
                &[Own::int(py, i64::from(number))?, Own::from(text)],
            )
        }
        None => call::call(py, &class, &[Own::str(py, &error.to_string())]),
    }
}
