//! The coroutine that waits for the next one: of `__next__` (gives its result) and of `__anext__` (gives the future).
//!
//! | state | what happens | next |
//! |---|---|---|
//! | start | `__anext__`, and as many have been asked for as there are | done: `StopAsyncIteration` |
//! | start | otherwise | looks |
//! | looks | one is there | done: the future, its outcome, or `TimeoutError` |
//! | looks | none is there | waits: a getter of its own, the last in the line |
//! | waits | woken | looks |
//! | waits | an exception is thrown in | done: out of the line; if it has been woken, the next one is |

use std::cell::Cell;
use std::collections::VecDeque;

use pyo3::exceptions::{PyStopAsyncIteration, PyTimeoutError};
use pyo3::prelude::*;

use super::{AsCompleted, wake_next};
use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome, native_future};
use crate::ffi::{Immortal, Own, PyRes, Raised, Recycled, Slot, TypeSlot, Visit, call, exception};
use crate::future::Future;

/// Waits for the next future that is done.
#[derive(Debug)]
pub struct One {
    iterator: Slot<AsCompleted>,
    /// Give the result, not the future?
    resolve: Cell<bool>,
    getter: Slot<Future>,
}

static ONE: TypeSlot = TypeSlot::new();

impl Awaitable for One {
    const TYPE_NAME: &'static std::ffi::CStr = c"ferrio._ferrio.AsCompletedCoroutine";
    const QUALNAME: &'static str = "_AsCompletedIterator._wait_for_one";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(11));

    fn slot() -> &'static TypeSlot {
        &ONE
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let Some(iterator) = this.iterator.get() else {
            return Ok(Next::Return(None));
        };
        if !this.resolve.get() {
            let Some(left) = iterator.left.get().checked_sub(1) else {
                return Err(Raised::new_empty::<PyStopAsyncIteration>(py));
            };
            iterator.left.set(left);
        }
        this.look(py, &iterator)
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let (Some(iterator), Some(getter)) = (this.iterator.get(), this.getter.take()) else {
            return Ok(Next::Return(None));
        };
        let Err(error) = outcome else {
            return this.look(py, &iterator);
        };
        Future::cancel(py, &getter, None)?;
        let _removed = iterator.getters.with(|getters| {
            let place = getters.iter().position(|own| own.is(&getter));
            place.and_then(|place| getters.remove(place))
        });
        // It was woken for one that the next in line may have.
        if !getter.is_cancelled() && !iterator.done.with(|done| done.is_empty()) {
            wake_next(py, &iterator)?;
        }
        if gives_back(py)? {
            iterator.left.set(iterator.left.get() + 1);
        }
        Err(exception::restore(py, error))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.iterator);
        visit.slot(&self.getter);
    }

    fn clear(&self) {
        self.iterator.set(None);
        self.getter.set(None);
    }
}

/// Can the running version's iterator be asked once more after a cancellation?
fn gives_back(py: Python<'_>) -> PyRes<bool> {
    static ANSWER: Immortal = Immortal::empty();
    let answer = ANSWER.get_or_init(py, || {
        let class = py
            .import("asyncio.tasks")?
            .getattr("_AsCompletedIterator")?;
        let code = class.getattr("_wait_for_one")?.getattr("__code__")?;
        let names = code.getattr("co_names")?;
        Ok(Own::bool(py, names.contains("_todo_left")?))
    })?;
    call::truth(py, answer)
}

impl One {
    /// Takes the next one, or waits for it.
    fn look(&self, py: Python<'_>, iterator: &Own<AsCompleted>) -> PyRes<Next> {
        let Some(next) = iterator.done.with(VecDeque::pop_front) else {
            let Some(engine) = iterator.engine.get() else {
                return Ok(Next::Return(None));
            };
            let getter = Future::new_pending(py, &engine)?;
            self.getter.set(Some(getter.clone()));
            let waiting = getter.clone();
            iterator.getters.with(|getters| getters.push_back(waiting));
            return Ok(Next::Await(getter.into_any()));
        };
        let Some(future) = next else {
            return Err(Raised::new_empty::<PyTimeoutError>(py));
        };
        if !self.resolve.get() {
            return Ok(Next::Return(Some(future)));
        }
        let native = native_future(&future).expect("all of them are ours");
        Future::result(py, native).map(|value| Next::Return(Some(value)))
    }
}

fn one(py: Python<'_>, iterator: &Own<AsCompleted>, resolve: bool) -> PyRes<Own<Coroutine<One>>> {
    let states = One {
        iterator: Slot::new(Some(iterator.clone())),
        resolve: Cell::new(resolve),
        getter: Slot::empty(),
    };
    awaitable::new(py, states)
}

/// What `__next__` gives.
pub(super) fn resolved(py: Python<'_>, iterator: &Own<AsCompleted>) -> PyRes {
    one(py, iterator, true).map(Own::into_any)
}

/// What `__anext__` gives.
pub(super) fn asked(py: Python<'_>, iterator: &Own<AsCompleted>) -> PyRes<Own<Coroutine<One>>> {
    one(py, iterator, false)
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes<()> {
    awaitable::make_type::<One>(py)
}
