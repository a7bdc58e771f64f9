//! Starting a task: eagerly, and on loops of other implementations.

use pyo3::prelude::*;

use super::{Task, step, wait};
use crate::engine::Engine;
use crate::ffi::{Own, PyRes, call, current_task, exception};
use crate::future::Future;
use crate::names;

/// Takes the first step now, inside whatever runs. If that finishes the task, it has never been scheduled.
pub(super) fn start(py: Python<'_>, this: &Own<Task>) -> PyRes<()> {
    let loop_ = this.loop_object(py)?;
    let before = current_task::swap(py, &loop_, Some(this.as_any()))?;
    let done = step::run(py, this, None).map_err(|error| error.take(py));
    current_task::swap(py, &loop_, before.as_ref())?;
    if this.is_done() {
        drop(this.coro.take());
    }
    done.map_err(|exception| exception::restore(py, exception))
}

/// asyncio's own registers, for tasks that none of our engines lists.
fn register(py: Python<'_>, this: &Own<Task>, function: &str) -> PyRes<()> {
    let tasks = py.import("asyncio.tasks")?;
    tasks.getattr(function)?.call1((this.as_any().bound(py),))?;
    Ok(())
}

pub(super) fn start_on_foreign_loop(
    py: Python<'_>,
    this: &Own<Task>,
    eager_start: bool,
) -> PyRes<()> {
    let loop_ = this.loop_object(py)?;
    let running = || call::truth(py, &call::method(py, &loop_, &names::IS_RUNNING, &[])?);
    if cfg!(Py_3_12) && eager_start && running()? {
        register(py, this, "_register_eager_task")?;
        let started = start(py, this).map_err(|error| error.take(py));
        register(py, this, "_unregister_eager_task")?;
        if !this.is_done() {
            register(py, this, "_register_task")?;
        }
        return started.map_err(|exception| exception::restore(py, exception));
    }
    wait::call_soon(py, this, None)?;
    register(py, this, "_register_task")
}

/// A step that came through `call_soon`.
pub(super) fn foreign_step(py: Python<'_>, this: &Own<Task>, error: Option<&Own>) -> PyRes<()> {
    let error = error.filter(|error| !error.is_none()).cloned();
    match this.engine() {
        Some(engine) => {
            // Through `call_soon` nobody is noted here; a foreign future that calls back at once meets whoever runs.
            step::check_alone(py, engine.as_any(), this)?;
            Engine::note_task(py, &engine, this.as_any())?;
            let done = step::run_inside(py, this, error).map_err(|error| error.take(py));
            Engine::forget_task(py, &engine)?;
            done.map_err(|exception| exception::restore(py, exception))
        }
        None => step::on_foreign_loop(py, this, error),
    }
}

/// The done callback of what a task awaits, where it could not wait natively.
pub(super) fn foreign_wakeup(py: Python<'_>, this: &Own<Task>, future: &Own) -> PyRes<()> {
    if let Some(future) = future.cast::<Future>() {
        Future::forget_awaiter(py, future, this.as_any())?;
    }
    let error = step::error_of(py, future)?;
    foreign_step(py, this, error.as_ref())
}
