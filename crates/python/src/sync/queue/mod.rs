//! ROOM    `Queue`, `PriorityQueue`, `LifoQueue`
//! KNOWS   ffi, names, awaitable, the rest of sync    NEVER   how a line or a future works
//! IN      items, calls of tasks, cancellations       OUT     items in their order, coroutines
//! PROOF   tests/behaviour/sync, CPython's test_queues with `--replace-from ferrio`
//! START   `Queue`, then `get.rs`; `items.rs` for what is in it
//!
//! | state | what happens | next |
//! |---|---|---|
//! | `get()` looks | there is an item | done: the item; one putter is woken |
//! | `put()` looks | there is room | done: one getter is woken |
//! | looks | shut down (3.13), and nothing to get or no room | done: `QueueShutDown` |
//! | looks | otherwise | waits, at the end of the line |
//! | waits | woken, by an item, by room, by `shutdown()` | looks: to be woken is a hint, no right |
//! | waits | an exception is thrown in | done: if it was for him, the next one is woken |

mod get;
mod items;
mod join;
mod put;
mod python;

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::bound::{Bound, LoopBound};
use super::event::Event;
use super::futures;
use super::hooks::{Hooks, Replaced};
use super::state::Stateful;
use super::waiters::Waiters;
use super::waiting::Waiting;
use crate::ffi::{
    Class, Immortal, Own, PyRes, Raised, Slot, TypeSlot, Visit, WithDict, call, exception,
};
use crate::names;
use items::Items;

pub(super) use python::make_types;

/// In which order items are got: whose `_init` has run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// `Queue`.
    Fifo,
    /// `PriorityQueue`: a heap, kept by `heapq`.
    Heap,
    /// `LifoQueue`.
    Lifo,
}

/// The data of a queue.
#[derive(Debug)]
pub(super) struct Queue {
    bound: Bound,
    kind: Cell<Kind>,
    maxsize: Slot,
    /// `maxsize` as a number; None where it is something else, which only the stdlib's code compares with.
    limit: Cell<Option<i64>>,
    items: Items,
    getters: Waiters,
    putters: Waiters,
    unfinished: Cell<i64>,
    /// `_finished`, an `Event`, once somebody has asked for it; until then `is_finished` stands for it.
    finished: Slot,
    is_finished: Cell<bool>,
    is_shut_down: Cell<bool>,
}

static QUEUE: TypeSlot = TypeSlot::new();
static PRIORITY_QUEUE: Immortal = Immortal::empty();
static LIFO_QUEUE: Immortal = Immortal::empty();

/// The first three are called where they have been replaced; where one of the others has, the stdlib's code runs.
const HOOKS: &[&crate::ffi::Name] = &[
    &names::OWN_INIT,
    &names::OWN_GET,
    &names::OWN_PUT,
    &names::WAKEUP_NEXT,
    &names::EMPTY,
    &names::FULL,
    &names::QSIZE,
    &names::PUT_NOWAIT,
    &names::GET_NOWAIT,
    &names::GET_LOOP,
];
const OWN_INIT: Replaced = 1;
const OWN_GET: Replaced = 2;
const OWN_PUT: Replaced = 4;
const STORAGE: Replaced = OWN_INIT | OWN_GET | OWN_PUT;

static FIFO_HOOKS: Hooks = Hooks::new(HOOKS, |py| QUEUE.type_object(py));
static HEAP_HOOKS: Hooks = Hooks::new(HOOKS, |py| made(py, &PRIORITY_QUEUE));
static LIFO_HOOKS: Hooks = Hooks::new(HOOKS, |py| made(py, &LIFO_QUEUE));

fn made(py: Python<'_>, class: &'static Immortal) -> Own {
    let class = class.get_or_init(py, || Ok(Own::none(py)));
    class
        .expect("made before any queue of its kind exists")
        .clone()
}

impl Class for Queue {
    const NAME: &'static CStr = c"ferrio._ferrio._Queue";
    const DOC: &'static CStr = c"The native half of Queue.";
    type Head = WithDict;

    fn slot() -> &'static TypeSlot {
        &QUEUE
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self {
            bound: Bound::default(),
            kind: Cell::new(Kind::Fifo),
            maxsize: Slot::empty(),
            limit: Cell::new(Some(0)),
            items: Items::unset(),
            getters: Waiters::new(),
            putters: Waiters::new(),
            unfinished: Cell::new(0),
            finished: Slot::empty(),
            is_finished: Cell::new(true),
            is_shut_down: Cell::new(false),
        }))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.bound.0);
        visit.slot(&self.maxsize);
        self.items.traverse(visit);
        self.getters.traverse(visit);
        self.putters.traverse(visit);
        visit.slot(&self.finished);
    }

    fn clear(&self, _py: Python<'_>) {
        self.bound.0.set(None);
        self.maxsize.set(None);
        self.items.reset();
        self.getters.reset(false);
        self.putters.reset(false);
        self.finished.set(None);
    }
}

impl LoopBound for Queue {
    fn binding(&self) -> &Bound {
        &self.bound
    }
}

impl Stateful for Queue {
    const ATTRIBUTES: &'static [&'static str] = &[
        "_maxsize",
        "_getters",
        "_putters",
        "_unfinished_tasks",
        "_finished",
        "_queue",
        "_is_shutdown",
    ];
}

/// Raises one of the exceptions of the stdlib's module.
#[cold]
fn raise(py: Python<'_>, cell: &'static Immortal, name: &str) -> Raised {
    let class = cell.import(py, "asyncio.queues", name);
    exception::raise_made(py, class.and_then(|class| call::call0(py, class)))
}

#[cold]
fn shut_down(py: Python<'_>) -> Raised {
    static SHUT_DOWN: Immortal = Immortal::empty();
    raise(py, &SHUT_DOWN, "QueueShutDown")
}

impl Queue {
    /// Which of the methods for its storage have been replaced; None where the stdlib's code has to run for it.
    #[inline]
    fn replaced(py: Python<'_>, this: &Own<Self>) -> PyRes<Option<Replaced>> {
        let hooks = match this.kind.get() {
            Kind::Fifo => &FIFO_HOOKS,
            Kind::Heap => &HEAP_HOOKS,
            Kind::Lifo => &LIFO_HOOKS,
        };
        let replaced = hooks.replaced(py, this)?;
        Ok((replaced & !STORAGE == 0 && this.limit.get().is_some()).then_some(replaced))
    }

    /// The same in the middle of a coroutine of ours: what has been replaced since it began counts from the next on.
    #[inline]
    fn replaced_storage(py: Python<'_>, this: &Own<Self>) -> PyRes<Replaced> {
        Ok(Self::replaced(py, this)?.unwrap_or(STORAGE))
    }

    /// `empty()`.
    #[inline]
    fn is_empty(py: Python<'_>, this: &Own<Self>) -> PyRes<bool> {
        this.items.is_empty(py, this.as_any())
    }

    /// `full()`.
    #[inline]
    fn is_full(py: Python<'_>, this: &Own<Self>) -> PyRes<bool> {
        match this.limit.get() {
            Some(limit) if limit > 0 => Ok(this.items.len(py, this.as_any())? as i64 >= limit),
            _ => Ok(false),
        }
    }

    /// `put_nowait(item)`. Errors: `QueueFull`, `QueueShutDown`.
    #[inline]
    fn put_nowait(py: Python<'_>, this: &Own<Self>, item: Own) -> PyRes<()> {
        static FULL: Immortal = Immortal::empty();
        if this.is_shut_down.get() {
            return Err(shut_down(py));
        }
        if Self::is_full(py, this)? {
            return Err(raise(py, &FULL, "QueueFull"));
        }
        if Self::replaced_storage(py, this)? & OWN_PUT == 0 {
            this.items.put(py, this.kind.get(), item)?;
        } else {
            call::method(py, this.as_any(), &names::OWN_PUT, &[&item])?;
        }
        this.unfinished.set(this.unfinished.get() + 1);
        this.set_finished(py, false)?;
        Self::wake_next(py, &this.getters)
    }

    /// `get_nowait()`. Errors: `QueueEmpty`, `QueueShutDown`.
    #[inline]
    fn get_nowait(py: Python<'_>, this: &Own<Self>) -> PyRes {
        static EMPTY: Immortal = Immortal::empty();
        if Self::is_empty(py, this)? {
            return Err(if this.is_shut_down.get() {
                shut_down(py)
            } else {
                raise(py, &EMPTY, "QueueEmpty")
            });
        }
        let item = if Self::replaced_storage(py, this)? & OWN_GET == 0 {
            this.items.get(py, this.kind.get(), this.as_any())?
        } else {
            call::method(py, this.as_any(), &names::OWN_GET, &[])?
        };
        Self::wake_next(py, &this.putters)?;
        Ok(item)
    }

    /// `_wakeup_next(waiters)`: the first who still waits.
    #[inline]
    fn wake_next(py: Python<'_>, line: &Waiters) -> PyRes<()> {
        while let Some(future) = line.pop(py)? {
            if futures::wake(py, &future, Own::none)? {
                break;
            }
        }
        Ok(())
    }

    /// `except:` of `get()` and `put()`: gives the place in the line up, and the wake-up on to the next where there has been one that
    /// is still good.
    #[cold]
    fn give_up(
        py: Python<'_>,
        this: &Own<Self>,
        waiting: &Waiting,
        line: &Waiters,
        is_vain: fn(Python<'_>, &Own<Self>) -> PyRes<bool>,
    ) -> PyRes<()> {
        let Some(future) = waiting.future.get() else {
            return Ok(());
        };
        futures::cancel(py, &future)?;
        waiting.leave(py, line)?;
        if !is_vain(py, this)? && !futures::is_cancelled(py, &future)? {
            Self::wake_next(py, line)?;
        }
        Ok(())
    }

    /// `task_done()`. Errors: `ValueError`.
    fn task_done(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        let left = this.unfinished.get() - 1;
        if left < 0 {
            let text = "task_done() called too many times";
            return Err(Raised::new::<PyValueError>(py, text));
        }
        this.unfinished.set(left);
        if left == 0 {
            this.set_finished(py, true)?;
        }
        Ok(())
    }

    /// `_finished.set()` or `_finished.clear()`.
    #[inline]
    fn set_finished(&self, py: Python<'_>, finished: bool) -> PyRes<()> {
        self.is_finished.set(finished);
        match self.finished.get() {
            None => Ok(()),
            Some(event) => set_event(py, &event, finished),
        }
    }

    /// `_finished`.
    fn show_finished(py: Python<'_>, this: &Own<Self>) -> PyRes {
        static EVENT: Immortal = Immortal::empty();
        if let Some(event) = this.finished.get() {
            return Ok(event);
        }
        let event = call::call0(py, EVENT.import(py, "ferrio._sync", "Event")?)?;
        if this.is_finished.get() {
            set_event(py, &event, true)?;
        }
        this.finished.set(Some(event.clone()));
        Ok(event)
    }
}

fn set_event(py: Python<'_>, event: &Own, set: bool) -> PyRes<()> {
    match event.cast::<Event>() {
        Some(event) if set => event.set(py),
        Some(event) => {
            event.unset();
            Ok(())
        }
        None => {
            let name = if set { &names::SET } else { &names::CLEAR };
            call::method(py, event, name, &[]).map(drop)
        }
    }
}
