//! The coroutine of `put(item)`.

use pyo3::prelude::*;

use super::{Queue, shut_down};
use crate::awaitable::{Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{Own, PyRes, Recycled, Slot, TypeSlot, Visit, exception};
use crate::sync::waiting::Waiting;

/// Start → done, or → waits → looks again.
#[derive(Debug)]
pub(super) struct Put {
    queue: Slot<Queue>,
    item: Slot,
    waiting: Waiting,
}

impl Put {
    #[inline(always)]
    pub(super) fn new(queue: &Own<Queue>, item: &Own) -> Self {
        Self {
            queue: Slot::new(Some(queue.clone())),
            item: Slot::new(Some(item.clone())),
            waiting: Waiting::default(),
        }
    }

    /// Puts, or waits (once more).
    #[inline]
    fn look(&self, py: Python<'_>, queue: &Own<Queue>) -> PyRes<Next> {
        if !Queue::is_full(py, queue)? {
            if let Some(item) = self.item.take() {
                Queue::put_nowait(py, queue, item)?;
            }
            return Ok(Next::Return(None));
        }
        if queue.is_shut_down.get() {
            return Err(shut_down(py));
        }
        self.waiting.wait_in(py, queue, &queue.putters)
    }
}

impl Awaitable for Put {
    const TYPE_NAME: &'static std::ffi::CStr = c"ferrio._ferrio.QueuePutCoroutine";
    const QUALNAME: &'static str = "Queue.put";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(26));

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
                    Queue::give_up(py, &queue, &this.waiting, &queue.putters, Queue::is_full);
                exception::after_finally(py, Err(error), given_up)
            }
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.queue);
        visit.slot(&self.item);
        visit.slot(&self.waiting.future);
    }

    fn clear(&self) {
        self.queue.set(None);
        self.item.set(None);
        self.waiting.future.set(None);
    }
}
