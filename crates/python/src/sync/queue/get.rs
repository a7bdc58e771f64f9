//! The coroutine of `get()`.

use pyo3::prelude::*;

use super::{Queue, shut_down};
use crate::awaitable::{Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{Own, PyRes, Recycled, Slot, TypeSlot, Visit, exception};
use crate::sync::futures;
use crate::sync::waiting::Waiting;

/// Start → done, or → waits → looks again.
#[derive(Debug)]
pub(super) struct Get {
    queue: Slot<Queue>,
    waiting: Waiting,
}

impl Get {
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
        let future = queue.bound.new_future(py, queue.as_any())?;
        self.waiting
            .join(py, &queue.getters, future)
            .map(Next::Await)
    }

    /// `except:`: gives the place up, and the wake-up on to the next where there has been one that is still good.
    #[cold]
    fn give_up(&self, py: Python<'_>, queue: &Own<Queue>) -> PyRes<()> {
        let Some(getter) = self.waiting.future.get() else {
            return Ok(());
        };
        futures::cancel(py, &getter)?;
        self.waiting.leave(py, &queue.getters)?;
        if !Queue::is_empty(py, queue)? && !futures::is_cancelled(py, &getter)? {
            Queue::wake_next(py, &queue.getters)?;
        }
        Ok(())
    }
}

impl Awaitable for Get {
    const TYPE_NAME: &'static std::ffi::CStr = c"ferrio._ferrio.QueueGetCoroutine";
    const NAME: &'static str = "get";
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
                let given_up = this.give_up(py, &queue);
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
