//! Cancellation of tasks.

use pyo3::prelude::*;

use super::Task;
use crate::ffi::{Own, PyRes, call};
use crate::future::Future;
use crate::names;

/// `task.cancel(msg)`: to be thrown at the next step, or handed on to what the task waits for.
///
/// A task that waits for a task that waits for a task …: gone down by a loop, for the chain may be longer than the stack is deep.
pub(super) fn cancel(py: Python<'_>, this: &Own<Task>, message: Option<Own>) -> PyRes<bool> {
    this.check_initialised(py)?;
    this.quiet();
    if this.is_done() {
        return Ok(false);
    }
    let mut last = this.clone();
    loop {
        last.cancel_requests.set(last.cancel_requests.get() + 1);
        let Some(waiter) = last.fut_waiter.get() else {
            break;
        };
        let Some(next) = waiter.exact::<Task>() else {
            if forward(py, &waiter, message.clone())? {
                return Ok(true);
            }
            break;
        };
        next.check_initialised(py)?;
        next.quiet();
        if next.is_done() {
            break;
        }
        last = next.clone();
    }
    // Whoever is last has taken it over; those before it need not know.
    last.must_cancel.set(true);
    last.set_cancel_message(message);
    Ok(true)
}

/// The task, in the middle of a step, runs a loop until `future` is done: for cancellation that is an `await`.
pub(super) fn await_inside_step(py: Python<'_>, this: &Own<Task>, future: &Own) -> PyRes<()> {
    this.fut_waiter.set(Some(future.clone()));
    if this.must_cancel.get() && forward(py, future, this.cancel_message())? {
        this.must_cancel.set(false);
    }
    Ok(())
}

/// `future.cancel(message)` of whatever is waited for.
pub(super) fn forward(py: Python<'_>, future: &Own, message: Option<Own>) -> PyRes<bool> {
    if let Some(future) = future.exact::<Future>() {
        return Future::cancel(py, future, message);
    }
    if let Some(task) = future.exact::<Task>() {
        return cancel(py, task, message);
    }
    let method = call::attribute(py, future, &names::CANCEL)?;
    let message = message.unwrap_or_else(|| Own::none(py));
    let answer = call::call1(py, &method, &message)?;
    call::truth(py, &answer)
}

/// `task.uncancel()`: takes one request back; how many are left.
pub(super) fn uncancel(_py: Python<'_>, this: &Own<Task>) -> i64 {
    let left = (this.cancel_requests.get() - 1).max(0);
    if left == 0 && this.cancel_requests.get() > 0 && cfg!(Py_3_13) {
        // Since 3.13 the last one also takes a cancellation back that was not delivered yet.
        this.must_cancel.set(false);
    }
    this.cancel_requests.set(left);
    left
}

impl Task {
    /// `cancel(msg)`.
    pub fn cancel(py: Python<'_>, this: &Own<Self>, message: Option<Own>) -> PyRes<bool> {
        cancel(py, this, message)
    }

    /// `uncancel()`.
    pub fn uncancel(py: Python<'_>, this: &Own<Self>) -> i64 {
        uncancel(py, this)
    }

    /// `cancelling()`.
    pub fn cancelling(&self) -> i64 {
        self.cancel_requests.get()
    }
}
