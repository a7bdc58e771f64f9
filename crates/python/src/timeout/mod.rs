//! ROOM    floor 5: `Timeout`, `timeout`, `timeout_at`, `wait_for`
//! KNOWS   ffi, names, handle, engine, task, awaitable    NEVER   the event loop's class
//! IN      a deadline on the loop's clock, a task to stop    OUT     TimeoutError
//! PROOF   tests/behaviour/awaitables/test_timeout.py
//! START   `Timeout` (states), `enter`, `exit`
//!
//! On loops and with tasks of any implementation. `ferrio.Timeout` is a Python class of this one and of `asyncio.Timeout`. States as
//! asyncio's:
//!
//! | state | what happens | next |
//! |---|---|---|
//! | Created | `__aenter__` | Entered: notes the task, starts the timer |
//! | Created | `reschedule`, `__aexit__` | Created: an error |
//! | Entered | `reschedule` | Entered, with another timer or none |
//! | Entered | the timer | Expiring: the task is cancelled |
//! | Entered | `__aexit__` | Exited: the timer is cancelled |
//! | Expiring | `__aexit__`, and nobody else has asked for a cancellation | Expired: `TimeoutError` for `CancelledError` |
//! | Expiring | `__aexit__` otherwise | Expired: what was raised goes on |
//! | Expiring, Expired, Exited | `__aenter__`, `reschedule` | the same: an error |

mod python;
mod wait_for;

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::{PyAssertionError, PyRuntimeError, PyTimeoutError};
use pyo3::prelude::*;

use crate::engine::Engine;
use crate::ffi::{
    Class, Immortal, Own, PyRes, Raised, Recycled, Slot, TypeSlot, Visit, WithDict, call,
    current_task, exception, runtime,
};
use crate::future::cancelled_error_class;
use crate::handle;
use crate::names;
use crate::task::Task;

pub use python::{functions, make_types};

/// Where a timeout is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Created,
    Entered,
    Expiring,
    Expired,
    Exited,
}

impl State {
    /// The member of asyncio's enumeration, and its value.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Created => ("CREATED", "created"),
            Self::Entered => ("ENTERED", "active"),
            Self::Expiring => ("EXPIRING", "expiring"),
            Self::Expired => ("EXPIRED", "expired"),
            Self::Exited => ("EXITED", "finished"),
        }
    }
}

/// A deadline for a task.
#[derive(Debug)]
pub struct Timeout {
    state: Cell<State>,
    /// As it was given; empty for None.
    when: Slot,
    /// The task that has entered.
    task: Slot,
    /// How many cancellations it had asked for then.
    cancelling: Cell<i64>,
    /// The handle of the timer.
    timer: Slot,
}

static TIMEOUT: TypeSlot = TypeSlot::new();

impl Class for Timeout {
    const NAME: &'static CStr = c"ferrio._ferrio.Timeout";
    const DOC: &'static CStr =
        c"Timeout(when)\n--\n\nNative base of ferrio.Timeout; see asyncio.Timeout.";
    // As asyncio's, so that the class of both is laid out as this one.
    type Head = WithDict;
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(7));
    const ADOPTS: bool = true;

    fn slot() -> &'static TypeSlot {
        &TIMEOUT
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self::until(None)))
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.when);
        visit.slot(&self.task);
        visit.slot(&self.timer);
    }

    fn clear(&self, _py: Python<'_>) {
        self.when.set(None);
        self.task.set(None);
        self.timer.set(None);
    }
}

impl Timeout {
    /// One that nobody has entered.
    fn until(when: Option<Own>) -> Self {
        Self {
            state: Cell::new(State::Created),
            when: Slot::new(when),
            task: Slot::empty(),
            cancelling: Cell::new(0),
            timer: Slot::empty(),
        }
    }

    /// The first half of `__aenter__`: notes the running task. Gives the loop. Errors: `RuntimeError`.
    fn enter(&self, py: Python<'_>) -> PyRes {
        if self.state.get() != State::Created {
            let text = "Timeout has already been entered";
            return Err(Raised::new::<PyRuntimeError>(py, text));
        }
        let loop_ = runtime::running_loop(py)?;
        let current = match loop_.cast::<Engine>() {
            Some(engine) => Engine::current_task(py, engine)?,
            None => current_task::get(py, &loop_)?,
        };
        let task = match current {
            Some(task) => task,
            None => other_task(py)?,
        };
        self.state.set(State::Entered);
        self.cancelling.set(match task.exact::<Task>() {
            Some(task) => task.cancelling(),
            None => number(py, call::method(py, &task, &names::CANCELLING, &[])?)?,
        });
        self.task.set(Some(task));
        Ok(loop_)
    }

    /// The second half, where nobody has a `reschedule` of his own.
    #[inline]
    fn start(py: Python<'_>, this: &Own<Self>, loop_: &Own) -> PyRes<()> {
        if let Some(when) = this.when.get() {
            this.timer.set(Some(timer(py, this, loop_, &when)?));
        }
        Ok(())
    }

    /// `reschedule(when)`. Errors: `RuntimeError` before it is entered and after it has expired or been left.
    fn reschedule(py: Python<'_>, this: &Own<Self>, when: Option<Own>) -> PyRes<()> {
        match this.state.get() {
            State::Entered => {}
            State::Created => {
                let text = "Timeout has not been entered";
                return Err(Raised::new::<PyRuntimeError>(py, text));
            }
            state => {
                let text = format!("Cannot change state of {} Timeout", state.names().1);
                return Err(Raised::new::<PyRuntimeError>(py, text));
            }
        }
        this.when.set(when.clone());
        this.cancel_timer(py)?;
        let Some(when) = when else {
            return Ok(());
        };
        let loop_ = runtime::running_loop(py)?;
        this.timer.set(Some(timer(py, this, &loop_, &when)?));
        Ok(())
    }

    fn cancel_timer(&self, py: Python<'_>) -> PyRes<()> {
        match self.timer.take() {
            Some(timer) => handle::cancel_any(py, &timer),
            None => Ok(()),
        }
    }

    /// The timer: the time is over.
    fn expire(&self, py: Python<'_>) -> PyRes<()> {
        if self.state.get() != State::Entered {
            return Err(out_of_order(py));
        }
        if let Some(task) = self.task.get() {
            match task.exact::<Task>() {
                Some(task) => Task::cancel(py, task, None).map(drop)?,
                None => call::method(py, &task, &names::CANCEL, &[]).map(drop)?,
            }
        }
        self.state.set(State::Expiring);
        self.timer.set(None);
        Ok(())
    }

    /// `__aexit__` with the exception that leaves the block, if one does. Errors: `TimeoutError` in its place.
    fn exit(&self, py: Python<'_>, class: Option<&Own>, error: Option<&Own>) -> PyRes<()> {
        match self.state.get() {
            State::Entered | State::Expiring => {}
            _ => return Err(out_of_order(py)),
        }
        self.cancel_timer(py)?;
        if self.state.get() == State::Entered {
            self.state.set(State::Exited);
            return Ok(());
        }
        self.state.set(State::Expired);
        let Some(task) = self.task.get() else {
            return Ok(());
        };
        let left = match task.exact::<Task>() {
            Some(task) => Task::uncancel(py, task),
            None => number(py, call::method(py, &task, &names::UNCANCEL, &[])?)?,
        };
        // More requests than before: somebody else wants the task to end.
        match class {
            Some(class) if left <= self.cancelling.get() => overdue(py, class, error),
            _ => Ok(()),
        }
    }
}

/// A bare `AssertionError`: asyncio asserts that it is entered.
#[cold]
fn out_of_order(py: Python<'_>) -> Raised {
    Raised::new_empty::<PyAssertionError>(py)
}

/// A task that is noted elsewhere: since 3.14 those of the pure-Python implementation are. Errors: `RuntimeError`.
#[cold]
fn other_task(py: Python<'_>) -> PyRes {
    let task = py
        .import("asyncio.tasks")?
        .getattr("current_task")?
        .call0()?;
    if task.is_none() {
        let text = "Timeout should be used inside a task";
        return Err(Raised::new::<PyRuntimeError>(py, text));
    }
    Ok(Own::from(task))
}

/// The block was left by an exception because the time is over.
#[cold]
fn overdue(py: Python<'_>, class: &Own, error: Option<&Own>) -> PyRes<()> {
    let stock = asyncio_timeout(py)?;
    let insert = call::optional_attribute(py, stock, &names::INSERT_TIMEOUT_ERROR)?;
    let cancelled = cancelled_error_class(py)?;
    let is_cancellation = match insert {
        // The running version looks deeper.
        Some(_) => exception::is_subclass(py, class, cancelled)?,
        None => class.is(cancelled),
    };
    if is_cancellation {
        let timeout = Own::from(py.get_type::<PyTimeoutError>().call0()?);
        if let Some(error) = error {
            exception::set_cause(&timeout, error);
            exception::chain(&timeout, error);
        }
        return Err(exception::restore(py, timeout));
    }
    let (Some(insert), Some(error)) = (insert, error) else {
        return Ok(());
    };
    call::call1(py, &insert, error)?;
    let group = py.import("builtins")?.getattr("ExceptionGroup")?;
    if error.bound(py).is_instance(&group)? {
        for inner in error.bound(py).getattr("exceptions")?.try_iter()? {
            call::call1(py, &insert, &Own::from(inner?))?;
        }
    }
    Ok(())
}

/// `asyncio.Timeout`.
fn asyncio_timeout(py: Python<'_>) -> PyRes<&'static Own> {
    static CLASS: Immortal = Immortal::empty();
    CLASS.import(py, "asyncio.timeouts", "Timeout")
}

fn number(py: Python<'_>, object: Own) -> PyRes<i64> {
    Ok(object.bound(py).extract()?)
}

/// A timer that calls `timeout._on_timeout` at `when`.
#[inline]
fn timer(py: Python<'_>, this: &Own<Timeout>, loop_: &Own, when: &Own) -> PyRes {
    match (loop_.cast::<Engine>(), call::number(when)) {
        (Some(engine), Some(when))
            if python::is_ours(py, this)?
                && !engine.has_own_timing()
                && !Engine::has_come(when) =>
        {
            let (method, object) = (on_timeout(py)?, this.as_any().clone());
            Engine::call_method_at(py, engine, when, method, object).map(Own::into_any)
        }
        _ => usual_timer(py, this, loop_, when),
    }
}

/// `Timeout._on_timeout`.
fn on_timeout(py: Python<'_>) -> PyRes<&'static Own> {
    static ON_TIMEOUT: Immortal = Immortal::empty();
    ON_TIMEOUT.get_or_init(py, || {
        let class = Timeout::slot().type_object(py);
        call::attribute(py, &class, &names::ON_TIMEOUT)
    })
}

/// As asyncio does it, on any loop and with any number.
#[cold]
fn usual_timer(py: Python<'_>, this: &Own<Timeout>, loop_: &Own, when: &Own) -> PyRes {
    let callback = &call::attribute(py, this.as_any(), &names::ON_TIMEOUT)?;
    let now = call::method(py, loop_, &names::TIME, &[])?;
    if when.bound(py).le(now.bound(py))? {
        call::method(py, loop_, &names::CALL_SOON, &[callback])
    } else {
        call::method(py, loop_, &names::CALL_AT, &[when, callback])
    }
}

/// `loop.time() + delay`.
fn deadline(py: Python<'_>, delay: &Own) -> PyRes {
    let loop_ = runtime::running_loop(py)?;
    match (loop_.cast::<Engine>(), call::number(delay)) {
        (Some(engine), Some(delay)) if !engine.has_own_timing() => {
            Own::float(py, Engine::seconds() + delay)
        }
        _ => {
            let now = call::method(py, &loop_, &names::TIME, &[])?;
            Ok(Own::from(now.bound(py).add(delay.bound(py))?))
        }
    }
}
