//! Bytes in and out: exact `bytes` objects and the buffer protocol.

use pyo3::ffi;
use pyo3::prelude::*;

use super::own::Any;
use super::{Own, PyRes, Raised};

/// A new `bytes` object with a copy of `data`.
#[inline]
pub fn new_bytes(py: Python<'_>, data: &[u8]) -> PyRes {
    // SAFETY: copies from a live slice.
    unsafe {
        let length = data.len() as ffi::Py_ssize_t;
        Own::<Any>::from_owned_ptr(
            py,
            ffi::PyBytes_FromStringAndSize(data.as_ptr().cast(), length),
        )
    }
}

/// A new `bytes` object of `length` bytes, put together from pieces that have as many.
#[inline]
pub fn join_bytes<'a>(
    py: Python<'_>,
    length: usize,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> PyRes {
    // SAFETY: the object is new and has room for `length` bytes; no piece is written beyond that, and nobody sees it before.
    unsafe {
        let object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), length as ffi::Py_ssize_t);
        let object = Own::<Any>::from_owned_ptr(py, object)?;
        let place = ffi::PyBytes_AS_STRING(object.as_ptr()) as *mut u8;
        let mut filled = 0;
        for piece in pieces {
            assert!(
                piece.len() <= length - filled,
                "pieces longer than announced"
            );
            std::ptr::copy_nonoverlapping(piece.as_ptr(), place.add(filled), piece.len());
            filled += piece.len();
        }
        assert!(filled == length, "pieces shorter than announced");
        Ok(object)
    }
}

/// The bytes of an exact `bytes` object, which never move or change.
#[inline]
pub fn exact_bytes(object: &Own) -> Option<&[u8]> {
    // SAFETY: the type is compared before the object is read; the object is kept alive by the borrow.
    unsafe {
        if ffi::PyBytes_CheckExact(object.as_ptr()) == 0 {
            return None;
        }
        let data = std::ptr::addr_of!((*object.as_ptr().cast::<ffi::PyBytesObject>()).ob_sval);
        let length = ffi::Py_SIZE(object.as_ptr()) as usize;
        Some(std::slice::from_raw_parts(data.cast(), length))
    }
}

/// Bytes that wait to be written: an exact `bytes` object is kept (it cannot change), anything else is copied at once.
#[derive(Debug)]
pub enum Payload {
    /// Shared with the caller.
    Bytes(Own),
    /// Our copy.
    Copied(Vec<u8>),
}

impl Payload {
    /// Takes any object with the buffer protocol; `TypeError` otherwise.
    pub fn from_object(py: Python<'_>, data: &Own) -> PyRes<Self> {
        if exact_bytes(data).is_some() {
            return Ok(Self::Bytes(data.clone()));
        }
        let view = View::readable(py, data)?;
        Ok(Self::Copied(view.as_slice().to_vec()))
    }

    /// As a `bytes` object.
    #[inline]
    pub fn into_bytes(self, py: Python<'_>) -> PyRes {
        match self {
            Self::Bytes(object) => Ok(object),
            Self::Copied(data) => new_bytes(py, &data),
        }
    }
}

impl AsRef<[u8]> for Payload {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Bytes(object) => exact_bytes(object).unwrap_or(&[]),
            Self::Copied(data) => data,
        }
    }
}

/// A borrowed buffer; the exporter may not resize it while this lives.
pub struct View(Box<ffi::Py_buffer>);

impl View {
    fn new(py: Python<'_>, object: &Own, flags: i32) -> PyRes<Self> {
        let mut buffer = Box::new(ffi::Py_buffer::new());
        // SAFETY: fills the structure or raises.
        match unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *buffer, flags) } {
            0 => Ok(Self(buffer)),
            _ => Err(Raised::already_set(py)),
        }
    }

    /// For reading.
    pub fn readable(py: Python<'_>, object: &Own) -> PyRes<Self> {
        Self::new(py, object, ffi::PyBUF_SIMPLE)
    }

    /// For writing into; `BufferError`/`TypeError` where it is read-only.
    pub fn writable(py: Python<'_>, object: &Own) -> PyRes<Self> {
        Self::new(py, object, ffi::PyBUF_WRITABLE)
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.0.len as usize
    }

    /// Nothing in it?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        if self.is_empty() {
            return &[];
        }
        // SAFETY: PyBUF_SIMPLE means one contiguous block of `len` bytes that stays while the view lives.
        unsafe { std::slice::from_raw_parts(self.0.buf.cast(), self.len()) }
    }

    /// The bytes, to be written by the kernel. Python code that shares the buffer may see them change, as with `recv_into`.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        if self.is_empty() {
            return &mut [];
        }
        // SAFETY: requested as writable; see `as_slice`.
        unsafe { std::slice::from_raw_parts_mut(self.0.buf.cast(), self.len()) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: filled by PyObject_GetBuffer; `Own`s are around, so the thread is attached.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.0) }
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "View({} bytes)", self.len())
    }
}
