//! What an awaitable answers when it is resumed, and how the interpreter hears it.
//!
//! Which slot `await` takes for a foreign awaitable differs (counted): 3.11 and 3.15 `am_send`, 3.12–3.14 `tp_iternext`.
//! So every awaitable gets both, from one function.

use std::os::raw::c_void;

use pyo3::ffi;
use pyo3::prelude::*;

use super::builder::TypeBuilder;
use super::class::Class;
use super::guard::trampoline;
use super::method::item;
use super::stop_iteration;
use super::{Own, PyRes};

/// The answer of one resumption.
#[derive(Debug)]
#[must_use]
pub enum Resume {
    /// Not finished: hand this to whoever drives the coroutine (a Task).
    Yield(Own),
    /// Finished with a value; `None` means Python's `None` and costs least.
    Return(Option<Own>),
}

impl<T: Class> TypeBuilder<T> {
    /// Makes the class its own iterator, resumed by `f`.
    pub fn awaitable_iterator<F>(mut self, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>) -> PyRes<Resume> + Copy + 'static,
    {
        self.raw_slot(ffi::Py_tp_iter, ffi::PyObject_SelfIter as *mut c_void);
        self.raw_slot(ffi::Py_tp_iternext, iternext::<T, F> as *mut c_void);
        self.raw_slot(ffi::Py_am_send, am_send::<T, F> as *mut c_void);
        self
    }
}

unsafe extern "C" fn iternext<T: Class, F>(this: *mut ffi::PyObject) -> *mut ffi::PyObject
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>) -> PyRes<Resume> + Copy + 'static,
{
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: a slot of `T`'s type.
        let this = unsafe { Own::<T>::borrow_place(&this) };
        match item::<F>()(py, this) {
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
    _value: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>) -> PyRes<Resume> + Copy + 'static,
{
    trampoline(ffi::PySendResult::PYGEN_ERROR, |py| {
        // SAFETY: a slot of `T`'s type.
        let this = unsafe { Own::<T>::borrow_place(&this) };
        let (object, answer) = match item::<F>()(py, this) {
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
