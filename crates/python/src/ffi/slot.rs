//! Cells inside Python objects. Nothing here runs Python while a borrow is out.

use std::cell::{Cell, UnsafeCell};

use super::{Any, Own};

/// A field that holds an owned reference or nothing. Every method leaves the field valid before a reference is dropped.
pub struct Slot<T = Any>(UnsafeCell<Option<Own<T>>>);

impl<T> Slot<T> {
    /// An empty field.
    #[inline]
    pub const fn empty() -> Self {
        Self(UnsafeCell::new(None))
    }

    /// A field with something in it.
    #[inline]
    pub const fn new(value: Option<Own<T>>) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// A new reference to what is there.
    #[inline]
    pub fn get(&self) -> Option<Own<T>> {
        // SAFETY: counting up runs no Python, so nobody can change the cell meanwhile; not `Sync`.
        unsafe { (*self.0.get()).clone() }
    }

    /// Looks at what is there for the length of `f`, which must not run Python code (an identity test, a copied number).
    #[inline]
    pub fn peek<R>(&self, f: impl FnOnce(Option<&Own<T>>) -> R) -> R {
        // SAFETY: single-threaded; the closure's contract is that it does not re-enter.
        unsafe { f((*self.0.get()).as_ref()) }
    }

    /// Is it empty?
    #[inline]
    pub fn is_empty(&self) -> bool {
        // SAFETY: single-threaded read.
        unsafe { (*self.0.get()).is_none() }
    }

    /// Takes what is there, leaving nothing.
    #[inline]
    pub fn take(&self) -> Option<Own<T>> {
        // SAFETY: moves only.
        unsafe { (*self.0.get()).take() }
    }

    /// Puts something in and hands out what was there.
    #[inline]
    pub fn replace(&self, value: Option<Own<T>>) -> Option<Own<T>> {
        // SAFETY: moves only.
        unsafe { std::mem::replace(&mut *self.0.get(), value) }
    }

    /// Puts something in; what was there is dropped after the cell holds the new value.
    #[inline]
    pub fn set(&self, value: Option<Own<T>>) {
        drop(self.replace(value));
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T> std::fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_empty() {
            "Slot(empty)"
        } else {
            "Slot(full)"
        })
    }
}

/// A cell for plain Rust state (queues, heaps). `with` lends it to a closure that runs no Python; a second loan
/// inside the first is a bug of ours and panics (which becomes a `SystemError`).
pub struct GuardedCell<T> {
    lent: Cell<bool>,
    value: UnsafeCell<T>,
}

struct Loan<'a>(&'a Cell<bool>);

impl Drop for Loan<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl<T> GuardedCell<T> {
    /// A cell around `value`.
    pub const fn new(value: T) -> Self {
        Self {
            lent: Cell::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Lends the value. Move references out and drop them after `with` has returned.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        assert!(!self.lent.replace(true), "a guarded cell was entered twice");
        let _loan = Loan(&self.lent);
        // SAFETY: the flag says that this is the only loan, and the type is not `Sync`.
        unsafe { f(&mut *self.value.get()) }
    }

    /// Lends the value for reading, for `traverse` only: during a loan there is nothing to see (no Python runs then).
    pub fn look<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        // SAFETY: no loan is out, and the closure only visits.
        (!self.lent.get()).then(|| unsafe { f(&*self.value.get()) })
    }
}

impl<T: Default> GuardedCell<T> {
    /// Takes the value, leaving the default.
    pub fn take(&self) -> T {
        self.with(std::mem::take)
    }
}

impl<T> std::fmt::Debug for GuardedCell<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GuardedCell")
    }
}
