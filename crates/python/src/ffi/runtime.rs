//! The interpreter around us: threads, pending signals, the wake-up descriptor.

use std::os::raw::c_int;

use pyo3::ffi;
use pyo3::prelude::*;

use super::{PyRes, Raised};

unsafe extern "C" {
    // Public since 3.2 (Include/cpython/pyerrors.h); pyo3-ffi leaves it out.
    fn PySignal_SetWakeupFd(fd: c_int) -> c_int;
}

/// The calling thread's number, as `threading.get_ident()`.
#[inline]
pub fn thread_ident() -> u64 {
    // SAFETY: no preconditions.
    u64::from(unsafe { ffi::PyThread_get_thread_ident() })
}

/// Runs Python's signal handlers if signals have arrived (main thread only; elsewhere nothing).
#[inline]
pub fn check_signals(py: Python<'_>) -> PyRes<()> {
    // SAFETY: attached.
    if unsafe { ffi::PyErr_CheckSignals() } == 0 {
        Ok(())
    } else {
        Err(Raised::already_set(py))
    }
}

/// Makes CPython's C signal handler write each signal number to `fd` (-1: nowhere); gives the one before.
pub fn set_wakeup_fd(_py: Python<'_>, fd: c_int) -> c_int {
    // SAFETY: attached; the descriptor is non-blocking and stays open until it is replaced.
    unsafe { PySignal_SetWakeupFd(fd) }
}
