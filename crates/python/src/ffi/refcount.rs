//! Counting references.
//!
//! The count of an object is 32 bits in the lower half of a word in CPython 3.12 to 3.14. Its macros, and PyO3 after them, write the half and
//! read the word, or the other way round. A processor that reads more than the last write has written waits until that write has
//! arrived, some ten cycles, at every object that is counted up and soon down again. Here the half is read, which any write serves,
//! and what is written is as wide as what the interpreter of that version reads.

use pyo3::ffi;

/// Is a count the lower half of a word, as said above?
const IS_HALF: bool = cfg!(all(
    Py_3_12,
    not(Py_3_15),
    target_pointer_width = "64",
    target_endian = "little",
    not(Py_GIL_DISABLED),
    not(py_sys_config = "Py_REF_DEBUG"),
));

unsafe extern "C" {
    // Include/object.h; for the macros, so PyO3 keeps it to itself.
    fn _Py_Dealloc(object: *mut ffi::PyObject);
}

/// One more reference.
///
/// # Safety
/// A live object, and the thread is attached.
#[inline(always)]
pub(super) unsafe fn up(object: *mut ffi::PyObject) {
    // SAFETY: the caller's promise.
    unsafe {
        if !IS_HALF {
            ffi::Py_INCREF(object);
            return;
        }
        let count = half(object).read().wrapping_add(1);
        // Objects that live for ever are not counted (PEP 683): up to 3.13 all bits of theirs are set, later the highest.
        let is_counted = if cfg!(Py_3_14) {
            (count as i32) > 0
        } else {
            count != 0
        };
        if is_counted {
            write(object, count);
        }
    }
}

/// One less.
///
/// # Safety
/// A live object of which the caller has a reference that it gives up; the thread is attached.
#[inline(always)]
pub(super) unsafe fn down(object: *mut ffi::PyObject) {
    // SAFETY: the caller's promise.
    unsafe {
        if !IS_HALF {
            ffi::Py_DECREF(object);
            return;
        }
        let count = half(object).read();
        if (count as i32) < 0 {
            return;
        }
        let count = count.wrapping_sub(1);
        write(object, count);
        if count == 0 {
            _Py_Dealloc(object);
        }
    }
}

/// How many there are.
///
/// # Safety
/// The memory of an object, also of one whose deallocation has begun; the thread is attached.
#[inline(always)]
pub(super) unsafe fn get(object: *mut ffi::PyObject) -> isize {
    // SAFETY: the caller's promise.
    unsafe {
        if IS_HALF {
            half(object).read() as isize
        } else {
            ffi::Py_REFCNT(object) as isize
        }
    }
}

#[inline(always)]
unsafe fn half(object: *mut ffi::PyObject) -> *mut u32 {
    // SAFETY: inside of the object; the lower half comes first where `IS_HALF`.
    unsafe { (&raw mut (*object).ob_refcnt).cast() }
}

#[inline(always)]
unsafe fn write(object: *mut ffi::PyObject, count: u32) {
    // SAFETY: as in `half`. Up to 3.13 the upper half of a counted object is 0; since 3.14 other things stand there.
    unsafe {
        if cfg!(Py_3_14) {
            half(object).write(count);
        } else {
            half(object).cast::<u64>().write(u64::from(count));
        }
    }
}
