//! The coroutine of `get()`.

use pyo3::prelude::*;

use super::{Queue, shut_down};
use crate::awaitable::{Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{Own, PyRes, Recycled, Slot, TypeSlot, Visit, exception};
use crate::sync::waiting::Waiting;

/// Start → done, or → waits → looks again.
#[derive(Debug)]
pub(super) struct Get {
    queue: Slot<Queue>,
    waiting: Waiting,
}

impl Get {
    #[inline(always)]
    pub(super) fn new(queue: &Own<Queue>) -> Self {
        Self {
            queue: Slot::new(Some(queue.clone())),
            waiting: Waiting::default(),
        }
    }

    /// Gets, or waits (once more).
    #[inline]
    fn look(&self, py: Python<'_>, queue: &Own<Queue>) -> PyRes<Next> {
        if !Queue::is_empty(py, queue)? {
            return Ok(Next::Return(Some(Queue::get_nowait(py, queue)?)));
        }
        if queue.is_shut_down.get() {
            return Err(shut_down(py));
        }
        self.waiting.wait_in(py, queue, &queue.getters)
    }
}

impl Awaitable for Get {
    const TYPE_NAME: &'static std::ffi::CStr = c"ferrio._ferrio.QueueGetCoroutine";
    const QUALNAME: &'static str = "Queue.get";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(27));

    fn slot() -> &'static TypeSlot {
        static SLOT: TypeSlot = TypeSlot::new();
        &SLOT
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        match this.queue.get() {
            Some(queue) => this.look(py, &queue),
            None => Ok(Next::Return(None)),
        }
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let Some(queue) = this.queue.get() else {
            return Ok(Next::Return(None));
        };
        match outcome {
            Ok(_none) => this.look(py, &queue),
            Err(error) => {
                let given_up =
                    Queue::give_up(py, &queue, &this.waiting, &queue.getters, Queue::is_empty);
                exception::after_finally(py, Err(error), given_up)
            }
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.queue);
        visit.slot(&self.waiting.future);
    }

    fn clear(&self) {
        self.queue.set(None);
        self.waiting.future.set(None);
    }
}
