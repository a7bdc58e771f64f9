//! A run inside a run, for programs that have asked for it (`ferrio.allow_nested`).
//!
//! The enclosing run stands still in one of its callbacks. What it has in its hands goes to where the inner one finds it, and
//! for the task in the middle of whose step that happens, the inner run is an `await`: it is not the current task meanwhile, its
//! context is left, and its cancellation reaches what the inner run waits for. Runs end in reverse order of their beginning.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::{Loop, dispatch};
use crate::engine::{Engine, Suspended};
use crate::ffi::{Own, PyRes, Raised, call, context, current_task, exception, runtime};
use crate::names;
use crate::task::Task;

/// So many runs may stand still in a thread: each takes a piece of the stack, which must not end first.
const MOST: u32 = 100;

/// Does the loop, of whatever kind, allow a run inside its run?
pub(super) fn is_allowed(py: Python<'_>, loop_: &Own) -> PyRes<bool> {
    let answer = call::optional_attribute(py, loop_, &names::NEST_PATCHED)?;
    Ok(answer.is_some())
}

/// `RuntimeError` where the stack might not hold another one.
pub(super) fn check_depth(py: Python<'_>) -> PyRes<()> {
    if runtime::nested_runs() < MOST {
        return Ok(());
    }
    let text = format!("{MOST} runs of event loops are nested in this thread already");
    Err(Raised::new::<PyRuntimeError>(py, &text))
}

/// `RuntimeError` for a task that cannot go on before the run that would wait for it has ended.
pub(super) fn refuse_deadlock(py: Python<'_>, this: &Own<Loop>, future: &Own) -> PyRes<()> {
    let is_it = |task: &Own| task.as_ptr() == future.as_ptr();
    let is_current = Engine::current_task(py, this.base())?
        .as_ref()
        .is_some_and(is_it);
    if is_current || this.standing_still.with(|tasks| tasks.iter().any(is_it)) {
        let shown = future.bound(py).repr()?;
        let text = format!("Task cannot await on itself: {shown}: it is in the middle of a step");
        return Err(Raised::new::<PyRuntimeError>(py, &text));
    }
    Ok(())
}

/// The run that stands still.
pub(super) struct Enclosing {
    /// Its loop: the same one, another of ours, or any other.
    loop_: Own,
    task: Suspended,
    /// From 3.14 on a task in Python code is the current one in a register of its own.
    python_task: Option<Own>,
    /// The task's context, where it could be left.
    context: Option<Own>,
}

impl Enclosing {
    /// Its loop.
    pub(super) fn running_loop(&self) -> &Own {
        &self.loop_
    }
}

/// The thread's running loop stands still while another run begins, which waits for `awaited`.
pub(super) fn suspend(py: Python<'_>, running: &Own, awaited: Option<&Own>) -> PyRes<Enclosing> {
    let ours = running.cast::<Loop>();
    if let Some(running) = ours {
        // The run that begins may be another loop's, and wait for an answer to what this one has written.
        dispatch::flush(py, running)?;
    }
    let task = match ours {
        Some(running) => Engine::suspend_task(py, running.base())?,
        None => Suspended {
            current: current_task::swap(py, running, None)?,
            noted: None,
        },
    };
    if let Some(running) = ours {
        running.hand_over();
        let standing = task.current.clone();
        running.standing_still.with(|tasks| tasks.extend(standing));
    }
    runtime::count_nested_run(true);
    let mut enclosing = Enclosing {
        loop_: running.clone(),
        task,
        python_task: None,
        context: None,
    };
    match leave_step(py, &mut enclosing, awaited) {
        Ok(()) => Ok(enclosing),
        Err(error) => exception::and_then(py, Err(error), || resume(py, enclosing)),
    }
}

/// The task in whose step the run begins, be it one in Python, leaves its context and waits for what the run waits for.
fn leave_step(py: Python<'_>, enclosing: &mut Enclosing, awaited: Option<&Own>) -> PyRes<()> {
    // Behind `suspend_task`: 3.14 would show the native one here, too.
    enclosing.python_task = leave_python_task(py, &enclosing.loop_)?;
    let current = enclosing.task.current.as_ref();
    let Some(task) = current.and_then(|task| task.cast::<Task>()) else {
        return Ok(());
    };
    let own = task.context(py)?;
    enclosing.context = own.filter(|own| context::leave_if_current(py, own));
    match awaited {
        Some(future) => Task::await_inside_step(py, task, future),
        None => Ok(()),
    }
}

/// It goes on. It is the thread's running loop again.
pub(super) fn resume(py: Python<'_>, enclosing: Enclosing) -> PyRes<()> {
    runtime::count_nested_run(false);
    let Enclosing {
        loop_,
        task,
        python_task,
        context,
    } = enclosing;
    if let Some(task) = task.current.as_ref().and_then(|task| task.cast::<Task>()) {
        task.end_await_inside_step();
    }
    let entered = context.map_or(Ok(()), |context| context::enter(py, &context));
    match loop_.cast::<Loop>() {
        Some(running) => {
            if task.current.is_some() {
                drop(running.standing_still.with(Vec::pop));
            }
            Engine::resume_task(py, running.base(), task)?;
        }
        None => {
            if let Some(task) = &task.current {
                current_task::set(py, &loop_, task)?;
            }
        }
    }
    if let Some(task) = python_task {
        let enter = py.import("asyncio.tasks")?.getattr("_py_enter_task")?;
        enter.call1((loop_.bound(py), task.bound(py)))?;
    }
    entered
}

fn leave_python_task(py: Python<'_>, loop_: &Own) -> PyRes<Option<Own>> {
    if !cfg!(Py_3_14) {
        return Ok(None);
    }
    let (tasks, loop_) = (py.import("asyncio.tasks")?, loop_.bound(py));
    let task = tasks.getattr("_py_current_task")?.call1((loop_,))?;
    if task.is_none() {
        return Ok(None);
    }
    tasks.getattr("_py_leave_task")?.call1((loop_, &task))?;
    Ok(Some(Own::from(task)))
}

/// The end of what the enclosing run of the same loop waits for must not stop the inner one: its done callback is taken away,
/// or out of the ready queue. Hands out what to wait for again.
pub(super) fn disarm(py: Python<'_>, this: &Own<Loop>, stop: &Own) -> PyRes<Option<Own>> {
    if this.thread() != runtime::thread_ident() {
        // It stands still, or another thread has begun to run it: then this run will be refused, and that one goes on.
        return Ok(None);
    }
    let Some(future) = this.awaited.take() else {
        return Ok(None);
    };
    let removed = call::method(py, &future, &names::REMOVE_DONE_CALLBACK, &[stop])?;
    if call::truth(py, &removed)? {
        return Ok(Some(future));
    }
    match this.find_call(stop, &future) {
        Some(handle) => {
            handle.mark_cancelled();
            Ok(Some(future))
        }
        // It has stopped the enclosing run, which keeps that in mind.
        None => Ok(None),
    }
}

/// Undoes `disarm`; where the future is done by now the enclosing run is stopped in its next turn.
pub(super) fn arm(py: Python<'_>, this: &Own<Loop>, stop: &Own, future: Option<Own>) -> PyRes<()> {
    let Some(future) = future else {
        return Ok(());
    };
    call::method(py, &future, &names::ADD_DONE_CALLBACK, &[stop])?;
    this.awaited.set(Some(future));
    Ok(())
}
