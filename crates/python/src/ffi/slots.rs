//! Type slots other than methods: `repr`, `init`, `call`, `iter`/`await`, comparison, hash, length.

use std::os::raw::{c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;

use super::args::Args;
use super::builder::TypeBuilder;
use super::class::Class;
use super::guard::trampoline;
use super::method::{Returns, item};
use super::own::Any;
use super::{Own, PyRes};

/// The operation of a rich comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compare {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl<T: Class> TypeBuilder<T> {
    /// `__repr__`.
    pub fn repr<F, R>(mut self, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>) -> R + Copy + 'static,
        R: Returns,
    {
        self.raw_slot(ffi::Py_tp_repr, unary::<T, F, R> as *mut c_void);
        self
    }

    /// `__iter__` and `__await__`.
    pub fn iter_and_await<F, R>(mut self, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>) -> R + Copy + 'static,
        R: Returns,
    {
        self.raw_slot(ffi::Py_tp_iter, unary::<T, F, R> as *mut c_void);
        self.raw_slot(ffi::Py_am_await, unary::<T, F, R> as *mut c_void);
        self
    }

    /// `__aiter__`, which is the object itself, and `__anext__`.
    pub fn async_iterator<F, R>(mut self, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>) -> R + Copy + 'static,
        R: Returns,
    {
        self.raw_slot(ffi::Py_am_aiter, ffi::PyObject_SelfIter as *mut c_void);
        self.raw_slot(ffi::Py_am_anext, unary::<T, F, R> as *mut c_void);
        self
    }

    /// `__init__`.
    pub fn init<F>(mut self, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>, Args<'a>) -> PyRes<()> + Copy + 'static,
    {
        self.raw_slot(ffi::Py_tp_init, init::<T, F> as *mut c_void);
        self
    }

    /// `__lt__`, `__eq__` and so on; `None` is `NotImplemented`.
    pub fn compare<F>(mut self, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>, &'a Own, Compare) -> PyRes<Option<bool>>
            + Copy
            + 'static,
    {
        self.raw_slot(ffi::Py_tp_richcompare, compare::<T, F> as *mut c_void);
        self
    }

    /// `__hash__`; -1 is turned into -2 as CPython wants it.
    pub fn hash<F>(mut self, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>) -> isize + Copy + 'static,
    {
        self.raw_slot(ffi::Py_tp_hash, hash::<T, F> as *mut c_void);
        self
    }

    /// `__setattr__` and `__delattr__` as of every object, after which it is told the name, and whether the attribute is set now.
    pub fn attribute_set<F>(mut self, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>, &'a Own, bool) -> PyRes<()> + Copy + 'static,
    {
        self.raw_slot(ffi::Py_tp_setattro, attribute_set::<T, F> as *mut c_void);
        self
    }

    /// `__len__`.
    pub fn length<F>(mut self, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>) -> usize + Copy + 'static,
    {
        self.raw_slot(ffi::Py_mp_length, length::<T, F> as *mut c_void);
        self
    }
}

unsafe extern "C" fn unary<T: Class, F, R>(this: *mut ffi::PyObject) -> *mut ffi::PyObject
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>) -> R + Copy + 'static,
    R: Returns,
{
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: a slot of `T`'s type.
        let this = unsafe { Own::<T>::borrow_place(&this) };
        item::<F>()(py, this).into_raw(py)
    })
}

fn with_call_args<R>(
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
    f: impl FnOnce(Args<'_>) -> R,
) -> R {
    // SAFETY: CPython passes a tuple, and a dict or null, alive for the call.
    let (tuple, dict) = unsafe {
        let dict = (!kwargs.is_null()).then(|| Own::<Any>::from_borrowed_ptr(kwargs));
        (Own::<Any>::from_borrowed_ptr(args), dict)
    };
    Args::from_tuple_and_dict(&tuple, dict.as_ref(), f)
}

unsafe extern "C" fn init<T: Class, F>(
    this: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    kwargs: *mut ffi::PyObject,
) -> c_int
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>, Args<'a>) -> PyRes<()> + Copy + 'static,
{
    trampoline(-1, |py| {
        // SAFETY: a slot of `T`'s type.
        let this = unsafe { Own::<T>::borrow_place(&this) };
        let done = with_call_args(args, kwargs, |args| item::<F>()(py, this, args));
        if done.is_ok() { 0 } else { -1 }
    })
}

unsafe extern "C" fn compare<T: Class, F>(
    this: *mut ffi::PyObject,
    other: *mut ffi::PyObject,
    operation: c_int,
) -> *mut ffi::PyObject
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>, &'a Own, Compare) -> PyRes<Option<bool>> + Copy + 'static,
{
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: a slot of `T`'s type; both operands live for the call.
        let (this, other) = unsafe {
            (
                Own::<T>::borrow_place(&this),
                Own::<Any>::borrow_place(&other),
            )
        };
        let operation = match operation {
            ffi::Py_LT => Compare::Less,
            ffi::Py_LE => Compare::LessEqual,
            ffi::Py_EQ => Compare::Equal,
            ffi::Py_NE => Compare::NotEqual,
            ffi::Py_GT => Compare::Greater,
            _ => Compare::GreaterEqual,
        };
        match item::<F>()(py, this, other, operation) {
            Ok(Some(answer)) => answer.into_raw(py),
            // SAFETY: the singleton is always live.
            Ok(None) => unsafe {
                Own::<Any>::from_borrowed_ptr(ffi::Py_NotImplemented()).into_ptr()
            },
            Err(_already_set) => std::ptr::null_mut(),
        }
    })
}

unsafe extern "C" fn hash<T: Class, F>(this: *mut ffi::PyObject) -> ffi::Py_hash_t
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>) -> isize + Copy + 'static,
{
    trampoline(-1, |py| {
        // SAFETY: a slot of `T`'s type.
        let this = unsafe { Own::<T>::borrow_place(&this) };
        match item::<F>()(py, this) {
            -1 => -2,
            hash => hash,
        }
    })
}

unsafe extern "C" fn attribute_set<T: Class, F>(
    this: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>, &'a Own, bool) -> PyRes<()> + Copy + 'static,
{
    trampoline(-1, |py| {
        // SAFETY: what CPython passes to this slot is what the function takes; a null value deletes.
        if unsafe { ffi::PyObject_GenericSetAttr(this, name, value) } != 0 {
            return -1;
        }
        // SAFETY: a slot of `T`'s type; the name lives for the call.
        let (this, name) = unsafe {
            (
                Own::<T>::borrow_place(&this),
                Own::<Any>::borrow_place(&name),
            )
        };
        let told = item::<F>()(py, this, name, !value.is_null());
        if told.is_ok() { 0 } else { -1 }
    })
}

unsafe extern "C" fn length<T: Class, F>(this: *mut ffi::PyObject) -> ffi::Py_ssize_t
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>) -> usize + Copy + 'static,
{
    trampoline(-1, |py| {
        // SAFETY: a slot of `T`'s type.
        let this = unsafe { Own::<T>::borrow_place(&this) };
        item::<F>()(py, this) as ffi::Py_ssize_t
    })
}
