//! What a class shows to the cycle collector.

use std::os::raw::{c_int, c_void};

use pyo3::ffi;

use super::{Own, Slot};

/// Handed to `Class::traverse`; show it every reference the object owns.
#[derive(Debug)]
pub struct Visit {
    visit: ffi::visitproc,
    arg: *mut c_void,
    stopped: c_int,
}

impl Visit {
    pub(super) fn new(visit: ffi::visitproc, arg: *mut c_void) -> Self {
        Self {
            visit,
            arg,
            stopped: 0,
        }
    }

    pub(super) fn pointer(&mut self, object: *mut ffi::PyObject) {
        if !object.is_null() && self.stopped == 0 {
            // SAFETY: the collector's own function and argument, on a live object.
            self.stopped = unsafe { (self.visit)(object, self.arg) };
        }
    }

    pub(super) fn outcome(self) -> c_int {
        self.stopped
    }

    /// Shows a reference.
    #[inline]
    pub fn own<T>(&mut self, object: &Own<T>) {
        self.pointer(object.as_ptr());
    }

    /// Shows a field.
    #[inline]
    pub fn slot<T>(&mut self, slot: &Slot<T>) {
        let object = slot.peek(|o| o.map_or(std::ptr::null_mut(), Own::as_ptr));
        self.pointer(object);
    }
}
