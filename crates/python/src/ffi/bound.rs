//! Methods that are looked up to be called once: `__aenter__` and `__aexit__` by `async with`.
//!
//! Up to 3.13 `async with` binds each of the two to the object, and CPython's bound methods are made and freed by the allocator.
//! A `BoundMethod` is one whose memory is kept for the next. Called, it calls the method; in everything else it is the
//! bound method that CPython would have made.

use pyo3::ffi;
use pyo3::prelude::*;

use super::builder::TypeBuilder;
use super::class::{Class, Plain, TypeSlot, WithWeakrefs};
use super::guard::trampoline;
use super::recycle::Recycled;
use super::slots::Compare;
use super::{Own, PyRes, Visit, call};

/// A method and its object.
#[derive(Debug)]
#[repr(C)]
struct BoundMethod {
    /// First, as the type says (`called_by_vector`).
    vectorcall: ffi::vectorcallfunc,
    /// Something that is called with the object as its first argument, and binds itself.
    method: Own,
    object: Own,
}

static BOUND: TypeSlot = TypeSlot::new();

impl Class for BoundMethod {
    const NAME: &'static std::ffi::CStr = c"ferrio._ferrio.BoundMethod";
    const DOC: &'static std::ffi::CStr = c"";
    type Head = WithWeakrefs;
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(33));

    fn slot() -> &'static TypeSlot {
        &BOUND
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.own(&self.method);
        visit.own(&self.object);
    }
}

impl BoundMethod {
    /// The one that CPython makes.
    fn usual(&self, py: Python<'_>) -> PyRes {
        // SAFETY: live objects; `binds` has seen the function there.
        unsafe {
            let get = (*ffi::Py_TYPE(self.method.as_ptr())).tp_descr_get;
            let get = get.expect("only what binds itself is put into one");
            let class = ffi::Py_TYPE(self.object.as_ptr()).cast();
            Own::from_owned_ptr(py, get(self.method.as_ptr(), self.object.as_ptr(), class))
        }
    }
}

/// Can it be called with the object before the arguments, and does it bind itself?
fn binds(method: &Own) -> bool {
    // SAFETY: a live object has a live class.
    unsafe {
        let class = ffi::Py_TYPE(method.as_ptr());
        let wanted = ffi::Py_TPFLAGS_METHOD_DESCRIPTOR | ffi::Py_TPFLAGS_HAVE_VECTORCALL;
        (*class).tp_flags & wanted == wanted && (*class).tp_descr_get.is_some()
    }
}

/// How `Method::args` is called.
const FASTCALL: std::os::raw::c_int = ffi::METH_FASTCALL | ffi::METH_KEYWORDS;

unsafe extern "C" fn vectorcall(
    this: *mut ffi::PyObject,
    items: *const *mut ffi::PyObject,
    nargsf: usize,
    kwnames: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: the vectorcall protocol: the caller keeps everything alive, and lends the place before the arguments where it
        // says so; there it is found as it was.
        unsafe {
            let this = Own::<BoundMethod>::borrow_place(&this);
            let (method, object) = (this.method.as_ptr(), this.object.as_ptr());
            let count = ffi::PyVectorcall_NARGS(nargsf) as usize;
            // A native method of the object's class, which `CalledOnce` has seen to, needs nobody in between.
            if let Some((native, _)) = definition(&this.method) {
                let function = native.ml_meth;
                match native.ml_flags {
                    ffi::METH_NOARGS if count == 0 && kwnames.is_null() => {
                        return (function.PyCFunction)(object, std::ptr::null_mut());
                    }
                    FASTCALL => {
                        let count = count as ffi::Py_ssize_t;
                        let function = function.PyCFunctionFastWithKeywords;
                        return function(object, items, count, kwnames);
                    }
                    _ => {}
                }
            }
            if nargsf & ffi::PY_VECTORCALL_ARGUMENTS_OFFSET != 0 {
                let first = items.cast_mut().sub(1);
                let before = first.replace(object);
                let result = ffi::PyObject_Vectorcall(method, first, count + 1, kwnames);
                first.write(before);
                return result;
            }
            if count == 0 && kwnames.is_null() {
                return ffi::PyObject_Vectorcall(method, &raw const object, 1, kwnames);
            }
            match this.usual(py) {
                Ok(usual) => ffi::PyObject_Vectorcall(usual.as_ptr(), items, nargsf, kwnames),
                Err(_already_set) => std::ptr::null_mut(),
            }
        }
    })
}

/// The definition of a method of a native class, where it is one of those, and whose method it is.
fn definition(method: &Own) -> Option<(&ffi::PyMethodDef, *mut ffi::PyTypeObject)> {
    // SAFETY: a live object; one of this very type is laid out so, and its definition lives as long as its class.
    unsafe {
        let is_plain = ffi::Py_TYPE(method.as_ptr()) == &raw mut ffi::PyMethodDescr_Type;
        is_plain.then(|| {
            let descriptor = &*method.as_ptr().cast::<ffi::PyMethodDescrObject>();
            (&*descriptor.d_method, descriptor.d_common.d_type)
        })
    }
}

unsafe extern "C" fn attribute(
    this: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: a slot of the class; live objects.
        unsafe {
            match Own::<BoundMethod>::borrow_place(&this).usual(py) {
                Ok(usual) => ffi::PyObject_GetAttr(usual.as_ptr(), name),
                Err(_already_set) => std::ptr::null_mut(),
            }
        }
    })
}

/// A method in the `__dict__` of a class, whose objects get a `BoundMethod` of it.
#[derive(Debug)]
struct CalledOnce {
    method: Own,
    /// Which objects it may be bound to; null for any.
    owner: *mut ffi::PyTypeObject,
}

static CALLED_ONCE: TypeSlot = TypeSlot::new();

impl Class for CalledOnce {
    const NAME: &'static std::ffi::CStr = c"ferrio._ferrio.CalledOnce";
    const DOC: &'static std::ffi::CStr = c"";
    type Head = Plain;

    fn slot() -> &'static TypeSlot {
        &CALLED_ONCE
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.own(&self.method);
    }
}

impl CalledOnce {
    fn of(method: Own) -> Self {
        let owner = definition(&method).map_or(std::ptr::null_mut(), |(_, owner)| owner);
        Self { method, owner }
    }

    /// `method.__get__(object)`.
    #[inline]
    fn bind(&self, py: Python<'_>, object: Own) -> PyRes<Own> {
        // SAFETY: a live object; the method keeps its class alive.
        let is_owned = self.owner.is_null()
            || unsafe { ffi::PyObject_TypeCheck(object.as_ptr(), self.owner) != 0 };
        let method = self.method.clone();
        if is_owned {
            let vectorcall = vectorcall;
            let bound = Own::make(py, || BoundMethod {
                vectorcall,
                method,
                object,
            })?;
            return Ok(bound.into_any());
        }
        // It says what it is a method of.
        let class = object.bound(py).get_type();
        let bound = method
            .bound(py)
            .call_method1("__get__", (object.bound(py), class))?;
        Ok(Own::from(bound))
    }
}

unsafe extern "C" fn bind(
    this: *mut ffi::PyObject,
    object: *mut ffi::PyObject,
    _class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: a slot of the class; a null object means the access went through the class.
        unsafe {
            let this = Own::<CalledOnce>::borrow_place(&this);
            if object.is_null() {
                return this.method.clone().into_ptr();
            }
            match this.bind(py, Own::from_borrowed_ptr(object)) {
                Ok(bound) => bound.into_ptr(),
                Err(_already_set) => std::ptr::null_mut(),
            }
        }
    })
}

/// Says of methods of a class that they are called once, each time they are looked up. From 3.14 on `async with` does not bind.
pub fn called_once(py: Python<'_>, class: &Own, names: &[&str]) -> PyRes<()> {
    if cfg!(Py_3_14) {
        return Ok(());
    }
    let class = class.bound(py);
    for name in names {
        let method = Own::from(class.getattr(*name)?);
        if binds(&method) {
            let method = Own::alloc(py, CalledOnce::of(method))?;
            class.setattr(*name, method.as_any().bound(py))?;
        }
    }
    Ok(())
}

/// Makes the types.
pub fn make_types(py: Python<'_>) -> PyRes<()> {
    let usual = |py: Python<'_>, object: &Own| match object.exact::<BoundMethod>() {
        Some(bound) => bound.usual(py),
        None => Ok(object.clone()),
    };
    let mut builder = TypeBuilder::<BoundMethod>::new()
        .repr(|py, this: &Own<BoundMethod>| -> PyRes {
            Ok(Own::from(this.usual(py)?.bound(py).repr()?.into_any()))
        })
        .hash(|py, this: &Own<BoundMethod>| -> isize {
            let usual = this.usual(py).map_err(|error| error.clear(py));
            usual.map_or(0, |usual| usual.bound(py).hash().unwrap_or(0))
        })
        .compare(
            move |py: Python<'_>, this: &Own<BoundMethod>, other: &Own, how: Compare| {
                let equal = call::equal(py, &this.usual(py)?, &usual(py, other)?);
                match how {
                    Compare::Equal => equal.map(Some),
                    Compare::NotEqual => equal.map(|equal| Some(!equal)),
                    _ => Ok(None),
                }
            },
        );
    builder.called_by_vector(false);
    builder.raw_slot(ffi::Py_tp_getattro, attribute as *mut std::os::raw::c_void);
    builder.build(py)?;
    let mut builder = TypeBuilder::<CalledOnce>::new();
    builder.raw_slot(ffi::Py_tp_descr_get, bind as *mut std::os::raw::c_void);
    builder.build(py).map(drop)
}
