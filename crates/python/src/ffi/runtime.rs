//! The interpreter around us: threads, pending signals, the wake-up descriptor.

use std::cell::Cell;
use std::os::fd::RawFd;
use std::os::raw::{c_char, c_int};

use pyo3::ffi;
use pyo3::prelude::*;

use super::{Own, PyRes, Raised};

pub use super::running_loop::{
    find as find_running_loop, running_loop, running_loop_or_none, set_running_loop,
};

/// Is it the interpreter that the process has begun with?
pub fn is_main_interpreter(_py: Python<'_>) -> bool {
    // SAFETY: both only read; the token says that this thread is attached to an interpreter.
    unsafe { ffi::PyInterpreterState_Get() == ffi::PyInterpreterState_Main() }
}

/// Prints an uncaught exception as the interpreter does at its top: `sys.excepthook`, `sys.last_exc`, errors of the hook.
///
/// For a `SystemExit` it ends the process.
pub fn print_uncaught(exception: &Bound<'_, PyAny>) {
    PyErr::from_value(exception.clone()).print_and_set_sys_last_vars(exception.py());
}

/// The descriptor that an `int` is, as functions of `os` and `select` take it: newer releases warn of a bool. Errors: `OverflowError`;
/// `ValueError` for a negative one.
pub fn file_descriptor(py: Python<'_>, number: &Own) -> PyRes<RawFd> {
    // SAFETY: attached, a live object.
    match unsafe { ffi::PyObject_AsFileDescriptor(number.as_ptr()) } {
        -1 => Err(Raised::already_set(py)),
        fd => Ok(fd),
    }
}

/// Has the interpreter begun to take itself apart? Modules may be empty then.
#[cfg(Py_3_13)]
pub fn is_finalizing(_py: Python<'_>) -> bool {
    // SAFETY: reads a flag.
    unsafe { ffi::Py_IsFinalizing() != 0 }
}

/// Has the interpreter begun to take itself apart? Modules may be empty then.
#[cfg(not(Py_3_13))]
pub fn is_finalizing(_py: Python<'_>) -> bool {
    unsafe extern "C" {
        // Include/cpython/pylifecycle.h; public since 3.13.
        fn _Py_IsFinalizing() -> c_int;
    }
    // SAFETY: reads a flag.
    unsafe { _Py_IsFinalizing() != 0 }
}

/// Lets the process die of SIGINT once the interpreter is finalized: how a shell learns that Ctrl-C ended a program.
///
/// # Errors
/// All 32 places for exit functions are taken.
pub fn die_of_interrupt_at_exit(_py: Python<'_>) -> Result<(), &'static str> {
    extern "C" fn die() {
        ferrio_reactor::die_of_interrupt();
    }
    // SAFETY: the function lives as long as the program and calls nothing of Python, which is gone by then.
    if unsafe { ffi::Py_AtExit(Some(die)) } == 0 {
        Ok(())
    } else {
        Err("no room for another exit function")
    }
}

#[cfg(Py_3_13)]
unsafe extern "C" {
    // Exported since 3.13 (Include/cpython/pyerrors.h; before, a hidden symbol of libpython); pyo3-ffi leaves it out.
    fn PySignal_SetWakeupFd(fd: c_int) -> c_int;
}

unsafe extern "C" {
    // Include/cpython/sysmodule.h; pyo3-ffi leaves it out.
    fn PySys_Audit(event: *const c_char, format: *const c_char, ...) -> c_int;
}

/// Raises the audit event `socket.getaddrinfo` with the family, the type and the protocol, for the hooks that there are.
#[inline]
pub fn audit_getaddrinfo(py: Python<'_>, host: &Own, port: &Own, kind: [i32; 3]) -> PyRes<()> {
    let (event, format) = (c"socket.getaddrinfo", c"OOiii");
    // SAFETY: the format says what follows: two live objects and three C ints.
    let refused = unsafe {
        PySys_Audit(
            event.as_ptr(),
            format.as_ptr(),
            host.as_ptr(),
            port.as_ptr(),
            kind[0],
            kind[1],
            kind[2],
        )
    };
    if refused == 0 {
        Ok(())
    } else {
        Err(Raised::already_set(py))
    }
}

thread_local! {
    static NESTED_RUNS: Cell<u32> = const { Cell::new(0) };
}

/// How many runs of loops stand still in this thread because another one runs inside them.
#[inline]
pub fn nested_runs() -> u32 {
    NESTED_RUNS.get()
}

/// Counts them: one more, or one less.
pub fn count_nested_run(more: bool) {
    let runs = NESTED_RUNS.get();
    NESTED_RUNS.set(if more {
        runs + 1
    } else {
        runs.saturating_sub(1)
    });
}

/// The calling thread's number, as `threading.get_ident()`.
#[inline]
pub fn thread_ident() -> u64 {
    // SAFETY: no preconditions.
    unsafe { ffi::PyThread_get_thread_ident() }
}

/// Has the interpreter any thread but the calling one? Builds without the interpreter lock, where it makes no difference, say so always.
#[inline]
pub fn has_other_threads(_py: Python<'_>) -> bool {
    if cfg!(Py_GIL_DISABLED) {
        return true;
    }
    // SAFETY: attached, so no thread leaves the list meanwhile; one that is not Python's own may enter itself at the head, complete.
    unsafe {
        let first = ffi::PyInterpreterState_ThreadHead(ffi::PyInterpreterState_Get());
        !ffi::PyThreadState_Next(first).is_null()
    }
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
#[cfg(Py_3_13)]
pub fn set_wakeup_fd(_py: Python<'_>, fd: c_int) -> c_int {
    // SAFETY: attached; the descriptor is non-blocking and stays open until it is replaced.
    unsafe { PySignal_SetWakeupFd(fd) }
}

/// The same through the `signal` module, which also refuses a descriptor that has been closed: then there is none.
#[cfg(not(Py_3_13))]
pub fn set_wakeup_fd(py: Python<'_>, fd: c_int) -> c_int {
    let set = |fd: c_int| -> PyResult<c_int> {
        let options = pyo3::types::PyDict::new(py);
        options.set_item("warn_on_full_buffer", false)?;
        py.import("signal")?
            .call_method("set_wakeup_fd", (fd,), Some(&options))?
            .extract()
    };
    set(fd).or_else(|_closed| set(-1)).unwrap_or(-1)
}
