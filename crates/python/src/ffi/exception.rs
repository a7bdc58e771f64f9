//! Exceptions as objects.

use std::ffi::CString;

use pyo3::exceptions::{PyStopIteration, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;

use super::own::Any;
use super::{Args, Own, PyRes, Raised, call};

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

/// `raise exception`: what is being handled now becomes its context.
#[cold]
pub fn raise(py: Python<'_>, exception: &Own) -> Raised {
    // SAFETY: attached; a live exception instance and its class.
    unsafe {
        let class = ffi::Py_TYPE(exception.as_ptr()).cast();
        ffi::PyErr_SetObject(class, exception.as_ptr());
    }
    Raised::already_set(py)
}

/// The same with an instance that has been made for it, or the error that making it has brought.
#[cold]
pub fn raise_made(py: Python<'_>, made: PyRes) -> Raised {
    match made {
        Ok(exception) => raise(py, &exception),
        Err(raised) => raised,
    }
}

/// Runs `f` as the body of an `except` runs: `sys.exc_info()` has the exception, and what is raised there has it for its context.
pub fn while_handled<R>(_py: Python<'_>, exception: &Own, f: impl FnOnce() -> R) -> R {
    struct Before(*mut ffi::PyObject);
    impl Drop for Before {
        fn drop(&mut self) {
            // SAFETY: what was handled before, which is ours to let go of, or null for nothing; attached, as `while_handled` is.
            unsafe {
                ffi::PyErr_SetHandledException(self.0);
                ffi::Py_XDECREF(self.0);
            }
        }
    }
    // SAFETY: attached; gives a new reference or null, and takes one of its own to a live exception instance.
    let _before = unsafe {
        let before = Before(ffi::PyErr_GetHandledException());
        ffi::PyErr_SetHandledException(exception.as_ptr());
        before
    };
    f()
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

/// `issubclass(class, of)`.
pub fn is_subclass(py: Python<'_>, class: &Own, of: &Own) -> PyRes<bool> {
    // SAFETY: two live objects.
    match unsafe { ffi::PyObject_IsSubclass(class.as_ptr(), of.as_ptr()) } {
        -1 => Err(Raised::already_set(py)),
        answer => Ok(answer != 0),
    }
}

/// Is it an instance of the class or of one of a tuple of classes?
pub fn matches(exception: &Own, class: &Own) -> bool {
    // SAFETY: two live objects.
    unsafe { ffi::PyErr_GivenExceptionMatches(exception.as_ptr(), class.as_ptr()) != 0 }
}

/// `error.__context__ = context`, where it is another and the error has none yet: what `raise` does inside an `except`.
pub fn chain(error: &Own, context: &Own) {
    // SAFETY: two exception instances; null means none, and SetContext takes over a reference.
    unsafe {
        let before = ffi::PyException_GetContext(error.as_ptr());
        if before.is_null() && !error.is(context) {
            ffi::PyException_SetContext(error.as_ptr(), context.clone().into_ptr());
        }
        ffi::Py_XDECREF(before);
    }
}

/// The end of `try: … finally: …`: an error of the `finally` comes first, with the other as its context.
pub fn after_finally<T>(py: Python<'_>, tried: Result<T, Own>, finally: PyRes<()>) -> PyRes<T> {
    match (tried, finally) {
        (Ok(value), Ok(())) => Ok(value),
        (Ok(_), Err(failed)) => Err(failed),
        (Err(error), Ok(())) => Err(restore(py, error)),
        (Err(error), Err(failed)) => {
            let failed = failed.take(py);
            chain(&failed, &error);
            Err(restore(py, failed))
        }
    }
}

/// Something that has to be done after an error too. The first error is the one that counts.
pub fn and_then<R>(py: Python<'_>, done: PyRes<R>, last: impl FnOnce() -> PyRes<()>) -> PyRes<R> {
    match done {
        Ok(value) => last().map(|()| value),
        Err(error) => {
            let exception = error.take(py);
            if let Err(second) = last() {
                second.write_unraisable(py, None);
            }
            Err(restore(py, exception))
        }
    }
}

/// `error.__cause__ = cause`, as `raise error from cause` does, `__suppress_context__` and all.
pub fn set_cause(error: &Own, cause: &Own) {
    // SAFETY: two exception instances; SetCause takes over a reference.
    unsafe { ffi::PyException_SetCause(error.as_ptr(), cause.clone().into_ptr()) }
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

/// The exception that the arguments of a generator's `throw(type_or_instance[, value[, traceback]])` mean.
pub fn thrown(py: Python<'_>, args: Args<'_>) -> PyRes {
    let [class, rest @ ..] = args.positional() else {
        let text = "throw expected at least 1 argument, got 0";
        return Err(Raised::new::<PyTypeError>(py, text));
    };
    if rest.is_empty() && !args.has_keywords() {
        return made(py, class, None);
    }
    if rest.len() > 2 || args.has_keywords() {
        let text = format!("throw expected at most 3 arguments, got {}", rest.len() + 1);
        return Err(Raised::new::<PyTypeError>(py, text));
    }
    if cfg!(Py_3_12) {
        let text = "the (type, exc, tb) signature of throw() is deprecated, use the single-arg \
                    signature instead.";
        let category = py.get_type::<pyo3::exceptions::PyDeprecationWarning>();
        py.import("warnings")?
            .getattr("warn")?
            .call1((text, category))?;
    }
    let value = rest.first().filter(|value| !value.is_none());
    let traceback = rest.get(1).filter(|traceback| !traceback.is_none());
    let error = made(py, class, value)?;
    if let Some(traceback) = traceback {
        if !traceback
            .bound(py)
            .is_instance_of::<pyo3::types::PyTraceback>()
        {
            let text = "throw() third argument must be a traceback";
            return Err(Raised::new::<PyTypeError>(py, text));
        }
        set_traceback(py, &error, Some(traceback));
    }
    Ok(error)
}

fn made(py: Python<'_>, class: &Own, value: Option<&Own>) -> PyRes {
    if is_class(class) {
        return match value {
            None => call::call0(py, class),
            Some(value) if is_instance(value) => Ok(value.clone()),
            Some(value) => match value.tuple_items() {
                Some(items) => call::call(py, class, items),
                None => call::call1(py, class, value),
            },
        };
    }
    if !is_instance(class) {
        let text = "exceptions must be classes deriving BaseException or instances of such a class";
        return Err(Raised::new::<PyTypeError>(py, text));
    }
    if value.is_some() {
        let text = "instance exception may not have a separate value";
        return Err(Raised::new::<PyTypeError>(py, text));
    }
    Ok(class.clone())
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
    let text = without_nuls(&text.replace('%', "%%"));
    // SAFETY: a live object and a format without conversions.
    match unsafe { ffi::PyErr_ResourceWarning(source.as_ptr(), 1, text.as_ptr()) } {
        0 => Ok(()),
        _ => Err(Raised::already_set(py)),
    }
}

/// `warnings.warn(text, RuntimeWarning)`, likewise.
pub fn runtime_warning(py: Python<'_>, text: &str) -> PyRes<()> {
    let text = without_nuls(text);
    // SAFETY: attached, a class of the interpreter's and a text.
    match unsafe { ffi::PyErr_WarnEx(ffi::PyExc_RuntimeWarning, text.as_ptr(), 1) } {
        0 => Ok(()),
        _ => Err(Raised::already_set(py)),
    }
}

fn without_nuls(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).expect("NULs were replaced")
}

/// Writes a line to `sys.stderr`, also while the interpreter shuts down; nothing where that is gone.
pub fn write_to_stderr(py: Python<'_>, text: &str) {
    let text = Own::str(py, text);
    // SAFETY: attached; a borrowed reference or null, looked at; a format with one conversion, for a live str.
    unsafe {
        let stderr = ffi::PySys_GetObject(c"stderr".as_ptr());
        if !stderr.is_null() && ffi::Py_IsNone(stderr) == 0 {
            ffi::PySys_FormatStderr(c"%U\n".as_ptr(), text.as_ptr());
        }
    }
}

/// Writes an exception with its traceback to `sys.stderr`, likewise.
pub fn display(_py: Python<'_>, exception: &Own) {
    let exception = exception.as_ptr();
    // SAFETY: attached; an exception, its class and its traceback or null, all live; reports its own failures.
    unsafe {
        let traceback = ffi::PyException_GetTraceback(exception);
        ffi::PyErr_Display(ffi::Py_TYPE(exception).cast(), exception, traceback);
        ffi::Py_XDECREF(traceback);
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
