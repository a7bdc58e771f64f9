//! One step of a task.

use pyo3::exceptions::{PyKeyboardInterrupt, PySystemExit};
use pyo3::prelude::*;

use super::{Task, wait};
use crate::engine::Engine;
use crate::ffi::{Own, PyRes, Raised, call, context, coroutine, current_task, exception};
use crate::future::{Future, Outcome, cancelled_error_class, invalid_state};
use crate::names;

/// `Entry::Step`: sends `None` into the coroutine. Errors: only those that leave the loop.
///
/// All of a usual step in one function: what it calls is inlined here, but for what few steps need.
#[inline(never)]
pub fn step(py: Python<'_>, engine: &Own<Engine>, this: &Own<Task>) -> PyRes<()> {
    contain(py, this, on_engine(py, engine, this, None))
}

/// `Entry::Wake`: what the task awaits is done; its error is thrown, its result fetched by the coroutine itself.
#[inline]
pub fn wake(py: Python<'_>, engine: &Own<Engine>, this: &Own<Task>) -> PyRes<()> {
    let has_value = this.fut_waiter.peek(|future| match future {
        // The common case needs no look at the outcome: the coroutine asks for it.
        Some(future) => future.cast::<Future>().is_some_and(|f| f.has_value()),
        None => true,
    });
    if has_value {
        step(py, engine, this)
    } else {
        wake_with_error(py, engine, this)
    }
}

#[inline(never)]
fn wake_with_error(py: Python<'_>, engine: &Own<Engine>, this: &Own<Task>) -> PyRes<()> {
    let Some(future) = this.fut_waiter.get() else {
        return step(py, engine, this);
    };
    let done = match error_of(py, &future) {
        Ok(error) => on_engine(py, engine, this, error),
        Err(error) => Err(error),
    };
    contain(py, this, done)
}

/// An error of the machinery itself (a step of a task that is done, a broken awaitable) is the exception handler's.
#[inline]
fn contain(py: Python<'_>, this: &Own<Task>, done: PyRes<()>) -> PyRes<()> {
    done.or_else(|error| report(py, this, error))
}

#[cold]
fn report(py: Python<'_>, this: &Own<Task>, error: Raised) -> PyRes<()> {
    if error.leaves_the_loop(py) {
        return Err(error);
    }
    let exception = error.take(py);
    if let Some(engine) = this.engine() {
        Engine::forget_task(py, &engine)?;
    }
    let details = pyo3::types::PyDict::new(py);
    details.set_item("message", "Exception in callback TaskStepMethWrapper")?;
    details.set_item("exception", exception.bound(py))?;
    details.set_item("task", this.as_any().bound(py))?;
    this.report(py, details)
}

/// The error that a finished future, ours or foreign, has for its waiter.
pub(super) fn error_of(py: Python<'_>, future: &Own) -> PyRes<Option<Own>> {
    if let Some(future) = future.cast::<Future>() {
        return match future.outcome(py)? {
            Outcome::Error(error) => Ok(Some(error)),
            Outcome::Value(_) => Ok(None),
            Outcome::None => Ok(Some(invalid_state(py, "Result is not set.").take(py))),
        };
    }
    match call::method(py, future, &names::RESULT, &[]) {
        Ok(_value) => Ok(None),
        Err(error) => Ok(Some(error.take(py))),
    }
}

#[inline(always)]
fn on_engine(
    py: Python<'_>,
    engine: &Own<Engine>,
    this: &Own<Task>,
    error: Option<Own>,
) -> PyRes<()> {
    if !this.belongs_to(engine) {
        return moved(py, this, error);
    }
    Engine::note_task(py, engine, this.as_any())?;
    run(py, this, error)
}

/// `__init__` has given the task another loop since this step was scheduled.
#[cold]
fn moved(py: Python<'_>, this: &Own<Task>, error: Option<Own>) -> PyRes<()> {
    let engine = this.engine().ok_or_else(|| gone(py))?;
    Engine::note_task(py, &engine, this.as_any())?;
    run(py, this, error)
}

/// `RuntimeError` where another task is in the middle of a step.
pub(super) fn check_alone(py: Python<'_>, loop_: &Own, this: &Own<Task>) -> PyRes<()> {
    let Some(other) = current_task::get(py, loop_)? else {
        return Ok(());
    };
    let (task, other) = (this.as_any().bound(py).repr()?, other.bound(py).repr()?);
    let text =
        format!("Cannot enter into task {task} while another task {other} is being executed.");
    Err(Raised::new::<pyo3::exceptions::PyRuntimeError>(py, text))
}

/// A step on a foreign loop: the same between asyncio's enter and leave.
pub(super) fn on_foreign_loop(py: Python<'_>, this: &Own<Task>, error: Option<Own>) -> PyRes<()> {
    let loop_ = this.loop_object(py)?;
    check_alone(py, &loop_, this)?;
    current_task::set(py, &loop_, this.as_any())?;
    let done = run_inside(py, this, error).map_err(|error| error.take(py));
    current_task::clear(py, &loop_)?;
    done.map_err(|exception| exception::restore(py, exception))
}

/// Resumes the coroutine once, in the task's context, and acts on what it did. The caller has noted the current task.
#[inline(always)]
pub(super) fn run(py: Python<'_>, this: &Own<Task>, error: Option<Own>) -> PyRes<()> {
    let error = prepare(py, this, error)?;
    let Some(context) = this.context(py)? else {
        return Err(gone(py));
    };
    if let Err(entered) = context::enter(py, &context) {
        return run_in_entered(py, this, &context, entered, error.as_ref());
    }
    match resume(py, this, error.as_ref()) {
        coroutine::Step::Failed(error) => {
            let exception = error.take(py);
            context::exit(py, &context)?;
            drop(context);
            failed(py, this, exception)
        }
        done => {
            context::exit(py, &context)?;
            drop(context);
            settle(py, this, done)
        }
    }
}

/// The same in a context that cannot be entered; possible inside a run of the loop that stands still.
#[cold]
fn run_in_entered(
    py: Python<'_>,
    this: &Own<Task>,
    context: &Own,
    entered: Raised,
    error: Option<&Own>,
) -> PyRes<()> {
    let done = context::run_entered(py, context, entered, || {
        Ok(match resume(py, this, error) {
            coroutine::Step::Failed(error) => Err(error.take(py)),
            done => Ok(done),
        })
    })?;
    match done {
        Ok(done) => settle_apart(py, this, done),
        Err(exception) => failed(py, this, exception),
    }
}

/// The same where the caller is in the task's context already: `call_soon(step, context=context)`.
pub(super) fn run_inside(py: Python<'_>, this: &Own<Task>, error: Option<Own>) -> PyRes<()> {
    let error = prepare(py, this, error)?;
    let done = resume(py, this, error.as_ref());
    settle_apart(py, this, done)
}

#[inline(always)]
fn prepare(py: Python<'_>, this: &Own<Task>, error: Option<Own>) -> PyRes<Option<Own>> {
    if this.is_done() {
        return Err(already_done(py, this, error.as_ref()));
    }
    let error = if this.must_cancel.get() {
        Some(cancellation(py, this, error)?)
    } else {
        error
    };
    drop(this.fut_waiter.take());
    Ok(error)
}

#[inline(always)]
fn resume(py: Python<'_>, this: &Own<Task>, error: Option<&Own>) -> coroutine::Step {
    let Some(coro) = this.coro.get() else {
        return coroutine::Step::Failed(gone(py));
    };
    match error {
        None => coroutine::send(py, &coro),
        Some(error) => coroutine::throw(py, &coro, error),
    }
}

/// `settle` for steps that are taken in other ways than by the loop.
#[inline(never)]
fn settle_apart(py: Python<'_>, this: &Own<Task>, done: coroutine::Step) -> PyRes<()> {
    settle(py, this, done)
}

#[inline(always)]
fn settle(py: Python<'_>, this: &Own<Task>, done: coroutine::Step) -> PyRes<()> {
    match done {
        coroutine::Step::Yielded(what) => wait::on(py, this, what),
        coroutine::Step::Returned(value) => returned(py, this, value),
        coroutine::Step::Failed(error) => {
            let exception = error.take(py);
            failed(py, this, exception)
        }
    }
}

/// Only for tasks that the collector has cleared.
#[cold]
fn gone(py: Python<'_>) -> Raised {
    invalid_state(py, "the task has no coroutine any more")
}

#[cold]
fn already_done(py: Python<'_>, this: &Own<Task>, error: Option<&Own>) -> Raised {
    let shown = |object: &Own| {
        object
            .bound(py)
            .repr()
            .map_or_else(|_| "?".into(), |r| r.to_string())
    };
    let error = error.map_or_else(|| "None".to_owned(), shown);
    invalid_state(
        py,
        &format!("__step(): already done: {}, {error}", shown(this.as_any())),
    )
}

/// The `CancelledError` that `cancel()` has asked for; one that is on its way already will do.
#[cold]
fn cancellation(py: Python<'_>, this: &Own<Task>, error: Option<Own>) -> PyRes {
    this.must_cancel.set(false);
    match error {
        Some(error) if exception::matches(&error, cancelled_error_class(py)?) => Ok(error),
        _ => this.make_cancelled_error(py),
    }
}

fn returned(py: Python<'_>, this: &Own<Task>, value: Own) -> PyRes<()> {
    this.unlist();
    this.put_context_away(py);
    if this.must_cancel.replace(false) {
        // Cancelled in its very last step.
        let message = this.cancel_message();
        return Future::cancel(py, this.base(), message).map(drop);
    }
    Future::set_result(py, this.base(), value)
}

#[cold]
fn failed(py: Python<'_>, this: &Own<Task>, exception: Own) -> PyRes<()> {
    this.unlist();
    this.put_context_away(py);
    if exception::matches(&exception, cancelled_error_class(py)?) {
        this.set_cancelled_error(exception);
        return Future::cancel(py, this.base(), None).map(drop);
    }
    Future::set_exception(py, this.base(), exception.clone())?;
    let leaves = leaves_the_loop(py, &exception);
    if leaves {
        Err(exception::restore(py, exception))
    } else {
        Ok(())
    }
}

/// Is the exception one of the two that leave the loop?
fn leaves_the_loop(py: Python<'_>, exception: &Own) -> bool {
    let exception = exception.bound(py);
    exception.is_instance_of::<PyKeyboardInterrupt>() || exception.is_instance_of::<PySystemExit>()
}
