//! The engine's notes about tasks: which one runs now, which exist, and which it keeps alive.
//!
//! Two notes say which task is the current one: ours, and CPython's register (`ffi::current_task`). Up to 3.13 the register is a
//! dict in which the loop is the key: whoever asks it has to ask for the loop's hash first. So only then is the task put
//! there (`show_task`): a step that nobody asks about does not touch the dict. From 3.14 on both are written with every step.
//!
//! Removing the note after every step would cost as much as the step's own bookkeeping, so it stays until something that
//! is no step runs: nobody can look in between.

use std::cell::Cell;
use std::collections::HashMap;

use ferrio_core::slab::SlabKey;
use pyo3::prelude::*;
use pyo3::types::PySet;

use super::Engine;
use crate::ffi::{Class, GuardedCell, Own, PyRes, Slot, Unowned, Visit, call, current_task};
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
    #[inline(always)]
    pub fn note_task(py: Python<'_>, this: &Own<Self>, task: &Own) -> PyRes<()> {
        let before = this.task_noted.take();
        if this.shows_tasks_late.get() {
            if this.task_shown.get() {
                Self::withdraw_task(py, this)?;
            }
            // If only the note held it, it dies here: as nobody's current task.
            drop(before);
            this.task_noted.set(Some(task.clone()));
            return Ok(());
        }
        if before.is_some_and(|before| before.refcount() == 2) {
            // Only the note holds it any more: it must not die as somebody's current task, least of all the next one's.
            Self::withdraw_task(py, this)?;
        }
        this.task_noted.set(Some(task.clone()));
        this.task_shown.set(true);
        current_task::set(py, this.as_any(), task).inspect_err(|_| {
            // From 3.14 on a loop that does not run can have no current task.
            this.task_shown.set(false);
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
        if this.task_shown.get() {
            Self::withdraw_task(py, this)?;
        }
        Ok(())
    }

    /// Takes what we have put there out of CPython's register.
    #[cold]
    fn withdraw_task(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        this.task_shown.set(false);
        current_task::clear(py, this.as_any())
    }

    /// Somebody is about to look into CPython's register: puts the noted task there, if it is not there yet.
    fn show_task(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        if this.task_shown.get() {
            return Ok(());
        }
        let Some(task) = this.task_noted.get() else {
            return Ok(());
        };
        // First the flag: the loop's hash is asked for on the way.
        this.task_shown.set(true);
        current_task::set(py, this.as_any(), &task)
    }

    /// `hash(loop)`, without which nobody finds the loop in a dict.
    pub(super) fn hash(py: Python<'_>, this: &Own<Self>) -> isize {
        if let Err(error) = Self::show_task(py, this) {
            error.write_unraisable(py, Some(this.as_any()));
        }
        // As that of any object: its address, without the bits that are always the same.
        (this.as_ptr() as usize).rotate_right(4) as isize
    }

    /// A run begins: may tasks be shown late? Not where a class made in Python has another hash.
    pub fn choose_when_to_show_tasks(this: &Own<Self>) {
        let is_asked = this.as_any().hashes_as(<Self as Class>::slot());
        this.shows_tasks_late.set(cfg!(not(Py_3_14)) && is_asked);
    }

    /// `asyncio.current_task(loop)`.
    pub fn current_task(py: Python<'_>, this: &Own<Self>) -> PyRes<Option<Own>> {
        if this.shows_tasks_late.get() && !this.task_shown.get() {
            if let Some(task) = this.task_noted.get() {
                return Ok(Some(task));
            }
        }
        current_task::get(py, this.as_any())
    }

    /// For a run inside a step: takes the current task away, to be given back by `resume_task`.
    pub fn suspend_task(py: Python<'_>, this: &Own<Self>) -> PyRes<Suspended> {
        Self::show_task(py, this)?;
        let noted = this.task_noted.take();
        let current = match current_task::get(py, this.as_any())? {
            None => None,
            Some(_) => current_task::swap(py, this.as_any(), None)?,
        };
        this.task_shown.set(false);
        Ok(Suspended { current, noted })
    }

    /// Undoes `suspend_task`.
    pub fn resume_task(py: Python<'_>, this: &Own<Self>, task: Suspended) -> PyRes<()> {
        // What was current then is again, be it another one than the noted (an eager start) or none.
        let is_shown = task.current.is_some() || task.noted.is_some();
        this.task_shown.set(is_shown);
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
