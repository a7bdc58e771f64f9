//! Methods and properties of native classes, from plain safe functions.
//!
//! A function item is a zero-sized type, so a C trampoline that is generic over it needs no pointer to it: it makes the
//! value out of nothing. That is what lets one generic function stand for hundreds of hand-written `extern "C"` ones.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::os::raw::{c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;

use super::args::Args;
use super::class::Class;
use super::guard::trampoline;
use super::{Own, PyRes, Raised};

/// What a method may return to Python.
pub trait Returns {
    /// An owned pointer, or null with an error set.
    fn into_raw(self, py: Python<'_>) -> *mut ffi::PyObject;
}

impl<T> Returns for Own<T> {
    #[inline]
    fn into_raw(self, _py: Python<'_>) -> *mut ffi::PyObject {
        self.into_ptr()
    }
}

impl<T> Returns for Option<Own<T>> {
    #[inline]
    fn into_raw(self, py: Python<'_>) -> *mut ffi::PyObject {
        self.map_or_else(|| Own::none(py).into_ptr(), Own::into_ptr)
    }
}

impl Returns for () {
    #[inline]
    fn into_raw(self, py: Python<'_>) -> *mut ffi::PyObject {
        Own::none(py).into_ptr()
    }
}

impl Returns for bool {
    #[inline]
    fn into_raw(self, py: Python<'_>) -> *mut ffi::PyObject {
        Own::bool(py, self).into_ptr()
    }
}

impl Returns for f64 {
    #[inline]
    fn into_raw(self, py: Python<'_>) -> *mut ffi::PyObject {
        Own::float(py, self).into_raw(py)
    }
}

impl Returns for i64 {
    #[inline]
    fn into_raw(self, py: Python<'_>) -> *mut ffi::PyObject {
        Own::int(py, self).into_raw(py)
    }
}

impl<R: Returns> Returns for Result<R, Raised> {
    #[inline]
    fn into_raw(self, py: Python<'_>) -> *mut ffi::PyObject {
        match self {
            Ok(value) => value.into_raw(py),
            Err(_already_set) => std::ptr::null_mut(),
        }
    }
}

/// Makes the one value of a function item's type.
#[inline]
pub(super) fn item<F: Copy + 'static>() -> F {
    const {
        assert!(
            size_of::<F>() == 0,
            "only function items and captureless closures"
        )
    };
    // SAFETY: a zero-sized, inhabited type (somebody passed a value of it) has exactly one value.
    unsafe { std::mem::zeroed() }
}

/// One entry of a method table.
pub struct Method<T: Class>(ffi::PyMethodDef, PhantomData<T>);

impl<T: Class> Method<T> {
    fn new(
        name: &'static CStr,
        doc: &'static CStr,
        flags: c_int,
        meth: ffi::PyMethodDefPointer,
    ) -> Self {
        let def = ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: meth,
            ml_flags: flags,
            ml_doc: doc.as_ptr(),
        };
        Self(def, PhantomData)
    }

    pub(super) fn into_def(self) -> ffi::PyMethodDef {
        self.0
    }

    /// A method without arguments. `doc` begins with the signature: `"done($self, /)\n--\n\n…"`.
    pub fn noargs<F, R>(name: &'static CStr, doc: &'static CStr, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>) -> R + Copy + 'static,
        R: Returns,
    {
        let meth = ffi::PyMethodDefPointer {
            PyCFunction: noargs::<T, F, R>,
        };
        Self::new(name, doc, ffi::METH_NOARGS, meth)
    }

    /// A method of one positional argument.
    pub fn one<F, R>(name: &'static CStr, doc: &'static CStr, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>, &'a Own) -> R + Copy + 'static,
        R: Returns,
    {
        let meth = ffi::PyMethodDefPointer {
            PyCFunction: one::<T, F, R>,
        };
        Self::new(name, doc, ffi::METH_O, meth)
    }

    /// A method of any arguments.
    pub fn args<F, R>(name: &'static CStr, doc: &'static CStr, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>, Args<'a>) -> R + Copy + 'static,
        R: Returns,
    {
        let meth = ffi::PyMethodDefPointer {
            PyCFunctionFastWithKeywords: fastcall::<T, F, R>,
        };
        Self::new(name, doc, ffi::METH_FASTCALL | ffi::METH_KEYWORDS, meth)
    }

    /// `__class_getitem__`: `Future[int]`.
    pub fn class_getitem() -> Self {
        let meth = ffi::PyMethodDefPointer {
            PyCFunction: ffi::Py_GenericAlias,
        };
        let doc = c"See PEP 585";
        Self::new(
            c"__class_getitem__",
            doc,
            ffi::METH_O | ffi::METH_CLASS,
            meth,
        )
    }
}

unsafe extern "C" fn noargs<T: Class, F, R>(
    this: *mut ffi::PyObject,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>) -> R + Copy + 'static,
    R: Returns,
{
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: the method table belongs to `T`, so `this` is one; the caller keeps it alive.
        let this = unsafe { Own::<T>::borrow_place(&this) };
        item::<F>()(py, this).into_raw(py)
    })
}

unsafe extern "C" fn one<T: Class, F, R>(
    this: *mut ffi::PyObject,
    argument: *mut ffi::PyObject,
) -> *mut ffi::PyObject
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>, &'a Own) -> R + Copy + 'static,
    R: Returns,
{
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: as in `noargs`; the caller keeps the argument alive too.
        let (this, argument) = unsafe {
            (
                Own::<T>::borrow_place(&this),
                Own::<super::Any>::borrow_place(&argument),
            )
        };
        item::<F>()(py, this, argument).into_raw(py)
    })
}

unsafe extern "C" fn fastcall<T: Class, F, R>(
    this: *mut ffi::PyObject,
    items: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    kwnames: *mut ffi::PyObject,
) -> *mut ffi::PyObject
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>, Args<'a>) -> R + Copy + 'static,
    R: Returns,
{
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: as in `noargs`; the arguments are a vectorcall's, alive for the call.
        let (this, args) = unsafe {
            (
                Own::<T>::borrow_place(&this),
                Args::from_vectorcall(items, positional as usize, &kwnames),
            )
        };
        item::<F>()(py, this, args).into_raw(py)
    })
}

/// One entry of a property table.
pub struct Property<T>(ffi::PyGetSetDef, PhantomData<T>);

impl<T> Property<T> {
    pub(super) fn raw(name: &'static CStr, get: ffi::getter, set: ffi::setter) -> Self {
        let def = ffi::PyGetSetDef {
            name: name.as_ptr(),
            get: Some(get),
            set: Some(set),
            doc: std::ptr::null(),
            closure: std::ptr::null_mut(),
        };
        Self(def, PhantomData)
    }

    pub(super) fn into_def(self) -> ffi::PyGetSetDef {
        self.0
    }
}

impl<T: Class> Property<T> {
    /// A read-only attribute.
    pub fn get<F, R>(name: &'static CStr, _f: F) -> Self
    where
        F: for<'a> Fn(Python<'a>, &'a Own<T>) -> R + Copy + 'static,
        R: Returns,
    {
        let def = ffi::PyGetSetDef {
            name: name.as_ptr(),
            get: Some(getter::<T, F, R>),
            set: None,
            doc: std::ptr::null(),
            closure: std::ptr::null_mut(),
        };
        Self(def, PhantomData)
    }

    /// Makes it writable; `None` is `del`.
    pub fn set<G>(mut self, _g: G) -> Self
    where
        G: for<'a> Fn(Python<'a>, &'a Own<T>, Option<&'a Own>) -> PyRes<()> + Copy + 'static,
    {
        self.0.set = Some(setter::<T, G>);
        self
    }
}

unsafe extern "C" fn getter<T: Class, F, R>(
    this: *mut ffi::PyObject,
    _: *mut c_void,
) -> *mut ffi::PyObject
where
    F: for<'a> Fn(Python<'a>, &'a Own<T>) -> R + Copy + 'static,
    R: Returns,
{
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: as in `noargs`.
        let this = unsafe { Own::<T>::borrow_place(&this) };
        item::<F>()(py, this).into_raw(py)
    })
}

unsafe extern "C" fn setter<T: Class, G>(
    this: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    _: *mut c_void,
) -> c_int
where
    G: for<'a> Fn(Python<'a>, &'a Own<T>, Option<&'a Own>) -> PyRes<()> + Copy + 'static,
{
    trampoline(-1, |py| {
        // SAFETY: as in `noargs`; a null value means deletion.
        let (this, value) = unsafe {
            let value = (!value.is_null()).then(|| Own::<super::Any>::borrow_place(&value));
            (Own::<T>::borrow_place(&this), value)
        };
        if item::<G>()(py, this, value).is_ok() {
            0
        } else {
            -1
        }
    })
}
