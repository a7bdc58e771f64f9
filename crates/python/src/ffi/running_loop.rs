//! The running loop of the thread, which the program may change at any moment (`asyncio._set_running_loop`).
//!
//! Asking `_asyncio` costs a call. Since CPython 3.13 it stands in the thread's state; where is found at import, by trying
//! (`find`). In an interpreter that keeps it elsewhere the module is asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::{Immortal, Own, PyRes, call};

/// Where it stands in the thread's state, in bytes; 0: not found.
static PLACE: AtomicUsize = AtomicUsize::new(0);

/// How many words of the thread's state are looked at, most of all.
const MOST_WORDS: usize = 400;

/// `asyncio.get_running_loop()`. Errors: `RuntimeError` where none runs in this thread.
#[inline]
pub fn running_loop(py: Python<'_>) -> PyRes {
    match in_thread_state(py) {
        Some(running) => Ok(running),
        None => ask(py),
    }
}

/// `asyncio._get_running_loop()`: none where none runs in this thread.
#[inline]
pub fn running_loop_or_none(py: Python<'_>) -> PyRes<Option<Own>> {
    match in_thread_state(py) {
        Some(running) => Ok(Some(running)),
        None => ask_or_none(py),
    }
}

/// The loop that stands in the thread's state, if one stands there.
#[inline]
fn in_thread_state(_py: Python<'_>) -> Option<Own> {
    let place = PLACE.load(Ordering::Relaxed);
    if place == 0 {
        return None;
    }
    // SAFETY: attached, so there is a state, in which `find` has found that the running loop stands there, or null.
    unsafe {
        let state = ffi::PyThreadState_Get().cast::<u8>();
        let running = *state.add(place).cast::<*mut ffi::PyObject>();
        (!running.is_null()).then(|| Own::from_borrowed_ptr(running))
    }
}

fn ask(py: Python<'_>) -> PyRes {
    static GET: Immortal = Immortal::empty();
    call::call0(py, GET.import(py, "_asyncio", "get_running_loop")?)
}

fn ask_or_none(py: Python<'_>) -> PyRes<Option<Own>> {
    static GET: Immortal = Immortal::empty();
    let running = call::call0(py, GET.import(py, "_asyncio", "_get_running_loop")?)?;
    Ok((!running.is_none()).then_some(running))
}

/// Makes it the thread's running loop; `None`: none.
pub fn set_running_loop(py: Python<'_>, loop_: Option<&Own>) -> PyRes<()> {
    static SET: Immortal = Immortal::empty();
    let set = SET.import(py, "_asyncio", "_set_running_loop")?;
    let none = Own::none(py);
    call::call1(py, set, loop_.unwrap_or(&none)).map(drop)
}

/// Finds out where it stands. Called once, at import.
pub fn find(py: Python<'_>) -> PyRes<()> {
    if cfg!(any(not(Py_3_13), Py_GIL_DISABLED)) {
        return Ok(());
    }
    let before = ask_or_none(py)?;
    let found = search(py);
    set_running_loop(py, before.as_ref())?;
    if let Some(place) = found? {
        PLACE.store(place * size_of::<usize>(), Ordering::Relaxed);
    }
    Ok(())
}

/// The first word that is whichever loop is said to run, and null where none does. Words behind it are not read: since 3.13 there
/// is one, and the state may end behind it.
fn search(py: Python<'_>) -> PyRes<Option<usize>> {
    // Any object will do.
    let loops = [PyList::empty(py), PyList::empty(py)].map(|list| Own::from(list.into_any()));
    // SAFETY: attached; words up to the one that is looked for are inside of the state, and only compared.
    let word = |place: usize| unsafe {
        let state = ffi::PyThreadState_Get().cast::<usize>();
        state.add(place).read_volatile()
    };
    let mut from = 1;
    loop {
        set_running_loop(py, Some(&loops[0]))?;
        let is_it = |place: &usize| word(*place) == loops[0].as_ptr() as usize;
        let Some(place) = (from..MOST_WORDS).find(is_it) else {
            return Ok(None);
        };
        set_running_loop(py, Some(&loops[1]))?;
        let follows = word(place) == loops[1].as_ptr() as usize;
        set_running_loop(py, None)?;
        if follows && word(place) == 0 {
            return Ok(Some(place));
        }
        from = place + 1;
    }
}
