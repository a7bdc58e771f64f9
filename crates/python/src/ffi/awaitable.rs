//! What an awaitable answers when it is resumed, and how the interpreter hears it.
//!
//! Which slot `await` takes for a foreign awaitable differs (counted): 3.11 and 3.15 `am_send`, 3.12–3.14 `tp_iternext`.
//! So every awaitable gets both, from one function.

use std::os::raw::c_void;

use pyo3::exceptions::PyStopIteration;
use pyo3::ffi;
use pyo3::prelude::*;

use super::builder::TypeBuilder;
use super::class::Class;
use super::guard::trampoline;
use super::method::item;
use super::own::Any;
use super::{Own, PyRes, call, exception, stop_iteration};

/// The answer of one resumption.
#[derive(Debug)]
#[must_use]
pub enum Resume {
    /// Not finished: hand this to whoever drives the coroutine (a Task).
    Yield(Own),
    /// Finished with a value; `None` means Python's `None` and costs least.
    Return(Option<Own>),
}

impl Resume {
    /// The same answer as the method `send` gives it: a value is an exception there.
    pub fn into_send(self, py: Python<'_>) -> PyRes {
        match self {
            Self::Yield(object) => Ok(object),
            Self::Return(value) => {
                // Made as an instance, so that a tuple or an exception as value is not taken apart.
                let class = Own::from(py.get_type::<PyStopIteration>().into_any());
                let instance = match value {
                    Some(value) => call::call1(py, &class, &value)?,
                    None => call::call0(py, &class)?,
                };
                Err(exception::restore(py, instance))
            }
        }
    }
}

impl<T: Class> TypeBuilder<T> {
    /// Makes the class its own iterator, resumed by `f`.
    pub fn awaitable_iterator<F>(mut self, f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>, &'a Own) -> PyRes<Resume> + Copy + 'static,
    {
        self.raw_slot(ffi::Py_tp_iter, ffi::PyObject_SelfIter as *mut c_void);
        self.resumed_by(f)
    }

    /// `next` and `send`, both by `f`, which is given the value sent. Nothing here says how the object is iterated or awaited.
    pub fn resumed_by<F>(mut self, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>, &'a Own) -> PyRes<Resume> + Copy + 'static,
    {
        self.raw_slot(ffi::Py_tp_iternext, iternext::<T, F> as *mut c_void);
        self.raw_slot(ffi::Py_am_send, am_send::<T, F> as *mut c_void);
        self
    }
}

unsafe extern "C" fn iternext<T: Class, F>(this: *mut ffi::PyObject) -> *mut ffi::PyObject
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>, &'a Own) -> PyRes<Resume> + Copy + 'static,
{
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: None is always live.
        let none = unsafe { ffi::Py_None() };
        // SAFETY: a slot of `T`'s type, and None.
        let (this, none) = unsafe {
            (
                Own::<T>::borrow_place(&this),
                Own::<Any>::borrow_place(&none),
            )
        };
        match item::<F>()(py, this, none) {
            Ok(Resume::Yield(object)) => object.into_ptr(),
            Ok(Resume::Return(None)) => std::ptr::null_mut(),
            Ok(Resume::Return(Some(value))) => {
                stop_iteration::raise(py, value);
                std::ptr::null_mut()
            }
            Err(_already_set) => std::ptr::null_mut(),
        }
    })
}

unsafe extern "C" fn am_send<T: Class, F>(
    this: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>, &'a Own) -> PyRes<Resume> + Copy + 'static,
{
    trampoline(ffi::PySendResult::PYGEN_ERROR, |py| {
        // SAFETY: a slot of `T`'s type; the value sent is alive for the call.
        let (this, value) = unsafe {
            (
                Own::<T>::borrow_place(&this),
                Own::<Any>::borrow_place(&value),
            )
        };
        let (object, answer) = match item::<F>()(py, this, value) {
            Ok(Resume::Yield(object)) => (object.into_ptr(), ffi::PySendResult::PYGEN_NEXT),
            Ok(Resume::Return(value)) => {
                let value = value.unwrap_or_else(|| Own::none(py));
                (value.into_ptr(), ffi::PySendResult::PYGEN_RETURN)
            }
            Err(_already_set) => (std::ptr::null_mut(), ffi::PySendResult::PYGEN_ERROR),
        };
        // SAFETY: the interpreter's out parameter.
        unsafe { *result = object };
        answer
    })
}
