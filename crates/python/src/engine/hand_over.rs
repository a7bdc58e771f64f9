//! Letting other threads have the interpreter.

use ferrio_reactor::clock;
use pyo3::prelude::*;

use super::{Engine, Wait};
use crate::ffi::runtime;

/// What came of it.
pub(super) struct Meanwhile<R> {
    /// What the function has returned.
    pub done: R,
    /// The loop has stayed out longer than `f`: how long that took says nothing of the kernel.
    pub lent: bool,
}

impl Engine {
    /// May the kernel be asked without letting go of the interpreter? That and taking it again cost as much as ten calls.
    pub(super) fn keeps_interpreter(&self, py: Python<'_>, wait: Wait) -> bool {
        match wait {
            Wait::No => {
                let polled = self.budget.with(|budget| budget.since_ns());
                self.hand_over.get().may_keep(polled) || !runtime::has_other_threads(py)
            }
            Wait::For(_) | Wait::Forever => self.at_once.get() && !runtime::has_other_threads(py),
        }
    }

    /// The loop has slept until `now` (ns of the clock).
    pub(super) fn note_sleep(&self, now: u64) {
        let mut hand_over = self.hand_over.get();
        hand_over.slept(now);
        self.hand_over.set(hand_over);
    }

    /// Runs `f`, which is told the time and asks the kernel as `wait` says, while others may have the interpreter. A thread that waits
    /// for it has it afterwards, if that is its turn (`core::hand_over`).
    pub(super) fn let_others_in<R: Send>(
        &self,
        py: Python<'_>,
        wait: Wait,
        f: impl FnOnce(u64) -> R + Send,
    ) -> Meanwhile<R> {
        let mut hand_over = self.hand_over.get();
        let before = clock::now_ns();
        let (done, asked, lent, mut hand_over) = py.detach(move || {
            let released = clock::now_ns();
            let took = (released - before).saturating_sub(clock::cost_ns());
            let somebody = hand_over.released(took, released);
            let done = f(released);
            if !somebody {
                return (done, None, false, hand_over);
            }
            let now = clock::now_ns();
            let stay = hand_over.stay(released, now, wait == Wait::No);
            let asked = stay.map_or(now, |ns| stay_out(released + ns));
            (done, Some(asked), stay.is_some(), hand_over)
        });
        if let Some(asked) = asked {
            hand_over.taken_back(asked, clock::now_ns());
        }
        self.hand_over.set(hand_over);
        Meanwhile { done, lent }
    }
}

/// Waits until `until`, when somebody was woken, and tells the time. Who was woken may need this processor.
fn stay_out(until: u64) -> u64 {
    loop {
        std::thread::yield_now();
        let now = clock::now_ns();
        if now >= until {
            return now;
        }
    }
}
