//! Letting other threads have the interpreter.

use ferrio_core::hand_over::GRANT_NS;
use ferrio_reactor::clock;
use pyo3::prelude::*;

use super::Engine;

/// What came of it.
pub(super) struct Meanwhile<R> {
    /// What the function has returned.
    pub done: R,
    /// Somebody was left the interpreter: how long that took says nothing of the kernel.
    pub lent: bool,
}

impl Engine {
    /// Runs `f`, which is told the time, while others may have the interpreter. A thread that waits for it has it afterwards, if that is
    /// its turn (`core::hand_over`).
    pub(super) fn let_others_in<R: Send>(
        &self,
        py: Python<'_>,
        f: impl FnOnce(u64) -> R + Send,
    ) -> Meanwhile<R> {
        let hand_over = self.hand_over.get();
        let before = clock::now_ns();
        let (done, asked) = py.detach(|| {
            let released = clock::now_ns();
            let took = (released - before).saturating_sub(clock::cost_ns());
            let done = f(released);
            let is_due = hand_over.is_due(took, released);
            (done, is_due.then(|| stay_out(released)))
        });
        if let Some(asked) = asked {
            let mut hand_over = hand_over;
            hand_over.taken_back(asked, clock::now_ns());
            self.hand_over.set(hand_over);
        }
        Meanwhile {
            done,
            lent: asked.is_some(),
        }
    }
}

/// Until whoever was woken at `since` must be awake. It may need this processor.
fn stay_out(since: u64) -> u64 {
    loop {
        let now = clock::now_ns();
        if now.saturating_sub(since) >= GRANT_NS {
            return now;
        }
        std::thread::yield_now();
    }
}
