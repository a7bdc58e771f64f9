//! `bytes` objects that are filled where they are, before anybody knows them.

use std::mem::MaybeUninit;
use std::os::raw::c_int;

use pyo3::ffi;
use pyo3::prelude::*;

use super::own::Any;
use super::{Own, PyRes};

unsafe extern "C" {
    // Include/cpython/bytesobject.h; pyo3-ffi keeps it to itself.
    fn _PyBytes_Resize(object: *mut *mut ffi::PyObject, length: ffi::Py_ssize_t) -> c_int;
}

/// A new `bytes` object, and how much of it is filled, from the first byte on.
#[derive(Debug)]
pub struct Growing {
    object: Own,
    filled: usize,
}

impl Growing {
    /// Room for `most` bytes, none of which is touched.
    pub fn new(py: Python<'_>, most: usize) -> PyRes<Self> {
        // SAFETY: makes an object whose bytes are unset, and nobody reads those.
        let object = unsafe {
            let object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), most as ffi::Py_ssize_t);
            Own::<Any>::from_owned_ptr(py, object)?
        };
        Ok(Self { object, filled: 0 })
    }

    #[inline]
    fn most(&self) -> usize {
        // SAFETY: a `bytes` object has a size.
        unsafe { ffi::Py_SIZE(self.object.as_ptr()) as usize }
    }

    /// So many bytes more fit in.
    #[inline]
    pub fn free(&self) -> usize {
        self.most() - self.filled
    }

    #[inline]
    fn start(&self) -> *mut MaybeUninit<u8> {
        // SAFETY: the place of a field of a live object; `bytes` objects never move.
        unsafe {
            std::ptr::addr_of_mut!((*self.object.as_ptr().cast::<ffi::PyBytesObject>()).ob_sval)
                .cast()
        }
    }

    /// What is not filled.
    #[inline]
    fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: nobody else knows the object, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start().add(self.filled), self.free()) }
    }

    /// Copies bytes behind what is filled.
    ///
    /// # Panics
    /// If they do not fit in.
    pub fn extend(&mut self, bytes: &[u8]) {
        let room = &mut self.room()[..bytes.len()];
        // SAFETY: as long as the bytes, and no part of them: nobody else knows the object.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), room.as_mut_ptr().cast(), bytes.len());
        }
        self.filled += bytes.len();
    }

    /// The object, cut to what is filled.
    #[inline]
    pub fn into_bytes(self, py: Python<'_>) -> PyRes {
        if self.free() == 0 {
            return Ok(self.object);
        }
        let mut object = self.object.into_ptr();
        // SAFETY: the only reference to the object; where it fails it is gone, null is left and an exception set.
        unsafe {
            _PyBytes_Resize(&raw mut object, self.filled as ffi::Py_ssize_t);
            Own::<Any>::from_owned_ptr(py, object)
        }
    }
}

impl AsRef<[u8]> for Growing {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        // SAFETY: so many bytes have been written.
        unsafe { std::slice::from_raw_parts(self.start().cast(), self.filled) }
    }
}

/// Lets `write` fill the rooms, the first one first, with at most `most` bytes; it returns how many it has written, and runs no
/// Python.
#[inline]
pub fn fill<'a, E>(
    rooms: impl Iterator<Item = &'a mut Growing>,
    most: usize,
    write: impl FnOnce(&mut [&mut [MaybeUninit<u8>]]) -> Result<usize, E>,
) -> Result<usize, E> {
    let mut growing: Vec<&mut Growing> = rooms.collect();
    let mut left = most;
    let mut free: Vec<_> = growing
        .iter_mut()
        .map(|one| {
            let length = one.free().min(left);
            left -= length;
            &mut one.room()[..length]
        })
        .collect();
    let written = write(&mut free)?;
    let mut left = written;
    for one in growing {
        let length = one.free().min(left);
        one.filled += length;
        left -= length;
    }
    Ok(written)
}
