//! Who is told when a future is done, and how.

use std::sync::OnceLock;

use ferrio_core::waiters::Waiters;
use pyo3::prelude::*;

use super::{Future, Waiter};
use crate::engine::{Engine, Entry, TaskRef};
use crate::ffi::{Own, PyRes, call, snapshot};
use crate::handle::Handle;
use crate::names;

type WakeupOf = fn(Python<'_>, &Own) -> PyRes;

/// How `_callbacks` shows a waiting task; told by the file that knows tasks.
static WAKEUP_OF: OnceLock<WakeupOf> = OnceLock::new();

/// Registers how a waiting task is shown in `_callbacks`.
pub fn set_wakeup_of(wakeup_of: WakeupOf) {
    // A second import of the module registers the same function.
    let _ = WAKEUP_OF.set(wakeup_of);
}

impl Future {
    /// Schedules everybody who waits. Called once, after the state has changed.
    #[inline]
    pub(super) fn tell_waiters(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        match this.waiters.with(Waiters::take) {
            Waiters::None => Ok(()),
            Waiters::One(waiter) => Self::tell(py, this, waiter),
            Waiters::Many(waiters) => waiters
                .into_iter()
                .try_for_each(|waiter| Self::tell(py, this, waiter)),
        }
    }

    #[inline]
    fn tell(py: Python<'_>, this: &Own<Self>, waiter: Waiter) -> PyRes<()> {
        match waiter {
            Waiter::Task(task) => Self::wake(py, this, task),
            Waiter::Callback { func, context } => Self::call_soon(py, this, &func, &context),
            Waiter::Watcher { watcher, kind } => (kind.tell)(py, &watcher, this),
        }
    }

    fn wake(py: Python<'_>, this: &Own<Self>, task: TaskRef) -> PyRes<()> {
        let engine = this
            .engine
            .get()
            .expect("only a task of the same engine waits natively");
        engine.schedule(py, Entry::Wake(task))
    }

    /// `loop.call_soon(func, self, context=context)`.
    fn call_soon(py: Python<'_>, this: &Own<Self>, func: &Own, context: &Own) -> PyRes<()> {
        let argument = this.as_any().clone();
        match this.engine.get() {
            Some(engine) if engine.is_debug() => {
                Engine::call_soon(py, &engine, func, &[argument], Some(context)).map(drop)
            }
            Some(engine) => {
                let context = Some(context.clone());
                let handle = Handle::new(py, engine.as_any(), func.clone(), &[argument], context)?;
                engine.schedule(py, Entry::Call(handle))
            }
            None => {
                let loop_ = this.loop_object(py)?;
                let call_soon = call::attribute(py, &loop_, &names::CALL_SOON)?;
                let kwargs = [(&names::CONTEXT, snapshot::whole(py, context)?)];
                call::call_with(py, &call_soon, &[func.clone(), argument], &kwargs).map(drop)
            }
        }
    }

    /// `add_done_callback`: now if it is done already.
    pub fn add_callback(py: Python<'_>, this: &Own<Self>, func: Own, context: Own) -> PyRes<()> {
        if this.is_done() {
            return Self::call_soon(py, this, &func, &context);
        }
        this.waiters
            .with(|waiters| waiters.push(|| Waiter::Callback { func, context }));
        Ok(())
    }

    /// A task of the same engine waits: now if it is done already.
    #[inline]
    pub fn add_task(py: Python<'_>, this: &Own<Self>, task: TaskRef) -> PyRes<()> {
        if this.is_done() {
            return Self::wake(py, this, task);
        }
        this.waiters
            .with(|waiters| waiters.push(|| Waiter::Task(task)));
        Ok(())
    }

    /// `remove_done_callback`: how many were equal to `func`. Comparing may run Python that changes the list, so the
    /// callbacks are looked at one by one while the list is out; what was added meanwhile goes behind.
    pub fn remove_callback(py: Python<'_>, this: &Own<Self>, func: &Own) -> PyRes<i64> {
        let mut kept = Vec::new();
        let mut removed = Vec::new();
        let mut failure = Ok(());
        let taken: Vec<Waiter> = match this.waiters.with(Waiters::take) {
            Waiters::None => return Ok(0),
            Waiters::One(waiter) => vec![waiter],
            Waiters::Many(waiters) => waiters,
        };
        for waiter in taken {
            let same = match &waiter {
                Waiter::Callback { func: own, .. } if failure.is_ok() => {
                    own.is(func)
                        || call::equal(py, own, func).unwrap_or_else(|error| {
                            failure = Err(error);
                            false
                        })
                }
                _ => false,
            };
            if same {
                removed.push(waiter)
            } else {
                kept.push(waiter)
            }
        }
        let added = this.waiters.with(Waiters::take);
        kept.extend(match added {
            Waiters::None => Vec::new(),
            Waiters::One(waiter) => vec![waiter],
            Waiters::Many(waiters) => waiters,
        });
        if this.is_done() {
            // A comparison has finished the future: those who stayed must still be told.
            kept.into_iter()
                .try_for_each(|waiter| Self::tell(py, this, waiter))?;
        } else {
            this.waiters
                .with(|waiters| kept.into_iter().for_each(|waiter| waiters.push(|| waiter)));
        }
        failure.map(|()| removed.len() as i64)
    }
}

/// How `_callbacks` shows a waiter.
enum Shown {
    In(Own),
    Itself,
    Wakeup,
}

/// `_callbacks`: a list of `(callback, context)`, `None` where there are none.
pub fn show_callbacks(py: Python<'_>, this: &Own<Future>) -> PyRes<Option<Own>> {
    // Copied first: making Python objects may run the collector, and with it anything.
    let mut copies = Vec::new();
    this.waiters.with(|waiters| {
        copies.extend(waiters.iter().map(|waiter| match waiter {
            Waiter::Callback { func, context } => (func.clone(), Shown::In(context.clone())),
            Waiter::Task(task) => (task.0.clone(), Shown::Wakeup),
            Waiter::Watcher { watcher, .. } => (watcher.clone(), Shown::Itself),
        }));
    });
    if copies.is_empty() {
        return Ok(None);
    }
    let list = pyo3::types::PyList::empty(py);
    for (object, shown) in copies {
        let pair = match shown {
            Shown::In(context) => Own::tuple(py, &[object, snapshot::whole(py, &context)?])?,
            Shown::Itself => Own::tuple(py, &[object, Own::none(py)])?,
            Shown::Wakeup => {
                let wakeup = WAKEUP_OF.get().expect("registered before any task exists");
                let context = call::method(py, &object, &names::GET_CONTEXT, &[]);
                Own::tuple(py, &[wakeup(py, &object)?, context?])?
            }
        };
        list.append(pair.bound(py))?;
    }
    Ok(Some(Own::from(list.into_any())))
}
