//! The one trampoline between CPython and our functions: a panic must not unwind into C (that aborts the process).

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::PySystemError;
use pyo3::prelude::*;

use super::Raised;

/// Runs `f`; a panic becomes a `SystemError` and `failed`.
#[inline]
pub(super) fn trampoline<R>(failed: R, f: impl FnOnce(Python<'_>) -> R) -> R {
    // SAFETY: CPython calls slots and methods only from attached threads.
    let py = unsafe { Python::assume_attached() };
    match catch_unwind(AssertUnwindSafe(|| f(py))) {
        Ok(result) => result,
        Err(panic) => {
            report(py, panic);
            failed
        }
    }
}

/// Runs `f` where no exception may be raised (the collector, deallocation); a panic, which has been printed, becomes `failed`.
#[inline]
pub(super) fn quiet<R>(failed: R, f: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or(failed)
}

#[cold]
fn report(py: Python<'_>, panic: Box<dyn std::any::Any + Send>) {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown panic");
    // The error stays set in the thread; the caller returns the value that says so.
    let _set = Raised::new::<PySystemError>(py, format!("ferrio: internal error: {text}"));
}
