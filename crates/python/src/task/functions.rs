//! The two functions that loops and futures of other implementations are given of a task.
//!
//! A step may end by giving away the function that takes the next one. So that this file stands below those that step, it
//! is told what the functions do.

use std::sync::OnceLock;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::Task;
use crate::ffi::call::FunctionCell;
use crate::ffi::{Args, Own, PyRes, Raised, call};
use crate::future::context_or_copy;

/// Where the two functions lead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entrances {
    /// Takes a step; throws the error, where one is given.
    pub(super) step: fn(Python<'_>, &Own<Task>, Option<&Own>) -> PyRes<()>,
    /// The future that the task awaits is done.
    pub(super) wakeup: fn(Python<'_>, &Own<Task>, &Own) -> PyRes<()>,
}

static ENTRANCES: OnceLock<Entrances> = OnceLock::new();

/// Registers where the functions lead.
pub(super) fn set_entrances(entrances: Entrances) {
    // A second import of the module registers the same functions.
    let _ = ENTRANCES.set(entrances);
}

fn entrances() -> &'static Entrances {
    ENTRANCES.get().expect("registered before any task exists")
}

/// The task's context; a cleared task answers with a copy of the current one.
pub(super) fn context_of(py: Python<'_>, this: &Own<Task>) -> Own {
    this.context(py)
        .ok()
        .flatten()
        .or_else(|| context_or_copy(py, None).ok())
        .unwrap_or_else(|| Own::none(py))
}

/// What a foreign loop is given to run the next step.
pub(super) fn step_function(py: Python<'_>, this: &Own<Task>) -> PyRes {
    static STEP: FunctionCell = FunctionCell::new(c"TaskStepMethWrapper");
    call::bound_function(
        py,
        this,
        &STEP,
        |py: Python<'_>, this: &Own<Task>, args: Args<'_>| {
            (entrances().step)(py, this, args.positional().first())
        },
    )
}

/// What a foreign future is given to wake the task.
pub(super) fn wakeup_function(py: Python<'_>, this: &Own<Task>) -> PyRes {
    static WAKEUP: FunctionCell = FunctionCell::new(c"task_wakeup");
    call::bound_function(
        py,
        this,
        &WAKEUP,
        |py: Python<'_>, this: &Own<Task>, args: Args<'_>| match args.positional() {
            [future] => (entrances().wakeup)(py, this, future),
            _ => {
                let text = "task_wakeup() takes exactly one argument";
                Err(Raised::new::<PyTypeError>(py, text))
            }
        },
    )
}

/// How `Future._callbacks` shows a waiting task.
pub(super) fn wakeup_of(py: Python<'_>, task: &Own) -> PyRes {
    wakeup_function(py, task.cast::<Task>().expect("only tasks wait natively"))
}
