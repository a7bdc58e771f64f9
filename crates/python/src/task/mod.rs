//! ROOM    floor 3: `Task`, a coroutine driven by a loop
//! KNOWS   ffi, names, engine, future    NEVER   the event loop's class
//! IN      steps and wake-ups from `turn`    OUT     entries in the ready queue, outcomes in its own future
//! PROOF   tests/behaviour/tasks, CPython's test_tasks in Task/Future mode
//! START   `step.rs`: one step; then `wait.rs`: what the coroutine may yield
//!
//! A task is in one of three places: in the ready queue (`Entry::Step` or `Wake`), among the waiters of `fut_waiter`, or
//! running. On a loop of ours a step or wake-up is one two-word entry; on a foreign loop it is `call_soon` of a bound function.
//! Running task: noted through `Engine::note_task`; a run inside a step suspends and restores the note.

mod arguments;
mod cancel;
mod eager;
mod functions;
mod python;
mod step;
mod wait;

use std::cell::Cell;
use std::ffi::CStr;
use std::sync::atomic::{AtomicU64, Ordering};

use ferrio_core::slab::SlabKey;
use pyo3::prelude::*;

use crate::engine::{Engine, Entry, TaskRef};
use crate::ffi::{self, Class, Own, PyRes, Recycled, Slot, TypeSlot, Visit, WithDict, snapshot};
use crate::future::Future;

pub use python::make_types;
pub use step::{step, wake};

/// A coroutine driven by a loop.
#[derive(Debug)]
#[repr(C)]
pub struct Task {
    future: Future,
    coro: Slot,
    /// A `Context`, or what one is made of before the first step and after the last (`ffi::snapshot`).
    context: Slot,
    /// What it waits for.
    fut_waiter: Slot,
    /// Its name once somebody has asked or given one; until then `number` stands for "Task-N".
    name: Slot,
    number: Cell<u64>,
    /// `cancel()` was called and no `CancelledError` has been thrown for it yet.
    must_cancel: Cell<bool>,
    /// Complain if it dies pending.
    log_destroy_pending: Cell<bool>,
    /// `cancel()` calls not taken back by `uncancel()`.
    cancel_requests: Cell<i64>,
    /// Its place in the engine's list of living tasks.
    listed: Cell<Option<SlabKey>>,
    /// The engine of that list; the future's own may be exchanged by `Future.__init__`.
    lister: Slot<Engine>,
}

ffi::extends!(Task: Future, future);

static TASK: TypeSlot = TypeSlot::new();
static LAST_NUMBER: AtomicU64 = AtomicU64::new(0);

impl Class for Task {
    const NAME: &'static CStr = c"ferrio.Task";
    const DOC: &'static CStr = if cfg!(Py_3_12) {
        c"Task(coro, *, loop=None, name=None, context=None, eager_start=False)\n--\n\nA coroutine driven by a loop; see asyncio.Task."
    } else {
        c"Task(coro, *, loop=None, name=None, context=None)\n--\n\nA coroutine driven by a loop; see asyncio.Task."
    };
    type Head = WithDict;
    const FINALIZER: bool = true;
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(2));

    fn slot() -> &'static TypeSlot {
        &TASK
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self::EMPTY))
    }

    fn traverse(&self, visit: &mut Visit) {
        self.future.traverse(visit);
        visit.slot(&self.coro);
        visit.slot(&self.context);
        visit.slot(&self.fut_waiter);
        visit.slot(&self.name);
        visit.slot(&self.lister);
    }

    fn clear(&self, py: Python<'_>) {
        self.unlist();
        self.future.clear(py);
        self.coro.set(None);
        self.context.set(None);
        self.fut_waiter.set(None);
        self.name.set(None);
    }

    fn wants_finalizer(&self) -> bool {
        let dies_pending = !self.future.is_done() && self.log_destroy_pending.get();
        (dies_pending && !self.coro.is_empty()) || self.future.wants_finalizer()
    }

    fn finalize(py: Python<'_>, this: &Own<Self>) {
        if !this.is_done() && this.log_destroy_pending.get() {
            if let Err(error) = report_destroyed(py, this) {
                error.write_unraisable(py, Some(this.as_any()));
            }
        }
        if this.future.wants_finalizer() {
            Future::finalize(py, this.base());
        }
    }

    fn before_dealloc(&self, py: Python<'_>) {
        self.unlist();
        self.future.before_dealloc(py);
    }
}

/// "Task was destroyed but it is pending!"
fn report_destroyed(py: Python<'_>, this: &Own<Task>) -> PyRes<()> {
    let details = pyo3::types::PyDict::new(py);
    details.set_item("task", this.as_any().bound(py))?;
    details.set_item("message", "Task was destroyed but it is pending!")?;
    this.report(py, details)
}

/// A name, or the number of one that has none.
#[derive(Debug)]
struct Named {
    name: Option<Own>,
    number: u64,
}

impl Named {
    #[inline]
    fn new(py: Python<'_>, name: Option<&Own>) -> PyRes<Self> {
        Ok(match name.filter(|name| !name.is_none()) {
            None => Self {
                name: None,
                number: LAST_NUMBER.fetch_add(1, Ordering::Relaxed) + 1,
            },
            Some(name) => Self {
                name: Some(arguments::name_text(py, name)?),
                number: 0,
            },
        })
    }
}

impl Task {
    #[allow(clippy::declare_interior_mutable_const)]
    const EMPTY: Self = Self {
        future: Future::EMPTY,
        coro: Slot::empty(),
        context: Slot::empty(),
        fut_waiter: Slot::empty(),
        name: Slot::empty(),
        number: Cell::new(0),
        must_cancel: Cell::new(false),
        log_destroy_pending: Cell::new(true),
        cancel_requests: Cell::new(0),
        listed: Cell::new(None),
        lister: Slot::empty(),
    };

    /// A task of one of our loops: `loop.create_task`. The first step is scheduled, or taken at once for `eager_start`
    /// in a running loop. Errors: `TypeError` where `coro` is no coroutine.
    #[inline]
    pub fn create(
        py: Python<'_>,
        engine: &Own<Engine>,
        coro: &Own,
        name: Option<&Own>,
        context: Option<&Own>,
        eager_start: bool,
    ) -> PyRes<Own<Self>> {
        arguments::check_coroutine(py, coro)?;
        arguments::check_context(py, context)?;
        let source = Future::source(py, engine)?;
        let name = Named::new(py, name)?;
        let context = match context {
            Some(context) => context.clone(),
            None => snapshot::capture(py)?,
        };
        let task = Own::make(py, || Self::EMPTY)?;
        task.begin(engine, source);
        task.coro.set(Some(coro.clone()));
        task.context.set(Some(context));
        task.take_name(name);
        Self::start(py, &task, eager_start)?;
        Ok(task)
    }

    #[inline]
    fn take_name(&self, Named { name, number }: Named) {
        self.name.set(name);
        self.number.set(number);
    }

    /// Begins: lists the task and schedules or takes its first step.
    fn start(py: Python<'_>, this: &Own<Self>, eager_start: bool) -> PyRes<()> {
        match this.engine() {
            Some(engine) => {
                this.listed.set(Some(engine.enlist(this.as_any())));
                this.lister.set(Some(engine.clone()));
                let begun = if eager_start && engine.thread() != 0 {
                    eager::start(py, this)
                } else {
                    engine.schedule(py, Entry::Step(TaskRef(this.as_any().clone())))
                };
                if begun.is_err() {
                    // Never going to run, so nothing to complain about when it dies.
                    this.log_destroy_pending.set(false);
                    this.unlist();
                }
                begun
            }
            None => eager::start_on_foreign_loop(py, this, eager_start),
        }
    }

    /// The task, in the middle of a step, runs a loop until `future` is done.
    pub fn await_inside_step(py: Python<'_>, this: &Own<Self>, future: &Own) -> PyRes<()> {
        cancel::await_inside_step(py, this, future)
    }

    /// That is over.
    pub fn end_await_inside_step(&self) {
        self.fut_waiter.set(None);
    }

    /// What its steps run in; made when it is first asked for. `None` of a task that the collector has cleared.
    #[inline]
    pub fn context(&self, py: Python<'_>) -> PyRes<Option<Own>> {
        match self.context.get() {
            Some(captured) if snapshot::is_mapping(&captured) => {
                drop(self.context.take());
                let (context, _) = snapshot::lend(py, captured)?;
                self.context.set(Some(context.clone()));
                Ok(Some(context))
            }
            context => Ok(context),
        }
    }

    /// It is done, and nobody enters its context any more: keep what is in it alone.
    #[inline]
    fn put_context_away(&self, py: Python<'_>) {
        if let Some(context) = self.context.take() {
            self.context.set(Some(snapshot::put_away(py, context)));
        }
    }

    /// Nobody else knows this task: it may die pending without a word.
    pub fn may_die_pending(&self) {
        self.log_destroy_pending.set(false);
    }

    /// Leaves the engine's list of living tasks.
    fn unlist(&self) {
        if let (Some(key), Some(engine)) = (self.listed.take(), self.lister.take()) {
            engine.delist(key);
        }
    }
}
