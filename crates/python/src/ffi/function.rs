//! Functions that stand in a stdlib function's place.
//!
//! What introspection asks of a function (`__code__` with its flags, `__defaults__`, `__kwdefaults__`, `__doc__` …) is answered by
//! the stdlib's own, so `inspect.signature`, `iscoroutinefunction`, `typing.get_type_hints` and `unittest.mock` see what they
//! would have seen. A call runs ours; one that does not fit the signature is given to the stdlib's, which says what is wrong.

use std::ffi::CStr;

use pyo3::ffi;
use pyo3::prelude::*;

use super::args::{Args, Params};
use super::builder::TypeBuilder;
use super::class::{Class, TypeSlot, WithDict};
use super::guard::trampoline;
use super::method::{Method, Property, Returns, item};
use super::{Own, PyRes, Raised, Visit};

/// A native function with the stdlib's face.
#[derive(Debug)]
#[repr(C)]
pub struct Function {
    /// First, as the type says (`called_by_vector`).
    vectorcall: ffi::vectorcallfunc,
    stock: Own,
}

static FUNCTION: TypeSlot = TypeSlot::new();

impl Class for Function {
    const NAME: &'static CStr = c"ferrio._ferrio.Function";
    const DOC: &'static CStr = c"";
    type Head = WithDict;

    fn slot() -> &'static TypeSlot {
        &FUNCTION
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.own(&self.stock);
    }
}

impl Function {
    /// `f` in the place of `stock`, a plain Python function.
    pub fn new<F, R>(py: Python<'_>, stock: Own, _f: F) -> PyRes<Own<Self>>
    where
        F: for<'a> Fn(Python<'a>, &'a Own<Self>, Args<'a>) -> R + Copy + 'static,
        R: Returns,
    {
        let data = Self {
            vectorcall: vectorcall::<F, R>,
            stock,
        };
        Own::alloc(py, data)
    }

    /// `f` in the place of `stock`, a method without arguments of a class of ours; called otherwise, the stdlib's runs.
    pub fn method<T, F, R>(py: Python<'_>, stock: Own, _f: F) -> PyRes<Own<Self>>
    where
        T: Class,
        F: for<'a> Fn(Python<'a>, &'a Own<Self>, &'a Own<T>) -> R + Copy + 'static,
        R: Returns,
    {
        Self::new(
            py,
            stock,
            |py: Python<'_>, this: &Own<Self>, args: Args<'_>| match args.positional() {
                [object] if !args.has_keywords() => match object.cast::<T>() {
                    Some(object) => OrStock::Ours(item::<F>()(py, this, object)),
                    None => OrStock::Stock(this.call_stock(py, args)),
                },
                _ => OrStock::Stock(this.call_stock(py, args)),
            },
        )
    }

    /// Calls the stdlib's method on an object.
    pub fn call_stock_on<T>(&self, py: Python<'_>, object: &Own<T>) -> PyRes {
        super::call::call1(py, &self.stock, object.as_any())
    }

    /// Calls the stdlib's method with other positional arguments, the object first.
    pub fn call_stock_with(&self, py: Python<'_>, args: &[Own]) -> PyRes {
        super::call::call(py, &self.stock, args)
    }

    /// Binds the arguments; the error of a call that does not fit is the stdlib's.
    #[inline]
    pub fn bind<'a, const N: usize>(
        &self,
        py: Python<'_>,
        args: Args<'a>,
        params: &Params<N>,
    ) -> PyRes<[Option<&'a Own>; N]> {
        args.bind(py, params)
            .map_err(|error| self.complain(py, args, error))
    }

    /// The stdlib's error for arguments that we could not bind.
    #[cold]
    pub fn complain(&self, py: Python<'_>, args: Args<'_>, ours: Raised) -> Raised {
        let ours = ours.take(py);
        match self.call_stock(py, args) {
            Err(error) => error,
            // It would have taken them: a bug of ours, told by our own error.
            Ok(_unused) => super::exception::restore(py, ours),
        }
    }

    /// The stdlib's function.
    pub fn stock(&self) -> &Own {
        &self.stock
    }

    /// Calls the stdlib's function.
    pub fn call_stock(&self, py: Python<'_>, args: Args<'_>) -> PyRes {
        args.call(py, &self.stock)
    }
}

/// What a method of ours gives, or the stdlib's.
enum OrStock<R> {
    Ours(R),
    Stock(PyRes),
}

impl<R: Returns> Returns for OrStock<R> {
    #[inline]
    fn into_raw(self, py: Python<'_>) -> *mut ffi::PyObject {
        match self {
            Self::Ours(result) => result.into_raw(py),
            Self::Stock(result) => result.into_raw(py),
        }
    }
}

unsafe extern "C" fn vectorcall<F, R>(
    this: *mut ffi::PyObject,
    items: *const *mut ffi::PyObject,
    nargsf: usize,
    kwnames: *mut ffi::PyObject,
) -> *mut ffi::PyObject
where
    F: for<'a> Fn(Python<'a>, &'a Own<Function>, Args<'a>) -> R + Copy + 'static,
    R: Returns,
{
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: the vectorcall protocol; the caller keeps everything alive.
        let (this, args) = unsafe {
            let positional = ffi::PyVectorcall_NARGS(nargsf) as usize;
            (
                Own::<Function>::borrow_place(&this),
                Args::from_vectorcall(items, positional, &kwnames),
            )
        };
        item::<F>()(py, this, args).into_raw(py)
    })
}

unsafe extern "C" {
    // Include/cpython/classobject.h; pyo3-ffi leaves it out.
    fn PyMethod_New(function: *mut ffi::PyObject, object: *mut ffi::PyObject)
    -> *mut ffi::PyObject;
}

/// `__get__`: in a class body it becomes a method, as a Python function does.
unsafe extern "C" fn bind_method(
    this: *mut ffi::PyObject,
    object: *mut ffi::PyObject,
    _class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    trampoline(std::ptr::null_mut(), |_py| {
        // SAFETY: live objects; a null object means the access went through the class.
        unsafe {
            if object.is_null() || object == ffi::Py_None() {
                ffi::Py_NewRef(this)
            } else {
                PyMethod_New(this, object)
            }
        }
    })
}

macro_rules! forwarded {
    ($($name:literal),*) => {
        [$(Property::get($name, |py, this: &Own<Function>| -> PyRes {
            let name = $name.to_str().expect("an attribute's name is ASCII");
            Ok(Own::from(this.stock.bound(py).getattr(name)?))
        })),*]
    };
}

/// Makes the type.
pub fn make_type(py: Python<'_>) -> PyRes<()> {
    let mut builder = TypeBuilder::<Function>::new()
        .repr(|py, this: &Own<Function>| -> PyRes {
            let name = this.stock.bound(py).getattr("__qualname__")?;
            let text = format!("<function {name} at {:p}>", this.as_ptr());
            Ok(Own::str(py, &text))
        })
        .methods([Method::noargs(
            c"__reduce__",
            c"__reduce__($self, /)\n--\n\nBy its name in ferrio, as functions are.",
            |py, this: &Own<Function>| -> PyRes {
                Ok(Own::from(this.stock.bound(py).getattr("__qualname__")?))
            },
        )])
        .properties(forwarded![
            c"__name__",
            c"__qualname__",
            c"__doc__",
            c"__code__",
            c"__defaults__",
            c"__kwdefaults__",
            c"__annotations__",
            c"__globals__",
            c"__closure__",
            c"__type_params__"
        ])
        .properties([Property::get(c"__module__", |py, _: &Own<Function>| {
            Own::str(py, "ferrio")
        })]);
    builder.called_by_vector(true);
    builder.raw_slot(
        ffi::Py_tp_descr_get,
        bind_method as *mut std::os::raw::c_void,
    );
    builder.build(py).map(drop)
}

/// The stdlib's function `module.name`.
pub fn stock(py: Python<'_>, module: &str, name: &str) -> PyRes {
    Ok(Own::from(py.import(module)?.getattr(name)?))
}
