//! Timers of a loop whose `time()` is the program's: a clock that is shifted, scaled, or moved on by a test.
//!
//! As asyncio's `_run_once`: in every turn the clock is asked after the poll, and before it where the loop would sleep. They stand in a
//! heap of their own, by a number that has the order of the seconds: such a clock may count from anywhere, also below zero.

use ferrio_core::timers::{rank_of_seconds, seconds_of_rank};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::replaced::Methods;
use super::{Engine, Wait};
use crate::ffi::{Own, PyRes, Raised, call};
use crate::handle::TimerHandle;
use crate::names;

/// asyncio's `_clock_resolution`: that of `time.monotonic()`, whatever the loop's clock is.
const RESOLUTION_SECONDS: f64 = 1e-9;
/// asyncio's MAXIMUM_SELECT_TIMEOUT.
const LONGEST_SLEEP_SECONDS: f64 = 24.0 * 3600.0;

impl Engine {
    /// Is the loop's clock another one than the kernel's?
    #[inline]
    pub fn has_own_clock(&self) -> bool {
        self.replaces(Methods::TIME)
    }

    /// `loop.time()`.
    pub fn ask_time(py: Python<'_>, this: &Own<Self>) -> PyRes<f64> {
        let now = call::method(py, this.as_any(), &names::TIME, &[])?;
        Ok(now.bound(py).extract()?)
    }

    /// Starts a timer of this clock.
    #[cold]
    pub(super) fn push_own_timer(&self, when: f64, timer: Own<TimerHandle>) {
        self.own_timers
            .with(|timers| timers.push(rank_of_seconds(when), timer));
    }

    /// How long the loop may sleep, by its clock. Errors: what `time()` raises.
    #[inline]
    pub fn patience_by_clock(py: Python<'_>, this: &Own<Self>) -> PyRes<Wait> {
        if this.has_own_clock() {
            return Self::patience_by_own_clock(py, this);
        }
        Ok(this.patience())
    }

    #[cold]
    fn patience_by_own_clock(py: Python<'_>, this: &Own<Self>) -> PyRes<Wait> {
        drop(this.sweep_own_timers());
        let is_busy = || this.ready_len() > 0 || this.is_stopping();
        if is_busy() {
            return Ok(Wait::No);
        }
        let Some(rank) = this.own_timers.with(|timers| timers.next_deadline()) else {
            return Ok(Wait::Forever);
        };
        let seconds = seconds_of_rank(rank) - Self::ask_time(py, this)?;
        // `time()` may have given the loop something to do.
        if is_busy() || seconds <= 0.0 {
            return Ok(Wait::No);
        }
        if seconds.is_nan() {
            // As asyncio's selector says it.
            let text = "cannot convert float NaN to integer";
            return Err(Raised::new::<PyValueError>(py, text));
        }
        Ok(Wait::For(
            (seconds.min(LONGEST_SLEEP_SECONDS) * 1e9).ceil() as u64
        ))
    }

    /// After a poll: the timers that are due by the loop's own clock. The next turn polls again. Errors: what `time()` raises.
    #[cold]
    pub fn collect_due_by_own_clock(py: Python<'_>, this: &Own<Self>) -> PyRes<()> {
        this.poll_next_turn();
        let end = rank_of_seconds(Self::ask_time(py, this)? + RESOLUTION_SECONDS);
        if let Some(last) = end.checked_sub(1) {
            this.collect_due_of(&this.own_timers, last, Vec::new());
        }
        Ok(())
    }

    /// Takes cancelled timers out: those at the head, which nobody is to be woken for, and all where they are the majority. The caller
    /// drops them.
    fn sweep_own_timers(&self) -> Vec<Own<TimerHandle>> {
        let cancelled = self.garbage.replace(0);
        let mut dead = Vec::new();
        self.own_timers.with(|timers| {
            timers.note_cancelled(cancelled);
            if timers.garbage_is_due() {
                timers.purge(|timer| timer.is_cancelled(), &mut dead);
            }
            while timers.peek().is_some_and(|timer| timer.is_cancelled()) {
                dead.extend(timers.pop_due(u64::MAX));
                timers.note_popped_dead();
            }
        });
        dead.iter().for_each(|timer| timer.scheduled.set(false));
        dead
    }

    /// `time` was replaced or is ferrio's again: what is scheduled is from now on due by the other clock.
    #[cold]
    pub(super) fn change_clock(&self) {
        let cancelled = self.garbage.replace(0);
        let timers = match self.has_own_clock() {
            true => &self.timers,
            false => &self.own_timers,
        };
        timers.with(|timers| timers.note_cancelled(cancelled));
        // In their order, which those with one deadline keep.
        let mut moved = Vec::new();
        while let Some(timer) = timers.with(|timers| timers.pop_due(u64::MAX)) {
            if timer.is_cancelled() {
                timer.scheduled.set(false);
                timers.with(super::Timers::note_popped_dead);
            }
            moved.push(timer);
        }
        // What a dead one lets go of may replace `time` again.
        for timer in moved {
            if timer.is_cancelled() {
                drop(timer);
            } else if self.has_own_clock() {
                self.push_own_timer(timer.when(), timer);
            } else {
                self.push_timer(timer.when(), timer);
            }
        }
        self.poll_next_turn();
    }
}
