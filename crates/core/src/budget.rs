//! How many callbacks may run before the loop must ask the kernel and the clock again.

/// Polls are at most this far apart while there is work.
const TARGET_NS: u64 = 50_000;
/// And this far where they find something: what has come has waited for a half of it, on average.
const CLOSE_NS: u64 = 12_000;
/// So many polls in vain say that nothing comes any more.
const PATIENCE: u32 = 32;
/// Even the cheapest callbacks poll this often.
const MOST: u32 = 1024;

/// How many callbacks may pass before the cheap clock is asked.
const ASK_AFTER: u32 = 4;

/// Counts callbacks up to the next poll; adapts the number to how long callbacks take.
#[derive(Debug)]
pub struct PollBudget {
    granted: u32,
    spent: u32,
    forced: bool,
    since_ns: u64,
    /// Polls in a row that have found nothing.
    in_vain: u32,
}

impl PollBudget {
    /// Polls at once.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            granted: 1,
            spent: 0,
            forced: true,
            since_ns: 0,
            in_vain: PATIENCE,
        }
    }

    /// Counts `callbacks` run; true when it is time to poll. `tick_ns` is a cheap clock that may be late by some milliseconds;
    /// it is asked once in a while, for a grant made while callbacks were fast is much too long for slow ones.
    #[inline]
    pub fn spend(&mut self, callbacks: u32, tick_ns: impl FnOnce() -> u64) -> bool {
        let before = self.spent;
        self.spent = before.saturating_add(callbacks);
        self.forced
            || self.spent >= self.granted
            || (before / ASK_AFTER != self.spent / ASK_AFTER && tick_ns() > self.since_ns)
    }

    /// The next `spend` says poll.
    #[inline]
    pub fn exhaust(&mut self) {
        self.forced = true;
    }

    /// When the last poll was.
    #[inline]
    #[must_use]
    pub const fn since_ns(&self) -> u64 {
        self.since_ns
    }

    /// Called after a poll that did not sleep, which has `found` something or not: grants at most twice as much as before, at once
    /// less where callbacks are slow or something has come.
    pub fn refill(&mut self, now_ns: u64, found: bool) {
        self.in_vain = if found {
            0
        } else {
            self.in_vain.saturating_add(1)
        };
        if self.spent > 0 {
            let took = now_ns.saturating_sub(self.since_ns).max(1);
            let target = if self.in_vain < PATIENCE {
                CLOSE_NS
            } else {
                TARGET_NS
            };
            let fits = target.saturating_mul(u64::from(self.spent)) / took;
            let most = self.granted.saturating_mul(2).min(MOST);
            self.granted = u32::try_from(fits).unwrap_or(MOST).clamp(1, most);
        }
        self.restart(now_ns);
    }

    /// Called after a poll that slept: the time since the last one says nothing about callbacks.
    pub fn restart(&mut self, now_ns: u64) {
        self.spent = 0;
        self.forced = false;
        self.since_ns = now_ns;
    }
}

impl Default for PollBudget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{ASK_AFTER, CLOSE_NS, MOST, PATIENCE, PollBudget, TARGET_NS};

    /// Runs callbacks of `ns` each, one a turn, until it is time to poll: how many, and what time it is then.
    fn run_until_poll(budget: &mut PollBudget, now: &mut u64, ns: u64, tick: u64) -> u32 {
        for count in 1.. {
            *now += ns;
            if budget.spend(1, || *now / tick * tick) {
                return count;
            }
        }
        unreachable!("a budget ends")
    }

    #[test]
    fn the_first_turn_polls() {
        assert!(PollBudget::new().spend(0, || 0));
    }

    #[test]
    fn fast_callbacks_are_granted_more_until_polls_are_the_target_apart() {
        let (mut budget, mut now) = (PollBudget::new(), 1_000_000_000);
        budget.refill(now, false);
        let mut counts = Vec::new();
        for _ in 0..20 {
            counts.push(run_until_poll(&mut budget, &mut now, 100, u64::MAX));
            budget.refill(now, false);
        }
        assert_eq!(&counts[..4], &[1, 2, 4, 8]);
        assert_eq!(u64::from(counts[19]), TARGET_NS / 100);
    }

    #[test]
    fn where_something_comes_polls_are_close_until_nothing_has_come_for_long() {
        let (mut budget, mut now) = (PollBudget::new(), 1_000_000_000);
        let mut counts = Vec::new();
        for round in 0..20 + PATIENCE + 20 {
            budget.refill(now, round == 20);
            counts.push(run_until_poll(&mut budget, &mut now, 100, u64::MAX));
        }
        let (before, after) = counts.split_at(20);
        assert_eq!(before.last(), Some(&500));
        let (close, apart) = after.split_at(PATIENCE as usize);
        assert!(
            close
                .iter()
                .all(|&count| u64::from(count) == CLOSE_NS / 100),
            "{close:?}"
        );
        assert_eq!(apart.last(), Some(&500));
    }

    #[test]
    fn the_cheapest_callbacks_have_a_limit_too() {
        let (mut budget, mut now) = (PollBudget::new(), 1_000_000_000);
        for _ in 0..20 {
            budget.refill(now, false);
            run_until_poll(&mut budget, &mut now, 1, u64::MAX);
        }
        assert_eq!(run_until_poll(&mut budget, &mut now, 1, u64::MAX), 1);
        budget.refill(now, false);
        assert_eq!(run_until_poll(&mut budget, &mut now, 1, u64::MAX), MOST);
    }

    #[test]
    fn slow_callbacks_after_fast_ones_do_not_use_up_the_grant() {
        let (mut budget, mut now) = (PollBudget::new(), 1_000_000_000);
        for _ in 0..20 {
            budget.refill(now, false);
            run_until_poll(&mut budget, &mut now, 100, u64::MAX);
        }
        budget.refill(now, false);
        let (slow, tick) = (5_000_000, 4_000_000);
        assert!(run_until_poll(&mut budget, &mut now, slow, tick) <= ASK_AFTER);
        budget.refill(now, false);
        assert_eq!(run_until_poll(&mut budget, &mut now, slow, tick), 1);
    }

    #[test]
    fn a_forced_poll_comes_at_once() {
        let (mut budget, mut now) = (PollBudget::new(), 1_000_000_000);
        for _ in 0..20 {
            budget.refill(now, false);
            run_until_poll(&mut budget, &mut now, 100, u64::MAX);
        }
        budget.refill(now, false);
        assert!(!budget.spend(1, || 0));
        budget.exhaust();
        assert!(budget.spend(1, || 0));
    }
}
