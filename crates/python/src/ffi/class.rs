//! Native classes: raw heap types made by `PyType_FromSpec`, with the data of a Rust type behind the object header.
//!
//! An object is `{ PyObject, head (dict and weakref list, where wanted), data }`. A derived class has the same head and
//! its data begins with the base's data, so that a pointer to one is a pointer to the other (`extends!` checks that).
//!
//! Order of deallocation, as CPython's own classes do it: finalizer (only when the data asks for one: it costs), untrack,
//! `before_dealloc` (leave registries that hold `Unowned` notes), weak references, data, dict, memory, type.

use std::ffi::CStr;
use std::mem::offset_of;
use std::os::raw::{c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use super::recycle::{self, Recycled};
use super::visit::Visit;
use super::{Own, PyRes, Raised, guard};

/// What stands between the object header and the data.
pub trait Head: Default + 'static {
    /// Offset of the `__dict__` pointer within the head.
    const DICT: Option<usize>;
    /// Offset of the weak reference list within the head.
    const WEAKREFS: Option<usize>;
}

/// Neither attributes nor weak references.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Plain;

/// Weak references only.
#[derive(Debug)]
#[repr(C)]
pub struct WithWeakrefs {
    weakrefs: *mut ffi::PyObject,
}

/// Weak references and an instance `__dict__`.
#[derive(Debug)]
#[repr(C)]
pub struct WithDict {
    dict: *mut ffi::PyObject,
    weakrefs: *mut ffi::PyObject,
}

impl Default for WithWeakrefs {
    fn default() -> Self {
        Self {
            weakrefs: std::ptr::null_mut(),
        }
    }
}

impl Default for WithDict {
    fn default() -> Self {
        Self {
            dict: std::ptr::null_mut(),
            weakrefs: std::ptr::null_mut(),
        }
    }
}

impl Head for Plain {
    const DICT: Option<usize> = None;
    const WEAKREFS: Option<usize> = None;
}

impl Head for WithWeakrefs {
    const DICT: Option<usize> = None;
    const WEAKREFS: Option<usize> = Some(offset_of!(Self, weakrefs));
}

impl Head for WithDict {
    const DICT: Option<usize> = Some(offset_of!(Self, dict));
    const WEAKREFS: Option<usize> = Some(offset_of!(Self, weakrefs));
}

/// The data of a native class.
pub trait Class: Sized + 'static {
    /// Qualified name, `c"ferrio.Future"`.
    const NAME: &'static CStr;
    /// `__doc__`; empty where objects of the class have one of their own.
    const DOC: &'static CStr;
    /// The part before the data; the same for base and derived classes.
    type Head: Head;
    /// Is it followed by the cycle collector? Then `traverse` and `clear` must tell the truth.
    const GC: bool = true;
    /// Has it a finalizer (`__del__`)?
    const FINALIZER: bool = false;
    /// Is the memory of dead objects kept for the next ones?
    const RECYCLED: Option<Recycled> = None;
    /// Has it a class made in Python whose objects are made and freed as its own (`Own::adopt`)?
    const ADOPTS: bool = false;

    /// Where the type object is kept.
    fn slot() -> &'static TypeSlot;

    /// The state of an object between `__new__` and `__init__`; `None` forbids `Class()` from Python.
    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(None)
    }

    /// Shows every owned reference.
    fn traverse(&self, _visit: &mut Visit) {}

    /// Must the collector follow a new object around this? If not, `Own::follow` comes before it refers to anything that can be
    /// part of a cycle.
    fn is_followed_at_once(&self) -> bool {
        true
    }

    /// Drops the references that can be part of a cycle.
    fn clear(&self, _py: Python<'_>) {}

    /// Asked at deallocation and by the collector: is there something to say before the object dies?
    fn wants_finalizer(&self) -> bool {
        false
    }

    /// The finalizer; may resurrect the object. Errors are its own business (`write_unraisable`).
    fn finalize(_py: Python<'_>, _this: &Own<Self>) {}

    /// Takes back every `Unowned` note of this object.
    fn before_dealloc(&self, _py: Python<'_>) {}
}

/// The type object of a class, made when the module is imported.
#[derive(Debug)]
pub struct TypeSlot {
    class: AtomicPtr<ffi::PyTypeObject>,
    /// The class made in Python; null where there is none.
    adopted: AtomicPtr<ffi::PyTypeObject>,
    methods: AtomicPtr<ffi::PyMethodDef>,
}

impl TypeSlot {
    /// Not made yet.
    pub const fn new() -> Self {
        Self {
            class: AtomicPtr::new(std::ptr::null_mut()),
            adopted: AtomicPtr::new(std::ptr::null_mut()),
            methods: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Fills it, once. The table of methods lives as long as the process.
    pub(super) fn fill(&self, class: Own, methods: *mut ffi::PyMethodDef) {
        self.methods.store(methods, Ordering::Release);
        self.class.store(class.into_ptr().cast(), Ordering::Release);
    }

    #[inline]
    pub(super) fn raw(&self) -> *mut ffi::PyTypeObject {
        self.class.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn is_adopted(&self, class: *mut ffi::PyTypeObject) -> bool {
        self.adopted.load(Ordering::Relaxed) == class
    }

    /// The type object.
    pub fn type_object(&self, _py: Python<'_>) -> Own {
        // SAFETY: set at import, before any object of the class exists, and never freed.
        unsafe { Own::from_borrowed_ptr(self.raw().cast()) }
    }

    /// Gives a class that derives from this one its methods as its own, except those that it overrides. The interpreter
    /// calls a method on its short way only where the object is exactly of the class that the method belongs to.
    pub fn give_methods_to(&self, py: Python<'_>, derived: &Own) -> PyRes<()> {
        let (class, derived) = (self.type_object(py), derived.bound(py));
        let base = class.bound(py);
        let mut definition = self.methods.load(Ordering::Acquire);
        // SAFETY: the table ends with an entry without a name, and it and its strings live for ever; `derived` is a type.
        unsafe {
            while !(*definition).ml_name.is_null() {
                let name = CStr::from_ptr((*definition).ml_name).to_string_lossy();
                if derived.getattr(&*name)?.is(base.getattr(&*name)?) {
                    let method = ffi::PyDescr_NewMethod(derived.as_ptr().cast(), definition);
                    let method = Own::<super::Any>::from_owned_ptr(py, method)?;
                    derived.setattr(&*name, method.bound(py))?;
                }
                definition = definition.add(1);
            }
        }
        Ok(())
    }
}

impl Default for TypeSlot {
    fn default() -> Self {
        Self::new()
    }
}

/// The data of `Self` begins with the data of `Base`, in an object with the same head.
///
/// # Safety
/// Only `extends!` implements it, after checking the layout.
pub unsafe trait Extends<Base: Class>: Class {}

/// Declares `Derived`'s data (`#[repr(C)]`) to begin with `Base`'s: `extends!(Task: Future, future)`.
macro_rules! extends {
    ($derived:ty : $base:ty, $field:ident) => {
        const _: () = {
            assert!(
                ::std::mem::offset_of!($derived, $field) == 0,
                "the base's data must come first"
            );
            assert!(
                ::std::mem::align_of::<$derived>() <= 8 && ::std::mem::align_of::<$base>() <= 8
            );
            // Same head, so the data of both stands at the same offset.
            const fn same_head<
                A: $crate::ffi::Class<Head = H>,
                B: $crate::ffi::Class<Head = H>,
                H,
            >() {
            }
            same_head::<$derived, $base, <$base as $crate::ffi::Class>::Head>();
        };
        // SAFETY: the layout has just been checked.
        unsafe impl $crate::ffi::Extends<$base> for $derived {}
        impl ::std::ops::Deref for $derived {
            type Target = $base;
            #[inline]
            fn deref(&self) -> &$base {
                &self.$field
            }
        }
    };
}
pub(crate) use extends;

#[repr(C)]
pub(super) struct Object<T: Class> {
    object: ffi::PyObject,
    pub(super) head: T::Head,
    data: T,
}

impl<T: Class> Object<T> {
    /// Where the data stands.
    pub(super) const DATA: usize = offset_of!(Self, data);

    /// # Safety
    /// `object` is an object of class `T` whose data has been written.
    #[inline]
    pub(super) unsafe fn data<'a>(object: *mut ffi::PyObject) -> &'a T {
        // SAFETY: the caller's promise.
        unsafe { &(*object.cast::<Self>()).data }
    }

    /// A new object of exactly `T`; null with an error set where memory is out.
    ///
    /// The data is made where it stays. Made elsewhere it is moved there two words at a time, and the processor waits until the single
    /// words that have just been written have arrived.
    #[inline(always)]
    pub(super) fn alloc(py: Python<'_>, data: impl FnOnce() -> T) -> *mut ffi::PyObject {
        let class = T::slot().raw();
        debug_assert!(!class.is_null(), "type used before it was made");
        // SAFETY: it is `T`'s.
        unsafe { Self::alloc_plain(py, class, data) }
    }

    /// # Safety
    /// `class` is `T`'s or adopted.
    #[inline(always)]
    unsafe fn alloc_plain(
        py: Python<'_>,
        class: *mut ffi::PyTypeObject,
        data: impl FnOnce() -> T,
    ) -> *mut ffi::PyObject {
        // SAFETY: the type's basicsize is that of `Object<T>`; the object is tracked only after everything is written.
        unsafe {
            let object = match T::RECYCLED.and_then(|kind| recycle::take(py, kind)) {
                Some(memory) => ffi::PyObject_Init(memory.as_ptr(), class).cast::<Self>(),
                None if T::GC => ffi::PyObject_GC_New::<Self>(class),
                None => ffi::PyObject_New::<Self>(class),
            };
            if !object.is_null() {
                std::ptr::addr_of_mut!((*object).head).write(T::Head::default());
                std::ptr::addr_of_mut!((*object).data).write(data());
                if T::GC && (*object).data.is_followed_at_once() {
                    ffi::PyObject_GC_Track(object.cast());
                }
            }
            object.cast()
        }
    }

    #[inline]
    unsafe fn head_field(object: *mut ffi::PyObject, offset: usize) -> *mut *mut ffi::PyObject {
        // SAFETY: `offset` comes from `Head`, so the field is inside the object.
        unsafe {
            object
                .cast::<u8>()
                .add(offset_of!(Self, head) + offset)
                .cast()
        }
    }

    /// Has the object attributes of its own (an instance `__dict__` that has been written to)?
    ///
    /// # Safety
    /// `object` is an object of class `T`.
    #[inline]
    pub(super) unsafe fn has_dict(object: *mut ffi::PyObject) -> bool {
        // SAFETY: the caller's promise.
        T::Head::DICT
            .is_some_and(|offset| unsafe { !(*Self::head_field(object, offset)).is_null() })
    }

    pub(super) unsafe extern "C" fn tp_new(
        class: *mut ffi::PyTypeObject,
        _args: *mut ffi::PyObject,
        _kwargs: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject {
        guard::trampoline(std::ptr::null_mut(), |py| {
            let data = match T::uninitialised(py) {
                Ok(Some(data)) => data,
                Ok(None) => {
                    let name = T::NAME.to_string_lossy();
                    let text = format!("cannot create '{name}' instances");
                    let _set = Raised::new::<pyo3::exceptions::PyTypeError>(py, text);
                    return std::ptr::null_mut();
                }
                Err(_already_set) => return std::ptr::null_mut(),
            };
            // SAFETY: CPython calls it for the class itself and for those derived from it.
            unsafe { Self::alloc_as(py, class, || data) }
        })
    }

    /// A new object of `class`; null with an error set where memory is out.
    ///
    /// # Safety
    /// `class` is `T`'s type or derived from it.
    #[inline]
    pub(super) unsafe fn alloc_as(
        py: Python<'_>,
        class: *mut ffi::PyTypeObject,
        data: impl FnOnce() -> T,
    ) -> *mut ffi::PyObject {
        // SAFETY: a subclass's tp_alloc gives zeroed memory of at least our basicsize; nothing runs before the write.
        unsafe {
            if T::ADOPTS && T::slot().is_adopted(class) {
                return Self::alloc_plain(py, class, data);
            }
            let alloc = (*class).tp_alloc.expect("a ready type has tp_alloc");
            let object = alloc(class, 0);
            if !object.is_null() {
                std::ptr::addr_of_mut!((*object.cast::<Self>()).data).write(data());
            }
            object
        }
    }

    /// Has the objects of `class`, which Python has made of `T`, made and freed as those of `T`; does nothing where they are laid out
    /// otherwise or have something else to do then.
    ///
    /// # Safety
    /// `class` is a type derived from `T`.
    pub(super) unsafe fn adopt(_py: Python<'_>, class: *mut ffi::PyTypeObject) {
        const { assert!(T::ADOPTS && !T::FINALIZER) };
        // What CPython puts before the object's header for a dict or weak references.
        const BEFORE_HEADER: std::os::raw::c_ulong = 1 << 3 | 1 << 4;
        // SAFETY: attached, two live types; `tp_dealloc` is called with objects of `class`, which derive from `T` and have nothing
        // that `T`'s own have not.
        unsafe {
            let own = T::slot().raw();
            if (*class).tp_basicsize == (*own).tp_basicsize
                && (*class).tp_itemsize == (*own).tp_itemsize
                && (*class).tp_flags & BEFORE_HEADER == (*own).tp_flags & BEFORE_HEADER
                && (*class).tp_finalize.is_none()
            {
                (*class).tp_dealloc = Some(Self::tp_dealloc);
                T::slot().adopted.store(class, Ordering::Relaxed);
            }
        }
    }

    pub(super) unsafe extern "C" fn tp_dealloc(object: *mut ffi::PyObject) {
        // SAFETY: CPython calls this once, when the last reference is gone, with an object of class `T` or a subclass.
        // A panic loses what was left to drop, which is better than the process.
        guard::quiet((), || unsafe {
            if T::FINALIZER && Self::data(object).wants_finalizer() && Self::finalize(object) {
                return;
            }
            if T::ADOPTS && Self::has_del(object) && Self::finalize(object) {
                return;
            }
            if T::GC {
                ffi::PyObject_GC_UnTrack(object.cast());
            }
            let (py, class) = (Python::assume_attached(), ffi::Py_TYPE(object));
            Self::data(object).before_dealloc(py);
            if let Some(offset) = T::Head::WEAKREFS {
                if !(*Self::head_field(object, offset)).is_null() {
                    ffi::PyObject_ClearWeakRefs(object);
                }
            }
            std::ptr::addr_of_mut!((*object.cast::<Self>()).data).drop_in_place();
            if let Some(offset) = T::Head::DICT {
                let dict = Self::head_field(object, offset);
                ffi::Py_CLEAR(dict);
            }
            if !Self::recycle(py, object, class) {
                let free = (*class).tp_free.expect("a ready type has tp_free");
                free(object.cast());
            }
            ffi::Py_DECREF(class.cast());
        });
    }

    /// Is it of the adopted class, and has that got a `__del__` since?
    #[inline]
    unsafe fn has_del(object: *mut ffi::PyObject) -> bool {
        // SAFETY: a live object has a live class.
        unsafe {
            let class = ffi::Py_TYPE(object);
            T::slot().is_adopted(class) && (*class).tp_finalize.is_some()
        }
    }

    /// Calls the finalizer; does the object live on?
    #[cold]
    unsafe fn finalize(object: *mut ffi::PyObject) -> bool {
        // SAFETY: called by `tp_dealloc`, first.
        unsafe {
            if T::GC && ffi::PyObject_GC_IsTracked(object) == 0 {
                // One that lives on may refer to anything from now on, and CPython takes for granted that it is followed.
                ffi::PyObject_GC_Track(object.cast());
            }
            ffi::PyObject_CallFinalizerFromDealloc(object) < 0
        }
    }

    /// Keeps the memory of a dead object for the next one of its class. Not where the collector has finalized it: the mark
    /// stands in its header for good, and the next object's finalizer would never be called.
    #[inline]
    unsafe fn recycle(
        py: Python<'_>,
        object: *mut ffi::PyObject,
        class: *mut ffi::PyTypeObject,
    ) -> bool {
        let Some(kind) = T::RECYCLED else {
            return false;
        };
        // SAFETY: the object's header is still whole, its data is gone, nobody refers to it.
        unsafe {
            (class == T::slot().raw() || T::ADOPTS && T::slot().is_adopted(class))
                && !(T::FINALIZER && ffi::PyObject_GC_IsFinalized(object) != 0)
                && !(T::ADOPTS && Self::has_del(object))
                && recycle::give(py, kind, object)
        }
    }

    pub(super) unsafe extern "C" fn tp_finalize(object: *mut ffi::PyObject) {
        guard::trampoline((), |py| {
            // SAFETY: object of class `T`, kept alive by the caller for the call.
            let this = unsafe { Own::<T>::borrow_place(&object) };
            if !this.wants_finalizer() {
                return;
            }
            let pending = PyErr::take(py);
            T::finalize(py, this);
            if let Some(error) = pending {
                error.restore(py);
            }
        });
    }

    pub(super) unsafe extern "C" fn tp_traverse(
        object: *mut ffi::PyObject,
        visit: ffi::visitproc,
        arg: *mut c_void,
    ) -> c_int {
        // SAFETY: object of class `T`; heap types are visited by their instances since 3.9.
        guard::quiet(0, || unsafe {
            let mut visit = Visit::new(visit, arg);
            visit.pointer(ffi::Py_TYPE(object).cast());
            if let Some(offset) = T::Head::DICT {
                visit.pointer(*Self::head_field(object, offset));
            }
            Self::data(object).traverse(&mut visit);
            visit.outcome()
        })
    }

    pub(super) unsafe extern "C" fn tp_clear(object: *mut ffi::PyObject) -> c_int {
        guard::trampoline((), |py| {
            // SAFETY: object of class `T`, kept alive by the collector.
            unsafe {
                Self::data(object).clear(py);
                if let Some(offset) = T::Head::DICT {
                    let dict = Self::head_field(object, offset);
                    ffi::Py_CLEAR(dict);
                }
            }
        });
        0
    }
}
