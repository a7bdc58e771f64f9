//! Driving coroutines.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

use super::own::{Any, Name};
use super::{Own, PyRes, Raised, call, exception};

static THROW: Name = Name::new("throw");
static CLOSE: Name = Name::new("close");
static CR_AWAIT: Name = Name::new("cr_await");

/// What a coroutine did with one resumption.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// It waits for this.
    Yielded(Own),
    /// It is done with this value.
    Returned(Own),
    /// It is done with an error, which is set.
    Failed(Raised),
}

/// `coroutine.send(None)`, through `am_send` where the type has it.
#[inline]
pub fn send(py: Python<'_>, coroutine: &Own) -> Step {
    // SAFETY: None is always live.
    unsafe { send_raw(py, coroutine, ffi::Py_None()) }
}

/// `coroutine.send(value)`.
#[inline]
pub fn send_value(py: Python<'_>, coroutine: &Own, value: &Own) -> Step {
    // SAFETY: a live object.
    unsafe { send_raw(py, coroutine, value.as_ptr()) }
}

/// # Safety
/// `value` is a live object.
#[inline]
unsafe fn send_raw(py: Python<'_>, coroutine: &Own, value: *mut ffi::PyObject) -> Step {
    let mut result = std::ptr::null_mut();
    // SAFETY: live objects; PyIter_Send falls back to `tp_iternext` and the method `send`.
    unsafe {
        match ffi::PyIter_Send(coroutine.as_ptr(), value, &raw mut result) {
            ffi::PySendResult::PYGEN_NEXT => owned(py, result, Step::Yielded),
            ffi::PySendResult::PYGEN_RETURN => owned(py, result, Step::Returned),
            ffi::PySendResult::PYGEN_ERROR => Step::Failed(Raised::already_set(py)),
        }
    }
}

/// # Safety
/// `result` is an owned reference.
#[inline]
unsafe fn owned(py: Python<'_>, result: *mut ffi::PyObject, step: fn(Own) -> Step) -> Step {
    // SAFETY: the caller's promise.
    match unsafe { Own::<Any>::from_owned_ptr(py, result) } {
        Ok(object) => step(object),
        Err(error) => Step::Failed(error),
    }
}

/// `coroutine.throw(exception)`.
pub fn throw(py: Python<'_>, coroutine: &Own, error: &Own) -> Step {
    match call::method(py, coroutine, &THROW, &[error]) {
        Ok(yielded) => Step::Yielded(yielded),
        Err(error) => match exception::take_stop_iteration(py, error) {
            Ok(value) => Step::Returned(value),
            Err(error) => Step::Failed(error),
        },
    }
}

/// `throw` into what `await` got from an `__await__`: a plain iterator has no such method, and the error is raised over it.
pub fn throw_into(py: Python<'_>, iterator: &Own, error: &Own) -> Step {
    match call::optional_attribute(py, iterator, &THROW) {
        Ok(Some(_method)) => throw(py, iterator, error),
        Ok(None) => Step::Failed(exception::restore(py, error.clone())),
        Err(error) => Step::Failed(error),
    }
}

/// `close()` of what `await` got from an `__await__`; a plain iterator has none.
pub fn close(py: Python<'_>, iterator: &Own) -> PyRes<()> {
    match call::optional_attribute(py, iterator, &CLOSE)? {
        Some(method) => call::call0(py, &method).map(drop),
        None => Ok(()),
    }
}

/// What `await object` drives: the iterator of its `__await__`, or a coroutine itself. Errors: those of `await`.
pub fn iterator(py: Python<'_>, object: &Own) -> PyRes {
    if is_native(object) {
        let waits_for = call::attribute(py, object, &CR_AWAIT)?;
        if !waits_for.is_none() {
            let text = "coroutine is being awaited already";
            return Err(Raised::new::<PyRuntimeError>(py, text));
        }
        return Ok(object.clone());
    }
    // SAFETY: a live object; the slot is called as CPython calls it, and what it gives is owned or null with an error.
    unsafe {
        let class = ffi::Py_TYPE(object.as_ptr());
        let methods = ffi::PyType_GetSlot(class, ffi::Py_am_await);
        if !methods.is_null() {
            let get: ffi::unaryfunc = std::mem::transmute(methods);
            let iterator = Own::<Any>::from_owned_ptr(py, get(object.as_ptr()))?;
            return check_iterator(py, iterator);
        }
    }
    other_iterator(py, object)
}

fn check_iterator(py: Python<'_>, iterator: Own) -> PyRes {
    // SAFETY: looks at a live object's type.
    if unsafe { ffi::PyIter_Check(iterator.as_ptr()) } == 0 {
        let name = iterator.type_object(py).name()?;
        let text = format!("__await__() returned non-iterator of type '{name}'");
        return Err(Raised::new::<PyTypeError>(py, text));
    }
    if is_native(&iterator) || is_iterable_coroutine(py, &iterator)? {
        return Err(Raised::new::<PyTypeError>(
            py,
            "__await__() returned a coroutine",
        ));
    }
    Ok(iterator)
}

/// A generator of `types.coroutine` is its own iterator; nothing else can be awaited.
#[cold]
fn other_iterator(py: Python<'_>, object: &Own) -> PyRes {
    if is_iterable_coroutine(py, object)? {
        return Ok(object.clone());
    }
    let name = object.type_object(py).name()?;
    let text = if cfg!(Py_3_14) {
        format!("'{name}' object can't be awaited")
    } else {
        format!("object {name} can't be used in 'await' expression")
    };
    Err(Raised::new::<PyTypeError>(py, text))
}

fn is_iterable_coroutine(py: Python<'_>, object: &Own) -> PyRes<bool> {
    const CO_ITERABLE_COROUTINE: i64 = 0x100;
    if !call::is_generator(object) {
        return Ok(false);
    }
    let code = object.bound(py).getattr("gi_code")?;
    let flags: i64 = code.getattr("co_flags")?.extract()?;
    Ok(flags & CO_ITERABLE_COROUTINE != 0)
}

/// Is it exactly a native coroutine object (by far the most common case of `asyncio.iscoroutine`)?
#[inline]
pub fn is_native(object: &Own) -> bool {
    // SAFETY: compares types.
    unsafe { ffi::PyCoro_CheckExact(object.as_ptr()) != 0 }
}

/// What asyncio takes for a coroutine, or for a function that makes one. Its name for the latter warns since 3.14.
pub fn is_coroutine_or_function(py: Python<'_>, object: &Own) -> PyRes<bool> {
    let function = if cfg!(Py_3_14) {
        "_iscoroutinefunction"
    } else {
        "iscoroutinefunction"
    };
    let coroutines = py.import("asyncio.coroutines")?;
    for name in ["iscoroutine", function] {
        let answer = coroutines.getattr(name)?.call1((object.bound(py),))?;
        if answer.is_truthy()? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many loops in debug mode run: they have asked for the origins of coroutines.
static TRACKING: AtomicUsize = AtomicUsize::new(0);

/// A loop in debug mode begins to run, or ends.
pub fn track_origins(on: bool) {
    if on {
        TRACKING.fetch_add(1, Ordering::Relaxed);
    } else {
        TRACKING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Must a new coroutine note where it is made?
#[inline]
pub fn are_origins_tracked() -> bool {
    TRACKING.load(Ordering::Relaxed) != 0
}

/// `cr_origin` of a coroutine made now, as this thread has asked for it: a tuple of `(file, line, function)`, innermost first.
#[cold]
pub fn origin(py: Python<'_>) -> PyRes<Option<Own>> {
    let sys = py.import("sys")?;
    let depth: usize = sys
        .getattr("get_coroutine_origin_tracking_depth")?
        .call0()?
        .extract()?;
    let mut frame = sys.getattr("_getframe")?.call0()?;
    let mut places = Vec::new();
    while places.len() < depth && !frame.is_none() {
        let code = frame.getattr("f_code")?;
        let (file, name) = (code.getattr("co_filename")?, code.getattr("co_name")?);
        let place = (file, frame.getattr("f_lineno")?, name).into_pyobject(py)?;
        places.push(Own::from(place.into_any()));
        frame = frame.getattr("f_back")?;
    }
    if depth == 0 {
        return Ok(None);
    }
    Own::tuple(py, &places).map(Some)
}
