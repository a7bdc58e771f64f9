//! What is said of futures and tasks that outlive the program.
//!
//! They die while the interpreter takes the modules apart; logging, traceback and the loop's own Python code are gone by then.

use std::ffi::c_char;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::ffi::{Own, PyRes, call};
use crate::names;

#[cfg(not(Py_3_13))]
unsafe extern "C" {
    // Public since 3.13.
    fn _Py_IsFinalizing() -> std::ffi::c_int;
}

/// Is the interpreter shutting down, and would the loop only log what it is told?
pub(super) fn are_due(py: Python<'_>, loop_: &Own) -> PyRes<bool> {
    #[cfg(Py_3_13)]
    // SAFETY: reads a flag.
    let is_finalizing = unsafe { ffi::Py_IsFinalizing() != 0 };
    #[cfg(not(Py_3_13))]
    // SAFETY: reads a flag.
    let is_finalizing = unsafe { _Py_IsFinalizing() != 0 };
    if !is_finalizing {
        return Ok(false);
    }
    let handler = call::optional_attribute(py, loop_, &names::EXCEPTION_HANDLER)?;
    Ok(handler.is_some_and(|handler| handler.is_none()))
}

/// Writes to `sys.stderr` what `default_exception_handler` would have logged.
pub(super) fn say(py: Python<'_>, details: &Bound<'_, PyDict>) -> PyRes<()> {
    let exception = details.get_item("exception")?;
    let mut text = String::new();
    if let Some(message) = details.get_item("message")? {
        text += &message.to_string();
    }
    for key in ["future", "task"] {
        if let Some(value) = details.get_item(key)? {
            let shown = value.repr().map(|shown| shown.to_string());
            let shown = shown.or_else(|_| brief(&value, exception.as_ref()))?;
            text += &format!("\n{key}: {shown}");
        }
    }
    let text = Own::str(py, &text);
    let format: *const c_char = c"%U\n".as_ptr();
    // SAFETY: attached; a format with one conversion, for a live str.
    unsafe { ffi::PySys_FormatStderr(format, text.as_ptr()) };
    if let Some(exception) = exception {
        let exception = exception.as_ptr();
        // SAFETY: attached; an exception, its class and its traceback or null, all live; reports its own failures.
        unsafe {
            let traceback = ffi::PyException_GetTraceback(exception);
            ffi::PyErr_Display(ffi::Py_TYPE(exception).cast(), exception, traceback);
            ffi::Py_XDECREF(traceback);
        }
    }
    Ok(())
}

/// What asyncio's `repr` would say, without coroutines and callbacks.
fn brief(value: &Bound<'_, PyAny>, exception: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    let state = value.getattr("_state")?.to_string().to_lowercase();
    let mut text = format!("<{} {state}", value.get_type().name()?);
    if let Ok(name) = value.call_method0("get_name") {
        text += &format!(" name={}", name.repr()?);
    }
    if let Some(exception) = exception {
        text += &format!(" exception={}", exception.repr()?);
    }
    Ok(text + ">")
}
