//! What few futures have, out of the way of the others: a box that is made when the first of it is set.

use std::cell::OnceCell;

use crate::ffi::{Own, Slot, Visit};

/// One thing that few futures have.
#[derive(Clone, Copy, Debug)]
pub enum Field {
    /// The loop, if it is another implementation's.
    Foreign,
    /// What it has failed with.
    Exception,
    /// The traceback the exception came with; each `result()` starts from it again.
    ExceptionTraceback,
    /// `cancel(msg)`.
    CancelMessage,
    /// The very `CancelledError` that ended a task, raised once for its first waiter.
    CancelledError,
    /// Where it was made; debug mode only.
    SourceTraceback,
    /// A set of those who await it otherwise than as waiters; 3.14 and later only.
    AwaitedBy,
}

const COUNT: usize = Field::AwaitedBy as usize + 1;

/// All of them.
#[derive(Debug)]
pub struct Rare(OnceCell<Box<[Slot; COUNT]>>);

impl Rare {
    /// Nothing.
    #[inline]
    pub const fn none() -> Self {
        Self(OnceCell::new())
    }

    #[inline]
    fn slot(&self, field: Field) -> Option<&Slot> {
        self.0.get().map(|slots| &slots[field as usize])
    }

    /// A new reference to what is there.
    #[inline]
    pub fn get(&self, field: Field) -> Option<Own> {
        self.slot(field).and_then(Slot::get)
    }

    /// Is there nothing?
    #[inline]
    pub fn is_empty(&self, field: Field) -> bool {
        self.slot(field).is_none_or(Slot::is_empty)
    }

    /// Takes what is there, leaving nothing.
    #[inline]
    pub fn take(&self, field: Field) -> Option<Own> {
        self.slot(field).and_then(Slot::take)
    }

    /// Puts something in; what was there is dropped after the field holds the new value.
    #[inline]
    pub fn set(&self, field: Field, value: Option<Own>) {
        match self.slot(field) {
            Some(slot) => slot.set(value),
            None if value.is_some() => self.set_first(field, value),
            None => (),
        }
    }

    #[cold]
    fn set_first(&self, field: Field, value: Option<Own>) {
        let slots = self
            .0
            .get_or_init(|| Box::new(std::array::from_fn(|_| Slot::empty())));
        slots[field as usize].set(value);
    }

    /// Shows every owned reference.
    pub fn traverse(&self, visit: &mut Visit) {
        if let Some(slots) = self.0.get() {
            slots.iter().for_each(|slot| visit.slot(slot));
        }
    }

    /// Drops everything.
    pub fn clear(&self) {
        if let Some(slots) = self.0.get() {
            slots.iter().for_each(|slot| slot.set(None));
        }
    }
}
