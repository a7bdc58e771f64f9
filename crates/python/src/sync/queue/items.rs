//! What is in a queue, which Python may see as the stdlib's deque or list.
//!
//! States: Unset (before `_init`) → Native → Shown. Native is for `Queue` alone; it becomes Shown when somebody reads `_queue`, and
//! native again when that is empty and nobody else has it. The other kinds are Shown from the beginning, in a list.

use std::collections::VecDeque;

use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;

use super::Kind;
use crate::ffi::{GuardedCell, Immortal, Name, Own, PyRes, Raised, Visit, call};
use crate::names;
use crate::sync::waiters::new_deque;

#[derive(Debug)]
enum State {
    Unset,
    Native(VecDeque<Own>),
    /// The object, and whether it is a deque that we have made.
    Shown(Own, bool),
}

/// The items of a queue.
#[derive(Debug)]
pub(super) struct Items(GuardedCell<State>);

/// What the first look says.
enum Seen<T> {
    Unset,
    Native(T),
    Shown(Own),
}

impl Items {
    pub(super) const fn unset() -> Self {
        Self(GuardedCell::new(State::Unset))
    }

    fn replace(&self, state: State) {
        drop(self.0.with(|before| std::mem::replace(before, state)));
    }

    /// Forgets everything.
    pub(super) fn reset(&self) {
        self.replace(State::Unset);
    }

    /// Has `_init` run?
    pub(super) fn is_set(&self) -> bool {
        !matches!(self.see(|_| ()), Seen::Unset)
    }

    /// As `_init` does it.
    pub(super) fn begin(&self, py: Python<'_>, kind: Kind) {
        self.replace(match kind {
            Kind::Fifo => State::Native(VecDeque::new()),
            Kind::Heap | Kind::Lifo => {
                let list = pyo3::types::PyList::empty(py);
                State::Shown(Own::from(list.into_any()), false)
            }
        });
    }

    #[inline]
    fn see<T>(&self, f: impl FnOnce(&mut VecDeque<Own>) -> T) -> Seen<T> {
        self.0.with(|state| match state {
            State::Unset => Seen::Unset,
            State::Native(items) => Seen::Native(f(items)),
            State::Shown(object, _) => Seen::Shown(object.clone()),
        })
    }

    /// `len(self._queue)`.
    #[inline]
    pub(super) fn len(&self, py: Python<'_>, owner: &Own) -> PyRes<usize> {
        match self.see(|items| items.len()) {
            Seen::Native(length) => Ok(length),
            Seen::Shown(object) => Ok(object.bound(py).len()?),
            Seen::Unset => Err(missing(py, owner)),
        }
    }

    /// `not self._queue`.
    #[inline]
    pub(super) fn is_empty(&self, py: Python<'_>, owner: &Own) -> PyRes<bool> {
        match self.see(|items| items.is_empty()) {
            Seen::Native(empty) => Ok(empty),
            Seen::Shown(object) => call::truth(py, &object).map(|any| !any),
            Seen::Unset => Err(missing(py, owner)),
        }
    }

    /// `_put(item)`.
    #[inline]
    pub(super) fn put(&self, py: Python<'_>, kind: Kind, item: Own) -> PyRes<()> {
        let mut item = Some(item);
        if let Seen::Native(()) = self.see(|items| items.extend(item.take())) {
            return Ok(());
        }
        self.put_shown(py, kind, item.expect("it has not been put in"))
    }

    fn put_shown(&self, py: Python<'_>, kind: Kind, item: Own) -> PyRes<()> {
        static HEAPPUSH: Immortal = Immortal::empty();
        let Seen::Shown(object) = self.see(|_| ()) else {
            // `_init` has been replaced by one that keeps items elsewhere; so must be `_put`.
            self.begin(py, kind);
            return self.put(py, kind, item);
        };
        match kind {
            Kind::Heap => call::call(
                py,
                HEAPPUSH.import(py, "heapq", "heappush")?,
                &[object, item],
            )?,
            Kind::Fifo if self.is_unseen(py, &object)? => {
                drop(object);
                self.begin(py, kind);
                return self.put(py, kind, item);
            }
            Kind::Fifo | Kind::Lifo => call::method(py, &object, &names::APPEND, &[&item])?,
        };
        Ok(())
    }

    /// Is it a deque of ours that is empty and that nobody else has, but for the one in the caller's hand?
    fn is_unseen(&self, py: Python<'_>, object: &Own) -> PyRes<bool> {
        let ours = self.0.with(|state| matches!(state, State::Shown(_, true)));
        Ok(ours && object.refcount() == 2 && object.bound(py).len()? == 0)
    }

    /// `_get()`, where there is something.
    #[inline]
    pub(super) fn get(&self, py: Python<'_>, kind: Kind, owner: &Own) -> PyRes {
        static HEAPPOP: Immortal = Immortal::empty();
        let object = match self.see(VecDeque::pop_front) {
            Seen::Native(Some(item)) => return Ok(item),
            Seen::Native(None) => self.show(py)?.ok_or_else(|| missing(py, owner))?,
            Seen::Shown(object) => object,
            Seen::Unset => return Err(missing(py, owner)),
        };
        let pop: &'static Name = match kind {
            Kind::Heap => return call::call1(py, HEAPPOP.import(py, "heapq", "heappop")?, &object),
            Kind::Fifo => &names::POPLEFT,
            Kind::Lifo => &names::POP,
        };
        call::method(py, &object, pop, &[])
    }

    /// `_queue`: from now on the object that is shown has the items.
    pub(super) fn show(&self, py: Python<'_>) -> PyRes<Option<Own>> {
        match self.see(|_| ()) {
            Seen::Unset => return Ok(None),
            Seen::Shown(object) => return Ok(Some(object)),
            Seen::Native(()) => {}
        }
        let deque = new_deque(py)?;
        // Making it may have run anything; from here to the exchange nothing does.
        let shown = State::Shown(deque.clone(), true);
        match self.0.with(|state| std::mem::replace(state, shown)) {
            State::Native(items) => {
                for item in items {
                    call::method(py, &deque, &names::APPEND, &[&item])?;
                }
                Ok(Some(deque))
            }
            before @ (State::Unset | State::Shown(..)) => {
                self.replace(before);
                self.show(py)
            }
        }
    }

    /// `self._queue = value`.
    pub(super) fn set(&self, value: Option<&Own>) {
        self.replace(value.map_or(State::Unset, |value| State::Shown(value.clone(), false)));
    }

    pub(super) fn traverse(&self, visit: &mut Visit) {
        let _ = self.0.look(|state| match state {
            State::Unset => {}
            State::Native(items) => items.iter().for_each(|item| visit.own(item)),
            State::Shown(object, _) => visit.own(object),
        });
    }
}

/// As for every attribute that is not there.
#[cold]
pub(super) fn missing(py: Python<'_>, owner: &Own) -> Raised {
    let class = owner
        .type_object(py)
        .name()
        .map_or_else(|_| "Queue".to_owned(), |name| name.to_string());
    let text = format!("'{class}' object has no attribute '_queue'");
    Raised::new::<PyAttributeError>(py, text)
}
