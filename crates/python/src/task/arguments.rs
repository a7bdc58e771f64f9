//! What a new task is given: its coroutine and its name.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::ffi::{Immortal, Own, PyRes, Raised, call, context, coroutine};

/// `TypeError` where it is no coroutine in asyncio's sense.
#[inline]
pub(super) fn check_coroutine(py: Python<'_>, coro: &Own) -> PyRes<()> {
    if coroutine::is_native(coro) {
        Ok(())
    } else {
        check_other_coroutine(py, coro)
    }
}

#[cold]
fn check_other_coroutine(py: Python<'_>, coro: &Own) -> PyRes<()> {
    static IS_COROUTINE: Immortal = Immortal::empty();
    let answer = call::call1(
        py,
        IS_COROUTINE.import(py, "asyncio.coroutines", "iscoroutine")?,
        coro,
    )?;
    if call::truth(py, &answer)? {
        return Ok(());
    }
    let shown = coro.bound(py).repr()?;
    Err(Raised::new::<PyTypeError>(
        py,
        format!("a coroutine was expected, got {shown}"),
    ))
}

/// Since 3.15 `context=` must be one. Errors: `TypeError`.
#[inline]
pub(super) fn check_context(py: Python<'_>, given: Option<&Own>) -> PyRes<()> {
    match given.filter(|given| cfg!(Py_3_15) && !given.is_none() && !context::is_context(given)) {
        None => Ok(()),
        Some(given) => {
            let class = given.type_object(py).fully_qualified_name()?;
            let text = format!("a contextvars.Context was expected, got {class}");
            Err(Raised::new::<PyTypeError>(py, text))
        }
    }
}

/// A task's name is an exact `str`.
pub(super) fn name_text(py: Python<'_>, name: &Own) -> PyRes {
    if name
        .bound(py)
        .is_exact_instance_of::<pyo3::types::PyString>()
    {
        return Ok(name.clone());
    }
    Ok(Own::from(name.bound(py).str()?.into_any()))
}
