//! Owned references, typed by the data of our own classes.

use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use super::class::{Class, Extends, Object, TypeSlot};
use super::{PyRes, Raised};

/// Any Python object: the type parameter of an `Own` that promises nothing.
#[derive(Debug)]
pub enum Any {}

/// One owned reference to a Python object, known to be of class `T` (or of anything, for `Any`).
///
/// Not `Send`: whoever has one is attached to the interpreter, so counts change without a thread look-up.
#[repr(transparent)]
pub struct Own<T = Any> {
    object: NonNull<ffi::PyObject>,
    class: PhantomData<*const T>,
}

impl<T> Own<T> {
    /// Takes over one reference; null means that an error is set.
    ///
    /// # Safety
    /// `ptr` is null with an error set, or an owned reference to an object of class `T`.
    #[inline]
    pub(super) unsafe fn from_owned_ptr(py: Python<'_>, ptr: *mut ffi::PyObject) -> PyRes<Self> {
        match NonNull::new(ptr) {
            Some(object) => Ok(Self {
                object,
                class: PhantomData,
            }),
            None => Err(Raised::already_set(py)),
        }
    }

    /// Makes one more reference.
    ///
    /// # Safety
    /// `ptr` is a live object of class `T`.
    #[inline]
    pub(super) unsafe fn from_borrowed_ptr(ptr: *mut ffi::PyObject) -> Self {
        // SAFETY: the caller says that it is live, so not null.
        unsafe {
            ffi::Py_INCREF(ptr);
            Self {
                object: NonNull::new_unchecked(ptr),
                class: PhantomData,
            }
        }
    }

    /// A reference to the place where a borrowed pointer stands, seen as an `Own`.
    ///
    /// # Safety
    /// `*place` is a live object of class `T` for as long as `'a`.
    #[inline]
    pub(super) unsafe fn borrow_place(place: &*mut ffi::PyObject) -> &Self {
        // SAFETY: `Own` is a transparent wrapper of a non-null pointer; the caller vouches for it.
        unsafe { &*std::ptr::from_ref(place).cast::<Self>() }
    }

    /// The raw pointer, borrowed.
    #[inline]
    pub fn as_ptr(&self) -> *mut ffi::PyObject {
        self.object.as_ptr()
    }

    /// Gives the reference to C.
    #[inline]
    pub(super) fn into_ptr(self) -> *mut ffi::PyObject {
        let ptr = self.object.as_ptr();
        std::mem::forget(self);
        ptr
    }

    /// Forgets the class.
    #[inline]
    pub fn into_any(self) -> Own {
        let object = self.object;
        std::mem::forget(self);
        Own {
            object,
            class: PhantomData,
        }
    }

    /// Forgets the class of a borrowed reference.
    #[inline]
    pub fn as_any(&self) -> &Own {
        // SAFETY: same representation, weaker promise.
        unsafe { &*std::ptr::from_ref(self).cast::<Own>() }
    }

    /// Identity, Python's `is`.
    #[inline]
    pub fn is<U>(&self, other: &Own<U>) -> bool {
        self.object == other.object
    }

    /// Is it `None`?
    #[inline]
    pub fn is_none(&self) -> bool {
        // SAFETY: only compares addresses.
        self.as_ptr() == unsafe { ffi::Py_None() }
    }

    /// PyO3's view of the same object, for code off the hot path.
    #[inline]
    pub fn bound<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyAny> {
        // SAFETY: `self` is a live reference for `'a`, and both types wrap just the pointer.
        unsafe { Bound::ref_from_ptr(py, &*std::ptr::from_ref(&self.object).cast()) }
    }

    /// Gives the reference to PyO3.
    #[inline]
    pub fn into_bound(self, py: Python<'_>) -> Bound<'_, PyAny> {
        // SAFETY: hands over the one reference that `self` owned.
        unsafe { Bound::from_owned_ptr(py, self.into_ptr()) }
    }

    /// The number of references; only good for "am I the only owner?".
    #[inline]
    pub fn refcount(&self) -> isize {
        // SAFETY: live object.
        unsafe { ffi::Py_REFCNT(self.as_ptr()) as isize }
    }
}

impl Own {
    /// `None`.
    #[inline]
    pub fn none(_py: Python<'_>) -> Self {
        // SAFETY: None is always live, and since 3.12 its references are not counted (PEP 683).
        unsafe {
            if cfg!(Py_3_12) {
                Self {
                    object: NonNull::new_unchecked(ffi::Py_None()),
                    class: PhantomData,
                }
            } else {
                Self::from_borrowed_ptr(ffi::Py_None())
            }
        }
    }

    /// `True` or `False`.
    #[inline]
    pub fn bool(_py: Python<'_>, value: bool) -> Self {
        // SAFETY: both singletons are always live.
        unsafe {
            Self::from_borrowed_ptr(if value {
                ffi::Py_True()
            } else {
                ffi::Py_False()
            })
        }
    }

    /// A new `float`.
    pub fn float(py: Python<'_>, value: f64) -> PyRes {
        // SAFETY: returns an owned reference or null with an error.
        unsafe { Self::from_owned_ptr(py, ffi::PyFloat_FromDouble(value)) }
    }

    /// A new `int`.
    pub fn int(py: Python<'_>, value: i64) -> PyRes {
        // SAFETY: as above.
        unsafe { Self::from_owned_ptr(py, ffi::PyLong_FromLongLong(value)) }
    }

    /// A new `str`.
    pub fn str(py: Python<'_>, value: &str) -> Self {
        Self::from(pyo3::types::PyString::new(py, value).into_any())
    }

    /// A new tuple of the given objects.
    pub fn tuple(py: Python<'_>, items: &[Own]) -> PyRes {
        // SAFETY: the tuple is new and of the right length; SET_ITEM takes over one reference each.
        unsafe {
            let tuple = ffi::PyTuple_New(items.len() as ffi::Py_ssize_t);
            if !tuple.is_null() {
                for (i, item) in items.iter().enumerate() {
                    ffi::PyTuple_SET_ITEM(tuple, i as ffi::Py_ssize_t, item.clone().into_ptr());
                }
            }
            Self::from_owned_ptr(py, tuple)
        }
    }

    /// The items of a tuple, borrowed; `None` where it is no tuple.
    #[inline]
    pub fn tuple_items(&self) -> Option<&[Own]> {
        // SAFETY: a tuple's items are contiguous, live and not null, and it keeps them while `self` lives.
        unsafe {
            if ffi::PyTuple_Check(self.as_ptr()) == 0 {
                return None;
            }
            let length = ffi::PyTuple_GET_SIZE(self.as_ptr()) as usize;
            let items = std::ptr::addr_of!((*self.as_ptr().cast::<ffi::PyTupleObject>()).ob_item);
            Some(std::slice::from_raw_parts(items.cast::<Own>(), length))
        }
    }

    /// Is it an object of exactly this class (no subclass)?
    #[inline]
    pub fn exact<T: Class>(&self) -> Option<&Own<T>> {
        // SAFETY: the type was compared; `Own<T>` has the same representation.
        unsafe {
            (ffi::Py_TYPE(self.as_ptr()) == T::slot().raw())
                .then(|| &*std::ptr::from_ref(self).cast::<Own<T>>())
        }
    }

    /// Is it an object of this class or of a subclass?
    #[inline]
    pub fn cast<T: Class>(&self) -> Option<&Own<T>> {
        // SAFETY: a subclass's objects begin with the base's layout; `Own<T>` has the same representation.
        unsafe {
            let (class, wanted) = (ffi::Py_TYPE(self.as_ptr()), T::slot().raw());
            // What is no object of the class itself is nearly always one of a class made of it, or of one made of that (a loop
            // is an engine).
            let base = (*class).tp_base;
            (class == wanted
                || base == wanted
                || (!base.is_null() && (*base).tp_base == wanted)
                || ffi::PyType_IsSubtype(class, wanted) != 0)
                .then(|| &*std::ptr::from_ref(self).cast::<Own<T>>())
        }
    }

    /// Is it of a class whose objects equal nothing but themselves?
    #[inline]
    pub fn compares_by_identity(&self) -> bool {
        // The interpreter's own functions, compared as the addresses that it has written there.
        let functions = |class: *const ffi::PyTypeObject| {
            // SAFETY: a live type object.
            let (hash, compare) = unsafe { ((*class).tp_hash, (*class).tp_richcompare) };
            (hash.map(|f| f as usize), compare.map(|f| f as usize))
        };
        // SAFETY: a live object.
        let class = unsafe { ffi::Py_TYPE(self.as_ptr()) };
        functions(class) == functions(&raw const ffi::PyBaseObject_Type)
    }

    /// Is its hash that of `class`, no other one that a class derived from that has?
    pub fn hashes_as(&self, class: &TypeSlot) -> bool {
        // SAFETY: a live object has a live class, and so is the other one.
        let (own, wanted) = unsafe {
            let class = class.raw();
            ((*ffi::Py_TYPE(self.as_ptr())).tp_hash, (*class).tp_hash)
        };
        own.map(|f| f as usize) == wanted.map(|f| f as usize)
    }

    /// Is `class` its class, no class derived from that?
    #[inline]
    pub fn is_exactly(&self, class: &Own) -> bool {
        self.class_address() == class.as_ptr() as usize
    }

    /// The address of the exact class, to be compared.
    #[inline]
    pub fn class_address(&self) -> usize {
        // SAFETY: live object.
        unsafe { ffi::Py_TYPE(self.as_ptr()) as usize }
    }

    /// A number for the present state of its class and the classes above it: it changes with every attribute that is set in one
    /// of them, and no other class has it. 0 where there is none at the moment.
    #[inline]
    pub fn class_version(&self) -> u32 {
        // SAFETY: a live object has a live class.
        unsafe { (*ffi::Py_TYPE(self.as_ptr())).tp_version_tag }
    }

    /// The exact class, for callers that compare it with a type they hold.
    #[inline]
    pub fn type_object<'py>(&self, py: Python<'py>) -> Bound<'py, pyo3::types::PyType> {
        self.bound(py).get_type()
    }
}

impl<T: Class> Own<T> {
    /// A new object of exactly this class around `data`.
    #[inline(always)]
    pub fn alloc(py: Python<'_>, data: T) -> PyRes<Self> {
        Self::make(py, || data)
    }

    /// The same around what `data` makes, which need not be moved then. It must not panic.
    #[inline(always)]
    pub fn make(py: Python<'_>, data: impl FnOnce() -> T) -> PyRes<Self> {
        let object = Object::<T>::alloc(py, data);
        // SAFETY: an owned, fully written object or null with an error.
        unsafe { Self::from_owned_ptr(py, object) }
    }

    /// Has the collector follow it from now on, if it did not (`Class::is_followed_at_once`).
    #[inline]
    pub fn follow(&self, _py: Python<'_>) {
        // SAFETY: an object that is fully written.
        unsafe {
            if T::GC && ffi::PyObject_GC_IsTracked(self.as_ptr()) == 0 {
                ffi::PyObject_GC_Track(self.as_ptr().cast());
            }
        }
    }

    /// `class(…)`, for a class that Python has made of `T`, around `data`; none where the class makes its objects in a way of its own.
    pub fn alloc_derived(
        py: Python<'_>,
        class: &Own,
        data: impl FnOnce() -> T,
    ) -> PyRes<Option<Self>> {
        // SAFETY: a class whose `tp_new` is ours derives from `T`.
        unsafe {
            let (made, base) = (class.as_ptr().cast::<ffi::PyTypeObject>(), T::slot().raw());
            let usual = ffi::Py_TYPE(class.as_ptr()) == &raw mut ffi::PyType_Type
                && (*made).tp_new.map(|f| f as usize) == (*base).tp_new.map(|f| f as usize)
                && (*made).tp_init.map(|f| f as usize) == (*base).tp_init.map(|f| f as usize);
            if !usual {
                return Ok(None);
            }
            Self::from_owned_ptr(py, Object::<T>::alloc_as(py, made, data)).map(Some)
        }
    }

    /// Has the objects of `class`, which Python has just made of `T`, made and freed as those of `T` itself: from recycled memory, by
    /// one function. Where such an object has more to it than one of `T`, nothing changes.
    pub fn adopt(py: Python<'_>, class: &Own) -> PyRes<()> {
        let (own, class) = (T::slot().type_object(py), class.bound(py));
        let class = class.cast::<pyo3::types::PyType>().map_err(PyErr::from)?;
        if class.is_subclass(own.bound(py))? {
            // SAFETY: a type derived from `T`'s.
            unsafe { Object::<T>::adopt(py, class.as_type_ptr()) }
        }
        Ok(())
    }

    /// The same object as one of its base class.
    #[inline]
    pub fn base<B: Class>(&self) -> &Own<B>
    where
        T: Extends<B>,
    {
        // SAFETY: `Extends` says that the layout begins with the base's.
        unsafe { &*std::ptr::from_ref(self).cast::<Own<B>>() }
    }

    /// May it have attributes of its own in its `__dict__`?
    #[inline]
    pub fn has_dict(&self) -> bool {
        // SAFETY: the class promise of `Own<T>`.
        unsafe { Object::<T>::has_dict(self.as_ptr()) }
    }

    /// Is the object's class exactly `T`, no Python subclass?
    #[inline]
    pub fn is_exact(&self) -> bool {
        // SAFETY: live object.
        unsafe { ffi::Py_TYPE(self.as_ptr()) == T::slot().raw() }
    }
}

impl<T: Class> Deref for Own<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the class promise of `Own<T>`: the object has `T`'s layout and written data.
        unsafe { Object::<T>::data(self.as_ptr()) }
    }
}

impl<T> Clone for Own<T> {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: `self` is live; not `Send`, so this thread is attached.
        unsafe { Self::from_borrowed_ptr(self.as_ptr()) }
    }
}

impl<T> Drop for Own<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: gives up the one reference owned here; not `Send`, so this thread is attached.
        unsafe { ffi::Py_DECREF(self.as_ptr()) }
    }
}

impl<T> std::fmt::Debug for Own<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Own({:p})", self.as_ptr())
    }
}

impl<'py, T> From<Bound<'py, T>> for Own {
    #[inline]
    fn from(object: Bound<'py, T>) -> Self {
        let ptr = object.into_any().unbind().into_ptr();
        // SAFETY: PyO3 hands over one reference, never null.
        unsafe {
            Self {
                object: NonNull::new_unchecked(ptr),
                class: PhantomData,
            }
        }
    }
}

impl<'py, T> From<&Bound<'py, T>> for Own {
    #[inline]
    fn from(object: &Bound<'py, T>) -> Self {
        // SAFETY: a live object.
        unsafe { Self::from_borrowed_ptr(object.as_ptr()) }
    }
}

/// An `Own` on its way to another thread, which must be attached to use or drop it.
#[derive(Debug)]
pub struct SendOwn<T = Any>(Own<T>);

// SAFETY: only `wrap` and `unwrap` touch the reference, and both ask for the attached-thread token.
// Whoever drops one unopened must be attached too: the inbox that carries them is emptied in `close` and `dealloc`.
unsafe impl<T> Send for SendOwn<T> {}

impl<T> SendOwn<T> {
    /// Closes the parcel.
    pub fn wrap(_py: Python<'_>, own: Own<T>) -> Self {
        Self(own)
    }

    /// Opens the parcel.
    pub fn unwrap(self, _py: Python<'_>) -> Own<T> {
        self.0
    }
}

/// A pointer that does not keep its object alive; the object removes it from wherever it stands before it dies.
#[derive(Debug)]
pub struct Unowned<T>(NonNull<ffi::PyObject>, PhantomData<*const T>);

impl<T> Unowned<T> {
    /// Notes an object that promises (in `Class::before_dealloc`) to take the note back.
    #[inline]
    pub fn note(object: &Own<T>) -> Self {
        Self(object.object, PhantomData)
    }

    /// A new reference to the noted object; none to one whose deallocation has begun (a Python subclass clears its
    /// `__slots__`, which runs Python, before our dealloc gets to take the note back).
    #[inline]
    pub fn upgrade(&self, _py: Python<'_>) -> Option<Own<T>> {
        // SAFETY: `note`'s promise: the memory is still the object's, as its note still stands.
        unsafe {
            (ffi::Py_REFCNT(self.0.as_ptr()) > 0).then(|| Own::from_borrowed_ptr(self.0.as_ptr()))
        }
    }
}

/// An object made once per process and never freed (interned strings, imported functions).
#[derive(Debug)]
pub struct Immortal(AtomicPtr<ffi::PyObject>);

impl Immortal {
    /// Nothing yet.
    pub const fn empty() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// The object, made by `init` at the first call. Two threads may both run `init`; one result wins.
    #[inline]
    pub fn get_or_init(
        &'static self,
        py: Python<'_>,
        init: impl FnOnce() -> PyRes,
    ) -> PyRes<&'static Own> {
        if self.0.load(Ordering::Acquire).is_null() {
            self.fill(py, init()?);
        }
        Ok(self.filled())
    }

    /// `module.name`, as it is at the first call.
    #[inline]
    pub fn import(&'static self, py: Python<'_>, module: &str, name: &str) -> PyRes<&'static Own> {
        self.get_or_init(py, || Ok(Own::from(py.import(module)?.getattr(name)?)))
    }

    #[cold]
    fn fill(&self, _py: Python<'_>, object: Own) {
        let ptr = object.into_ptr();
        let null = std::ptr::null_mut();
        if self
            .0
            .compare_exchange(null, ptr, Ordering::AcqRel, Ordering::Acquire)
            .is_err()
        {
            // SAFETY: the loser's own reference.
            unsafe { ffi::Py_DECREF(ptr) }
        }
    }

    #[inline]
    fn filled(&'static self) -> &'static Own {
        // SAFETY: not null any more, and never changed again.
        unsafe { &*self.0.as_ptr().cast::<Own>() }
    }
}

/// An interned string; see `names`.
#[derive(Debug)]
pub struct Name {
    text: &'static str,
    object: Immortal,
}

impl Name {
    /// For `names!`.
    pub const fn new(text: &'static str) -> Self {
        Self {
            text,
            object: Immortal::empty(),
        }
    }

    /// The interned `str` object.
    #[inline]
    pub fn get(&'static self, py: Python<'_>) -> &'static Own {
        let made = self.object.get_or_init(py, || {
            Ok(Own::from(
                pyo3::types::PyString::intern(py, self.text).into_any(),
            ))
        });
        made.expect("interning a short constant fails only without memory")
    }

    /// The text.
    pub const fn text(&self) -> &'static str {
        self.text
    }
}

/// Declares interned strings: `names! { CALL_SOON = "call_soon", … }`.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        $($(#[$doc])* #[doc = concat!("`", $text, "`")] pub static $name: $crate::ffi::Name = $crate::ffi::Name::new($text);)*
    };
}
pub(crate) use names;
