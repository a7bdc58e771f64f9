//! The transitions of a future, and looking at its outcome.

use pyo3::exceptions::{PyStopIteration, PyTypeError};
use pyo3::prelude::*;

use super::{Field, Future, State};
use crate::ffi::{Immortal, Own, PyRes, Raised, call, exception};

/// `asyncio.CancelledError`.
pub fn cancelled_error_class(py: Python<'_>) -> PyRes<&'static Own> {
    static CANCELLED: Immortal = Immortal::empty();
    CANCELLED.import(py, "asyncio.exceptions", "CancelledError")
}

/// Raises `asyncio.InvalidStateError`.
#[cold]
pub fn invalid_state(py: Python<'_>, text: &str) -> Raised {
    static INVALID: Immortal = Immortal::empty();
    let make = || -> PyRes {
        let class = INVALID.import(py, "asyncio.exceptions", "InvalidStateError")?;
        call::call1(py, class, &Own::str(py, text))
    };
    exception::raise_made(py, make())
}

/// The outcome of a future as a waiting task needs it.
#[derive(Debug)]
pub enum Outcome {
    /// Still pending.
    None,
    /// A result.
    Value(Own),
    /// An exception or cancellation, to be thrown.
    Error(Own),
}

impl Future {
    /// Pending → Finished with a value. Errors: `InvalidStateError`; `RuntimeError` where the loop is closed and
    /// somebody waits.
    pub fn set_result(py: Python<'_>, this: &Own<Self>, value: Own) -> PyRes<()> {
        this.check_initialised(py)?;
        if this.is_done() {
            return Err(invalid_state(py, "invalid state"));
        }
        this.result.set(Some(value));
        this.state.set(State::Finished);
        Self::tell_waiters(py, this)
    }

    /// Pending → Finished with an exception (an instance, or a class to be called).
    pub fn set_exception(py: Python<'_>, this: &Own<Self>, error: Own) -> PyRes<()> {
        this.check_initialised(py)?;
        if this.is_done() {
            return Err(invalid_state(py, "invalid state"));
        }
        let error = this.checked_exception(py, error)?;
        this.rare
            .set(Field::ExceptionTraceback, exception::traceback(py, &error));
        this.rare.set(Field::Exception, Some(error));
        this.state.set(State::Finished);
        this.log_traceback.set(true);
        Self::tell_waiters(py, this)
    }

    /// What may stand as a future's exception. `StopIteration` would end the awaiting generator silently.
    fn checked_exception(&self, py: Python<'_>, error: Own) -> PyRes {
        let error = if exception::is_class(&error) {
            call::call0(py, &error)?
        } else {
            error
        };
        if !exception::is_instance(&error) {
            return Err(Raised::new::<PyTypeError>(py, "invalid exception object"));
        }
        if !error.bound(py).is_instance_of::<PyStopIteration>() {
            return Ok(error);
        }
        // Refused by some patch versions, wrapped in a RuntimeError by others: the running one is asked.
        let kwargs = pyo3::types::PyDict::new(py);
        kwargs.set_item("loop", self.loop_object(py)?.bound(py))?;
        let stock = py.import("asyncio")?.getattr("Future")?;
        let stock = stock.call((), Some(&kwargs))?;
        stock.call_method1("set_exception", (error.bound(py),))?;
        Ok(Own::from(stock.call_method0("exception")?))
    }

    /// Pending → Cancelled; false where it is done already.
    pub fn cancel(py: Python<'_>, this: &Own<Self>, message: Option<Own>) -> PyRes<bool> {
        this.check_initialised(py)?;
        this.log_traceback.set(false);
        if this.is_done() {
            return Ok(false);
        }
        this.state.set(State::Cancelled);
        this.rare.set(Field::CancelMessage, message);
        Self::tell_waiters(py, this)?;
        Ok(true)
    }

    /// The `CancelledError` to raise: the one that ended the task (once), or a new one with the message.
    pub fn make_cancelled_error(&self, py: Python<'_>) -> PyRes {
        if let Some(error) = self.rare.take(Field::CancelledError) {
            return Ok(error);
        }
        let class = cancelled_error_class(py)?;
        match self
            .rare
            .get(Field::CancelMessage)
            .filter(|message| !message.is_none())
        {
            Some(message) => call::call1(py, class, &message),
            None => call::call0(py, class),
        }
    }

    /// The outcome; marks an exception as seen.
    pub fn outcome(&self, py: Python<'_>) -> PyRes<Outcome> {
        match self.state.get() {
            State::Pending => Ok(Outcome::None),
            State::Cancelled => self.make_cancelled_error(py).map(Outcome::Error),
            State::Finished => {
                self.log_traceback.set(false);
                match self.rare.get(Field::Exception) {
                    None => {
                        let value = self.result.get();
                        Ok(Outcome::Value(value.unwrap_or_else(|| Own::none(py))))
                    }
                    Some(error) => {
                        // Every retrieval starts from the original traceback, not from where it was raised last.
                        let traceback = self.rare.take(Field::ExceptionTraceback);
                        exception::set_traceback(py, &error, traceback.as_ref());
                        Ok(Outcome::Error(error))
                    }
                }
            }
        }
    }

    /// The exception or cancellation of a future that is done, as `exception()` gives it: its traceback is left alone.
    pub fn failure(&self, py: Python<'_>) -> PyRes<Outcome> {
        self.log_traceback.set(false);
        if self.is_cancelled() {
            return self.make_cancelled_error(py).map(Outcome::Error);
        }
        Ok(self
            .rare
            .get(Field::Exception)
            .map_or(Outcome::None, Outcome::Error))
    }

    /// `result()`.
    pub fn result(py: Python<'_>, this: &Own<Self>) -> PyRes {
        match this.outcome(py)? {
            Outcome::None => Err(invalid_state(py, "Result is not set.")),
            Outcome::Value(value) => Ok(value),
            Outcome::Error(error) => Err(exception::raise(py, &error)),
        }
    }

    /// `exception()`.
    pub fn exception(py: Python<'_>, this: &Own<Self>) -> PyRes<Option<Own>> {
        match this.state.get() {
            State::Pending => Err(invalid_state(py, "Exception is not set.")),
            State::Cancelled => Err(exception::raise(py, &this.make_cancelled_error(py)?)),
            State::Finished => {
                this.log_traceback.set(false);
                Ok(this.rare.get(Field::Exception))
            }
        }
    }
}
