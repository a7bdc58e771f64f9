//! The ready queue: what runs next, in order.

use std::collections::VecDeque;

/// A burst may have grown the queue to this many entries before memory is given back.
const KEEP: usize = 4096;

/// First in, first out.
#[derive(Debug)]
pub struct ReadyQueue<T> {
    entries: VecDeque<T>,
}

impl<T> ReadyQueue<T> {
    /// An empty queue; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
        }
    }

    /// Appends.
    #[inline]
    pub fn push_back(&mut self, entry: T) {
        self.entries.push_back(entry);
    }

    /// Takes the oldest.
    #[inline]
    pub fn pop_front(&mut self) -> Option<T> {
        let entry = self.entries.pop_front();
        if entry.is_none() && self.entries.capacity() > KEEP {
            self.entries.shrink_to(KEEP);
        }
        entry
    }

    /// How many.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// None?
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter()
    }

    /// Hands all out.
    #[must_use]
    pub fn take_all(&mut self) -> VecDeque<T> {
        std::mem::take(&mut self.entries)
    }
}

impl<T> Default for ReadyQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}
