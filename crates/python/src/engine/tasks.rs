//! The engine's two notes about tasks: which one runs now, and which exist.
//!
//! The current task is noted where CPython keeps it (`ffi::current_task`). Removing the note after every step would cost as
//! much as the step's own bookkeeping, so it stays until something that is no step runs: nobody can look in between.

use ferrio_core::slab::SlabKey;
use pyo3::prelude::*;

use super::Engine;
use crate::ffi::{Any, Own, PyRes, Unowned, current_task};

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
    pub fn enlist(&self, task: Unowned<Any>) -> SlabKey {
        self.tasks.with(|tasks| tasks.insert(task))
    }

    /// It is done, or dies.
    #[inline]
    pub fn delist(&self, key: SlabKey) {
        self.tasks.with(|tasks| tasks.remove(key));
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
