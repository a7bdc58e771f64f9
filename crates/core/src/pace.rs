//! Whether a connection writes once a turn, so that its next write need not wait for others.

/// So many turns with one write each are taken for a habit.
const HABIT: u8 = 8;

/// What a connection's last turns were like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// Turns with one write in a row, up to `HABIT`.
    single: u8,
    /// The turn of the last write that did not wait.
    early: u32,
}

impl Pace {
    /// Nothing is known yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            single: 0,
            early: 0,
        }
    }

    /// Is one write a turn its habit?
    #[inline]
    #[must_use]
    pub const fn is_single(self) -> bool {
        self.single == HABIT
    }

    /// A write in turn number `turn`, with no other before it that waits, could leave at once: is it the first of that turn? If
    /// not, the habit is broken.
    #[inline]
    pub fn leaves_early(&mut self, turn: u32) -> bool {
        if self.early == turn {
            self.single = 0;
            return false;
        }
        self.early = turn;
        true
    }

    /// What was written in a turn has waited for its end: was it one write?
    #[inline]
    pub fn turn_ended(&mut self, single: bool) {
        self.single = if single {
            HABIT.min(self.single + 1)
        } else {
            0
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{HABIT, Pace};

    fn accustomed() -> Pace {
        let mut pace = Pace::new();
        for _ in 0..HABIT {
            assert!(!pace.is_single());
            pace.turn_ended(true);
        }
        pace
    }

    #[test]
    fn one_write_a_turn_becomes_a_habit_and_stays_one() {
        let mut pace = accustomed();
        for turn in 1..1000 {
            assert!(pace.is_single() && pace.leaves_early(turn));
        }
        pace.turn_ended(true);
        assert!(pace.is_single());
    }

    #[test]
    fn a_second_write_in_a_turn_ends_it() {
        let mut pace = accustomed();
        assert!(pace.leaves_early(7));
        assert!(!pace.leaves_early(7));
        assert!(!pace.is_single());
    }

    #[test]
    fn so_does_a_turn_with_several_that_have_waited() {
        let mut pace = accustomed();
        pace.turn_ended(false);
        assert!(!pace.is_single());
    }
}
