//! Timers: a binary heap with lazy cancellation.
//!
//! Cancelling does not search the heap: the item knows that it is dead, the heap counts, and when more than half of more
//! than a hundred entries are dead they are thrown out in one pass. So a million timers that are nearly all cancelled
//! (time-outs) cost a push and a counter each, and garbage never exceeds the living by more than a constant.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Below this many entries garbage does not matter.
const FEW: usize = 100;

#[derive(Debug)]
struct Timer<T> {
    when_ns: u64,
    order: u64,
    item: T,
}

impl<T> Timer<T> {
    fn rank(&self) -> (u64, u64) {
        (self.when_ns, self.order)
    }
}

impl<T> PartialEq for Timer<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<T> Eq for Timer<T> {}

impl<T> PartialOrd for Timer<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Timer<T> {
    // Reversed: `BinaryHeap` hands out the greatest, we want the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank().cmp(&self.rank())
    }
}

/// Seconds of any clock as a deadline: a number with the same order, also below zero. What is no number comes first.
#[must_use]
pub fn rank_of_seconds(seconds: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    if seconds.is_nan() {
        return 0;
    }
    // Of floats with one sign the bits have the order of the distances from zero. Adding 0.0 makes -0.0 the zero that it equals.
    let bits = (seconds + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The seconds behind such a number.
#[must_use]
pub fn seconds_of_rank(rank: u64) -> f64 {
    const SIGN: u64 = 1 << 63;
    f64::from_bits(if rank & SIGN == 0 {
        !rank
    } else {
        rank & !SIGN
    })
}

/// Items by deadline; equal deadlines in the order they were pushed.
#[derive(Debug)]
pub struct TimerHeap<T> {
    heap: BinaryHeap<Timer<T>>,
    pushed: u64,
    dead: usize,
}

impl<T> TimerHeap<T> {
    /// An empty heap; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            pushed: 0,
            dead: 0,
        }
    }

    /// Adds an item.
    #[inline]
    pub fn push(&mut self, when_ns: u64, item: T) {
        let order = self.pushed;
        self.pushed += 1;
        self.heap.push(Timer {
            when_ns,
            order,
            item,
        });
    }

    /// The item with the earliest deadline.
    #[must_use]
    pub fn peek(&self) -> Option<&T> {
        self.heap.peek().map(|timer| &timer.item)
    }

    /// The earliest deadline, of a living or dead item.
    #[inline]
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.heap.peek().map(|timer| timer.when_ns)
    }

    /// Takes the earliest item if its deadline is not after `now_ns`.
    #[inline]
    pub fn pop_due(&mut self, now_ns: u64) -> Option<T> {
        if self.next_deadline()? > now_ns {
            return None;
        }
        self.heap.pop().map(|timer| timer.item)
    }

    /// How many entries, dead ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// No entries?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// So many items in the heap have died.
    pub fn note_cancelled(&mut self, count: usize) {
        self.dead += count;
    }

    /// An item handed out by `pop_due` was dead.
    pub fn note_popped_dead(&mut self) {
        self.dead = self.dead.saturating_sub(1);
    }

    /// Is it time to `purge`?
    #[must_use]
    pub fn garbage_is_due(&self) -> bool {
        self.heap.len() > FEW && self.dead > self.heap.len() / 2
    }

    /// Moves the dead items to `out`.
    pub fn purge(&mut self, is_dead: impl Fn(&T) -> bool, out: &mut Vec<T>) {
        let (dead, living): (Vec<_>, Vec<_>) = std::mem::take(&mut self.heap)
            .into_iter()
            .partition(|timer| is_dead(&timer.item));
        out.extend(dead.into_iter().map(|timer| timer.item));
        self.heap = BinaryHeap::from(living);
        self.dead = 0;
    }

    /// Hands all out, in no order.
    #[must_use]
    pub fn drain(&mut self) -> Vec<T> {
        self.dead = 0;
        std::mem::take(&mut self.heap)
            .into_iter()
            .map(|timer| timer.item)
            .collect()
    }

    /// All, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.heap.iter().map(|timer| &timer.item)
    }
}

impl<T> Default for TimerHeap<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{rank_of_seconds, seconds_of_rank};

    #[test]
    fn ranks_have_the_order_of_seconds() {
        let seconds = [
            f64::NEG_INFINITY,
            -1e300,
            -2.5,
            -1e-300,
            0.0,
            1e-300,
            2.5,
            1e300,
            f64::INFINITY,
        ];
        for pair in seconds.windows(2) {
            assert!(rank_of_seconds(pair[0]) < rank_of_seconds(pair[1]));
        }
        for one in seconds {
            assert!(
                seconds_of_rank(rank_of_seconds(one))
                    .total_cmp(&one)
                    .is_eq()
            );
        }
        assert_eq!(rank_of_seconds(-0.0), rank_of_seconds(0.0));
        assert!(rank_of_seconds(f64::NAN) < rank_of_seconds(f64::NEG_INFINITY));
    }
}
