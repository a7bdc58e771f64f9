//! ROOM    floor 3: native coroutines: what `async def` functions of the stdlib return, without a frame
//! KNOWS   ffi, names, future, task              NEVER   what any of them waits for (each is a room of its own)
//! IN      `send`, `throw`, `close`, `await`     OUT     futures for the task to wait for, results
//! PROOF   tests/behaviour/awaitables; CPython's suite with all that `install()` replaces: tests/conformance/run.py --only all
//! START   `Awaitable`: what a new one has to say; `drive.rs`: how it is driven
//!
//! # To write one
//!
//! 1. A struct of its arguments and what it must remember (`Slot`s, `Cell`s): `struct Sleep { delay: Slot, timer: Slot, … }`.
//! 2. `impl Awaitable for Sleep`: `start` runs at the first `send`; it and every `resume` say what comes `Next`:
//!    `Return` a value, `Yield` once to the loop, or `Await` an object. `resume` gets the value of what was awaited, or the
//!    exception that came out of it or was thrown in (`CancelledError`, `GeneratorExit` at `close()`); it returns the exception
//!    (`exception::restore`) or goes on, awaits something else, returns. A `finally` is written as: do it, then return.
//! 3. `awaitable::make_type::<Sleep>(py)` in the room's `make_types`, and `awaitable::new(py, Sleep { … })` in the function
//!    that Python calls (`ffi::Function::new`, so that it looks like the stdlib's; or a method of a class).
//!
//! Rules: `start` and `resume` are never entered twice at a time (Python gets "coroutine already executing"). They may run any
//! Python. `Await` of one of our futures or tasks that is done goes on at once, without the loop; pending, it is handed straight to
//! the task, which waits natively: no iterator object, no frame. Everything else that can be awaited is driven through its
//! `__await__` (another native coroutine through its slot). An awaitable that can end in `start` costs no trip through the loop.
//!
//! States: Created → Running ⇄ Suspended → Done, the first also → Done by `throw` and `close`. One that dies Created warns
//! ("was never awaited"), one that dies Suspended is closed first, as asyncio's coroutine would be.

mod drive;
mod python;

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::engine::Engine;
use crate::ffi::{
    Class, Own, PyRes, Recycled, Slot, TypeSlot, Visit, WithWeakrefs, call, coroutine, exception,
    release_stop_iteration,
};
use crate::future::Future;
use crate::names;
use crate::task::Task;

pub use python::make_type;

/// What a native coroutine does next.
#[derive(Debug)]
#[must_use]
pub enum Next {
    /// `return value`; `None` means Python's `None` and costs least.
    Return(Option<Own>),
    /// A bare `yield`: the task runs on in the next turn. `resume` gets None.
    Yield,
    /// `await object`. `resume` gets its value or exception.
    Await(Own),
}

/// What came out of the last `Next`: a value, or the exception to be raised at that place.
pub type Outcome = Result<Own, Own>;

/// The states of one kind of native coroutine.
pub trait Awaitable: Sized + 'static {
    /// The type's name, `c"ferrio._ferrio.SleepCoroutine"`.
    const TYPE_NAME: &'static CStr;
    /// `__qualname__`: that of the stdlib's `async def`, for methods with their class. `__name__` is its last part.
    const QUALNAME: &'static str;
    /// A pool for the memory of dead ones, where they come and go by the million.
    const RECYCLED: Option<Recycled> = None;

    /// May one wait for nothing that the collector has to know? See `refers_to_something`.
    const FOLLOWED_LATE: bool = false;

    /// Where the type object is kept.
    fn slot() -> &'static TypeSlot;

    /// Can what a new one refers to be part of a cycle? Of a kind that is followed late: if not, the collector is told of it when it
    /// waits for an object.
    fn refers_to_something(&self) -> bool {
        true
    }

    /// That of this one, where one kind stands for several methods.
    fn qualname(&self) -> &'static str {
        Self::QUALNAME
    }

    /// The first `send`.
    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next>;

    /// What was awaited is over, or an exception is thrown in.
    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next>;

    /// Shows every owned reference to the collector.
    fn traverse(&self, visit: &mut Visit);

    /// Drops every owned reference. Called when it is done, and by the collector.
    fn clear(&self);
}

/// Where a coroutine is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Created,
    Running,
    Suspended,
    Done,
}

/// What a suspended coroutine waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Waits {
    /// The next turn.
    Nothing,
    /// A future of ours.
    Future,
    /// What an iterator that is driven here has yielded.
    Iterator,
}

/// A native coroutine object around the states of `S`.
#[derive(Debug)]
pub struct Coroutine<S> {
    state: Cell<State>,
    waits: Cell<Waits>,
    /// The future or iterator of `waits`.
    waits_for: Slot,
    /// `cr_origin`: where it was made; only while a loop in debug mode runs.
    origin: Slot,
    states: S,
}

impl<S> std::ops::Deref for Coroutine<S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        &self.states
    }
}

/// A new native coroutine.
#[inline(always)]
pub fn new<S: Awaitable>(py: Python<'_>, states: S) -> PyRes<Own<Coroutine<S>>> {
    let origin = python::origin(py)?;
    Own::make(py, || Coroutine {
        state: Cell::new(State::Created),
        waits: Cell::new(Waits::Nothing),
        waits_for: Slot::empty(),
        origin: Slot::new(origin),
        states,
    })
}

/// A future of ours whose class is ours too: a subclass made in Python may override what we would pass by.
#[inline]
pub fn native_future(object: &Own) -> Option<&Own<Future>> {
    object
        .exact::<Future>()
        .or_else(|| object.exact::<Task>().map(Own::base))
        .or_else(|| Future::derived(object))
}

/// For those whose outcome is that of what they await.
pub fn pass_on(py: Python<'_>, outcome: Outcome) -> PyRes<Next> {
    match outcome {
        Ok(value) => Ok(Next::Return(Some(value))),
        Err(error) => Err(exception::restore(py, error)),
    }
}

/// Is it a future or task of ours on this loop, or a coroutine, of which the loop makes one?
pub fn is_native_child(engine: &Own<Engine>, object: &Own) -> bool {
    match native_future(object) {
        Some(future) => future.belongs_to(engine),
        None => is_native_coroutine(object),
    }
}

/// A coroutine of CPython's or one of ours.
#[inline]
pub fn is_native_coroutine(object: &Own) -> bool {
    coroutine::is_native(object) || python::is_one(object)
}

/// `loop.create_task(coroutine)`. Where the loop refuses it nobody is going to await the coroutine: it is closed, as by
/// `asyncio.ensure_future`.
pub fn task_of(py: Python<'_>, engine: &Own<Engine>, coroutine: &Own) -> PyRes {
    call::method(py, engine.as_any(), &names::CREATE_TASK, &[coroutine]).or_else(|error| {
        if !error.is::<PyRuntimeError>(py) {
            return Err(error);
        }
        let error = error.take(py);
        let closed = call::method(py, coroutine, &names::CLOSE, &[]).map(drop);
        exception::after_finally(py, Err(error), closed)
    })
}

impl<S: Awaitable> Class for Coroutine<S> {
    const NAME: &'static CStr = S::TYPE_NAME;
    const DOC: &'static CStr = c"A native coroutine.";
    type Head = WithWeakrefs;
    const FINALIZER: bool = true;
    const RECYCLED: Option<Recycled> = S::RECYCLED;

    fn slot() -> &'static TypeSlot {
        S::slot()
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.waits_for);
        visit.slot(&self.origin);
        self.states.traverse(visit);
    }

    fn is_followed_at_once(&self) -> bool {
        !S::FOLLOWED_LATE || self.states.refers_to_something()
    }

    fn clear(&self, _py: Python<'_>) {
        self.waits_for.set(None);
        self.origin.set(None);
        self.states.clear();
    }

    fn wants_finalizer(&self) -> bool {
        matches!(self.state.get(), State::Created | State::Suspended)
    }

    fn finalize(py: Python<'_>, this: &Own<Self>) {
        let done = match this.state.get() {
            State::Created => python::warn_never_awaited(py, this),
            _ => drive::close(py, this).map(drop),
        };
        if let Err(error) = done {
            error.write_unraisable(py, Some(this.as_any()));
        }
    }

    fn before_dealloc(&self, py: Python<'_>) {
        release_stop_iteration(py);
    }
}
