//! One who waits: his future, his place in the line.
//!
//! | state | what happens | next |
//! |---|---|---|
//! | – | `wait_in` | in the line, with a pending future |
//! | in the line | woken: the future is filled | woken; of a queue's line he is out, in the others he stands until he runs |
//! | in the line | his task is cancelled | cancelled: the future is; he stands there until he runs |
//! | woken | he runs: `leave` | out: he has what he waited for, or (queue) looks again |
//! | woken, cancelled | he runs, with an error: `leave` | out: what he was woken for goes to the next one |

use std::cell::Cell;

use ferrio_core::line::Ticket;
use pyo3::prelude::*;

use super::bound::LoopBound;
use super::waiters::Waiters;
use crate::awaitable::Next;
use crate::ffi::{Own, PyRes, Slot};

/// What a coroutine remembers of its place in a line.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) future: Slot,
    ticket: Cell<Option<Ticket>>,
}

impl Waiting {
    /// Joins the line; the future to be awaited.
    #[inline]
    pub(super) fn join(&self, py: Python<'_>, line: &Waiters, future: Own) -> PyRes {
        self.future.set(Some(future.clone()));
        self.ticket.set(line.join(py, &future)?);
        Ok(future)
    }

    /// Waits in a line of `owner`, with a new future.
    #[inline]
    pub(super) fn wait_in<T: LoopBound>(
        &self,
        py: Python<'_>,
        owner: &Own<T>,
        line: &Waiters,
    ) -> PyRes<Next> {
        let future = owner.binding().new_future(py, owner.as_any())?;
        self.join(py, line, future).map(Next::Await)
    }

    /// Leaves the line, if the place in it has not been taken away meanwhile.
    #[inline]
    pub(super) fn leave(&self, py: Python<'_>, line: &Waiters) -> PyRes<()> {
        match self.future.take() {
            Some(future) => line.leave(py, &future, self.ticket.take()),
            None => Ok(()),
        }
    }
}
