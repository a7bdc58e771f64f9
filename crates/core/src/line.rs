//! A waiting line: first come, first served, and anybody may leave from anywhere.
//!
//! Who joins is given a ticket, with which he leaves. Tickets only grow, so the line is sorted by them and a place is found by a
//! search; at the front, where nearly everybody leaves, without one. A place given up in the middle stays open until it comes to an
//! end of the line or until there are more open places than taken ones: every operation is cheap, and the line never holds more
//! than twice as many places as people have stood in it at a time.

use std::collections::VecDeque;

/// A place in a line, for whoever joined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ticket(u64);

/// A waiting line.
#[derive(Debug)]
pub struct Line<T> {
    /// Sorted by ticket; the first and the last are taken.
    places: VecDeque<(u64, Option<T>)>,
    next: u64,
    length: usize,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Line<T> {
    /// Nobody; no allocation.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            places: VecDeque::new(),
            next: 0,
            length: 0,
        }
    }

    /// How many wait.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Nobody?
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Joins at the end.
    #[inline]
    pub fn join(&mut self, item: T) -> Ticket {
        let ticket = self.next;
        self.next += 1;
        self.length += 1;
        self.places.push_back((ticket, Some(item)));
        Ticket(ticket)
    }

    /// The first.
    #[inline]
    #[must_use]
    pub fn first(&self) -> Option<&T> {
        self.places.front().and_then(|(_, item)| item.as_ref())
    }

    /// The first leaves.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let (_, item) = self.places.pop_front()?;
        self.length -= 1;
        self.trim();
        item
    }

    /// Whoever has this ticket leaves; nobody where he has left already.
    #[inline]
    pub fn leave(&mut self, ticket: Ticket) -> Option<T> {
        if self.places.front().is_some_and(|(own, _)| *own == ticket.0) {
            return self.pop();
        }
        self.leave_the_middle(ticket)
    }

    fn leave_the_middle(&mut self, ticket: Ticket) -> Option<T> {
        let found = self.places.binary_search_by_key(&ticket.0, |(own, _)| *own);
        let item = self.places[found.ok()?].1.take()?;
        self.length -= 1;
        self.trim();
        Some(item)
    }

    /// Drops open places at both ends, and all where they are too many; there is nothing in them.
    #[inline]
    fn trim(&mut self) {
        while self.places.front().is_some_and(|(_, item)| item.is_none()) {
            self.places.pop_front();
        }
        while self.places.back().is_some_and(|(_, item)| item.is_none()) {
            self.places.pop_back();
        }
        if self.places.len() > 2 * self.length {
            self.places.retain(|(_, item)| item.is_some());
        }
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|(_, item)| item.as_ref())
    }

    /// Everybody leaves, in order. Tickets given before stay void.
    #[must_use]
    pub fn take(&mut self) -> Vec<T> {
        self.length = 0;
        let places = std::mem::take(&mut self.places);
        places.into_iter().filter_map(|(_, item)| item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Ticket};

    /// Numbers that look random and are the same in every run (a linear congruential generator).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, most: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % most
        }
    }

    /// The same, as slowly and plainly as can be.
    #[derive(Default)]
    struct Naive(Vec<(Ticket, u64)>);

    impl Naive {
        fn leave(&mut self, ticket: Ticket) -> Option<u64> {
            let place = self.0.iter().position(|(own, _)| *own == ticket)?;
            Some(self.0.remove(place).1)
        }
    }

    fn compare(line: &Line<u64>, naive: &Naive) {
        let expected: Vec<u64> = naive.0.iter().map(|(_, item)| *item).collect();
        assert_eq!(line.iter().copied().collect::<Vec<_>>(), expected);
        assert_eq!(line.len(), expected.len());
        assert_eq!(line.is_empty(), expected.is_empty());
        assert_eq!(line.first(), expected.first());
        assert!(line.places.len() <= 2 * line.len());
    }

    #[test]
    fn it_does_what_a_plain_list_does() {
        for seed in 0..200 {
            let (mut dice, mut line) = (Dice(seed), Line::new());
            let (mut naive, mut tickets) = (Naive::default(), Vec::new());
            let joining = 2 + dice.below(5);
            for number in 0..300 {
                match dice.below(10) {
                    roll if roll < joining => {
                        let ticket = line.join(number);
                        naive.0.push((ticket, number));
                        tickets.push(ticket);
                    }
                    9 => {
                        let first = naive.0.first().map(|(ticket, _)| *ticket);
                        assert_eq!(line.pop(), first.and_then(|first| naive.leave(first)));
                    }
                    _ if !tickets.is_empty() => {
                        // Also of those who have left.
                        let which = dice.below(tickets.len() as u64) as usize;
                        let ticket = tickets[which];
                        assert_eq!(line.leave(ticket), naive.leave(ticket));
                    }
                    _ => {}
                }
                compare(&line, &naive);
            }
            let rest: Vec<u64> = naive.0.drain(..).map(|(_, item)| item).collect();
            assert_eq!(line.take(), rest);
            compare(&line, &naive);
            for ticket in tickets {
                assert_eq!(line.leave(ticket), None);
            }
        }
    }

    #[test]
    fn one_who_waits_for_ever_costs_no_room() {
        let mut line = Line::new();
        let _first = line.join(0);
        let mut before = line.join(1);
        for number in 2..1000 {
            let next = line.join(number);
            assert_eq!(line.leave(before), Some(number - 1));
            before = next;
            assert!(line.places.len() <= 4);
        }
    }
}
