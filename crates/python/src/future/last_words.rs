//! What is said of futures and tasks that outlive the program.
//!
//! They die while the interpreter takes the modules apart; logging, traceback and the loop's own Python code are gone by then.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::ffi::{Own, PyRes, call, exception, runtime};
use crate::names;

/// Is the interpreter shutting down, and would the loop only log what it is told?
pub(super) fn are_due(py: Python<'_>, loop_: &Own) -> PyRes<bool> {
    if !runtime::is_finalizing(py) {
        return Ok(false);
    }
    let handler = call::optional_attribute(py, loop_, &names::EXCEPTION_HANDLER)?;
    Ok(handler.is_some_and(|handler| handler.is_none()))
}

/// Writes to `sys.stderr` what `default_exception_handler` would have logged.
pub(super) fn say(py: Python<'_>, details: &Bound<'_, PyDict>) -> PyRes<()> {
    let error = details.get_item("exception")?;
    let mut text = String::new();
    if let Some(message) = details.get_item("message")? {
        text += &message.to_string();
    }
    for key in ["future", "task"] {
        if let Some(value) = details.get_item(key)? {
            let shown = value.repr().map(|shown| shown.to_string());
            let shown = shown.or_else(|_| brief(&value, error.as_ref()))?;
            text += &format!("\n{key}: {shown}");
        }
    }
    exception::write_to_stderr(py, &text);
    if let Some(error) = error {
        exception::display(py, &Own::from(error));
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
