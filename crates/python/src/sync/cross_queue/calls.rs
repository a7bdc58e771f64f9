//! The coroutines of `get()`, `put(item)` and `join()`.
//!
//! | state | what happens | next |
//! |---|---|---|
//! | looks | there is an item, or room | done |
//! | looks | shut down | done: `QueueShutDown` |
//! | looks | otherwise | waits, in the place that he had before or at the end |
//! | waits | woken | looks (`join`: done) |
//! | waits | an exception is thrown in | done: out of the line, or if he has been woken the next one is |

use std::cell::Cell;
use std::ffi::CStr;

use pyo3::prelude::*;

use super::refused::{Refused, refusal};
use super::wake::Wake;
use super::{CrossQueue, Side};
use crate::awaitable::{Awaitable, Coroutine, Next, Outcome};
use crate::ffi::{Own, PyRes, Recycled, Slot, TypeSlot, Visit, exception};

/// What a coroutine remembers of its place.
#[derive(Debug)]
struct Place {
    queue: Slot<CrossQueue>,
    number: Cell<Option<u64>>,
}

impl Place {
    fn of(queue: &Own<CrossQueue>) -> Self {
        Self {
            queue: Slot::new(Some(queue.clone())),
            number: Cell::new(None),
        }
    }

    /// Waits in the line; None where there is nothing to wait for any more.
    fn wait(&self, py: Python<'_>, queue: &Own<CrossQueue>, side: Side) -> PyRes<Option<Next>> {
        let wake = Wake::new(py, queue, side)?;
        let Some(number) = queue.join(side, &wake, self.number.get()) else {
            return Ok(None);
        };
        self.number.set(Some(number));
        Ok(wake.future().map(Next::Await))
    }

    /// Woken: out of the line, if it was somebody else who woke him.
    fn woken(&self, queue: &Own<CrossQueue>, side: Side) {
        if let Some(number) = self.number.get() {
            queue.leave(side, number);
        }
    }

    /// Cancelled or closed: leaves, and if he has been woken meanwhile somebody else is.
    fn give_up(
        &self,
        py: Python<'_>,
        queue: &Own<CrossQueue>,
        side: Side,
        error: Own,
    ) -> PyRes<Next> {
        if let Some(number) = self.number.take() {
            if !queue.leave(side, number) {
                CrossQueue::hand_on(py, queue, side);
            }
        }
        Err(exception::restore(py, error))
    }
}

/// Start → done, or → waits → looks again.
#[derive(Debug)]
pub(super) struct Get(Place);

impl Get {
    pub(super) fn new(queue: &Own<CrossQueue>) -> Self {
        Self(Place::of(queue))
    }

    fn look(&self, py: Python<'_>, queue: &Own<CrossQueue>) -> PyRes<Next> {
        loop {
            match CrossQueue::try_get(py, queue) {
                Ok(item) => return Ok(Next::Return(Some(item))),
                Err(Refused::ShutDown) => {
                    return Err(refusal(py, Side::Getters, Refused::ShutDown));
                }
                Err(Refused::NotNow) => {}
            }
            if let Some(next) = self.0.wait(py, queue, Side::Getters)? {
                return Ok(next);
            }
        }
    }
}

/// The same with an item in the hand.
#[derive(Debug)]
pub(super) struct Put {
    place: Place,
    item: Slot,
}

impl Put {
    pub(super) fn new(queue: &Own<CrossQueue>, item: &Own) -> Self {
        Self {
            place: Place::of(queue),
            item: Slot::new(Some(item.clone())),
        }
    }

    fn look(&self, py: Python<'_>, queue: &Own<CrossQueue>) -> PyRes<Next> {
        while let Some(item) = self.item.take() {
            let Err((item, refused)) = CrossQueue::try_put(py, queue, item) else {
                break;
            };
            self.item.set(Some(item));
            if refused == Refused::ShutDown {
                return Err(refusal(py, Side::Putters, refused));
            }
            if let Some(next) = self.place.wait(py, queue, Side::Putters)? {
                return Ok(next);
            }
        }
        Ok(Next::Return(None))
    }
}

/// Start → done, or → waits → done: whoever puts something in before he runs is too late.
#[derive(Debug)]
pub(super) struct Join(Place);

impl Join {
    pub(super) fn new(queue: &Own<CrossQueue>) -> Self {
        Self(Place::of(queue))
    }
}

impl Awaitable for Get {
    const TYPE_NAME: &'static CStr = c"ferrio._ferrio.CrossQueueGetCoroutine";
    const QUALNAME: &'static str = "CrossQueue.get";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(19));

    fn slot() -> &'static TypeSlot {
        static SLOT: TypeSlot = TypeSlot::new();
        &SLOT
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        match this.0.queue.get() {
            Some(queue) => this.look(py, &queue),
            None => Ok(Next::Return(None)),
        }
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let Some(queue) = this.0.queue.get() else {
            return Ok(Next::Return(None));
        };
        match outcome {
            Ok(_none) => {
                this.0.woken(&queue, Side::Getters);
                this.look(py, &queue)
            }
            Err(error) => this.0.give_up(py, &queue, Side::Getters, error),
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.0.queue);
    }

    fn clear(&self) {
        self.0.queue.set(None);
    }
}

impl Awaitable for Put {
    const TYPE_NAME: &'static CStr = c"ferrio._ferrio.CrossQueuePutCoroutine";
    const QUALNAME: &'static str = "CrossQueue.put";
    const RECYCLED: Option<Recycled> = Some(Recycled::pool(20));

    fn slot() -> &'static TypeSlot {
        static SLOT: TypeSlot = TypeSlot::new();
        &SLOT
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        match this.place.queue.get() {
            Some(queue) => this.look(py, &queue),
            None => Ok(Next::Return(None)),
        }
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let Some(queue) = this.place.queue.get() else {
            return Ok(Next::Return(None));
        };
        match outcome {
            Ok(_none) => {
                this.place.woken(&queue, Side::Putters);
                this.look(py, &queue)
            }
            Err(error) => this.place.give_up(py, &queue, Side::Putters, error),
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.place.queue);
        visit.slot(&self.item);
    }

    fn clear(&self) {
        self.place.queue.set(None);
        self.item.set(None);
    }
}

impl Awaitable for Join {
    const TYPE_NAME: &'static CStr = c"ferrio._ferrio.CrossQueueJoinCoroutine";
    const QUALNAME: &'static str = "CrossQueue.join";

    fn slot() -> &'static TypeSlot {
        static SLOT: TypeSlot = TypeSlot::new();
        &SLOT
    }

    fn start(py: Python<'_>, this: &Own<Coroutine<Self>>) -> PyRes<Next> {
        let Some(queue) = this.0.queue.get() else {
            return Ok(Next::Return(None));
        };
        if !queue.lock().must_wait(Side::Joiners) {
            return Ok(Next::Return(None));
        }
        let waits = this.0.wait(py, &queue, Side::Joiners)?;
        Ok(waits.unwrap_or(Next::Return(None)))
    }

    fn resume(py: Python<'_>, this: &Own<Coroutine<Self>>, outcome: Outcome) -> PyRes<Next> {
        let Some(queue) = this.0.queue.get() else {
            return Ok(Next::Return(None));
        };
        match outcome {
            Ok(_none) => {
                this.0.woken(&queue, Side::Joiners);
                Ok(Next::Return(None))
            }
            Err(error) => this.0.give_up(py, &queue, Side::Joiners, error),
        }
    }

    fn traverse(&self, visit: &mut Visit) {
        visit.slot(&self.0.queue);
    }

    fn clear(&self) {
        self.0.queue.set(None);
    }
}
