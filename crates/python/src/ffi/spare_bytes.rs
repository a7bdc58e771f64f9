//! Memory of `bytes` objects that have been received or sent and that nobody has any more, kept for what is received next.
//!
//! Up to half a KiB the interpreter's own pools serve, up to one KiB the C library's. Beyond that it looks through lists and
//! joins neighbours: 90 ns for a message that takes 6 µs with all that the kernel does. What has just been read or written is also
//! what the processor has at hand.
//!
//! Kept objects live: each is referred to once, from here, and given out with that reference. They are kept while memory is
//! (`recycle`).

use pyo3::ffi;
use pyo3::prelude::*;

use super::shared::Shared;
use super::{GuardedCell, Own, PyRes, buffer, recycle};

/// Objects of fewer bytes come from pools already, and those of more than that are asked for with care (`growing`).
const SIZES: std::ops::RangeInclusive<usize> = 992..=64 * 1024;
/// As many as a turn has on their way at the same time.
const MOST: usize = 16;

static SPARE: Shared<GuardedCell<Vec<Own>>> = Shared::new(GuardedCell::new(Vec::new()));

/// A new `bytes` object with a copy of `data`, perhaps where another one was. One that is up to twice as large will do.
#[inline]
pub fn new_bytes(py: Python<'_>, data: &[u8]) -> PyRes {
    if SIZES.contains(&data.len())
        && let Some(spare) = SPARE.get(py).with(Vec::pop)
        && (data.len()..=2 * data.len()).contains(&size(&spare))
    {
        return Ok(overwrite(spare, data));
    }
    buffer::new_bytes(py, data)
}

/// Lets go of an object, or keeps it if it is one of `bytes` and nobody else has it.
#[inline]
pub fn give_back(py: Python<'_>, object: Own) {
    if object.refcount() != 1 || cfg!(Py_GIL_DISABLED) || !recycle::is_open(py) {
        return;
    }
    // SAFETY: looks at the type of a live object.
    let is_bytes = unsafe { ffi::PyBytes_CheckExact(object.as_ptr()) != 0 };
    if is_bytes && SIZES.contains(&size(&object)) {
        let spare = SPARE.get(py);
        if spare.with(|all| all.len() < MOST) {
            spare.with(|all| all.push(object));
        }
    }
}

/// A loop has been closed: where no memory is kept any more (`recycle::close`), no object is.
pub fn close(py: Python<'_>) {
    if !recycle::is_open(py) {
        drop(SPARE.get(py).take());
    }
}

#[inline]
fn size(object: &Own) -> usize {
    // SAFETY: only called for `bytes` objects, which have a size.
    unsafe { ffi::Py_SIZE(object.as_ptr()) as usize }
}

/// Makes an object that nobody else has a new one, of no more bytes than before.
#[inline]
fn overwrite(object: Own, data: &[u8]) -> Own {
    debug_assert!(object.refcount() == 1 && data.len() <= size(&object));
    // SAFETY: an exact `bytes` object of at least as many bytes, behind which it has one for the NUL; nobody else has it, so nobody
    // sees it change. A hash of -1 is one that has not been asked for.
    unsafe {
        let bytes = object.as_ptr().cast::<ffi::PyBytesObject>();
        (*bytes).ob_base.ob_size = data.len() as ffi::Py_ssize_t;
        #[expect(deprecated, reason = "there until the interpreter removes it")]
        {
            (*bytes).ob_shash = -1;
        }
        let place = std::ptr::addr_of_mut!((*bytes).ob_sval).cast::<u8>();
        std::ptr::copy_nonoverlapping(data.as_ptr(), place, data.len());
        *place.add(data.len()) = 0;
    }
    object
}
