//! Who awaits a future: `_asyncio_awaited_by`, which `asyncio.capture_call_graph` follows (CPython 3.14).
//!
//! A task that waits natively is among the waiters anyway, so the steps of tasks note nothing. Noted are those who wait
//! otherwise: on other implementations' loops, and in `gather`, `wait`, `shield` and `TaskGroup`, which say so through
//! `asyncio.future_add_to_awaited_by`.

use pyo3::prelude::*;
use pyo3::types::{PyFrozenSet, PySet};

use super::{Field, Future, Waiter};
use crate::ffi::{Immortal, Own, PyRes, call};

impl Future {
    /// Notes that `waiter`, a task or future of any implementation, awaits this future. Nothing before 3.14.
    pub fn note_awaiter(py: Python<'_>, this: &Own<Self>, waiter: &Own) -> PyRes<()> {
        if !cfg!(Py_3_14) {
            return Ok(());
        }
        let noted = match this.rare.get(Field::AwaitedBy) {
            Some(noted) => noted,
            None => {
                let noted = Own::from(PySet::empty(py)?.into_any());
                this.rare.set(Field::AwaitedBy, Some(noted.clone()));
                noted
            }
        };
        set(py, &noted)?.add(waiter.bound(py))?;
        Ok(())
    }

    /// Takes the note back; one that is not there is no error.
    pub fn forget_awaiter(py: Python<'_>, this: &Own<Self>, waiter: &Own) -> PyRes<()> {
        if let Some(noted) = this.rare.get(Field::AwaitedBy) {
            set(py, &noted)?.discard(waiter.bound(py))?;
        }
        Ok(())
    }

    /// A task that waits for this future as one of our own engine's.
    pub fn waiting_task(&self) -> Option<Own> {
        self.waiters.with(|waiters| {
            waiters.iter().find_map(|waiter| match waiter {
                Waiter::Task(task) => Some(task.0.clone()),
                _ => None,
            })
        })
    }

    /// `_asyncio_awaited_by`: a frozenset, or None where nobody waits.
    pub(super) fn awaiters(py: Python<'_>, this: &Own<Self>) -> PyRes<Option<Own>> {
        // Copied first: making Python objects may run the collector, and with it anything.
        let (mut tasks, mut watchers) = (Vec::new(), Vec::new());
        this.waiters.with(|waiters| {
            for waiter in waiters.iter() {
                match waiter {
                    Waiter::Task(task) => tasks.push(task.0.clone()),
                    Waiter::Watcher { watcher, kind } => watchers.push((watcher.clone(), *kind)),
                    Waiter::Callback { .. } => {}
                }
            }
        });
        for (watcher, kind) in watchers {
            tasks.extend((kind.awaiter)(py, &watcher)?);
        }
        let all = PySet::empty(py)?;
        for task in tasks {
            all.add(task.bound(py))?;
        }
        if let Some(noted) = this.rare.get(Field::AwaitedBy) {
            for waiter in PyFrozenSet::new(py, set(py, &noted)?)? {
                all.add(waiter)?;
            }
        }
        if all.is_empty() {
            return Ok(None);
        }
        Ok(Some(Own::from(PyFrozenSet::new(py, all)?.into_any())))
    }
}

fn set<'a, 'py>(py: Python<'py>, noted: &'a Own) -> PyRes<&'a Bound<'py, PySet>> {
    Ok(noted.bound(py).cast::<PySet>().map_err(PyErr::from)?)
}

/// `asyncio.future_add_to_awaited_by` for futures of ours; others are left to CPython's.
pub fn add_to_awaited_by(py: Python<'_>, future: &Own, waiter: &Own) -> PyRes<()> {
    static STOCK: Immortal = Immortal::empty();
    match future.cast::<Future>() {
        Some(future) if is_native(py, waiter)? => Future::note_awaiter(py, future, waiter),
        Some(_) => Ok(()),
        None => stock(py, &STOCK, "future_add_to_awaited_by", future, waiter),
    }
}

/// `asyncio.future_discard_from_awaited_by`, likewise.
pub fn discard_from_awaited_by(py: Python<'_>, future: &Own, waiter: &Own) -> PyRes<()> {
    static STOCK: Immortal = Immortal::empty();
    match future.cast::<Future>() {
        Some(future) => Future::forget_awaiter(py, future, waiter),
        None => stock(py, &STOCK, "future_discard_from_awaited_by", future, waiter),
    }
}

/// One of ours or of CPython's C types. Graphs are made of these only: one of `asyncio.futures._PyFuture` is an error in them.
fn is_native(py: Python<'_>, object: &Own) -> PyRes<bool> {
    static STOCK: Immortal = Immortal::empty();
    if object.cast::<Future>().is_some() {
        return Ok(true);
    }
    let class = STOCK.import(py, "_asyncio", "Future")?;
    Ok(object.bound(py).is_instance(class.bound(py))?)
}

fn stock(
    py: Python<'_>,
    cell: &'static Immortal,
    name: &str,
    future: &Own,
    waiter: &Own,
) -> PyRes<()> {
    let function = cell.import(py, "_asyncio", name)?;
    call::call(py, function, &[future.clone(), waiter.clone()]).map(drop)
}
