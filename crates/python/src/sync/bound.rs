//! `_LoopBoundMixin`: which loop an object belongs to, from the first time that somebody waits.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::engine::Engine;
use crate::ffi::{Class, Function, Own, Property, PyRes, Raised, Slot, call, runtime};
use crate::future::Future;
use crate::names;

/// The loop, once it is known.
#[derive(Debug, Default)]
pub(super) struct Bound(pub(super) Slot);

impl Bound {
    /// The running loop. Errors: `RuntimeError` in another loop than the first time.
    #[inline]
    fn get_loop(&self, py: Python<'_>, owner: &Own) -> PyRes {
        let running = runtime::running_loop_or_none(py)?.unwrap_or_else(|| Own::none(py));
        if self.0.peek(|own| own.is_some_and(|own| own.is(&running))) {
            return Ok(running);
        }
        self.bind(py, owner, running)
    }

    #[cold]
    fn bind(&self, py: Python<'_>, owner: &Own, running: Own) -> PyRes {
        if self.0.peek(|own| own.is_none_or(Own::is_none)) {
            self.0.set(Some(running.clone()));
            return Ok(running);
        }
        let owner = owner.bound(py).repr()?;
        let text = format!("{owner} is bound to a different event loop");
        Err(Raised::new::<PyRuntimeError>(py, text))
    }

    /// `self._get_loop().create_future()`.
    #[inline]
    pub(super) fn new_future(&self, py: Python<'_>, owner: &Own) -> PyRes {
        // The loop that is known and runs in this thread is the running one; asking costs more than making the future. Where
        // a program has made another one run inside of it, the task says so when it is to await the future.
        let known = self.0.get();
        if let Some(engine) = known.as_ref().and_then(|known| known.cast::<Engine>()) {
            if engine.thread() == runtime::thread_ident() {
                return Future::new_pending(py, engine).map(Own::into_any);
            }
        }
        let loop_ = self.get_loop(py, owner)?;
        match loop_.cast::<Engine>() {
            Some(engine) => Future::new_pending(py, engine).map(Own::into_any),
            None => call::method(py, &loop_, &names::CREATE_FUTURE, &[]),
        }
    }
}

/// What belongs to a loop.
pub(super) trait LoopBound: Class {
    fn binding(&self) -> &Bound;
}

/// `_loop`.
pub(super) fn property<T: LoopBound>() -> Property<T> {
    Property::get(c"_loop", |_, this: &Own<T>| this.binding().0.get()).set(
        |_, this: &Own<T>, value: Option<&Own>| {
            this.binding().0.set(value.cloned());
            Ok(())
        },
    )
}

/// `_get_loop()`.
pub(super) fn get_loop<T: LoopBound>(py: Python<'_>, _: &Own<Function>, this: &Own<T>) -> PyRes {
    this.binding().get_loop(py, this.as_any())
}
