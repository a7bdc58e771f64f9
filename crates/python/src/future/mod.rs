//! ROOM    floor 3: `Future`, a result that is not there yet
//! KNOWS   ffi, names, handle, engine, core::waiters    NEVER   tasks (opaque `TaskRef` only), the event loop's class
//! IN      a result, an exception, a cancellation       OUT     entries in the ready queue, one for each waiter
//! PROOF   tests/behaviour/futures, CPython's test_futures in Task/Future mode
//! START   `Future`, then `result.rs` (the only transitions), `callbacks.rs` (who is told)
//!
//! States: Pending → Finished (`set_result`, `set_exception`) or Cancelled (`cancel`), once. Every transition lives in
//! `result.rs` and ends in `tell_waiters`. Semantics and texts are those of CPython's C implementation.

mod awaited_by;
mod callbacks;
mod iter;
mod last_words;
mod python;
mod rare;
mod result;
mod watchers;

use std::cell::Cell;
use std::ffi::CStr;

use ferrio_core::waiters::Waiters;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::engine::{Engine, Entry, TaskRef, extract_stack};
use crate::ffi::{
    Args, Class, GuardedCell, Immortal, Own, Params, PyRes, Raised, Recycled, Slot, TypeSlot,
    Visit, WithDict, call,
};
use crate::names;
use rare::{Field, Rare};

pub use awaited_by::{add_to_awaited_by, discard_from_awaited_by};
pub use callbacks::{set_wakeup_of, show_callbacks};
pub use iter::FutureIter;
pub use python::{cancel_argument, context_or_copy, make_types};
pub use result::{Outcome, cancelled_error_class, invalid_state};
pub use watchers::WatcherKind;

/// Where a future is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// No result yet.
    Pending,
    /// `cancel()` came first.
    Cancelled,
    /// A result or an exception is there.
    Finished,
}

/// Who is told when the future is done.
#[derive(Debug)]
pub enum Waiter {
    /// `add_done_callback(func, context=context)`.
    Callback {
        /// Called with the future.
        func: Own,
        /// In this context.
        context: Own,
    },
    /// A task of the same engine that awaits it; woken without a call.
    Task(TaskRef),
    /// An object of ours; told without a call.
    Watcher {
        /// Which object.
        watcher: Own,
        /// What it does then.
        kind: &'static WatcherKind,
    },
}

/// A result that is not there yet.
#[derive(Debug)]
#[repr(C)]
pub struct Future {
    /// The loop, if it is one of ours.
    engine: Slot<Engine>,
    state: Cell<State>,
    /// `_asyncio_future_blocking`: somebody has just been handed this future by `await` and must wait for it.
    blocking: Cell<bool>,
    /// Complain at the end if nobody has looked at the exception.
    log_traceback: Cell<bool>,
    /// Is it of a class of ours derived from this one? See `Future::derived`.
    derived: Cell<bool>,
    waiters: GuardedCell<Waiters<Waiter>>,
    result: Slot,
    rare: Rare,
}

static FUTURE: TypeSlot = TypeSlot::new();

impl Class for Future {
    const NAME: &'static CStr = c"ferrio.Future";
    const DOC: &'static CStr =
        c"Future(*, loop=None)\n--\n\nA result that is not there yet; see asyncio.Future.";
    type Head = WithDict;
    const FINALIZER: bool = true;
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(0));

    fn slot() -> &'static TypeSlot {
        &FUTURE
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self::EMPTY))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.engine);
        let _ = self.waiters.look(|waiters| {
            for waiter in waiters.iter() {
                match waiter {
                    Waiter::Callback { func, context } => {
                        visit.own(func);
                        visit.own(context);
                    }
                    Waiter::Task(task) => visit.own(&task.0),
                    Waiter::Watcher { watcher, .. } => visit.own(watcher),
                }
            }
        });
        visit.slot(&self.result);
        self.rare.traverse(visit);
    }

    fn clear(&self, _py: Python<'_>) {
        drop(self.engine.take());
        drop(self.waiters.take());
        self.result.set(None);
        self.rare.clear();
    }

    fn wants_finalizer(&self) -> bool {
        self.log_traceback.get()
    }

    /// A future whose result is a future whose result …: dropped by a loop, for the chain may be longer than the stack is deep.
    #[inline]
    fn before_dealloc(&self, _py: Python<'_>) {
        let mut next = self.result.take();
        while let Some(result) = next {
            next = match result.exact::<Self>() {
                Some(future) if result.refcount() == 1 => future.result.take(),
                _ => None,
            };
        }
    }

    fn finalize(py: Python<'_>, this: &Own<Self>) {
        if let Err(error) = this.report_unretrieved(py, this.as_any()) {
            error.write_unraisable(py, Some(this.as_any()));
        }
    }
}

impl Future {
    /// A future without a loop: what `__new__` makes, before `__init__`. (A constant, so that the memory of a new one is filled from one
    /// that is always there; see `Object::alloc`.)
    #[allow(clippy::declare_interior_mutable_const)]
    pub const EMPTY: Self = Self {
        engine: Slot::empty(),
        state: Cell::new(State::Pending),
        blocking: Cell::new(false),
        log_traceback: Cell::new(false),
        derived: Cell::new(false),
        waiters: GuardedCell::new(Waiters::None),
        result: Slot::empty(),
        rare: Rare::none(),
    };

    /// Makes an empty one pending on one of our loops, made at `source`.
    #[inline]
    pub fn begin(&self, engine: &Own<Engine>, source: Option<Own>) {
        self.engine.set(Some(engine.clone()));
        if source.is_some() {
            self.rare.set(Field::SourceTraceback, source);
        }
    }

    /// Where a future is being made; only in debug mode.
    #[inline]
    pub fn source(py: Python<'_>, engine: &Own<Engine>) -> PyRes<Option<Own>> {
        if engine.is_debug() {
            extract_stack(py).map(Some)
        } else {
            Ok(None)
        }
    }

    /// A pending future of one of our loops.
    #[inline]
    pub fn new_pending(py: Python<'_>, engine: &Own<Engine>) -> PyRes<Own<Self>> {
        let source = Self::source(py, engine)?;
        let future = Own::make(py, || Self::EMPTY)?;
        future.begin(engine, source);
        Ok(future)
    }

    /// Says that it is the data of a class of ours derived from this one.
    pub fn mark_derived(&self) {
        self.derived.set(true);
    }

    /// Since 3.15 `__init__` may be called once only. Errors: `RuntimeError`.
    pub fn check_uninitialised(&self, py: Python<'_>, this: &Own) -> PyRes<()> {
        if cfg!(Py_3_15) && !(self.engine.is_empty() && self.rare.is_empty(Field::Foreign)) {
            let class = this.type_object(py).fully_qualified_name()?;
            let text = format!("{class} object is already initialized");
            return Err(Raised::new::<PyRuntimeError>(py, text));
        }
        Ok(())
    }

    /// `__init__`'s part: begins anew, for `loop` or for the current one.
    pub fn initialise(&self, py: Python<'_>, loop_: Option<&Own>) -> PyRes<()> {
        static GET_EVENT_LOOP: Immortal = Immortal::empty();
        self.clear(py);
        self.state.set(State::Pending);
        self.blocking.set(false);
        self.log_traceback.set(false);
        let loop_ = match loop_.filter(|loop_| !loop_.is_none()) {
            Some(loop_) => loop_.clone(),
            None => call::call0(
                py,
                GET_EVENT_LOOP.import(py, "asyncio.events", "get_event_loop")?,
            )?,
        };
        let debug = match loop_.cast::<Engine>() {
            Some(engine) => {
                self.engine.set(Some(engine.clone()));
                engine.is_debug()
            }
            None => {
                let debug = call::method(py, &loop_, &names::GET_DEBUG, &[])?;
                self.rare.set(Field::Foreign, Some(loop_));
                call::truth(py, &debug)?
            }
        };
        if debug {
            self.rare
                .set(Field::SourceTraceback, Some(extract_stack(py)?));
        }
        Ok(())
    }

    /// Where it is in its life.
    #[inline]
    pub fn state(&self) -> State {
        self.state.get()
    }

    /// Finished or cancelled?
    #[inline]
    pub fn is_done(&self) -> bool {
        self.state.get() != State::Pending
    }

    /// Finished with a value, no exception?
    #[inline]
    pub fn has_value(&self) -> bool {
        self.state.get() == State::Finished && self.rare.is_empty(Field::Exception)
    }

    /// Finished with an exception, not cancelled?
    #[inline]
    pub fn has_exception(&self) -> bool {
        self.state.get() == State::Finished && !self.rare.is_empty(Field::Exception)
    }

    /// Cancelled?
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.state.get() == State::Cancelled
    }

    /// Its loop, if it is one of ours.
    #[inline]
    pub fn engine(&self) -> Option<Own<Engine>> {
        self.engine.get()
    }

    /// Does it belong to this loop of ours?
    #[inline]
    pub fn belongs_to(&self, engine: &Own<Engine>) -> bool {
        self.engine
            .peek(|own| own.is_some_and(|own| own.is(engine)))
    }

    /// Do both belong to the same loop of ours?
    #[inline]
    pub fn shares_engine(&self, other: &Self) -> bool {
        self.engine
            .peek(|own| own.is_some_and(|own| other.belongs_to(own)))
    }

    /// Appends to the ready queue of its loop, where that is one of ours in its usual state; else hands the entry back.
    #[inline]
    pub fn schedule_usually(&self, entry: Entry) -> Option<Entry> {
        self.engine.peek(|own| match own {
            Some(engine) => engine.schedule_usually(entry),
            None => Some(entry),
        })
    }

    /// Its loop. Errors: `RuntimeError` before `__init__`.
    pub fn loop_object(&self, py: Python<'_>) -> PyRes {
        match self.engine.get() {
            Some(engine) => Ok(engine.into_any()),
            None => self
                .rare
                .get(Field::Foreign)
                .ok_or_else(|| uninitialised(py)),
        }
    }

    /// `RuntimeError` before `__init__`.
    pub fn check_initialised(&self, py: Python<'_>) -> PyRes<()> {
        if self.engine.is_empty() && self.rare.is_empty(Field::Foreign) {
            return Err(uninitialised(py));
        }
        Ok(())
    }

    /// Puts the "must be waited for" mark on: it is about to be yielded. False where it was on already.
    #[inline]
    pub fn mark_blocking(&self) -> bool {
        !self.blocking.replace(true)
    }

    /// Takes the "must be waited for" mark off; was it on?
    #[inline]
    pub fn take_blocking(&self) -> bool {
        self.blocking.replace(false)
    }

    /// Nobody needs to look at the exception any more.
    pub fn quiet(&self) {
        self.log_traceback.set(false);
    }

    /// The message of the last `cancel(msg)`.
    pub fn cancel_message(&self) -> Option<Own> {
        self.rare.get(Field::CancelMessage)
    }

    /// Notes a message for the cancellation to come.
    pub fn set_cancel_message(&self, message: Option<Own>) {
        self.rare.set(Field::CancelMessage, message);
    }

    /// Notes the `CancelledError` that ended a task.
    pub fn set_cancelled_error(&self, error: Own) {
        self.rare.set(Field::CancelledError, Some(error));
    }

    /// "… exception was never retrieved".
    fn report_unretrieved(&self, py: Python<'_>, this: &Own) -> PyRes<()> {
        self.log_traceback.set(false);
        let Some(exception) = self.rare.get(Field::Exception) else {
            return Ok(());
        };
        let name = this.type_object(py).name()?;
        let details = pyo3::types::PyDict::new(py);
        details.set_item("message", format!("{name} exception was never retrieved"))?;
        details.set_item("exception", exception.bound(py))?;
        details.set_item("future", this.bound(py))?;
        self.report(py, details)
    }

    /// Hands a problem to the loop's exception handler, with the place where the future was made.
    pub fn report(&self, py: Python<'_>, details: Bound<'_, pyo3::types::PyDict>) -> PyRes<()> {
        if let Some(traceback) = self.rare.get(Field::SourceTraceback) {
            details.set_item("source_traceback", traceback.bound(py))?;
        }
        let loop_ = self.loop_object(py)?;
        if last_words::are_due(py, &loop_)? {
            return last_words::say(py, &details);
        }
        let details = Own::from(details.into_any());
        call::method(py, &loop_, &names::CALL_EXCEPTION_HANDLER, &[&details]).map(drop)
    }
}

#[cold]
fn uninitialised(py: Python<'_>) -> Raised {
    Raised::new::<PyRuntimeError>(py, "Future object is not initialized.")
}

static INIT: Params<1> = Params {
    function: "Future",
    names: [&names::LOOP],
    positional: 0,
    required: 0,
};

fn init(py: Python<'_>, this: &Own<Future>, args: Args<'_>) -> PyRes<()> {
    let [loop_] = args.bind(py, &INIT)?;
    this.check_uninitialised(py, this.as_any())?;
    this.initialise(py, loop_)
}
