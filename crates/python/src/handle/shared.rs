//! `ThreadSafeHandle`: what `call_soon_threadsafe` returns since CPython 3.14. Another thread may cancel it, or ask whether
//! it is cancelled; while the call runs, it waits for the end and so never learns "cancelled" of a call that has run.
//!
//! asyncio takes a lock for each call. Here the interpreter lock makes "does it run?" and "then I wait" one step, so that a
//! lock is made only by the first who has to wait.

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::prelude::*;

use super::{Call, Handle, asyncio_class};
use crate::ffi::{
    self, Class, Immortal, Method, Own, Property, PyRes, Recycled, Slot, TypeBuilder, TypeSlot,
    WithWeakrefs, call, runtime,
};
use crate::names;

/// A call that other threads may cancel.
#[derive(Debug)]
#[repr(C)]
pub struct ThreadSafeHandle {
    handle: Handle,
    /// The thread in which the call runs just now; 0: it does not.
    runs_in: Cell<u64>,
    /// A lock that is held until the call has run; there only if somebody waits.
    end: Slot,
}

static THREAD_SAFE_HANDLE: TypeSlot = TypeSlot::new();

ffi::extends!(ThreadSafeHandle: Handle, handle);

impl Class for ThreadSafeHandle {
    const NAME: &'static CStr = c"ferrio.ThreadSafeHandle";
    const DOC: &'static CStr = c"Object returned by call_soon_threadsafe().";
    type Head = WithWeakrefs;
    const GC: bool = false;
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(5));

    fn slot() -> &'static TypeSlot {
        &THREAD_SAFE_HANDLE
    }
}

impl ThreadSafeHandle {
    fn new(py: Python<'_>, handle: Handle) -> PyRes<Own<Self>> {
        handle.is_shared.set(true);
        let (runs_in, end) = (Cell::new(0), Slot::empty());
        Own::alloc(
            py,
            Self {
                handle,
                runs_in,
                end,
            },
        )
    }

    fn run_once(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        this.runs_in.set(runtime::thread_ident());
        let done = Handle::run_call(py, this.base());
        this.runs_in.set(0);
        let Some(end) = this.end.take() else {
            return done;
        };
        let done = done.map_err(|error| error.take(py));
        call::method(py, &end, &names::RELEASE, &[])?;
        done.map_err(|error| ffi::exception::restore(py, error))
    }

    /// Waits until the call has run, if it runs in another thread just now.
    fn wait_for_end(&self, py: Python<'_>) -> PyRes<()> {
        static ALLOCATE_LOCK: Immortal = Immortal::empty();
        let runs_elsewhere = || ![0, runtime::thread_ident()].contains(&self.runs_in.get());
        if !runs_elsewhere() {
            return Ok(());
        }
        let lock = call::call0(py, ALLOCATE_LOCK.import(py, "_thread", "allocate_lock")?)?;
        call::method(py, &lock, &names::ACQUIRE, &[])?;
        // Other threads may have run meanwhile; from here to the wait none does.
        if !runs_elsewhere() {
            return Ok(());
        }
        let end = match self.end.get() {
            Some(end) => end,
            None => {
                self.end.set(Some(lock.clone()));
                lock
            }
        };
        call::method(py, &end, &names::ACQUIRE, &[])?;
        // For the next one that waits.
        call::method(py, &end, &names::RELEASE, &[]).map(drop)
    }
}

/// A handle for `call_soon_threadsafe`.
pub fn new_shared(
    py: Python<'_>,
    owner: &Own,
    callback: Own,
    args: &[Own],
    context: Option<Own>,
) -> PyRes<Own<Handle>> {
    if !cfg!(Py_3_14) {
        return Handle::new(py, owner, callback, args, context);
    }
    let handle = Handle::around(owner, Call::new(py, callback, args, context)?);
    Ok(ThreadSafeHandle::new(py, handle)?.base().clone())
}

#[cold]
pub(super) fn run_once(py: Python<'_>, this: &Own<Handle>) -> PyRes<()> {
    let this = this.as_any().exact::<ThreadSafeHandle>();
    ThreadSafeHandle::run_once(py, this.expect("only these are marked as shared"))
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes<()> {
    if !cfg!(Py_3_14) {
        return Ok(());
    }
    TypeBuilder::<ThreadSafeHandle>::new()
        .base(Handle::slot(), py)
        .methods([
            Method::noargs(
                c"cancel",
                c"cancel($self, /)\n--\n\nCancel the call; does nothing once it has run.",
                |py, this: &Own<ThreadSafeHandle>| -> PyRes<()> {
                    this.wait_for_end(py)?;
                    Handle::cancel(py, this.base()).map(drop)
                },
            ),
            Method::noargs(
                c"cancelled",
                c"cancelled($self, /)\n--\n\nHas the call been cancelled?",
                |py, this: &Own<ThreadSafeHandle>| -> PyRes<bool> {
                    this.wait_for_end(py)?;
                    Ok(this.is_cancelled())
                },
            ),
        ])
        .properties([Property::get(
            c"__class__",
            |py, _: &Own<ThreadSafeHandle>| asyncio_class(py, "_ThreadSafeHandle"),
        )])
        .build(py)
        .map(drop)
}
