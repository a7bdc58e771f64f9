//! ROOM    floor 5: `Lock`, `Event`, `Semaphore`, `Condition` and the queues (`Barrier` is asyncio's, on this `Condition`)
//! KNOWS   ffi, names, engine, future, awaitable, core::line    NEVER   tasks, the event loop's class
//! IN      calls of tasks, cancellations                        OUT     coroutines; results for the futures of those who wait
//! PROOF   tests/behaviour/sync, CPython's test_locks and test_queues with `--replace-from ferrio`, core's tests of `line`
//! START   `waiting.rs` (who waits), `hooks.rs` (when the stdlib's own code runs), then `lock.rs`, the shortest of all
//!
//! Each class here is the data and the methods; `ferrio._sync` makes the public one of it and of the stdlib's class. What the
//! stdlib keeps in attributes (`_waiters`, `_queue`, `_loop` …) is kept natively and shown under the same names, so the stdlib's
//! own methods work on these objects. That is what runs, instead of ours, where a subclass or the object has replaced a method that
//! ours would have called; and for everything that is rare.
//!
//! Somebody who waits has a future in a line. To be woken is to have it filled; a task that is cancelled meanwhile hands the
//! wake-up on, by the same rules as the stdlib's.

mod bound;
mod condition;
mod cross_queue;
mod event;
mod face;
mod futures;
mod held;
mod hooks;
mod lock;
mod queue;
mod semaphore;
mod state;
mod waiters;
mod waiting;

use pyo3::prelude::*;

use crate::ffi::{Own, PyRes};

/// Makes the types. The names under which the module keeps the classes, and the classes.
pub fn make_types(py: Python<'_>) -> PyRes<Vec<(&'static str, Own)>> {
    let mut classes = vec![
        ("_Lock", lock::make_type(py)?),
        ("_Event", event::make_type(py)?),
        ("_Condition", condition::make_type(py)?),
        ("CrossQueue", cross_queue::make_type(py)?),
    ];
    classes.extend(semaphore::make_types(py)?);
    classes.extend(queue::make_types(py)?);
    Ok(classes)
}
