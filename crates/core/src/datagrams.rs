//! Datagrams that wait to be sent. Each leaves whole or not at all, so nothing is gathered.

use std::collections::VecDeque;

/// Datagrams in order, and what they count for the watermarks.
#[derive(Debug)]
pub struct DatagramQueue<D> {
    waiting: VecDeque<(D, usize)>,
    len_bytes: usize,
    /// What each counts beside its own bytes, so that empty ones are not for nothing.
    header: usize,
}

impl<D> DatagramQueue<D> {
    /// Nothing waits; `header` bytes are counted for each datagram besides its own.
    #[must_use]
    pub const fn new(header: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            len_bytes: 0,
            header,
        }
    }

    /// Puts a datagram of so many bytes behind the others.
    pub fn push(&mut self, datagram: D, len_bytes: usize) {
        let counted = len_bytes + self.header;
        self.waiting.push_back((datagram, counted));
        self.len_bytes += counted;
    }

    /// Takes the first one out. `put_back` undoes it.
    pub fn pop(&mut self) -> Option<(D, usize)> {
        let (datagram, counted) = self.waiting.pop_front()?;
        self.len_bytes -= counted;
        Some((datagram, counted))
    }

    /// Puts in front what `pop` took out.
    pub fn put_back(&mut self, popped: (D, usize)) {
        self.len_bytes += popped.1;
        self.waiting.push_front(popped);
    }

    /// Takes everything out.
    #[must_use]
    pub fn take_all(&mut self) -> VecDeque<(D, usize)> {
        self.len_bytes = 0;
        std::mem::take(&mut self.waiting)
    }

    /// Nothing waits?
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes that wait, headers counted.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// Those that wait, in order.
    pub fn iter(&self) -> impl Iterator<Item = &D> {
        self.waiting.iter().map(|(datagram, _)| datagram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_the_count() {
        let mut queue = DatagramQueue::new(8);
        queue.push("one", 3);
        queue.push("", 0);
        assert_eq!(queue.len_bytes(), 19);
        let first = queue.pop().expect("two wait");
        assert_eq!((first.0, queue.len_bytes()), ("one", 8));
        queue.put_back(first);
        assert_eq!(queue.iter().copied().collect::<Vec<_>>(), ["one", ""]);
        assert_eq!(queue.len_bytes(), 19);
        assert_eq!(queue.take_all().len(), 2);
        assert_eq!((queue.len_bytes(), queue.is_empty()), (0, true));
        assert!(queue.pop().is_none());
    }
}
