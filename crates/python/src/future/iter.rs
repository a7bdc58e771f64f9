//! `await future`: yields the future once while it is pending, then returns its outcome.

use std::ffi::CStr;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::result::Outcome;
use super::{Future, State};
use crate::ffi::{
    Args, Class, Method, Own, Plain, PyRes, Raised, Recycled, Resume, Slot, TypeBuilder, TypeSlot,
    Visit, exception, release_stop_iteration,
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

    fn before_dealloc(&self, py: Python<'_>) {
        release_stop_iteration(py);
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
    fn resume(py: Python<'_>, this: &Own<Self>, _value: &Own) -> PyRes<Resume> {
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
            Outcome::Error(error) => Err(exception::raise(py, &error)),
            Outcome::None => Err(Raised::new::<PyRuntimeError>(py, "future lost its state")),
        }
    }

    fn send(py: Python<'_>, this: &Own<Self>, value: &Own) -> PyRes {
        Self::resume(py, this, value)?.into_send(py)
    }

    /// `throw(type_or_instance[, value[, traceback]])`, as generators take it.
    fn throw(py: Python<'_>, this: &Own<Self>, args: Args<'_>) -> PyRes {
        let error = exception::thrown(py, args)?;
        drop(this.future.take());
        Err(exception::restore(py, error))
    }
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
