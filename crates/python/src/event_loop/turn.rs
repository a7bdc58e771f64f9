//! One turn of the loop, on one screen.
//!
//! asyncio polls before every turn. A system call and a clock read a turn would cost more than a task's step, so while
//! work is ready ferrio polls only when the poll budget (50 µs of callbacks, 12 where polls find something, `core::budget`) is spent;
//! with nothing ready, every turn polls. Turn boundaries are asyncio's: a turn runs what was ready when it began, `stop()` ends it.

use pyo3::prelude::*;

use super::{Loop, dispatch, signals, stopwatch};
use crate::engine::{Engine, Entry, SinkCall, SinkRef, TaskRef, Wait};
use crate::ffi::{Own, PyRes};
use crate::handle::{self, Handle};
use crate::task::{self, Task};

/// Runs turns until `stop()`. Errors: `KeyboardInterrupt` and `SystemExit` of callbacks, errors of the poller; what was
/// ready behind them stays ready.
pub(super) fn run(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    let done = turns(py, this);
    if done.is_err() {
        this.put_back();
    }
    done
}

fn turns(py: Python<'_>, this: &Own<Loop>) -> PyRes<()> {
    let engine = this.base::<Engine>();
    // The first turn looks at the kernel, whatever is ready.
    let mut look = true;
    loop {
        engine.count_turn();
        // Ask the kernel. Calls from other threads go behind what is ready.
        if look {
            Engine::forget_task(py, engine)?;
            // What was written outside of any entry: before the run, by a finalizer, by a signal handler.
            dispatch::flush(py, this)?;
            engine.poll(py, patience(py, this, engine)?)?;
            if engine.has_own_clock() {
                Engine::collect_due_by_own_clock(py, engine)?;
            }
        }
        // Run what is ready now; what these calls schedule belongs to the next turn.
        let ready = engine.ready_len();
        for _ in 0..ready {
            let Some(entry) = engine.next_entry() else {
                break;
            };
            run_or_watch(py, this, engine, entry)?;
        }
        // Then the kernel's events, then the timers that were due: asyncio's order.
        if look {
            Engine::forget_task(py, engine)?;
            dispatch::news(py, this)?;
            run_due(py, this, engine)?;
        }
        dispatch::flush(py, this)?;
        if engine.is_stopping() {
            return Engine::forget_task(py, engine);
        }
        look = engine.spend(ready) || engine.ready_len() == 0;
    }
}

/// How long the poll may sleep, all prepared for that.
#[inline]
fn patience(py: Python<'_>, this: &Own<Loop>, engine: &Own<Engine>) -> PyRes<Wait> {
    let wait = Engine::patience_by_clock(py, engine)?;
    if wait == Wait::No || !signals::prepare_sleep(py, this)? {
        return Ok(wait);
    }
    // A handler that has run may have given the loop something to do.
    Engine::patience_by_clock(py, engine)
}

/// Timers whose deadline had passed at the poll.
fn run_due(py: Python<'_>, this: &Own<Loop>, engine: &Own<Engine>) -> PyRes<()> {
    while let Some(timer) = engine.next_due() {
        let entry = Entry::Call(timer.base().clone());
        drop(timer);
        run_or_watch(py, this, engine, entry)?;
    }
    Ok(())
}

#[inline]
fn run_or_watch(py: Python<'_>, this: &Own<Loop>, engine: &Own<Engine>, entry: Entry) -> PyRes<()> {
    if engine.is_debug() {
        run_watched(py, this, engine, entry)
    } else {
        run_entry(py, this, engine, entry)
    }
}

#[inline]
fn run_entry(py: Python<'_>, this: &Own<Loop>, engine: &Own<Engine>, entry: Entry) -> PyRes<()> {
    match entry {
        Entry::Step(task) => task::step(py, engine, open(&task))?,
        Entry::Wake(task) => task::wake(py, engine, open(&task))?,
        Entry::Call(handle) => {
            Engine::forget_task(py, engine)?;
            run_handle(py, &handle)?;
        }
        Entry::Start(sink) => run_sink(py, engine, &sink, SinkCall::Start)?,
        Entry::Started(sink) => run_sink(py, engine, &sink, SinkCall::Started)?,
        Entry::ConnectionLost(sink) => run_sink(py, engine, &sink, SinkCall::ConnectionLost)?,
    }
    dispatch::flush_in_time(py, this)
}

fn run_sink(py: Python<'_>, engine: &Own<Engine>, sink: &SinkRef, call: SinkCall) -> PyRes<()> {
    Engine::forget_task(py, engine)?;
    dispatch::sink_call(py, sink, call)
}

#[inline]
fn open(task: &TaskRef) -> &Own<Task> {
    task.0
        .cast::<Task>()
        .expect("only floor 3 makes a TaskRef, from a Task")
}

#[inline]
fn run_handle(py: Python<'_>, handle: &Own<Handle>) -> PyRes<()> {
    match Handle::run_once(py, handle) {
        Ok(()) => Ok(()),
        Err(error) => complain(py, handle, error),
    }
}

#[cold]
fn complain(py: Python<'_>, handle: &Own<Handle>, error: crate::ffi::Raised) -> PyRes<()> {
    if error.leaves_the_loop(py) {
        return Err(error);
    }
    let exception = error.take(py);
    let reported = handle::report(py, handle, exception);
    handle.release();
    reported
}

/// Debug mode: the same with a stopwatch, and it can be asked what runs.
#[cold]
fn run_watched(py: Python<'_>, this: &Own<Loop>, engine: &Own<Engine>, entry: Entry) -> PyRes<()> {
    let shown = match &entry {
        Entry::Step(task) | Entry::Wake(task) => Some(task.0.clone()),
        // The handle lets go of its callback when it runs, so a copy is described, if it comes to that.
        Entry::Call(handle) => Some(handle::to_show(py, handle)?),
        Entry::Start(sink) | Entry::Started(sink) | Entry::ConnectionLost(sink) => {
            Some(sink.0.clone())
        }
    };
    let running = match &entry {
        Entry::Call(handle) => Some(handle.as_any().clone()),
        _ => None,
    };
    let outer = this.current_handle.replace(running);
    let done = stopwatch::watched(py, this, shown, || run_entry(py, this, engine, entry));
    this.current_handle.set(outer);
    done
}
