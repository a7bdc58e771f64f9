//! ROOM    floor 3: `create_task` and `ensure_future`
//! KNOWS   ffi, names, engine, awaitable            NEVER   the event loop's class: `loop.create_task` is a method call
//! IN      a coroutine or a future                  OUT     a task, or that future
//! PROOF   tests/behaviour/tasks/test_spawning.py, CPython's test_tasks with `--replace-from ferrio`
//! START   `create_task`
//!
//! Native where the running loop is ours and there is nothing but a coroutine (or, for `ensure_future`, a future of ours); everything
//! else is given to the stdlib's functions. No states: nothing outlives the call.

use pyo3::prelude::*;

use crate::awaitable::{is_native_coroutine, native_future, task_of};
use crate::engine::Engine;
use crate::ffi::{Args, Function, Own, PyRes, call, function};
use crate::names;

fn create_task(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    if let ([coro], false) = (args.positional(), args.has_keywords()) {
        if let Some(engine) = Engine::running(py)? {
            return call::method(py, engine.as_any(), &names::CREATE_TASK, &[coro]);
        }
    }
    this.call_stock(py, args)
}

fn ensure_future(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    if let ([argument], false) = (args.positional(), args.has_keywords()) {
        if native_future(argument).is_some() {
            return Ok(argument.clone());
        }
        if is_native_coroutine(argument) {
            if let Some(engine) = Engine::running(py)? {
                return task_of(py, &engine, argument);
            }
        }
    }
    this.call_stock(py, args)
}

/// Names and functions of this room.
pub fn functions(py: Python<'_>) -> PyRes<Vec<(&'static str, Own<Function>)>> {
    let stock = |name| function::stock(py, "asyncio.tasks", name);
    Ok(vec![
        (
            "create_task",
            Function::new(py, stock("create_task")?, create_task)?,
        ),
        (
            "ensure_future",
            Function::new(py, stock("ensure_future")?, ensure_future)?,
        ),
    ])
}
