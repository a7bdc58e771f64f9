//! Telling a loop that somebody in it is to look again.
//!
//! | state | what happens | next |
//! |---|---|---|
//! | Waits | told from his loop's thread | Told: his future is filled |
//! | Waits | told from elsewhere | Posted: a call is on the way to his loop |
//! | Waits | told, and the loop is closed | Told: the next one is told |
//! | Posted | the call | Told: his future is filled |
//! | Posted | it dies: the loop was closed before the call | Told: the next one is told |

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::{CrossQueue, Side};
use crate::engine::Engine;
use crate::ffi::{
    Args, Class, Own, Plain, PyRes, Recycled, Slot, TypeBuilder, TypeSlot, Visit, call, runtime,
};
use crate::future::Future;
use crate::names;
use crate::sync::futures;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Waits,
    Posted,
    Told,
}

/// One who waits: his future and its loop.
#[derive(Debug)]
pub(super) struct Wake {
    queue: Slot<CrossQueue>,
    loop_: Slot,
    future: Slot,
    side: Side,
    state: Cell<State>,
}

static WAKE: TypeSlot = TypeSlot::new();

impl Class for Wake {
    const NAME: &'static CStr = c"ferrio._ferrio.CrossQueueWake";
    const DOC: &'static CStr = c"";
    type Head = Plain;
    const FINALIZER: bool = true;
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(18));

    fn slot() -> &'static TypeSlot {
        &WAKE
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(None)
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.queue);
        visit.slot(&self.loop_);
        visit.slot(&self.future);
    }

    fn clear(&self, _py: Python<'_>) {
        self.queue.set(None);
        self.loop_.set(None);
        self.future.set(None);
    }

    fn wants_finalizer(&self) -> bool {
        self.state.get() == State::Posted
    }

    fn finalize(py: Python<'_>, this: &Own<Self>) {
        if this.state.replace(State::Told) == State::Posted {
            if let Some(queue) = this.queue.get() {
                CrossQueue::hand_on(py, &queue, this.side);
            }
        }
    }
}

impl Wake {
    /// Of somebody in the running loop. Errors: `RuntimeError` where none runs.
    pub(super) fn new(py: Python<'_>, queue: &Own<CrossQueue>, side: Side) -> PyRes<Own<Self>> {
        let loop_ = runtime::running_loop(py)?;
        let future = match loop_.cast::<Engine>() {
            Some(engine) => Future::new_pending(py, engine)?.into_any(),
            None => call::method(py, &loop_, &names::CREATE_FUTURE, &[])?,
        };
        let data = Self {
            queue: Slot::new(Some(queue.clone())),
            loop_: Slot::new(Some(loop_)),
            future: Slot::new(Some(future)),
            side,
            state: Cell::new(State::Waits),
        };
        Own::alloc(py, data)
    }

    /// What he awaits.
    pub(super) fn future(&self) -> Option<Own> {
        self.future.get()
    }

    /// Tells his loop, from any thread. False: he does not wait any more, or the loop is closed.
    ///
    /// An error has nobody to go to, who called has got his item; what is no closed loop is written to stderr.
    pub(super) fn tell(py: Python<'_>, this: &Own<Self>) -> bool {
        Self::try_to_tell(py, this).unwrap_or_else(|error| {
            this.state.set(State::Told);
            if error.is::<PyRuntimeError>(py) {
                error.clear(py);
            } else {
                error.write_unraisable(py, None);
            }
            false
        })
    }

    fn try_to_tell(py: Python<'_>, this: &Own<Self>) -> PyRes<bool> {
        static WAKE_UP: call::FunctionCell = call::FunctionCell::new(c"wake_up");
        let Some(loop_) = this.loop_.get() else {
            return Ok(false);
        };
        let engine = loop_.cast::<Engine>();
        if runs_here(py, &loop_, engine)? {
            return this.wake_up(py);
        }
        let wake_up = call::bound_function(
            py,
            this,
            &WAKE_UP,
            |py, this: &Own<Self>, _args: Args<'_>| this.wake_up(py).map(drop),
        )?;
        this.state.set(State::Posted);
        match engine {
            Some(engine) => {
                Engine::call_soon_threadsafe(py, engine, &wake_up, &[], None)?.into_any()
            }
            None => call::method(py, &loop_, &names::CALL_SOON_THREADSAFE, &[&wake_up])?,
        };
        Ok(true)
    }

    /// In the loop's thread: fills the future. False: that is done, he has been cancelled and will see to the rest.
    fn wake_up(&self, py: Python<'_>) -> PyRes<bool> {
        self.state.set(State::Told);
        match self.future.get() {
            Some(future) => futures::wake(py, &future, Own::none),
            None => Ok(false),
        }
    }
}

/// Is the loop running in this thread?
fn runs_here(py: Python<'_>, loop_: &Own, engine: Option<&Own<Engine>>) -> PyRes<bool> {
    match engine {
        Some(engine) => Ok(engine.thread() == runtime::thread_ident()),
        None => Ok(runtime::running_loop_or_none(py)?.is_some_and(|running| running.is(loop_))),
    }
}

/// Makes the type.
pub(super) fn make_type(py: Python<'_>) -> PyRes<()> {
    TypeBuilder::<Wake>::new().build(py).map(drop)
}
