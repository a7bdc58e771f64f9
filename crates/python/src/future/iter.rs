//! `await future`: yields the future once while it is pending, then returns its outcome.

use std::ffi::CStr;

use pyo3::exceptions::{PyRuntimeError, PyStopIteration, PyTypeError};
use pyo3::prelude::*;

use super::result::Outcome;
use super::{Future, State};
use crate::ffi::{
    Args, Class, Method, Own, Plain, PyRes, Raised, Recycled, Resume, Slot, TypeBuilder, TypeSlot,
    Visit, call, exception, release_stop_iteration,
};

/// The iterator behind `await future`. Followed by the cycle collector: an abandoned task holds its coroutine, the
/// coroutine this, this the future, and the future the task.
#[derive(Debug)]
pub struct FutureIter {
    future: Slot<Future>,
}

static FUTURE_ITER: TypeSlot = TypeSlot::new();

impl Class for FutureIter {
    const NAME: &'static CStr = c"ferrio._ferrio.FutureIter";
    const DOC: &'static CStr = c"The iterator of a future.";
    type Head = Plain;
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(1));

    fn slot() -> &'static TypeSlot {
        &FUTURE_ITER
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.future);
    }

    fn clear(&self, _py: Python<'_>) {
        self.future.set(None);
    }

    fn before_dealloc(&self) {
        release_stop_iteration();
    }
}

impl FutureIter {
    /// `future.__await__()`.
    #[inline]
    pub fn new(py: Python<'_>, future: &Own<Future>) -> PyRes<Own<Self>> {
        Own::alloc(
            py,
            Self {
                future: Slot::new(Some(future.clone())),
            },
        )
    }

    #[inline]
    fn resume(py: Python<'_>, this: &Own<Self>) -> PyRes<Resume> {
        let Some(future) = this.future.get() else {
            return Ok(Resume::Return(None));
        };
        if future.state() == State::Pending {
            if !future.blocking.replace(true) {
                return Ok(Resume::Yield(future.into_any()));
            }
            return Err(Raised::new::<PyRuntimeError>(
                py,
                "await wasn't used with future",
            ));
        }
        drop(this.future.take());
        match future.outcome(py)? {
            Outcome::Value(value) if value.is_none() => Ok(Resume::Return(None)),
            Outcome::Value(value) => Ok(Resume::Return(Some(value))),
            Outcome::Error(error) => Err(exception::restore(py, error)),
            Outcome::None => Err(Raised::new::<PyRuntimeError>(py, "future lost its state")),
        }
    }

    fn send(py: Python<'_>, this: &Own<Self>, _value: &Own) -> PyRes {
        match Self::resume(py, this)? {
            Resume::Yield(future) => Ok(future),
            Resume::Return(value) => {
                // Made as an instance, so that a tuple or an exception as value is not taken apart.
                let class = Own::from(py.get_type::<PyStopIteration>().into_any());
                let value = value.unwrap_or_else(|| Own::none(py));
                let instance = call::call1(py, &class, &value)?;
                Err(exception::restore(py, instance))
            }
        }
    }

    /// `throw(type_or_instance[, value[, traceback]])`, as generators take it.
    fn throw(py: Python<'_>, this: &Own<Self>, args: Args<'_>) -> PyRes {
        let [class, rest @ ..] = args.positional() else {
            let text = "throw expected at least 1 argument, got 0";
            return Err(Raised::new::<PyTypeError>(py, text));
        };
        if rest.len() > 2 || args.has_keywords() {
            let text = format!("throw expected at most 3 arguments, got {}", rest.len() + 1);
            return Err(Raised::new::<PyTypeError>(py, text));
        }
        if cfg!(Py_3_12) && !rest.is_empty() {
            let text = "the (type, exc, tb) signature of throw() is deprecated, use the single-arg \
                        signature instead.";
            let category = py.get_type::<pyo3::exceptions::PyDeprecationWarning>();
            py.import("warnings")?
                .getattr("warn")?
                .call1((text, category))?;
        }
        let value = rest.first().filter(|value| !value.is_none());
        let traceback = rest.get(1).filter(|traceback| !traceback.is_none());
        let error = thrown(py, class, value)?;
        if let Some(traceback) = traceback {
            if !traceback
                .bound(py)
                .is_instance_of::<pyo3::types::PyTraceback>()
            {
                let text = "throw() third argument must be a traceback";
                return Err(Raised::new::<PyTypeError>(py, text));
            }
            exception::set_traceback(py, &error, Some(traceback));
        }
        drop(this.future.take());
        Err(exception::restore(py, error))
    }
}

/// The instance that `throw`'s arguments mean.
fn thrown(py: Python<'_>, class: &Own, value: Option<&Own>) -> PyRes {
    if exception::is_class(class) {
        return match value {
            None => call::call0(py, class),
            Some(value) if exception::is_instance(value) => Ok(value.clone()),
            Some(value) => match value.tuple_items() {
                Some(items) => call::call(py, class, items),
                None => call::call1(py, class, value),
            },
        };
    }
    if !exception::is_instance(class) {
        let text = "exceptions must be classes deriving BaseException or instances of such a class";
        return Err(Raised::new::<PyTypeError>(py, text));
    }
    if value.is_some() {
        let text = "instance exception may not have a separate value";
        return Err(Raised::new::<PyTypeError>(py, text));
    }
    Ok(class.clone())
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<FutureIter>::new()
        .awaitable_iterator(FutureIter::resume)
        .methods([
            Method::one(
                c"send",
                c"send($self, value, /)\n--\n\nResume.",
                FutureIter::send,
            ),
            Method::args(
                c"throw",
                c"throw($self, type, value=None, traceback=None, /)\n--\n\nRaise in the awaiter.",
                FutureIter::throw,
            ),
            Method::noargs(
                c"close",
                c"close($self, /)\n--\n\nLet go of the future.",
                |_, this: &Own<FutureIter>| drop(this.future.take()),
            ),
        ])
        .build(py)
        .map(drop)
}
