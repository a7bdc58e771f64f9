//! ROOM    `ferrio.CrossQueue`: a queue between loops and threads
//! KNOWS   ffi, names, awaitable, engine, future      NEVER   anything of Python while its mutex is held
//! IN      items and calls of any thread              OUT     items in their order, coroutines, calls for other loops
//! PROOF   tests/behaviour/sync/test_cross_queue.py
//! START   `CrossQueue`, then `wake.rs` (how another loop is told), `calls.rs` (who waits)
//!
//! | state | what happens | next |
//! |---|---|---|
//! | open | `put`, `get` | open; whoever waits for an item, or for room, is woken |
//! | open | `shutdown()` | shut down: all are woken; what is in it stays, or is thrown away (`immediate`) |
//! | shut down | `get` | shut down: an item, or `QueueShutDown` |
//! | shut down | `put` | shut down: `QueueShutDown` |
//!
//! Its contents stand behind a mutex that is held for a few instructions: nothing is called, made or dropped under it.
//!
//! Who waits stands in a line by the number of his place. To wake him is to take him out of the line and tell his loop
//! (`wake.rs`); when he runs he looks again, and where somebody was faster he waits on in his old place. Whoever is woken and does
//! not run any more (cancelled, loop closed) wakes the next one instead. So while there is an item (or room) and somebody waits for it, one
//! who waits is on his way.

mod calls;
mod face;
mod refused;
mod wake;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::CStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use crate::ffi::{Class, Own, PyRes, TypeSlot, Visit, WithWeakrefs};

pub(super) use face::make_type;
use refused::Refused;
use wake::Wake;

/// What somebody waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    /// An item.
    Getters,
    /// Room for an item.
    Putters,
    /// `join()`: the end of all tasks.
    Joiners,
}

/// Those who wait and have not been woken, by place.
type Line = BTreeMap<u64, Own<Wake>>;

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Own>,
    /// How many items there may be; `None`: any number.
    limit: Option<usize>,
    /// Items put of which nobody has said `task_done()`.
    unfinished: u64,
    is_shut_down: bool,
    getters: Line,
    putters: Line,
    joiners: Line,
    /// The number of the last place that was given away.
    last_place: u64,
}

impl State {
    fn line(&mut self, side: Side) -> &mut Line {
        match side {
            Side::Getters => &mut self.getters,
            Side::Putters => &mut self.putters,
            Side::Joiners => &mut self.joiners,
        }
    }

    fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.items.len() >= limit)
    }

    /// Would somebody who looks now have to wait?
    fn must_wait(&self, side: Side) -> bool {
        match side {
            Side::Getters => self.items.is_empty() && !self.is_shut_down,
            Side::Putters => self.is_full() && !self.is_shut_down,
            Side::Joiners => self.unfinished > 0,
        }
    }
}

fn first(line: &mut Line) -> Option<Own<Wake>> {
    line.pop_first().map(|(_place, wake)| wake)
}

/// A queue between loops and threads.
#[derive(Debug)]
pub(super) struct CrossQueue(Mutex<State>);

static CROSS_QUEUE: TypeSlot = TypeSlot::new();

impl Class for CrossQueue {
    const NAME: &'static CStr = c"ferrio.CrossQueue";
    const DOC: &'static CStr = c"CrossQueue(maxsize=0)\n--\n\n\
        A queue between event loops and threads: the methods of asyncio.Queue, from any of them.\n\n\
        put() and get() are awaited in whatever loop; everything else also works where no loop runs.\n\
        At most maxsize items are in it, any number if maxsize is 0 or less. First come, first served.";
    type Head = WithWeakrefs;

    fn slot() -> &'static TypeSlot {
        &CROSS_QUEUE
    }

    fn uninitialised(_py: Python<'_>) -> PyRes<Option<Self>> {
        Ok(Some(Self(Mutex::default())))
    }

    fn traverse(&self, visit: &mut Visit) {
        // Nobody holds it while the collector runs: it runs in attached threads, at places where Python can run.
        let Ok(state) = self.0.try_lock() else { return };
        state.items.iter().for_each(|item| visit.own(item));
        let lines = [&state.getters, &state.putters, &state.joiners];
        for wake in lines.into_iter().flat_map(BTreeMap::values) {
            visit.own(wake.as_any());
        }
    }

    fn clear(&self, _py: Python<'_>) {
        let state = std::mem::take(&mut *self.lock());
        drop(state);
    }
}

impl CrossQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // What is done under it cannot leave anything half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the first item.
    fn try_get(py: Python<'_>, this: &Own<Self>) -> Result<Own, Refused> {
        let mut state = this.lock();
        let Some(item) = state.items.pop_front() else {
            let shut_down = state.is_shut_down;
            drop(state);
            return Err(Refused::from(shut_down));
        };
        let next = first(&mut state.putters);
        drop(state);
        Self::wake(py, this, Side::Putters, next);
        Ok(item)
    }

    /// Puts an item behind the others; gives it back where that cannot be.
    fn try_put(py: Python<'_>, this: &Own<Self>, item: Own) -> Result<(), (Own, Refused)> {
        let mut state = this.lock();
        if state.is_shut_down || state.is_full() {
            let shut_down = state.is_shut_down;
            drop(state);
            return Err((item, Refused::from(shut_down)));
        }
        state.items.push_back(item);
        state.unfinished += 1;
        let next = first(&mut state.getters);
        drop(state);
        Self::wake(py, this, Side::Getters, next);
        Ok(())
    }

    /// One task less to be done; false: there was none.
    fn task_done(py: Python<'_>, this: &Own<Self>) -> bool {
        let mut state = this.lock();
        if state.unfinished == 0 {
            return false;
        }
        state.unfinished -= 1;
        let is_last = state.unfinished == 0;
        drop(state);
        if is_last {
            Self::wake_all(py, this, Side::Joiners);
        }
        true
    }

    fn shut_down(py: Python<'_>, this: &Own<Self>, immediate: bool) {
        let mut state = this.lock();
        state.is_shut_down = true;
        let thrown_away = if immediate {
            std::mem::take(&mut state.items)
        } else {
            VecDeque::new()
        };
        state.unfinished = state.unfinished.saturating_sub(thrown_away.len() as u64);
        let is_finished = state.unfinished == 0;
        drop(state);
        if is_finished {
            Self::wake_all(py, this, Side::Joiners);
        }
        Self::wake_all(py, this, Side::Getters);
        Self::wake_all(py, this, Side::Putters);
        drop(thrown_away);
    }

    /// Joins a line, at the place that he had before; no place where there is nothing to wait for any more.
    fn join(&self, side: Side, wake: &Own<Wake>, before: Option<u64>) -> Option<u64> {
        let wake = wake.clone();
        let mut state = self.lock();
        if !state.must_wait(side) {
            drop(state);
            return None;
        }
        let place = before.unwrap_or(state.last_place + 1);
        state.last_place = state.last_place.max(place);
        state.line(side).insert(place, wake);
        Some(place)
    }

    /// Leaves the line; false: he has been woken.
    fn leave(&self, side: Side, place: u64) -> bool {
        let left = self.lock().line(side).remove(&place);
        left.is_some()
    }

    /// Somebody was woken and will not look: somebody else must, if there is anything to be had.
    fn hand_on(py: Python<'_>, this: &Own<Self>, side: Side) {
        let mut state = this.lock();
        let next = if state.must_wait(side) {
            None
        } else {
            first(state.line(side))
        };
        drop(state);
        Self::wake(py, this, side, next);
    }

    /// Wakes `next`, or where that is in vain whoever stands first then.
    fn wake(py: Python<'_>, this: &Own<Self>, side: Side, mut next: Option<Own<Wake>>) {
        while let Some(wake) = next {
            if Wake::tell(py, &wake) {
                return;
            }
            next = first(this.lock().line(side));
        }
    }

    fn wake_all(py: Python<'_>, this: &Own<Self>, side: Side) {
        let line = std::mem::take(this.lock().line(side));
        for wake in line.values() {
            Wake::tell(py, wake);
        }
    }
}
