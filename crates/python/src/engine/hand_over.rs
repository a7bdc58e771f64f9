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
        let (done, asked, mut hand_over) = py.detach(move || {
            let released = clock::now_ns();
            let took = (released - before).saturating_sub(clock::cost_ns());
            let done = f(released);
            let stay = hand_over.released(took, released, wait == Wait::No);
            let asked = stay.and_then(|ns| stay_out(released, ns));
            (done, asked, hand_over)
        });
        if let Some(asked) = asked {
            hand_over.taken_back(asked, clock::now_ns());
        }
        self.hand_over.set(hand_over);
        Meanwhile {
            done,
            lent: asked.is_some(),
        }
    }
}

/// Waits until `ns` after `since`, when somebody was woken, and tells the time; none if that is over already. Who was woken may need
/// this processor.
fn stay_out(since: u64, ns: u64) -> Option<u64> {
    let mut now = clock::now_ns();
    if now.saturating_sub(since) >= ns {
        return None;
    }
    while now.saturating_sub(since) < ns {
        std::thread::yield_now();
        now = clock::now_ns();
    }
    Some(now)
}
