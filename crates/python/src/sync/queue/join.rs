//! The coroutine of `join()`.

use pyo3::prelude::*;

use super::Queue;
use crate::awaitable::{Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{Own, PyRes, Slot, TypeSlot, Visit, call, exception};
use crate::names;

/// Start → done, or → waits for the event `_finished` → done.
#[derive(Debug)]
pub(super) struct Join(pub(super) Slot<Queue>);

impl Awaitable for Join {
    const TYPE_NAME: &'static std::ffi::CStr = c"ferrio._ferrio.QueueJoinCoroutine";
    const QUALNAME: &'static str = "Queue.join";

    fn slot() -> &'static TypeSlot {
        static SLOT: TypeSlot = TypeSlot::new();
        &SLOT
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        match this.0.take() {
            Some(queue) if queue.unfinished.get() > 0 => {
                let event = Queue::show_finished(py, &queue)?;
                call::method(py, &event, &names::WAIT, &[]).map(Next::Await)
            }
            _ => Ok(Next::Return(None)),
        }
    }

    fn resume(py: Python<'_>, _this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        match outcome {
            Ok(_true) => Ok(Next::Return(None)),
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
