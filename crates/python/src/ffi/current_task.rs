//! `asyncio.current_task()`: the place where CPython keeps it, which differs by version.
//!
//! 3.11–3.13: the dict `_asyncio._current_tasks` (loop → task), the very object that the C module reads. Writing it costs
//! 8 ns, `_swap_current_task` 20. From 3.14 the task stands in the thread state behind the running loop (`ffi::running_loop`), and
//! `_swap_current_task` reaches it, only for that loop.

#[cfg(not(Py_3_14))]
use pyo3::ffi;
use pyo3::prelude::*;

#[cfg(not(Py_3_14))]
use super::Raised;
use super::own::Immortal;
#[cfg(Py_3_14)]
use super::running_loop;
use super::{Own, PyRes};

#[cfg(not(Py_3_14))]
static CURRENT: Immortal = Immortal::empty();
#[cfg(Py_3_14)]
static SWAP: Immortal = Immortal::empty();

#[cfg(not(Py_3_14))]
fn dict(py: Python<'_>) -> PyRes<&'static Own> {
    CURRENT.import(py, "_asyncio", "_current_tasks")
}

/// Makes `task` the current one of `loop_`.
#[cfg(not(Py_3_14))]
#[inline]
pub fn set(py: Python<'_>, loop_: &Own, task: &Own) -> PyRes<()> {
    let dict = dict(py)?;
    // SAFETY: three live objects. The old value may be dropped inside, after the dict is consistent again.
    match unsafe { ffi::PyDict_SetItem(dict.as_ptr(), loop_.as_ptr(), task.as_ptr()) } {
        0 => Ok(()),
        _ => Err(Raised::already_set(py)),
    }
}

/// Leaves `loop_` without a current task.
#[cfg(not(Py_3_14))]
pub fn clear(py: Python<'_>, loop_: &Own) -> PyRes<()> {
    let dict = dict(py)?;
    // SAFETY: two live objects.
    if unsafe { ffi::PyDict_DelItem(dict.as_ptr(), loop_.as_ptr()) } == 0 {
        return Ok(());
    }
    let error = Raised::already_set(py);
    if error.is::<pyo3::exceptions::PyKeyError>(py) {
        // There was none: that is what was asked for.
        error.clear(py);
        return Ok(());
    }
    Err(error)
}

/// The current task of `loop_`.
#[cfg(not(Py_3_14))]
pub fn get(py: Python<'_>, loop_: &Own) -> PyRes<Option<Own>> {
    let dict = dict(py)?;
    // SAFETY: a borrowed result, made owned at once; null may mean an error or nothing.
    unsafe {
        let task = ffi::PyDict_GetItemWithError(dict.as_ptr(), loop_.as_ptr());
        if !task.is_null() {
            Ok(Some(Own::from_borrowed_ptr(task)))
        } else if ffi::PyErr_Occurred().is_null() {
            Ok(None)
        } else {
            Err(Raised::already_set(py))
        }
    }
}

/// Puts `task` (or nothing) in the place of the current task of `loop_` and hands out who stood there.
#[cfg(not(Py_3_14))]
pub fn swap(py: Python<'_>, loop_: &Own, task: Option<&Own>) -> PyRes<Option<Own>> {
    let previous = get(py, loop_)?;
    match task {
        Some(task) => set(py, loop_, task)?,
        None => clear(py, loop_)?,
    }
    Ok(previous)
}

/// Makes `task` the current one of `loop_`, which must be the running loop of this thread.
#[cfg(Py_3_14)]
#[inline]
pub fn set(py: Python<'_>, loop_: &Own, task: &Own) -> PyRes<()> {
    swap(py, loop_, Some(task)).map(drop)
}

/// Leaves `loop_` without a current task.
#[cfg(Py_3_14)]
pub fn clear(py: Python<'_>, loop_: &Own) -> PyRes<()> {
    swap(py, loop_, None).map(drop)
}

/// The current task of `loop_`.
#[cfg(Py_3_14)]
pub fn get(py: Python<'_>, loop_: &Own) -> PyRes<Option<Own>> {
    if let Some(task) = running_loop::current_task(py, loop_) {
        return Ok(task);
    }
    static READ: Immortal = Immortal::empty();
    let read = READ.import(py, "_asyncio", "current_task")?;
    let task = super::call::call1(py, read, loop_)?;
    Ok((!task.is_none()).then_some(task))
}

/// Puts `task` (or nothing) in the place of the current task of `loop_` and hands out who stood there.
#[cfg(Py_3_14)]
#[inline]
pub fn swap(py: Python<'_>, loop_: &Own, task: Option<&Own>) -> PyRes<Option<Own>> {
    if let Some(previous) = running_loop::swap_current_task(py, loop_, task) {
        return Ok(previous);
    }
    let swap = SWAP.import(py, "_asyncio", "_swap_current_task")?;
    let task = task.cloned().unwrap_or_else(|| Own::none(py));
    let previous = super::call::call(py, swap, &[loop_.clone(), task])?;
    Ok((!previous.is_none()).then_some(previous))
}

/// The current task of `loop_` where call graphs ask who awaits, from 3.14 on; else nobody.
pub fn for_call_graph(py: Python<'_>, loop_: &Own) -> PyRes<Option<Own>> {
    if cfg!(Py_3_14) {
        get(py, loop_)
    } else {
        Ok(None)
    }
}
