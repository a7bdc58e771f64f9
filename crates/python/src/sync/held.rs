//! `async with`: what `_ContextManagerMixin` gives to whatever can be acquired and released.

use std::ffi::CStr;

use pyo3::prelude::*;

use crate::awaitable::{self, Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{Args, Class, Function, Own, PyRes, Recycled, Slot, TypeSlot, Visit, exception};

/// What can be held.
pub(super) trait Held: Class {
    /// Of the coroutine of `__aexit__`.
    const EXIT_NAME: &'static CStr;
    const EXIT_POOL: u8;

    fn exit_slot() -> &'static TypeSlot;

    /// May our own `release` be run for it, whatever is called that?
    fn is_released_by_us(py: Python<'_>, this: &Own<Self>) -> PyRes<bool>;

    /// `release()`.
    fn release(py: Python<'_>, this: &Own<Self>) -> PyRes<()>;
}

/// Who acquires: `acquire()` itself or `async with`.
pub(super) trait By: 'static {
    const TYPE_NAME: &'static CStr;
    const NAME: &'static str;
    const QUALNAME: &'static str;
    const POOL: u8;

    fn slot() -> &'static TypeSlot;

    /// What the coroutine returns.
    fn result(py: Python<'_>) -> Option<Own>;
}

/// The coroutine of `__aexit__`, which ends in its first `send`.
#[derive(Debug)]
pub(super) struct Exit<T>(Slot<T>);

impl<T: Held> Awaitable for Exit<T> {
    const TYPE_NAME: &'static CStr = T::EXIT_NAME;
    const NAME: &'static str = "__aexit__";
    const QUALNAME: &'static str = "_ContextManagerMixin.__aexit__";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(T::EXIT_POOL));

    fn slot() -> &'static TypeSlot {
        T::exit_slot()
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        if let Some(held) = this.0.take() {
            T::release(py, &held)?;
        }
        Ok(Next::Return(None))
    }

    fn resume(py: Python<'_>, _this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        match outcome {
            Ok(_) => Ok(Next::Return(None)),
            Err(error) => Err(exception::restore(py, error)),
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.0);
    }

    fn clear(&self) {
        self.0.set(None);
    }
}

/// The coroutine of `__aexit__`, of what is released by us.
pub(super) fn exiting<T: Held>(py: Python<'_>, held: &Own<T>) -> PyRes {
    let states = Exit(Slot::new(Some(held.clone())));
    Ok(awaitable::new(py, states)?.into_any())
}

/// `__aexit__(exc_type, exc, tb)`.
pub(super) fn exit<T: Held>(py: Python<'_>, this: &Own<Function>, args: Args<'_>) -> PyRes {
    if let [object, _class, _error, _traceback] = args.positional() {
        if let Some(held) = object.cast::<T>() {
            if !args.has_keywords() && T::is_released_by_us(py, held)? {
                return exiting(py, held);
            }
        }
    }
    this.call_stock(py, args)
}
