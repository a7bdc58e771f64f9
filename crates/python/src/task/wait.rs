//! What a coroutine may yield to its task, and how the task waits for it.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::{Task, cancel, functions};
use crate::engine::{Engine, Entry, TaskRef};
use crate::ffi::{Immortal, Own, PyRes, Raised, call};
use crate::future::Future;
use crate::names;

/// Waits for what the coroutine has yielded.
#[inline(always)]
pub(super) fn on(py: Python<'_>, this: &Own<Task>, what: Own) -> PyRes<()> {
    if what.is_none() {
        return soon(py, this);
    }
    // Exact types only: a subclass may override add_done_callback and is owed the call.
    let native = what
        .exact::<Future>()
        .or_else(|| what.exact::<Task>().map(Own::base))
        .or_else(|| Future::derived(&what));
    match native {
        Some(future) => on_future(py, this, future, &what),
        None => on_stranger(py, this, what),
    }
}

#[inline]
fn on_future(py: Python<'_>, this: &Own<Task>, future: &Own<Future>, what: &Own) -> PyRes<()> {
    let same_engine = this.shares_engine(future) && !what.is(this);
    if !same_engine || !future.take_blocking() {
        return on_unusual_future(py, this, future, what);
    }
    this.fut_waiter.set(Some(what.clone()));
    Future::add_task(py, future, TaskRef(this.as_any().clone()))?;
    if this.must_cancel.get() {
        cancel_at_once(py, this, what)?;
    }
    Ok(())
}

/// On a foreign loop, and mistakes.
#[inline(never)]
fn on_unusual_future(
    py: Python<'_>,
    this: &Own<Task>,
    future: &Own<Future>,
    what: &Own,
) -> PyRes<()> {
    if what.is(this) {
        return complain(
            py,
            this,
            &format!("Task cannot await on itself: {}", shown(py, what)),
        );
    }
    if !this.loop_object(py)?.is(&future.loop_object(py)?) {
        return complain(py, this, &different_loop(py, this, what));
    }
    // Where it is on one of ours, the mark has been found missing.
    if this.shares_engine(future) || !future.take_blocking() {
        return complain(py, this, &yield_instead(py, this, what));
    }
    let wakeup = functions::wakeup_function(py, this)?;
    Future::add_callback(py, future, wakeup, functions::context_of(py, this))?;
    Future::note_awaiter(py, future, this.as_any())?;
    this.fut_waiter.set(Some(what.clone()));
    if this.must_cancel.get() {
        cancel_at_once(py, this, what)?;
    }
    Ok(())
}

/// `cancel()` came while the coroutine ran: what it waits for now is cancelled instead.
#[cold]
fn cancel_at_once(py: Python<'_>, this: &Own<Task>, what: &Own) -> PyRes<()> {
    if cancel::forward(py, what, this.cancel_message())? {
        this.must_cancel.set(false);
    }
    Ok(())
}

/// Another turn of the loop: a bare `yield`, `sleep(0)`.
#[inline]
pub(super) fn soon(py: Python<'_>, this: &Own<Task>) -> PyRes<()> {
    let entry = Entry::Step(TaskRef(this.as_any().clone()));
    match this.schedule_usually(entry) {
        None => Ok(()),
        Some(entry) => soon_unusually(py, this, entry),
    }
}

#[cold]
fn soon_unusually(py: Python<'_>, this: &Own<Task>, entry: Entry) -> PyRes<()> {
    match this.engine() {
        Some(engine) => engine.schedule(py, entry),
        None => call_soon(py, this, None),
    }
}

/// `loop.call_soon(step[, error], context=context)`: on foreign loops, and for errors.
pub(super) fn call_soon(py: Python<'_>, this: &Own<Task>, error: Option<Own>) -> PyRes<()> {
    let step = functions::step_function(py, this)?;
    let context = functions::context_of(py, this);
    let mut args = vec![step];
    args.extend(error);
    if let Some(engine) = this.engine() {
        let (step, rest) = args.split_first().expect("begins with the step");
        return Engine::call_soon(py, &engine, step, rest, Some(&context)).map(drop);
    }
    let call_soon = call::attribute(py, &this.loop_object(py)?, &names::CALL_SOON)?;
    call::call_with(py, &call_soon, &args, &[(&names::CONTEXT, context)]).map(drop)
}

/// Throws a `RuntimeError` into the coroutine in the next turn.
#[cold]
fn complain(py: Python<'_>, this: &Own<Task>, text: &str) -> PyRes<()> {
    let error = Raised::new::<PyRuntimeError>(py, text).take(py);
    call_soon(py, this, Some(error))
}

fn shown(py: Python<'_>, object: &Own) -> String {
    object
        .bound(py)
        .repr()
        .map_or_else(|_| "?".to_owned(), |repr| repr.to_string())
}

fn different_loop(py: Python<'_>, this: &Own<Task>, what: &Own) -> String {
    let (task, future) = (shown(py, this.as_any()), shown(py, what));
    format!("Task {task} got Future {future} attached to a different loop")
}

fn yield_instead(py: Python<'_>, this: &Own<Task>, what: &Own) -> String {
    let (task, future) = (shown(py, this.as_any()), shown(py, what));
    format!("yield was used instead of yield from in task {task} with {future}")
}

/// Anything that is none of our futures: other implementations' futures by their protocol, and mistakes.
#[cold]
fn on_stranger(py: Python<'_>, this: &Own<Task>, what: Own) -> PyRes<()> {
    if what.is(this) {
        return complain(
            py,
            this,
            &format!("Task cannot await on itself: {}", shown(py, &what)),
        );
    }
    let blocking = call::optional_attribute(py, &what, &names::FUTURE_BLOCKING)?;
    let Some(blocking) = blocking.filter(|blocking| !blocking.is_none()) else {
        return complain(py, this, &bad_yield(py, this, &what));
    };
    if !loop_of(py, &what)?.is(&this.loop_object(py)?) {
        return complain(py, this, &different_loop(py, this, &what));
    }
    if !call::truth(py, &blocking)? {
        return complain(py, this, &yield_instead(py, this, &what));
    }
    call::set_attribute(py, &what, &names::FUTURE_BLOCKING, &Own::bool(py, false))?;
    let add = call::attribute(py, &what, &names::ADD_DONE_CALLBACK)?;
    let wakeup = functions::wakeup_function(py, this)?;
    let context = functions::context_of(py, this);
    call::call_with(py, &add, &[wakeup], &[(&names::CONTEXT, context)])?;
    if let Some(future) = what.cast::<Future>() {
        Future::note_awaiter(py, future, this.as_any())?;
    }
    this.fut_waiter.set(Some(what.clone()));
    if this.must_cancel.get() {
        cancel_at_once(py, this, &what)?;
    }
    Ok(())
}

fn bad_yield(py: Python<'_>, this: &Own<Task>, what: &Own) -> String {
    let (task, shown) = (shown(py, this.as_any()), shown(py, what));
    if call::is_generator(what) {
        return format!(
            "yield was used instead of yield from for generator in task {task} with {shown}"
        );
    }
    format!("Task got bad yield: {shown}")
}

/// A foreign future's loop: `get_loop()`, or `_loop` of very old ones.
fn loop_of(py: Python<'_>, future: &Own) -> PyRes {
    static GET_LOOP: Immortal = Immortal::empty();
    call::call1(
        py,
        GET_LOOP.import(py, "asyncio.futures", "_get_loop")?,
        future,
    )
}
