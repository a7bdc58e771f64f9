//! Native watchers: objects of ours (a gathering future, the coroutine of `wait`) that are told at once when a future is done.
//!
//! asyncio schedules one callback for each future that such an object follows. Ours counts, and schedules one call only where
//! that callback would have decided something: in the same place of the queue.

use ferrio_core::waiters::Waiters;
use pyo3::prelude::*;

use super::{Future, Waiter};
use crate::ffi::{Own, PyRes};

/// What a kind of watcher does. One static of it for each kind.
#[derive(Debug)]
pub struct WatcherKind {
    /// The future is done. Called in the middle of its transition: it may schedule, and must not run the program's code.
    pub tell: fn(Python<'_>, &Own, &Own<Future>) -> PyRes<()>,
    /// The task that awaits the watched future by this watcher (`_asyncio_awaited_by` of 3.14).
    pub awaiter: fn(Python<'_>, &Own) -> PyRes<Option<Own>>,
}

impl Future {
    /// One that is made by a class of ours derived from `Future`, which no Python class can derive from.
    #[inline]
    pub fn derived(object: &Own) -> Option<&Own<Self>> {
        object.cast::<Self>().filter(|future| future.derived.get())
    }

    /// `watcher` is told when the future is done: at once if it is. One object may watch a future several times.
    pub fn watch(
        py: Python<'_>,
        this: &Own<Self>,
        watcher: &Own,
        kind: &'static WatcherKind,
    ) -> PyRes<()> {
        if this.is_done() {
            return (kind.tell)(py, watcher, this);
        }
        let watcher = watcher.clone();
        this.waiters
            .with(|waiters| waiters.push(|| Waiter::Watcher { watcher, kind }));
        Ok(())
    }

    /// Takes the watcher off; nothing where the future is done.
    pub fn unwatch(this: &Own<Self>, watcher: &Own) {
        // What is taken off is dropped after the borrow.
        let _off = this.waiters.with(|waiters| {
            let (kept, off): (Vec<Waiter>, Vec<Waiter>) = match std::mem::take(waiters) {
                Waiters::None => return Vec::new(),
                Waiters::One(waiter) => vec![waiter],
                Waiters::Many(waiters) => waiters,
            }
            .into_iter()
            .partition(
                |waiter| !matches!(waiter, Waiter::Watcher { watcher: own, .. } if own.is(watcher)),
            );
            kept.into_iter().for_each(|waiter| waiters.push(|| waiter));
            off
        });
    }
}
