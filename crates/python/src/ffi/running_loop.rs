//! The running loop of the thread, which the program may change at any moment (`asyncio._set_running_loop`), and its current task.
//!
//! Asking `_asyncio` costs a call. Since CPython 3.13 the loop stands in the thread's state, since 3.14 the task behind it; where is
//! found at import, by trying (`find`). In an interpreter that keeps them elsewhere the module is asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::{Immortal, Own, PyRes, call};

/// Where it stands in the thread's state, in bytes; 0: not found.
static PLACE: AtomicUsize = AtomicUsize::new(0);

/// Where the current task stands, likewise.
static TASK_PLACE: AtomicUsize = AtomicUsize::new(0);

/// How many words of the thread's state are looked at, most of all.
const MOST_WORDS: usize = 400;

/// `asyncio.get_running_loop()`. Errors: `RuntimeError` where none runs in this thread.
#[inline]
pub fn running_loop(py: Python<'_>) -> PyRes {
    match in_thread_state(py) {
        Some(Some(running)) => Ok(running),
        // None runs, which it says as asyncio does; or it has to be asked.
        Some(None) | None => ask(py),
    }
}

/// `asyncio._get_running_loop()`: none where none runs in this thread.
#[inline]
pub fn running_loop_or_none(py: Python<'_>) -> PyRes<Option<Own>> {
    match in_thread_state(py) {
        Some(running) => Ok(running),
        None => ask_or_none(py),
    }
}

/// The thread's running loop; none where `_asyncio` has to be asked.
#[inline]
fn in_thread_state(py: Python<'_>) -> Option<Option<Own>> {
    Some(read(py, field(py, &PLACE)?))
}

/// Who stands in a field that `field` has given.
#[inline]
fn read(_py: Python<'_>, place: *mut *mut ffi::PyObject) -> Option<Own> {
    // SAFETY: an object or null.
    unsafe { (!(*place).is_null()).then(|| Own::from_borrowed_ptr(*place)) }
}

/// A field of the thread's state, where `find` has found it.
#[inline]
fn field(_py: Python<'_>, place: &AtomicUsize) -> Option<*mut *mut ffi::PyObject> {
    match place.load(Ordering::Relaxed) {
        0 => None,
        // SAFETY: attached, so there is a state, in which `find` has found that such an object stands there, or null.
        place => Some(unsafe { ffi::PyThreadState_Get().cast::<u8>().add(place).cast() }),
    }
}

/// The place of the current task of `loop_`; none where that is not in the state, or another loop runs.
#[cfg(Py_3_14)]
#[inline]
fn task_field(py: Python<'_>, loop_: &Own) -> Option<*mut *mut ffi::PyObject> {
    let (running, task) = (field(py, &PLACE)?, field(py, &TASK_PLACE)?);
    // SAFETY: `field` gives places of this thread's state.
    (unsafe { *running } == loop_.as_ptr()).then_some(task)
}

/// The current task of `loop_`; none where `_asyncio` has to be asked.
#[cfg(Py_3_14)]
#[inline]
pub fn current_task(py: Python<'_>, loop_: &Own) -> Option<Option<Own>> {
    Some(read(py, task_field(py, loop_)?))
}

/// Puts `task` (or nothing) in the place of the current task of `loop_` and hands out who stood there; none where `_asyncio` has to be
/// asked, and nothing is done.
#[cfg(Py_3_14)]
#[inline]
pub fn swap_current_task(py: Python<'_>, loop_: &Own, task: Option<&Own>) -> Option<Option<Own>> {
    let place = task_field(py, loop_)?;
    let task = task.map_or(std::ptr::null_mut(), |task| task.clone().into_ptr());
    // SAFETY: the state owns what stands there, an object or null; it gets the new one and gives us the old one.
    unsafe {
        let before = place.replace(task);
        if before.is_null() {
            return Some(None);
        }
        Some(Own::from_owned_ptr(py, before).ok())
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
        if cfg!(Py_3_14) && task_is_behind(py, place, before.as_ref())? {
            TASK_PLACE.store((place + 1) * size_of::<usize>(), Ordering::Relaxed);
        }
    }
    Ok(())
}

/// One word of the thread's state, to be compared.
fn word(_py: Python<'_>, place: usize) -> usize {
    // SAFETY: attached; words up to the running loop, and from 3.14 on the one behind it, are inside of the state.
    unsafe {
        let state = ffi::PyThreadState_Get().cast::<usize>();
        state.add(place).read_volatile()
    }
}

/// Is the word behind the running loop whoever is said to be its current task, and null where none is?
fn task_is_behind(py: Python<'_>, place: usize, running: Option<&Own>) -> PyRes<bool> {
    static SWAP: Immortal = Immortal::empty();
    let swap = SWAP.import(py, "_asyncio", "_swap_current_task")?;
    let (loop_, none) = (Own::from(PyList::empty(py).into_any()), Own::none(py));
    set_running_loop(py, Some(&loop_))?;
    // This may be the import of a running task.
    let importer = call::call(py, swap, &[loop_.clone(), none.clone()])?;
    let mut follows = true;
    for _ in 0..2 {
        let task = Own::from(PyList::empty(py).into_any());
        call::call(py, swap, &[loop_.clone(), task.clone()])?;
        follows &= word(py, place + 1) == task.as_ptr() as usize;
        call::call(py, swap, &[loop_.clone(), none.clone()])?;
        follows &= word(py, place + 1) == 0;
    }
    call::call(py, swap, &[loop_, importer])?;
    set_running_loop(py, running)?;
    Ok(follows)
}

/// The first word that is whichever loop is said to run, and null where none does. No word behind it is read.
fn search(py: Python<'_>) -> PyRes<Option<usize>> {
    // Any object will do.
    let loops = [PyList::empty(py), PyList::empty(py)].map(|list| Own::from(list.into_any()));
    let mut from = 1;
    loop {
        set_running_loop(py, Some(&loops[0]))?;
        let is_it = |place: &usize| word(py, *place) == loops[0].as_ptr() as usize;
        let Some(place) = (from..MOST_WORDS).find(is_it) else {
            return Ok(None);
        };
        set_running_loop(py, Some(&loops[1]))?;
        let follows = word(py, place) == loops[1].as_ptr() as usize;
        set_running_loop(py, None)?;
        if follows && word(py, place) == 0 {
            return Ok(Some(place));
        }
        from = place + 1;
    }
}
