//! The Python class that the world sees of a native one: `class StreamReader(_ferrio.StreamReader, asyncio.StreamReader)`, so
//! that `isinstance` and `issubclass` hold. An object of exactly this class, without attributes of its own, behaves as we know.

use std::mem::offset_of;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;

use super::Own;
use super::class::{Class, Head, Object};

/// Which Python class shows a native one; told when the package is imported.
#[derive(Debug)]
pub struct Face(AtomicPtr<ffi::PyTypeObject>);

impl Face {
    /// None yet.
    pub const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Notes the class, which lives from now on for ever. One that does not derive from `T` is ignored.
    pub fn set<T: Class>(&self, class: Own) {
        // SAFETY: looks at live objects' types.
        unsafe {
            let raw = class.as_ptr().cast::<ffi::PyTypeObject>();
            if ffi::PyType_Check(class.as_ptr()) != 0
                && ffi::PyType_IsSubtype(raw, T::slot().raw()) != 0
            {
                self.0.store(class.into_ptr().cast(), Ordering::Release);
            }
        }
    }

    /// The object, if it is of exactly this class and has no attributes of its own, which could stand before our methods.
    #[inline]
    pub fn shown<'a, T: Class>(&self, object: &'a Own) -> Option<&'a Own<T>> {
        // SAFETY: the type was compared, and `set` has seen that it derives from `T`; `Own<T>` has the same representation.
        unsafe {
            if ffi::Py_TYPE(object.as_ptr()) != self.0.load(Ordering::Relaxed) {
                return None;
            }
            let object = &*std::ptr::from_ref(object).cast::<Own<T>>();
            (!object.has_attributes()).then_some(object)
        }
    }
}

impl<T: Class> Own<T> {
    /// Has the object attributes of its own, in its `__dict__`?
    #[inline]
    pub fn has_attributes(&self) -> bool {
        let Some(offset) = T::Head::DICT else {
            return false;
        };
        // SAFETY: the head of an object of class `T` stands where `Object` says, and has a dict pointer there, null at first.
        unsafe {
            let head = self.as_ptr().cast::<u8>().add(offset_of!(Object<T>, head));
            let dict = *head.add(offset).cast::<*mut ffi::PyObject>();
            !dict.is_null() && ffi::PyDict_Size(dict) != 0
        }
    }
}
