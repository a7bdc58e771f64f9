//! The line of those who wait for something, which Python may see as a deque.
//!
//! States: Unset (`None` to Python) → Line (native) ⇄ Shown. It becomes Shown when somebody reads the attribute: from then on the deque
//! that was handed out is the line, whatever is done to it. It becomes native again when the deque is empty and nobody else has it.

use ferrio_core::line::{Line, Ticket};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::bound::LoopBound;
use super::futures;
use crate::ffi::{GuardedCell, Immortal, Own, Property, PyRes, Visit, call};
use crate::future::Future;
use crate::names;

#[derive(Debug)]
enum State {
    Unset,
    Line(Line<Own>),
    /// The deque, and whether we have made it.
    Shown(Own, bool),
}

/// Futures of those who wait, first come first served.
#[derive(Debug)]
pub(super) struct Waiters(GuardedCell<State>);

/// What the first look at the line says.
enum Seen<T> {
    Native(T),
    Deque(Own),
}

impl Waiters {
    /// As `self._waiters = None`.
    pub(super) const fn unset() -> Self {
        Self(GuardedCell::new(State::Unset))
    }

    /// As `self._waiters = collections.deque()`.
    pub(super) const fn new() -> Self {
        Self(GuardedCell::new(State::Line(Line::new())))
    }

    /// Begins anew; what was there is handed out.
    pub(super) fn reset(&self, unset: bool) {
        let fresh = if unset {
            State::Unset
        } else {
            State::Line(Line::new())
        };
        drop(self.0.with(|state| std::mem::replace(state, fresh)));
    }

    /// `f` of the native line, or the deque.
    #[inline]
    fn see<T>(&self, f: impl FnOnce(&mut Line<Own>) -> T) -> Seen<T> {
        self.0.with(|state| {
            if matches!(state, State::Unset) {
                *state = State::Line(Line::new());
            }
            match state {
                State::Line(line) => Seen::Native(f(line)),
                State::Shown(deque, _) => Seen::Deque(deque.clone()),
                State::Unset => unreachable!("it has just been made a line"),
            }
        })
    }

    /// The same for those who only look: nobody waits in one that is unset.
    #[inline]
    fn look<T>(&self, nobody: T, f: impl FnOnce(&Line<Own>) -> T) -> Seen<T> {
        self.0.with(|state| match state {
            State::Unset => Seen::Native(nobody),
            State::Line(line) => Seen::Native(f(line)),
            State::Shown(deque, _) => Seen::Deque(deque.clone()),
        })
    }

    /// Joins at the end.
    #[inline]
    pub(super) fn join(&self, py: Python<'_>, future: &Own) -> PyRes<Option<Ticket>> {
        if let Seen::Native(ticket) = self.see(|line| line.join(future.clone())) {
            return Ok(Some(ticket));
        }
        self.join_shown(py, future)
    }

    #[cold]
    fn join_shown(&self, py: Python<'_>, future: &Own) -> PyRes<Option<Ticket>> {
        self.become_native(py)?;
        match self.see(|line| line.join(future.clone())) {
            Seen::Native(ticket) => Ok(Some(ticket)),
            Seen::Deque(deque) => {
                call::method(py, &deque, &names::APPEND, &[future])?;
                Ok(None)
            }
        }
    }

    /// Back from Shown, where nobody can tell.
    fn become_native(&self, py: Python<'_>) -> PyRes<()> {
        let ours = self.0.with(|state| match state {
            State::Shown(deque, true) => Some(deque.clone()),
            _ => None,
        });
        let Some(deque) = ours else {
            return Ok(());
        };
        // Ours and the one in the hand here.
        if deque.refcount() == 2 && deque.bound(py).len()? == 0 {
            self.reset(false);
        }
        Ok(())
    }

    /// Leaves, from wherever in the line; nothing where somebody has taken the place away.
    #[inline]
    pub(super) fn leave(&self, py: Python<'_>, future: &Own, ticket: Option<Ticket>) -> PyRes<()> {
        match self.look(None, |_| Some(())) {
            Seen::Native(None) => Ok(()),
            Seen::Native(Some(())) => {
                let left = self.see(|line| ticket.and_then(|ticket| line.leave(ticket)));
                drop(left);
                Ok(())
            }
            Seen::Deque(deque) => remove(py, &deque, future),
        }
    }

    /// The first, who stays.
    #[inline]
    pub(super) fn first(&self, py: Python<'_>) -> PyRes<Option<Own>> {
        match self.look(None, |line| line.first().cloned()) {
            Seen::Native(first) => Ok(first),
            Seen::Deque(deque) if call::truth(py, &deque)? => {
                Ok(Some(Own::from(deque.bound(py).get_item(0)?)))
            }
            Seen::Deque(_) => Ok(None),
        }
    }

    /// The first, who leaves.
    #[inline]
    pub(super) fn pop(&self, py: Python<'_>) -> PyRes<Option<Own>> {
        match self.0.with(|state| match state {
            State::Unset => Seen::Native(None),
            State::Line(line) => Seen::Native(line.pop()),
            State::Shown(deque, _) => Seen::Deque(deque.clone()),
        }) {
            Seen::Native(first) => Ok(first),
            Seen::Deque(deque) if call::truth(py, &deque)? => {
                call::method(py, &deque, &names::POPLEFT, &[]).map(Some)
            }
            Seen::Deque(_) => Ok(None),
        }
    }

    /// All, in order; a copy.
    pub(super) fn all(&self, py: Python<'_>) -> PyRes<Vec<Own>> {
        match self.look(Vec::new(), |line| line.iter().cloned().collect()) {
            Seen::Native(all) => Ok(all),
            Seen::Deque(deque) => Ok(deque
                .bound(py)
                .try_iter()?
                .map(|item| item.map(Own::from))
                .collect::<PyResult<_>>()?),
        }
    }

    /// Have all who wait been cancelled? Also where nobody waits.
    #[inline]
    pub(super) fn are_all_cancelled(&self, py: Python<'_>) -> PyRes<bool> {
        if let Seen::Native(Some(answer)) = self.look(Some(true), natively_cancelled) {
            return Ok(answer);
        }
        for future in self.all(py)? {
            if !futures::is_cancelled(py, &future)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Wakes the first `most` whose future is pending, in order; they leave when they run.
    pub(super) fn wake(
        &self,
        py: Python<'_>,
        most: usize,
        value: fn(Python<'_>) -> Own,
    ) -> PyRes<()> {
        let mut left = most;
        if left == 0 || matches!(self.look(true, Line::is_empty), Seen::Native(true)) {
            return Ok(());
        }
        if left == 1 {
            return match self.first_pending(py)? {
                Some(first) => futures::wake(py, &first, value).map(drop),
                None => Ok(()),
            };
        }
        for future in self.all(py)? {
            if futures::wake(py, &future, value)? {
                left -= 1;
                if left == 0 {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The first whose future is pending.
    pub(super) fn first_pending(&self, py: Python<'_>) -> PyRes<Option<Own>> {
        if let Seen::Native(Some(found)) = self.look(Some(None), natively_pending) {
            return Ok(found);
        }
        for future in self.all(py)? {
            if !futures::is_done(py, &future)? {
                return Ok(Some(future));
            }
        }
        Ok(None)
    }

    /// What Python sees: None, or the deque that is the line from now on.
    pub(super) fn show(&self, py: Python<'_>) -> PyRes<Option<Own>> {
        match self.look(false, |_| true) {
            Seen::Native(false) => return Ok(None),
            Seen::Deque(deque) => return Ok(Some(deque)),
            Seen::Native(true) => {}
        }
        let deque = new_deque(py)?;
        // Making it may have run anything; from here to the exchange nothing does.
        let shown = State::Shown(deque.clone(), true);
        match self.0.with(|state| std::mem::replace(state, shown)) {
            State::Line(mut line) => {
                for future in line.take() {
                    call::method(py, &deque, &names::APPEND, &[&future])?;
                }
                Ok(Some(deque))
            }
            before @ (State::Unset | State::Shown(..)) => {
                let ours = self.0.with(|state| std::mem::replace(state, before));
                drop(ours);
                self.show(py)
            }
        }
    }

    /// `self._waiters = value`.
    pub(super) fn set(&self, value: &Own) {
        let state = if value.is_none() {
            State::Unset
        } else {
            State::Shown(value.clone(), false)
        };
        drop(self.0.with(|before| std::mem::replace(before, state)));
    }

    pub(super) fn traverse(&self, visit: &mut Visit) {
        let _ = self.0.look(|state| match state {
            State::Unset => {}
            State::Line(line) => line.iter().for_each(|future| visit.own(future)),
            State::Shown(deque, _) => visit.own(deque),
        });
    }
}

/// What has one line, `_waiters`.
pub(super) trait Waited: LoopBound {
    fn waiters(&self) -> &Waiters;
}

/// `_waiters`.
pub(super) fn property<T: Waited>() -> Property<T> {
    Property::get(c"_waiters", |py, this: &Own<T>| this.waiters().show(py)).set(
        |py, this: &Own<T>, value: Option<&Own>| {
            let value = value.cloned().unwrap_or_else(|| Own::none(py));
            this.waiters().set(&value);
            Ok(())
        },
    )
}

/// `collections.deque()`.
pub(super) fn new_deque(py: Python<'_>) -> PyRes {
    static DEQUE: Immortal = Immortal::empty();
    call::call0(py, DEQUE.import(py, "collections", "deque")?)
}

/// Have all been cancelled, as far as futures of ours can tell?
fn natively_cancelled(line: &Line<Own>) -> Option<bool> {
    for future in line.iter() {
        if !future.exact::<Future>()?.is_cancelled() {
            return Some(false);
        }
    }
    Some(true)
}

/// The first that is pending, as far as futures of ours can tell.
fn natively_pending(line: &Line<Own>) -> Option<Option<Own>> {
    for future in line.iter() {
        if !future.exact::<Future>()?.is_done() {
            return Some(Some(future.clone()));
        }
    }
    Some(None)
}

/// `deque.remove(future)`; one that is not there is no error.
#[cold]
fn remove(py: Python<'_>, deque: &Own, future: &Own) -> PyRes<()> {
    match call::method(py, deque, &names::REMOVE, &[future]) {
        Ok(_none) => Ok(()),
        Err(error) if error.is::<PyValueError>(py) => {
            error.clear(py);
            Ok(())
        }
        Err(error) => Err(error),
    }
}
