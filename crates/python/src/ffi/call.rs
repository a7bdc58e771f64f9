//! Calling Python: vectorcall, without tuples or attribute look-ups by C string.

use std::ffi::CStr;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use super::own::{Any, Name};
use super::{Immortal, Own, PyRes};

/// `PyObject_Vectorcall` without a look at the thread's state.
///
/// # Safety
/// As of `PyObject_Vectorcall`: a live callable, `count` live arguments (and the flag that there is room before them).
#[inline]
unsafe fn vectorcall(
    py: Python<'_>,
    callable: &Own,
    args: *const *mut ffi::PyObject,
    count: usize,
) -> PyRes {
    let object = callable.as_ptr();
    // SAFETY: a type with this flag has an (optional) function pointer at that offset of its objects.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if (*class).tp_flags & ffi::Py_TPFLAGS_HAVE_VECTORCALL != 0 {
            let place = object.byte_offset((*class).tp_vectorcall_offset);
            if let Some(function) = *place.cast::<Option<ffi::vectorcallfunc>>() {
                let result = function(object, args, count, std::ptr::null_mut());
                if result.is_null() && ffi::PyErr_Occurred().is_null() {
                    return Err(error_is_missing(py));
                }
                return Own::from_owned_ptr(py, result);
            }
        }
        let result = ffi::PyObject_Vectorcall(object, args, count, std::ptr::null_mut());
        Own::from_owned_ptr(py, result)
    }
}

#[cold]
fn error_is_missing(py: Python<'_>) -> super::Raised {
    let text = "a callable returned NULL without setting an exception";
    super::Raised::new::<pyo3::exceptions::PySystemError>(py, text)
}

/// `callable(*args)`.
#[inline]
pub fn call(py: Python<'_>, callable: &Own, args: &[Own]) -> PyRes {
    // SAFETY: a slice of `Own`s is an array of live, non-null pointers; the callee borrows them.
    unsafe { vectorcall(py, callable, args.as_ptr().cast(), args.len()) }
}

/// `callable()`.
#[inline]
pub fn call0(py: Python<'_>, callable: &Own) -> PyRes {
    // SAFETY: a live callable; nothing is read behind a count of none.
    unsafe { vectorcall(py, callable, std::ptr::null(), 0) }
}

/// `callable(argument)`. Leaves room before the argument, so that bound methods need no copy.
#[inline]
pub fn call1(py: Python<'_>, callable: &Own, argument: &Own) -> PyRes {
    let mut args = [std::ptr::null_mut(), argument.as_ptr()];
    let count = 1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    // SAFETY: PY_VECTORCALL_ARGUMENTS_OFFSET allows the callee to borrow the slot before the arguments.
    unsafe { vectorcall(py, callable, args.as_mut_ptr().add(1), count) }
}

/// `callable(*args, **kwargs)` with keyword names known at compile time; off the hot path.
pub fn call_with(
    py: Python<'_>,
    callable: &Own,
    args: &[Own],
    kwargs: &[(&'static Name, Own)],
) -> PyRes {
    if kwargs.is_empty() {
        return call(py, callable, args);
    }
    let mut items: Vec<Own> = args.to_vec();
    items.extend(kwargs.iter().map(|(_, value)| value.clone()));
    let names: Vec<Own> = kwargs
        .iter()
        .map(|(name, _)| name.get(py).clone())
        .collect();
    let names = Own::tuple(py, &names)?;
    // SAFETY: positional arguments, then one value for each name.
    unsafe {
        let result = ffi::PyObject_Vectorcall(
            callable.as_ptr(),
            items.as_ptr().cast(),
            args.len(),
            names.as_ptr(),
        );
        Own::from_owned_ptr(py, result)
    }
}

/// `object.name(*args)` without making a bound method.
#[inline]
pub fn method(py: Python<'_>, object: &Own, name: &'static Name, args: &[&Own]) -> PyRes {
    let mut items = [std::ptr::null_mut(); 6];
    assert!(
        args.len() < items.len(),
        "method() takes up to five arguments"
    );
    items[0] = object.as_ptr();
    for (place, argument) in items[1..].iter_mut().zip(args) {
        *place = argument.as_ptr();
    }
    // SAFETY: the object and its arguments, all live.
    unsafe {
        let result = ffi::PyObject_VectorcallMethod(
            name.get(py).as_ptr(),
            items.as_ptr(),
            args.len() + 1,
            std::ptr::null_mut(),
        );
        Own::from_owned_ptr(py, result)
    }
}

/// `object.name`.
#[inline]
pub fn attribute(py: Python<'_>, object: &Own, name: &'static Name) -> PyRes {
    // SAFETY: two live objects.
    unsafe {
        Own::from_owned_ptr(
            py,
            ffi::PyObject_GetAttr(object.as_ptr(), name.get(py).as_ptr()),
        )
    }
}

/// `object.name`, or nothing where it has none.
pub fn optional_attribute(py: Python<'_>, object: &Own, name: &'static Name) -> PyRes<Option<Own>> {
    match attribute(py, object, name) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is::<pyo3::exceptions::PyAttributeError>(py) => {
            error.clear(py);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// `object.name = value`.
pub fn set_attribute(py: Python<'_>, object: &Own, name: &'static Name, value: &Own) -> PyRes<()> {
    // SAFETY: three live objects.
    let failed =
        unsafe { ffi::PyObject_SetAttr(object.as_ptr(), name.get(py).as_ptr(), value.as_ptr()) };
    if failed == 0 {
        Ok(())
    } else {
        Err(super::Raised::already_set(py))
    }
}

/// `bool(object)`.
#[inline]
pub fn truth(py: Python<'_>, object: &Own) -> PyRes<bool> {
    // SAFETY: a live object.
    match unsafe { ffi::PyObject_IsTrue(object.as_ptr()) } {
        -1 => Err(super::Raised::already_set(py)),
        answer => Ok(answer != 0),
    }
}

/// `a == b`, which may run Python.
pub fn equal(py: Python<'_>, a: &Own, b: &Own) -> PyRes<bool> {
    // SAFETY: two live objects.
    match unsafe { ffi::PyObject_RichCompareBool(a.as_ptr(), b.as_ptr(), ffi::Py_EQ) } {
        -1 => Err(super::Raised::already_set(py)),
        answer => Ok(answer != 0),
    }
}

/// `callable(object)`: may it be called?
#[inline]
pub fn is_callable(object: &Own) -> bool {
    // SAFETY: a live object.
    unsafe { ffi::PyCallable_Check(object.as_ptr()) != 0 }
}

/// The value of an exact `float`, or of an exact `int` that fits: what a number nearly always is.
#[inline]
pub fn number(object: &Own) -> Option<f64> {
    // SAFETY: the types are compared before the value is read; an int that does not fit leaves an error, which is cleared.
    unsafe {
        if ffi::PyFloat_CheckExact(object.as_ptr()) != 0 {
            return Some(ffi::PyFloat_AS_DOUBLE(object.as_ptr()));
        }
        if ffi::PyLong_CheckExact(object.as_ptr()) == 0 {
            return None;
        }
        let number = ffi::PyLong_AsDouble(object.as_ptr());
        if number == -1.0 && !ffi::PyErr_Occurred().is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Some(number)
    }
}

/// Is it exactly the `int` 0? No other number that equals it.
#[inline]
pub fn is_zero(py: Python<'_>, object: &Own) -> bool {
    static ZERO: Immortal = Immortal::empty();
    // CPython has one object for each small int.
    ZERO.get_or_init(py, || Own::int(py, 0))
        .is_ok_and(|zero| zero.is(object))
}

/// The value of an exact `int` that fits.
#[inline]
pub fn small_int(object: &Own) -> Option<i64> {
    // SAFETY: the type is compared before the value is read; one that does not fit says so without an error.
    unsafe {
        if ffi::PyLong_CheckExact(object.as_ptr()) == 0 {
            return None;
        }
        let mut overflow = 0;
        let value = ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &raw mut overflow);
        (overflow == 0).then_some(value)
    }
}

/// `callable(first, *args, **kwargs)`: a method found in a class, for its object; off the hot path.
pub fn with_self(py: Python<'_>, callable: &Own, first: &Own, args: super::Args<'_>) -> PyRes {
    let kwargs = pyo3::types::PyDict::new(py);
    for (name, value) in args.keywords() {
        kwargs.set_item(name.bound(py), value.bound(py))?;
    }
    let mut items = vec![first.clone()];
    items.extend_from_slice(args.positional());
    let items = Own::tuple(py, &items)?;
    // SAFETY: a live callable, tuple and dict.
    unsafe {
        let result = ffi::PyObject_Call(callable.as_ptr(), items.as_ptr(), kwargs.as_ptr());
        Own::from_owned_ptr(py, result)
    }
}

/// `isinstance(object, class)`.
pub fn is_instance(py: Python<'_>, object: &Own, class: &Own) -> PyRes<bool> {
    // SAFETY: two live objects.
    match unsafe { ffi::PyObject_IsInstance(object.as_ptr(), class.as_ptr()) } {
        -1 => Err(super::Raised::already_set(py)),
        answer => Ok(answer != 0),
    }
}

/// Is it a generator object (what a plain `yield` in a coroutine chain hands over by mistake)?
pub fn is_generator(object: &Own) -> bool {
    // SAFETY: compares types.
    unsafe { ffi::PyGen_CheckExact(object.as_ptr()) != 0 }
}

/// A callable bound to `owner` that shows `owner` as `__self__` and runs `f(owner, args)`; used where asyncio hands a
/// task's step or wake-up to a foreign loop or future. Two of the same cell and owner are equal. Use a cell with one `f`.
pub fn bound_function<T, F, R>(
    py: Python<'_>,
    owner: &Own<T>,
    cell: &'static FunctionCell,
    f: F,
) -> PyRes
where
    T: super::Class,
    F: for<'a> Fn(Python<'a>, &'a Own<T>, super::Args<'a>) -> R + Copy + 'static,
    R: super::Returns,
{
    let mut definition = cell.definition.load(Ordering::Acquire);
    if definition.is_null() {
        // Leaked on purpose: functions may outlive everything. A lost race leaks one more.
        definition = Box::leak(Box::new(
            super::Method::<T>::args(cell.name, c"", f).into_def(),
        ));
        cell.definition.store(definition, Ordering::Release);
    }
    // SAFETY: the definition lives for ever and its trampoline expects a `T`, which `owner` is.
    unsafe {
        let function = ffi::PyCFunction_NewEx(definition, owner.as_ptr(), std::ptr::null_mut());
        Own::<Any>::from_owned_ptr(py, function)
    }
}

/// The definition behind `bound_function`, made at its first use.
#[derive(Debug)]
pub struct FunctionCell {
    name: &'static CStr,
    definition: AtomicPtr<ffi::PyMethodDef>,
}

impl FunctionCell {
    /// `name` is what `repr` shows.
    pub const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            definition: AtomicPtr::new(std::ptr::null_mut()),
        }
    }
}
