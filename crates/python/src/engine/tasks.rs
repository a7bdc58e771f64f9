//! The engine's notes about tasks: which one runs now, which exist, and which it keeps alive.
//!
//! The current task is noted where CPython keeps it (`ffi::current_task`). Removing the note after every step would cost as
//! much as the step's own bookkeeping, so it stays until something that is no step runs: nobody can look in between.

use std::cell::Cell;
use std::collections::HashMap;

use ferrio_core::slab::SlabKey;
use pyo3::prelude::*;
use pyo3::types::PySet;

use super::Engine;
use crate::ffi::{GuardedCell, Own, PyRes, Slot, Unowned, Visit, call, current_task};
use crate::names;

/// References to tasks that are not done, where the program wants that (`loop.keep_tasks_alive`).
#[derive(Debug)]
pub(super) struct Kept {
    is_on: Cell<bool>,
    /// By their place in the list. Empty while it is off.
    ours: GuardedCell<HashMap<SlabKey, Own>>,
    /// A Python set of the others, once there is one.
    foreign: Slot,
}

impl Kept {
    pub(super) fn new() -> Self {
        Self {
            is_on: Cell::new(false),
            ours: GuardedCell::new(HashMap::new()),
            foreign: Slot::empty(),
        }
    }

    pub(super) fn release(&self) {
        drop(self.ours.take());
        self.foreign.set(None);
    }

    pub(super) fn traverse(&self, visit: &mut Visit) {
        let _ = self
            .ours
            .look(|kept| kept.values().for_each(|task| visit.own(task)));
        visit.slot(&self.foreign);
    }
}

/// The current task of a run that stands still.
#[derive(Debug)]
pub struct Suspended {
    /// Whom `asyncio.current_task()` named.
    pub current: Option<Own>,
    /// Whom we had noted; in an eager start that is another one.
    pub noted: Option<Own>,
}

impl Engine {
    /// A step of `task` begins.
    #[inline]
    pub fn note_task(py: Python<'_>, this: &Own<Self>, task: &Own) -> PyRes<()> {
        let before = this.task_noted.replace(Some(task.clone()));
        if before.is_some_and(|before| before.refcount() == 2) {
            // Only the note holds it any more: it must not die as somebody's current task, least of all the next one's.
            current_task::clear(py, this.as_any())?;
        }
        current_task::set(py, this.as_any(), task).inspect_err(|_| {
            // From 3.14 on a loop that does not run can have no current task.
            drop(this.task_noted.take());
        })
    }

    /// Something that is no step begins.
    #[inline]
    pub fn forget_task(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        if this.task_noted.is_empty() {
            return Ok(());
        }
        let _task = this.task_noted.take();
        current_task::clear(py, this.as_any())
    }

    /// For a run inside a step: takes the current task away, to be given back by `resume_task`.
    pub fn suspend_task(py: Python<'_>, this: &Own<Self>) -> PyRes<Suspended> {
        let noted = this.task_noted.take();
        let current = match current_task::get(py, this.as_any())? {
            None => None,
            Some(_) => current_task::swap(py, this.as_any(), None)?,
        };
        Ok(Suspended { current, noted })
    }

    /// Undoes `suspend_task`.
    pub fn resume_task(py: Python<'_>, this: &Own<Self>, task: Suspended) -> PyRes<()> {
        this.task_noted.set(task.noted);
        match task.current {
            Some(task) => current_task::set(py, this.as_any(), &task),
            None => Ok(()),
        }
    }

    /// A task exists and is not done.
    #[inline]
    pub fn enlist(&self, task: &Own) -> SlabKey {
        let key = self.tasks.with(|tasks| tasks.insert(Unowned::note(task)));
        if self.kept.is_on.get() {
            self.kept.ours.with(|kept| kept.insert(key, task.clone()));
        }
        key
    }

    /// It is done, or dies.
    #[inline]
    pub fn delist(&self, key: SlabKey) {
        self.tasks.with(|tasks| tasks.remove(key));
        if self.kept.is_on.get() {
            let kept = self.kept.ours.with(|kept| kept.remove(&key));
            drop(kept);
        }
    }

    /// Does it keep tasks alive?
    #[inline]
    pub fn keeps_tasks(&self) -> bool {
        self.kept.is_on.get()
    }

    /// From now on tasks are kept alive until they are done, those that exist too; or are not any more.
    pub fn keep_tasks(&self, py: Python<'_>, on: bool) {
        self.kept.is_on.set(on);
        if !on {
            self.kept.release();
            return;
        }
        let listed = self.tasks.with(|tasks| {
            let listed = tasks.iter();
            listed
                .filter_map(|(key, task)| Some((key, task.upgrade(py)?)))
                .collect::<Vec<_>>()
        });
        // What stood there is the same task: nothing dies here.
        self.kept.ours.with(|kept| kept.extend(listed));
    }

    /// Keeps a task of another kind, which a task factory has made.
    pub fn keep_foreign_task(&self, py: Python<'_>, task: &Own) -> PyRes<()> {
        if call::truth(py, &call::method(py, task, &names::DONE, &[])?)? {
            return Ok(());
        }
        let kept = match self.kept.foreign.get() {
            Some(kept) => kept,
            None => {
                let kept = Own::from(PySet::empty(py)?.into_any());
                self.kept.foreign.set(Some(kept.clone()));
                kept
            }
        };
        call::method(py, &kept, &names::ADD, &[task])?;
        let discard = call::attribute(py, &kept, &names::DISCARD)?;
        call::method(py, task, &names::ADD_DONE_CALLBACK, &[&discard]).map(drop)
    }

    /// All tasks that are not done.
    pub fn listed_tasks(&self, py: Python<'_>) -> Vec<Own> {
        self.tasks.with(|tasks| {
            tasks
                .iter()
                .filter_map(|(_, task)| task.upgrade(py))
                .collect()
        })
    }
}
