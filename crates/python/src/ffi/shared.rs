//! State that belongs to the interpreter: whoever is attached to it may touch it.
//!
//! To find a thread's own state costs a shared library a call (`__tls_get_addr`), three times in the life of every awaitable.

use pyo3::prelude::*;

/// A value that attached threads take turns with: the interpreter lock lets one in at a time. Builds without that lock must not write to it.
#[derive(Debug)]
pub(super) struct Shared<T>(T);

// SAFETY: only `get` touches the value, for who is attached, and while he is: that is one thread at a time.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Around a value.
    pub(super) const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value. What is read of it may have changed after anything that runs Python.
    #[inline]
    pub(super) fn get<'py>(&'static self, _py: Python<'py>) -> &'py T {
        &self.0
    }
}
