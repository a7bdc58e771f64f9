//! Memory of dead objects, kept for the next ones of the same class: futures, tasks and handles come and go by the million, and
//! the allocator and the collector's book-keeping cost more than the rest of their making (18 ns against 7).
//!
//! The pools are open from the first run of a loop until one is closed while none runs: a program that never runs one keeps
//! nothing, and one that has closed its loops has given everything back.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use super::shared::Shared;

/// Objects kept for each class: as many as a large server has at work at the same time. A program that had so many keeps some
/// 100 bytes for each, a twentieth of what they needed with all that hung on them.
pub(super) const MOST: usize = 8192;
/// Classes that may take part.
const KINDS: usize = 40;

/// The number of a class's pool: one for each class.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Recycled(u8);

impl Recycled {
    /// Pool number `kind`, less than 32.
    pub const fn pool(kind: u8) -> Self {
        assert!((kind as usize) < KINDS);
        Self(kind)
    }
}

/// A chain through the objects' first data word.
struct Pool {
    first: Cell<*mut ffi::PyObject>,
    length: Cell<usize>,
}

struct Pools {
    open: Cell<bool>,
    /// How many loops run now.
    runs: Cell<usize>,
    pools: [Pool; KINDS],
}

static POOLS: Shared<Pools> = Shared::new(Pools {
    open: Cell::new(false),
    runs: Cell::new(0),
    pools: [const {
        Pool {
            first: Cell::new(std::ptr::null_mut()),
            length: Cell::new(0),
        }
    }; KINDS],
});

/// What stands in each pool: the size of its objects, and in the lowest bit whether the collector follows them.
static LAYOUTS: [AtomicUsize; KINDS] = [const { AtomicUsize::new(0) }; KINDS];

/// Where the chain goes on: behind the header, which `PyObject_Init` writes anew.
unsafe fn link(object: *mut ffi::PyObject) -> *mut *mut ffi::PyObject {
    // SAFETY: every recycled object is larger than its header by at least a pointer (`reserve` checks).
    unsafe { object.add(1).cast() }
}

/// Claims a pool for a class.
pub(super) fn reserve(kind: Recycled, size: usize, collected: bool) {
    assert!(size >= size_of::<ffi::PyObject>() + size_of::<usize>());
    let layout = size << 1 | usize::from(collected);
    let before = LAYOUTS[usize::from(kind.0)].swap(layout, Ordering::Relaxed);
    // A second import of the module makes the same classes again.
    assert!(before == 0 || before == layout, "two classes share a pool");
}

/// Memory for a new object, still with the header of the dead one.
#[inline]
pub(super) fn take(py: Python<'_>, kind: Recycled) -> Option<NonNull<ffi::PyObject>> {
    let pool = &POOLS.get(py).pools[usize::from(kind.0)];
    let object = NonNull::new(pool.first.get())?;
    // SAFETY: what stands in the chain is dead memory of ours, linked by `give`.
    pool.first.set(unsafe { *link(object.as_ptr()) });
    pool.length.set(pool.length.get() - 1);
    Some(object)
}

/// Keeps a dead object's memory; false where there is no room.
///
/// # Safety
/// The object is of exactly the class that has reserved `kind`, untracked, its data dropped, and nobody refers to it.
#[inline]
pub(super) unsafe fn give(py: Python<'_>, kind: Recycled, object: *mut ffi::PyObject) -> bool {
    let pool = &POOLS.get(py).pools[usize::from(kind.0)];
    if !is_open(py) || pool.length.get() >= MOST {
        return false;
    }
    // SAFETY: the caller's promise: the memory is ours now.
    unsafe { *link(object) = pool.first.get() };
    pool.first.set(object);
    pool.length.set(pool.length.get() + 1);
    true
}

/// A loop runs: keep memory from now on.
pub fn begin_run(py: Python<'_>) {
    let pools = POOLS.get(py);
    pools.runs.set(pools.runs.get() + 1);
    pools.open.set(cfg!(not(Py_GIL_DISABLED)));
}

/// It runs no more.
pub fn end_run(py: Python<'_>) {
    let runs = &POOLS.get(py).runs;
    runs.set(runs.get().saturating_sub(1));
}

/// Is anything kept?
#[inline]
pub(super) fn is_open(py: Python<'_>) -> bool {
    POOLS.get(py).open.get()
}

/// A loop has been closed: where none runs, the memory is given back.
pub fn close(py: Python<'_>) {
    let pools = POOLS.get(py);
    if pools.runs.get() > 0 {
        return;
    }
    pools.open.set(false);
    for (pool, layout) in pools.pools.iter().zip(&LAYOUTS) {
        let collected = layout.load(Ordering::Relaxed) & 1 == 1;
        pool.length.set(0);
        let mut next = pool.first.replace(std::ptr::null_mut());
        while !next.is_null() {
            let object = next;
            // SAFETY: dead memory of ours, made by PyObject_GC_New or PyObject_New as the layout says; attached.
            unsafe {
                next = *link(object);
                if collected {
                    ffi::PyObject_GC_Del(object.cast());
                } else {
                    ffi::PyObject_Free(object.cast());
                }
            }
        }
    }
}
