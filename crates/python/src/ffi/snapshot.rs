//! Contexts of calls to come, copied as late as asyncio's rules allow.
//!
//! A scheduled call runs in a copy of the context it was scheduled in. The variables of a context are one immutable mapping, so
//! a copy is a new object around the same mapping. Here the call keeps the mapping alone; an object is put around it when the
//! call runs, and that object serves another call later, unless somebody has kept it. With 100,000 calls waiting that saves
//! making, following and freeing 100,000 objects that nobody looks at.
//!
//! CPython has no function for "the mapping of the current context", so this reads three of its fields. Where they stand is
//! found at import, by trying (`find_fields`); in an interpreter that is laid out otherwise a capture is a copy, as in asyncio.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use super::own::Any;
use super::shared::Shared;
use super::{GuardedCell, Own, PyRes, context, guard, recycle};

/// What a `Context` consists of in CPython 3.7 to 3.15 (Include/internal/pycore_context.h).
#[repr(C)]
struct Fields {
    object: ffi::PyObject,
    previous: *mut ffi::PyObject,
    variables: *mut ffi::PyObject,
    weakrefs: *mut ffi::PyObject,
    entered: std::os::raw::c_int,
}

/// Where the current context stands in the thread's state; 0: not found.
static CURRENT: AtomicUsize = AtomicUsize::new(0);
/// The type of the mapping.
static MAPPING: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(ptr::null_mut());
/// A mapping without variables.
static EMPTY: AtomicPtr<ffi::PyObject> = AtomicPtr::new(ptr::null_mut());

/// How much of the thread's state is searched: it is larger in every version.
const STATE_WORDS: usize = 40;

/// Contexts that only we know, with no variables; kept while memory is (`recycle`).
static SPARE: Shared<GuardedCell<Vec<*mut ffi::PyObject>>> =
    Shared::new(GuardedCell::new(Vec::new()));

/// What a call needs to run in a copy of the current context later: a mapping, or a `Context`.
#[inline]
pub fn capture(py: Python<'_>) -> PyRes {
    let offset = CURRENT.load(Ordering::Relaxed);
    if offset != 0 {
        // SAFETY: attached, so there is a state; `find_fields` has found that the current context stands there, or null.
        unsafe {
            let state = ffi::PyThreadState_Get().cast::<u8>();
            let current = *state.add(offset).cast::<*mut Fields>();
            if !current.is_null() {
                return Ok(Own::<Any>::from_borrowed_ptr((*current).variables));
            }
        }
    }
    context::copy_current(py)
}

/// Is it a capture, which `whole` or `lend` makes a context of?
#[inline]
pub fn is_mapping(captured: &Own) -> bool {
    // SAFETY: a live object.
    unsafe { ffi::Py_TYPE(captured.as_ptr()) == MAPPING.load(Ordering::Relaxed) }
}

/// The `Context` to run in, for callers that keep it. What is no capture is handed out as it is.
pub fn whole(py: Python<'_>, captured: &Own) -> PyRes {
    if is_mapping(captured) {
        around(py, captured.clone())
    } else {
        Ok(captured.clone())
    }
}

/// A new context around a mapping.
fn around(py: Python<'_>, mapping: Own) -> PyRes {
    // SAFETY: a new object or null with an error.
    let context = unsafe { Own::<Any>::from_owned_ptr(py, ffi::PyContext_New())? };
    set_variables(&context, mapping);
    Ok(context)
}

/// Gives a context that is not entered other variables.
#[inline]
fn set_variables(context: &Own, mapping: Own) {
    // SAFETY: a context laid out as `find_fields` has found; it owns one reference to its mapping, before and after. Dropping a
    // mapping runs finalizers of values: the context is whole by then.
    unsafe {
        let place = &raw mut (*context.as_ptr().cast::<Fields>()).variables;
        let before = place.replace(mapping.into_ptr());
        ffi::Py_DECREF(before);
    }
}

/// The `Context` to run in once; true: it is lent, and goes to `give_back` after the call.
#[inline]
pub fn lend(py: Python<'_>, captured: Own) -> PyRes<(Own, bool)> {
    if !is_mapping(&captured) {
        return Ok((captured, false));
    }
    let Some(spare) = SPARE.get(py).with(Vec::pop) else {
        return Ok((around(py, captured)?, true));
    };
    // SAFETY: `give_back` has put its one reference there.
    let context = unsafe { Own::<Any>::from_owned_ptr(py, spare)? };
    set_variables(&context, captured);
    Ok((context, true))
}

/// Keeps a lent context for the next call, if nobody else has it (a token, a weak reference, a coroutine that is in it).
#[inline]
pub fn give_back(py: Python<'_>, context: Own) {
    // SAFETY: a context laid out as `find_fields` has found; lent, so never before that.
    unsafe {
        let fields = context.as_ptr().cast::<Fields>();
        if context.refcount() != 1 || !(*fields).weakrefs.is_null() || (*fields).entered != 0 {
            return;
        }
        set_variables(
            &context,
            Own::from_borrowed_ptr(EMPTY.load(Ordering::Relaxed)),
        );
    }
    // Values that died just now may have run anything, a loop even.
    let spare = SPARE.get(py);
    let has_room = recycle::is_open(py) && spare.with(|all| all.len() < recycle::MOST);
    if has_room && context.refcount() == 1 {
        spare.with(|all| all.push(context.into_ptr()));
    }
}

/// A context that will hardly be asked for again, made a capture of its variables: the context itself serves others. One that
/// somebody else has, or that is entered, is handed back as it is.
#[inline]
pub fn put_away(py: Python<'_>, context: Own) -> Own {
    if EMPTY.load(Ordering::Relaxed).is_null() || context.refcount() != 1 {
        return context;
    }
    // SAFETY: contexts are laid out as `find_fields` has found, and it is one where it is no capture.
    let mapping = unsafe {
        if is_mapping(&context) || !context::is_context(&context) {
            return context;
        }
        let fields = context.as_ptr().cast::<Fields>();
        if !(*fields).weakrefs.is_null() || (*fields).entered != 0 {
            return context;
        }
        Own::<Any>::from_borrowed_ptr((*fields).variables)
    };
    give_back(py, context);
    mapping
}

/// A loop has been closed: where no memory is kept any more (`recycle::close`), no context is.
pub fn close(py: Python<'_>) {
    if recycle::is_open(py) {
        return;
    }
    for context in SPARE.get(py).take() {
        // SAFETY: attached; the reference was ours.
        unsafe { ffi::Py_DECREF(context) }
    }
}

/// Finds out where CPython keeps what `capture` reads. Called once, at import.
pub fn find_fields(py: Python<'_>) -> PyRes<()> {
    // SAFETY: new objects or null with an error.
    let [first, second] = unsafe {
        [
            Own::<Any>::from_owned_ptr(py, ffi::PyContext_New())?,
            Own::<Any>::from_owned_ptr(py, ffi::PyContext_New())?,
        ]
    };
    let Some(mapping) = mapping_of(&first).filter(|_| cfg!(not(Py_GIL_DISABLED))) else {
        return Ok(());
    };
    let places = places_of_current(py, &first)?;
    let both = places_of_current(py, &second)?;
    let mut common = places.into_iter().filter(|place| both.contains(place));
    let (Some(place), None) = (common.next(), common.next()) else {
        return Ok(());
    };
    if variables_can_be_moved(py, &first, &second)? {
        // SAFETY: a live object.
        MAPPING.store(unsafe { ffi::Py_TYPE(mapping.as_ptr()) }, Ordering::Relaxed);
        EMPTY.store(mapping.into_ptr(), Ordering::Relaxed);
        CURRENT.store(place * size_of::<usize>(), Ordering::Relaxed);
    }
    Ok(())
}

/// The mapping of a context that has just been made, if contexts are laid out as `Fields` says.
fn mapping_of(context: &Own) -> Option<Own> {
    // SAFETY: no field is read where the object is not of the size of `Fields`; the third is followed only where it is one that
    // the collector knows the context to refer to.
    unsafe {
        let class = ffi::Py_TYPE(context.as_ptr());
        if (*class).tp_basicsize as usize != size_of::<Fields>() {
            return None;
        }
        let fields = context.as_ptr().cast::<Fields>();
        let referents = referents(class, context);
        let is_known = referents.contains(&(*fields).variables);
        let is_new =
            (*fields).previous.is_null() && (*fields).weakrefs.is_null() && (*fields).entered == 0;
        (is_known && is_new).then(|| Own::from_borrowed_ptr((*fields).variables))
    }
}

/// What an object shows to the collector.
unsafe fn referents(class: *mut ffi::PyTypeObject, object: &Own) -> Vec<*mut ffi::PyObject> {
    unsafe extern "C" fn collect(
        object: *mut ffi::PyObject,
        found: *mut std::os::raw::c_void,
    ) -> std::os::raw::c_int {
        // SAFETY: `found` is the vector below.
        guard::quiet(0, || unsafe {
            (*found.cast::<Vec<*mut ffi::PyObject>>()).push(object);
            0
        })
    }
    let mut found: Vec<*mut ffi::PyObject> = Vec::new();
    // SAFETY: traverse only calls the function with the argument.
    unsafe {
        if let Some(traverse) = (*class).tp_traverse {
            traverse(object.as_ptr(), collect, (&raw mut found).cast());
        }
    }
    found
}

/// The words of the thread's state that point to `context` while it is entered, and only then.
fn places_of_current(py: Python<'_>, context: &Own) -> PyRes<Vec<usize>> {
    let points = || -> Vec<usize> {
        // SAFETY: attached; the state is larger than what is read, and words are only compared.
        let state = unsafe {
            std::slice::from_raw_parts(
                ffi::PyThreadState_Get().cast::<usize>().cast_const(),
                STATE_WORDS,
            )
        };
        (1..STATE_WORDS)
            .filter(|&place| state[place] == context.as_ptr() as usize)
            .collect()
    };
    let before = points();
    context::enter(py, context)?;
    let during = points();
    context::exit(py, context)?;
    let after = points();
    Ok(during
        .into_iter()
        .filter(|place| !before.contains(place) && !after.contains(place))
        .collect())
}

/// The proof: a variable that is set in one context is found in another one that has been given its mapping.
fn variables_can_be_moved(py: Python<'_>, from: &Own, to: &Own) -> PyRes<bool> {
    // SAFETY: new objects or null with an error; borrowed ones are live for the call.
    let variable = unsafe {
        Own::<Any>::from_owned_ptr(
            py,
            ffi::PyContextVar_New(c"ferrio".as_ptr(), ptr::null_mut()),
        )?
    };
    context::run(py, from, || {
        // SAFETY: as above.
        unsafe {
            Own::<Any>::from_owned_ptr(
                py,
                ffi::PyContextVar_Set(variable.as_ptr(), variable.as_ptr()),
            )
        }
    })?;
    // SAFETY: `mapping_of` has found contexts to be laid out so.
    let moved = unsafe { Own::from_borrowed_ptr((*from.as_ptr().cast::<Fields>()).variables) };
    set_variables(to, moved);
    context::run(py, to, || {
        let mut found = ptr::null_mut();
        // SAFETY: writes a new reference or null.
        unsafe {
            if ffi::PyContextVar_Get(variable.as_ptr(), ptr::null_mut(), &raw mut found) < 0 {
                return Err(super::Raised::already_set(py));
            }
            let is_it = found == variable.as_ptr();
            ffi::Py_XDECREF(found);
            Ok(is_it)
        }
    })
}
