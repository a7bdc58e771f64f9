//! Putting a native class together: its slots, methods, properties.

use std::ffi::{CStr, CString};
use std::mem::offset_of;
use std::os::raw::{c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;

use super::class::{Class, Head, Object, TypeSlot};
use super::method::{Method, Property};
use super::{Own, PyRes, recycle};

/// Puts a type object together; see any `pub fn type_object` of floors 1–6.
pub struct TypeBuilder<T: Class> {
    slots: Vec<ffi::PyType_Slot>,
    methods: Vec<ffi::PyMethodDef>,
    properties: Vec<ffi::PyGetSetDef>,
    members: Vec<ffi::PyMemberDef>,
    base: Option<Own>,
    subclassable: bool,
    more_flags: std::os::raw::c_ulong,
    data: std::marker::PhantomData<T>,
}

impl<T: Class> TypeBuilder<T> {
    /// Begins with what every class has.
    pub fn new() -> Self {
        let mut builder = Self {
            slots: Vec::new(),
            methods: Vec::new(),
            properties: Vec::new(),
            members: Vec::new(),
            base: None,
            subclassable: false,
            more_flags: 0,
            data: std::marker::PhantomData,
        };
        builder.raw_slot(ffi::Py_tp_dealloc, Object::<T>::tp_dealloc as *mut c_void);
        builder.raw_slot(ffi::Py_tp_new, Object::<T>::tp_new as *mut c_void);
        if !T::DOC.is_empty() {
            builder.raw_slot(ffi::Py_tp_doc, T::DOC.as_ptr() as *mut c_void);
        }
        if T::GC {
            builder.raw_slot(ffi::Py_tp_traverse, Object::<T>::tp_traverse as *mut c_void);
            builder.raw_slot(ffi::Py_tp_clear, Object::<T>::tp_clear as *mut c_void);
        }
        if T::FINALIZER {
            builder.raw_slot(ffi::Py_tp_finalize, Object::<T>::tp_finalize as *mut c_void);
        }
        let head = offset_of!(Object<T>, head);
        if let Some(offset) = T::Head::DICT {
            builder.offset_member(c"__dictoffset__", head + offset);
            let dict = Property::<T>::raw(
                c"__dict__",
                ffi::PyObject_GenericGetDict,
                ffi::PyObject_GenericSetDict,
            );
            builder.properties.push(dict.into_def());
        }
        if let Some(offset) = T::Head::WEAKREFS {
            builder.offset_member(c"__weaklistoffset__", head + offset);
        }
        builder
    }

    pub(super) fn raw_slot(&mut self, slot: c_int, function: *mut c_void) {
        self.slots.push(ffi::PyType_Slot {
            slot,
            pfunc: function,
        });
    }

    /// The data begins with the function that a call of the object runs. `is_method`: as an attribute of a class it is a method; the
    /// interpreter remembers where it found one only if the type of the method cannot change (`analyze_descriptor` in specialize.c).
    pub(super) fn called_by_vector(&mut self, is_method: bool) {
        self.offset_member(c"__vectorcalloffset__", Object::<T>::DATA);
        self.raw_slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void);
        self.more_flags |= ffi::Py_TPFLAGS_HAVE_VECTORCALL | ffi::Py_TPFLAGS_IMMUTABLETYPE;
        if is_method {
            self.more_flags |= ffi::Py_TPFLAGS_METHOD_DESCRIPTOR;
        }
    }

    fn offset_member(&mut self, name: &'static CStr, offset: usize) {
        self.members.push(ffi::PyMemberDef {
            name: name.as_ptr(),
            type_code: ffi::Py_T_PYSSIZET,
            offset: offset as ffi::Py_ssize_t,
            flags: ffi::Py_READONLY,
            doc: std::ptr::null(),
        });
    }

    /// Derives from another native class (whose layout `extends!` has checked).
    pub fn base(mut self, base: &TypeSlot, py: Python<'_>) -> Self {
        self.base = Some(base.type_object(py));
        self
    }

    /// Python code may derive from it.
    pub fn subclassable(mut self) -> Self {
        self.subclassable = true;
        self
    }

    /// Adds methods.
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method<T>>) -> Self {
        self.methods
            .extend(methods.into_iter().map(Method::into_def));
        self
    }

    /// Adds properties.
    pub fn properties(mut self, properties: impl IntoIterator<Item = Property<T>>) -> Self {
        self.properties
            .extend(properties.into_iter().map(Property::into_def));
        self
    }

    /// Docstrings of the stdlib's class, for the class and each of the methods so far that has one there; the signatures stay ours.
    pub fn docs_of(mut self, py: Python<'_>, module: &str, name: &str) -> PyRes<Self> {
        let stock = py.import(module)?.getattr(name)?;
        if let Some(doc) = doc_after_signature(&stock, T::DOC)? {
            self.slots.retain(|slot| slot.slot != ffi::Py_tp_doc);
            self.raw_slot(ffi::Py_tp_doc, doc.into_raw().cast());
        }
        for method in &mut self.methods {
            // SAFETY: a definition's strings live for ever.
            let (name, ours) = unsafe {
                (
                    CStr::from_ptr(method.ml_name),
                    CStr::from_ptr(method.ml_doc),
                )
            };
            let Some(theirs) = stock.getattr_opt(&*name.to_string_lossy())? else {
                continue;
            };
            if let Some(doc) = doc_after_signature(&theirs, ours)? {
                // Never freed, as the table that it goes to.
                method.ml_doc = doc.into_raw();
            }
        }
        Ok(self)
    }

    /// Makes the type and keeps it in the class's `TypeSlot`. Its tables live as long as the process.
    pub fn build(mut self, py: Python<'_>) -> PyRes {
        fn leak<D: Copy>(mut table: Vec<D>, end: D) -> *mut c_void {
            table.push(end);
            Box::leak(table.into_boxed_slice()).as_mut_ptr().cast()
        }
        // SAFETY: an all-zero definition is the documented end of each table.
        let (no_method, no_property, no_member) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        let methods = leak(std::mem::take(&mut self.methods), no_method);
        let properties = leak(std::mem::take(&mut self.properties), no_property);
        let members = leak(std::mem::take(&mut self.members), no_member);
        self.raw_slot(ffi::Py_tp_methods, methods);
        self.raw_slot(ffi::Py_tp_getset, properties);
        self.raw_slot(ffi::Py_tp_members, members);
        self.raw_slot(0, std::ptr::null_mut());
        let mut flags = ffi::Py_TPFLAGS_DEFAULT | self.more_flags;
        if T::GC {
            flags |= ffi::Py_TPFLAGS_HAVE_GC;
        }
        if self.subclassable {
            flags |= ffi::Py_TPFLAGS_BASETYPE;
        }
        if let Some(kind) = T::RECYCLED {
            recycle::reserve(kind, size_of::<Object<T>>(), T::GC);
        }
        let mut spec = ffi::PyType_Spec {
            name: T::NAME.as_ptr(),
            basicsize: size_of::<Object<T>>() as c_int,
            itemsize: 0,
            flags: flags as _,
            slots: self.slots.as_mut_ptr(),
        };
        let base = self.base.as_ref().map_or(std::ptr::null_mut(), Own::as_ptr);
        // SAFETY: the spec and its tables are complete; tables and names live for ever.
        let class = unsafe {
            Own::<super::Any>::from_owned_ptr(
                py,
                ffi::PyType_FromSpecWithBases(&raw mut spec, base),
            )?
        };
        T::slot().fill(class.clone(), methods.cast());
        Ok(class)
    }
}

/// The signature that `ours` begins with, and behind it the docstring of `stock`; nothing where that has none.
fn doc_after_signature(stock: &Bound<'_, PyAny>, ours: &CStr) -> PyRes<Option<CString>> {
    const END: &str = "\n--\n\n";
    let theirs = stock.getattr("__doc__")?.extract::<Option<String>>()?;
    let ours = ours.to_string_lossy();
    Ok(theirs.and_then(|theirs| {
        CString::new(match ours.split_once(END) {
            Some((signature, _)) => format!("{signature}{END}{theirs}"),
            None => theirs,
        })
        .ok()
    }))
}

impl<T: Class> Default for TypeBuilder<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Class> std::fmt::Debug for TypeBuilder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TypeBuilder({:?})", T::NAME)
    }
}
