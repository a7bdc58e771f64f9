//! Driving a native coroutine: `send`, `throw`, `close`.

use pyo3::exceptions::{
    PyGeneratorExit, PyRuntimeError, PyStopIteration, PyTypeError, PyValueError,
};
use pyo3::prelude::*;

use super::{Awaitable, Coroutine, Next, Outcome, State, Waits, native_future};
use crate::ffi::coroutine::{self, Step};
use crate::ffi::{Own, PyRes, Raised, Resume, exception};
use crate::future::{self, Future};

/// `send(value)`, `next()` and every step of a task.
///
/// What most of them do is inlined here: to start, to wait for a turn or a future of ours, to return.
#[inline]
pub(super) fn send<S: Awaitable>(
    py: Python<'_>,
    this: &Own<Coroutine<S>>,
    value: &Own,
) -> PyRes<Resume> {
    let next = match (this.state.get(), this.waits.get()) {
        (State::Created, _) if value.is_none() => {
            this.state.set(State::Running);
            S::start(py, this)
        }
        (State::Suspended, Waits::Nothing) => {
            this.state.set(State::Running);
            S::resume(py, this, Ok(value.clone()))
        }
        (State::Suspended, Waits::Future) => {
            this.state.set(State::Running);
            match this.waits_for.take() {
                Some(object) => look(py, this, object),
                None => S::resume(py, this, Ok(Own::none(py))),
            }
        }
        (State::Suspended, Waits::Iterator) => {
            this.state.set(State::Running);
            return drive(py, this, value);
        }
        _ => return Err(refuse(py, this)),
    };
    match next {
        Ok(Next::Return(value)) => Ok(done(this, value)),
        Ok(Next::Yield) => Ok(yielded(py, this)),
        Ok(Next::Await(object)) if is_pending(&object) => Ok(wait(py, this, object)),
        next => go_on(py, this, next),
    }
}

#[cold]
fn refuse<S: Awaitable>(py: Python<'_>, this: &Own<Coroutine<S>>) -> Raised {
    match this.state.get() {
        State::Running => Raised::new::<PyValueError>(py, "coroutine already executing"),
        State::Done => Raised::new::<PyRuntimeError>(py, "cannot reuse already awaited coroutine"),
        State::Created | State::Suspended => {
            Raised::new::<PyTypeError>(py, "can't send non-None value to a just-started coroutine")
        }
    }
}

/// What we drive ourselves is sent the value.
fn drive<S: Awaitable>(py: Python<'_>, this: &Own<Coroutine<S>>, value: &Own) -> PyRes<Resume> {
    let Some(iterator) = this.waits_for.get() else {
        return go_on(py, this, S::resume(py, this, Ok(Own::none(py))));
    };
    let step = coroutine::send_value(py, &iterator, value);
    stepped(py, this, iterator, step)
}

#[inline]
fn done<S: Awaitable>(this: &Coroutine<S>, value: Option<Own>) -> Resume {
    finish(this);
    Resume::Return(value.filter(|value| !value.is_none()))
}

#[inline]
fn yielded<S>(py: Python<'_>, this: &Coroutine<S>) -> Resume {
    this.waits.set(Waits::Nothing);
    this.state.set(State::Suspended);
    Resume::Yield(Own::none(py))
}

/// Waits for a pending future of ours.
#[inline]
fn wait<S: Awaitable>(py: Python<'_>, this: &Own<Coroutine<S>>, object: Own) -> Resume {
    suspend(py, this, Waits::Future, object.clone());
    Resume::Yield(object)
}

/// Is it a future of ours that has to be waited for? Then it is marked so.
#[inline]
fn is_pending(object: &Own) -> bool {
    match native_future(object) {
        Some(future) if !future.is_done() => {
            future.mark_blocking();
            true
        }
        _ => false,
    }
}

/// Takes the outcome of a future of ours, or waits for it (once more).
#[inline]
fn look<S: Awaitable>(py: Python<'_>, this: &Own<Coroutine<S>>, object: Own) -> PyRes<Next> {
    let future = object
        .cast::<Future>()
        .expect("it was one when it was noted");
    let outcome: Outcome = match future.outcome(py)? {
        future::Outcome::Value(value) => Ok(value),
        future::Outcome::Error(error) => Err(exception::raise(py, &error).take(py)),
        future::Outcome::None => {
            if future.mark_blocking() {
                return Ok(Next::Await(object));
            }
            let text = "await wasn't used with future";
            Err(Raised::new::<PyRuntimeError>(py, text).take(py))
        }
    };
    S::resume(py, this, outcome)
}

/// Acts on what comes next until it is something for the task.
#[inline(never)]
fn go_on<S: Awaitable>(
    py: Python<'_>,
    this: &Own<Coroutine<S>>,
    mut next: PyRes<Next>,
) -> PyRes<Resume> {
    loop {
        let object = match next {
            Ok(Next::Return(value)) => return Ok(done(this, value)),
            Ok(Next::Yield) => return Ok(yielded(py, this)),
            Ok(Next::Await(object)) if is_pending(&object) => return Ok(wait(py, this, object)),
            Ok(Next::Await(object)) => object,
            Err(error) => {
                finish(this);
                return Err(not_stop_iteration(py, error));
            }
        };
        if native_future(&object).is_some() {
            next = look(py, this, object);
            continue;
        }
        match coroutine::iterator(py, &object) {
            Ok(iterator) => {
                drop(object);
                let step = coroutine::send(py, &iterator);
                match after(py, this, iterator, step) {
                    Ok(outcome) => next = S::resume(py, this, outcome),
                    Err(yielded) => return Ok(Resume::Yield(yielded)),
                }
            }
            Err(error) => {
                let error = error.take(py);
                next = S::resume(py, this, Err(error));
            }
        }
    }
}

/// An iterator driven here has made a step: its outcome, or (`Err`) what it has yielded, and we are suspended.
#[inline]
fn after<S: Awaitable>(
    py: Python<'_>,
    this: &Own<Coroutine<S>>,
    iterator: Own,
    step: Step,
) -> Result<Outcome, Own> {
    match step {
        Step::Yielded(object) => {
            suspend(py, this, Waits::Iterator, iterator);
            Err(object)
        }
        Step::Returned(value) => Ok(Ok(value)),
        Step::Failed(error) => Ok(Err(error.take(py))),
    }
}

fn stepped<S: Awaitable>(
    py: Python<'_>,
    this: &Own<Coroutine<S>>,
    iterator: Own,
    step: Step,
) -> PyRes<Resume> {
    match after(py, this, iterator, step) {
        Ok(outcome) => {
            this.waits_for.set(None);
            go_on(py, this, S::resume(py, this, outcome))
        }
        Err(yielded) => Ok(Resume::Yield(yielded)),
    }
}

#[inline]
fn suspend<S: Awaitable>(py: Python<'_>, this: &Own<Coroutine<S>>, waits: Waits, object: Own) {
    if S::FOLLOWED_LATE {
        this.follow(py);
    }
    this.waits.set(waits);
    this.state.set(State::Suspended);
    this.waits_for.set(Some(object));
}

#[inline]
fn finish<S: Awaitable>(this: &Coroutine<S>) {
    this.state.set(State::Done);
    this.waits_for.set(None);
    this.states.clear();
}

/// PEP 479: `StopIteration` would end the awaiting generator silently.
#[cold]
fn not_stop_iteration(py: Python<'_>, error: Raised) -> Raised {
    if !error.is::<PyStopIteration>(py) {
        return error;
    }
    let stop = error.take(py);
    let error = Raised::new::<PyRuntimeError>(py, "coroutine raised StopIteration").take(py);
    exception::set_cause(&error, &stop);
    exception::chain(&error, &stop);
    exception::restore(py, error)
}

/// `throw(exception)`: into what is driven here, else into the states.
pub(super) fn throw<S: Awaitable>(
    py: Python<'_>,
    this: &Own<Coroutine<S>>,
    error: Own,
) -> PyRes<Resume> {
    match this.state.get() {
        State::Suspended => this.state.set(State::Running),
        State::Created => {
            finish(this);
            let error = exception::raise(py, &error);
            // Since 3.12 one that never ran lets it through as it is.
            return Err(if cfg!(Py_3_12) {
                error
            } else {
                not_stop_iteration(py, error)
            });
        }
        State::Running | State::Done => return Err(refuse(py, this)),
    }
    let object = this.waits_for.take();
    if let (Waits::Iterator, Some(iterator)) = (this.waits.get(), object) {
        if !error.bound(py).is_instance_of::<PyGeneratorExit>() {
            let step = coroutine::throw_into(py, &iterator, &error);
            return stepped(py, this, iterator, step);
        }
        let error = closed(py, &iterator, error);
        return go_on(py, this, S::resume(py, this, Err(error)));
    }
    // To `await future` a `StopIteration` is the future's value, whoever raises it.
    let outcome = exception::take_stop_iteration(py, exception::raise(py, &error));
    let outcome = outcome.map_err(|error| error.take(py));
    go_on(py, this, S::resume(py, this, outcome))
}

/// Closes what is driven here; the exception to go on with: an error of closing comes first.
fn closed(py: Python<'_>, iterator: &Own, error: Own) -> Own {
    match coroutine::close(py, iterator) {
        Ok(()) => error,
        Err(failed) => failed.take(py),
    }
}

/// `close()`: the value that it returns (since 3.13).
pub(super) fn close<S: Awaitable>(py: Python<'_>, this: &Own<Coroutine<S>>) -> PyRes<Option<Own>> {
    match this.state.get() {
        State::Created => finish(this),
        State::Done => {}
        State::Running => return Err(refuse(py, this)),
        State::Suspended => {
            let exit = Own::from(py.get_type::<PyGeneratorExit>().call0()?);
            return match throw(py, this, exit) {
                Ok(Resume::Yield(_)) => {
                    let text = "coroutine ignored GeneratorExit";
                    Err(Raised::new::<PyRuntimeError>(py, text))
                }
                Ok(Resume::Return(value)) => Ok(value.filter(|_| cfg!(Py_3_13))),
                Err(error) if error.is::<PyGeneratorExit>(py) => {
                    error.clear(py);
                    Ok(None)
                }
                Err(error) => Err(error),
            };
        }
    }
    Ok(None)
}

impl<S: Awaitable> Coroutine<S> {
    /// Is it suspended, so that nobody else may await it?
    pub(super) fn is_suspended(&self) -> bool {
        self.state.get() == State::Suspended
    }

    /// Does it run?
    pub(super) fn is_running(&self) -> bool {
        self.state.get() == State::Running
    }
}
