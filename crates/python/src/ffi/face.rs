//! The Python class that the world sees of a native one: `class StreamReader(_ferrio.StreamReader, asyncio.StreamReader)`, so
//! that `isinstance` and `issubclass` hold. An object of exactly this class, without attributes of its own, behaves as we know.

use std::mem::offset_of;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use super::class::{Class, Head, Object};
use super::{Name, Own, call};

/// Which Python class shows a native one; told when the package is imported.
#[derive(Debug)]
pub struct Face {
    class: AtomicPtr<ffi::PyTypeObject>,
    /// What native methods do without looking it up: methods, which an object's own attribute could stand before, and fields.
    methods: &'static [&'static Name],
    fields: &'static [&'static Name],
    /// Classes that were looked at, by address.
    relatives: [Relative; 8],
}

/// A class, and what was found while it had this version: CPython gives it another one whenever it or a base changes.
#[derive(Debug)]
struct Relative {
    class: AtomicPtr<ffi::PyTypeObject>,
    version: AtomicU32,
    alike: AtomicBool,
}

impl Relative {
    const fn none() -> Self {
        Self {
            class: AtomicPtr::new(std::ptr::null_mut()),
            version: AtomicU32::new(0),
            alike: AtomicBool::new(false),
        }
    }
}

impl Face {
    /// None yet.
    pub const fn new() -> Self {
        Self::of(&[], &[])
    }

    /// The same for a class whose `relative`s behave as it does if they leave these methods and fields as they are.
    pub const fn of(methods: &'static [&'static Name], fields: &'static [&'static Name]) -> Self {
        Self {
            class: AtomicPtr::new(std::ptr::null_mut()),
            methods,
            fields,
            relatives: [const { Relative::none() }; 8],
        }
    }

    /// Notes the class, which lives from now on for ever. One that does not derive from `T` is ignored.
    pub fn set<T: Class>(&self, class: Own) {
        // SAFETY: looks at live objects' types.
        unsafe {
            let raw = class.as_ptr().cast::<ffi::PyTypeObject>();
            if ffi::PyType_Check(class.as_ptr()) != 0
                && ffi::PyType_IsSubtype(raw, T::slot().raw()) != 0
            {
                self.class.store(class.into_ptr().cast(), Ordering::Release);
            }
        }
    }

    /// The object, if it is of exactly this class and has no attributes of its own, which could stand before our methods.
    #[inline]
    pub fn shown<'a, T: Class>(&self, object: &'a Own) -> Option<&'a Own<T>> {
        // SAFETY: the type was compared, and `set` has seen that it derives from `T`; `Own<T>` has the same representation.
        unsafe {
            if ffi::Py_TYPE(object.as_ptr()) != self.class.load(Ordering::Relaxed) {
                return None;
            }
            let object = &*std::ptr::from_ref(object).cast::<Own<T>>();
            (!object.has_attributes()).then_some(object)
        }
    }

    /// The object, if it is of this class or of one that derives from it, and nothing stands before our methods and fields.
    #[inline]
    pub fn relative<'a, T: Class>(&self, object: &'a Own) -> Option<&'a Own<T>> {
        self.shown(object).or_else(|| self.distant(object))
    }

    #[inline(never)]
    fn distant<'a, T: Class>(&self, object: &'a Own) -> Option<&'a Own<T>> {
        // SAFETY: an `Own` is held, so the thread is attached; `is_alike` holds for classes that derive from `T` only.
        unsafe {
            let py = Python::assume_attached();
            if !self.is_alike(py, ffi::Py_TYPE(object.as_ptr())) {
                return None;
            }
            let object = &*std::ptr::from_ref(object).cast::<Own<T>>();
            (!object.has_one_of(py, self.methods)).then_some(object)
        }
    }

    fn is_alike(&self, py: Python<'_>, class: *mut ffi::PyTypeObject) -> bool {
        let ours = self.class.load(Ordering::Relaxed);
        // SAFETY: the class of a live object, and one that lives for ever.
        unsafe {
            if class == ours {
                return true;
            }
            if self.methods.is_empty() || ours.is_null() || ffi::PyType_IsSubtype(class, ours) == 0
            {
                return false;
            }
            let known = &self.relatives[(class as usize >> 6) % self.relatives.len()];
            let version = (*class).tp_version_tag;
            if version == 0
                || known.class.load(Ordering::Relaxed) != class
                || known.version.load(Ordering::Relaxed) != version
            {
                let alike = hooks(class) == hooks(ours) && self.leaves_all(py, class, ours);
                known.alike.store(alike, Ordering::Relaxed);
                known.class.store(class, Ordering::Relaxed);
                // Looking names up has given it one.
                known
                    .version
                    .store((*class).tp_version_tag, Ordering::Relaxed);
            }
            known.alike.load(Ordering::Relaxed)
        }
    }

    /// Are the methods and fields of both classes the same objects?
    fn leaves_all(
        &self,
        py: Python<'_>,
        class: *mut ffi::PyTypeObject,
        ours: *mut ffi::PyTypeObject,
    ) -> bool {
        // SAFETY: live classes.
        let [class, ours] = unsafe {
            [class, ours].map(|class| Own::from(Bound::from_borrowed_ptr(py, class.cast())))
        };
        let same = |name: &&'static Name| {
            let both = call::attribute(py, &class, name)
                .and_then(|theirs| Ok(call::attribute(py, &ours, name)?.is(&theirs)));
            // A class that does not even show them is not like ours.
            both.unwrap_or_else(|error| {
                error.clear(py);
                false
            })
        };
        self.methods.iter().chain(self.fields).all(same)
    }
}

/// What reads and sets attributes.
///
/// # Safety
/// A live class.
unsafe fn hooks(class: *mut ffi::PyTypeObject) -> [Option<usize>; 2] {
    // SAFETY: see above.
    let (get, set) = unsafe { ((*class).tp_getattro, (*class).tp_setattro) };
    [get.map(|get| get as usize), set.map(|set| set as usize)]
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

    /// Has the object one of these attributes of its own?
    fn has_one_of(&self, py: Python<'_>, names: &[&'static Name]) -> bool {
        let Some(offset) = T::Head::DICT else {
            return false;
        };
        // SAFETY: as in `has_attributes`; names are strings, so looking them up runs no Python and raises nothing.
        unsafe {
            let head = self.as_ptr().cast::<u8>().add(offset_of!(Object<T>, head));
            let dict = *head.add(offset).cast::<*mut ffi::PyObject>();
            if dict.is_null() {
                return false;
            }
            if ffi::PyDict_Size(dict) <= FEW {
                if let Some(found) = key_among(dict, names) {
                    return found;
                }
            }
            names
                .iter()
                .any(|name| ffi::PyDict_Contains(dict, name.get(py).as_ptr()) != 0)
        }
    }
}

/// Up to so many keys are looked at one by one, which is less work than looking for each of a dozen names.
const FEW: ffi::Py_ssize_t = 4;

/// Is one of the keys one of these names? None where a key is no plain string, or not one of Unicode characters.
///
/// # Safety
/// A live dict, and an attached thread.
unsafe fn key_among(dict: *mut ffi::PyObject, names: &[&'static Name]) -> Option<bool> {
    let (mut position, mut key) = (0, std::ptr::null_mut());
    // SAFETY: nothing here runs Python code, so the dict stays as it is; its key keeps the text alive.
    unsafe {
        while ffi::PyDict_Next(dict, &mut position, &mut key, std::ptr::null_mut()) != 0 {
            if ffi::PyUnicode_CheckExact(key) == 0 {
                return None;
            }
            let mut length = 0;
            let data = ffi::PyUnicode_AsUTF8AndSize(key, &mut length);
            if data.is_null() {
                ffi::PyErr_Clear();
                return None;
            }
            let text = std::slice::from_raw_parts(data.cast::<u8>(), length as usize);
            if names.iter().any(|name| name.text().as_bytes() == text) {
                return Some(true);
            }
        }
    }
    Some(false)
}
