//! When to leave the interpreter to a thread that waits for it.
//!
//! The interpreter's lock is let go of before the loop sleeps, and who waits for it is woken by that; but to wake up takes longer
//! than a look at the kernel that finds something at once, and then the loop has the lock again. Under load a thread would get it
//! only when it has insisted for 5 ms, each time: a job of a thread pool needs it a dozen times.
//!
//! So the loop stays out until the thread must have woken up. Not always: a thread that keeps the lock for its computations would
//! come after every turn. After it has made the loop wait the loop runs for as long. And not soon: a loop that sleeps now and then
//! mostly does so before long, and then whoever waits has the lock for nothing.

/// While it has work the loop may keep the lock for so long after a sleep.
const AFTER_SLEEP_NS: u64 = 1_000_000;
/// And after it has let go of the lock without one.
const UNDER_LOAD_NS: u64 = 200_000;
/// Before a sleep, whoever has waited for less may wait for that.
const PATIENCE_NS: u64 = 100_000;
/// So long the loop stays out, from the moment when it has let go: waking a thread takes 5 to 20 µs mostly. What the thread leaves
/// of it is lost.
const STAY_NS: u64 = 20_000;
/// Where that does not seem to help: processors that sleep deeply take longer to wake up.
const LONG_STAY_NS: u64 = 100_000;
/// If somebody has waited at every release for so long, and was never seen to have the lock.
const STARVED_NS: u64 = 2_000_000;

/// Letting go takes 100 ns, or, if somebody has to be woken, a system call of 1 to 5 µs. Nothing else tells.
const WAKE_NS: u64 = 600;
/// So long it takes to get a lock that nobody has, at most.
const FREE_NS: u64 = 2_000;

/// What has come of letting go of the lock. Times are nanoseconds of the clock.
#[derive(Clone, Copy, Debug)]
pub struct HandOver {
    /// Until then the lock may be kept.
    keep_until_ns: u64,
    /// Until then nobody is waited for.
    not_before_ns: u64,
    /// Since then somebody has waited at every release; nobody has had the lock that we know of.
    starving_since_ns: Option<u64>,
}

impl HandOver {
    /// To whoever waits.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            keep_until_ns: 0,
            not_before_ns: 0,
            starving_since_ns: None,
        }
    }

    /// May a loop that has work keep the lock, at a time not long before `now_ns`?
    #[inline]
    #[must_use]
    pub const fn may_keep(self, now_ns: u64) -> bool {
        now_ns < self.keep_until_ns
    }

    /// The lock was let go of at `now_ns`, which took `took_ns`: for how long is the loop to stay out, so that somebody has it?
    /// `has_work`: it was not for a sleep.
    #[inline]
    #[must_use]
    pub fn released(&mut self, took_ns: u64, now_ns: u64, has_work: bool) -> Option<u64> {
        self.keep_until_ns = now_ns + UNDER_LOAD_NS;
        if took_ns < WAKE_NS {
            self.starving_since_ns = None;
            return None;
        }
        if now_ns < self.not_before_ns {
            return None;
        }
        let since = *self.starving_since_ns.get_or_insert(now_ns);
        match now_ns.saturating_sub(since) {
            waited if waited >= STARVED_NS => {
                self.starving_since_ns = None;
                Some(LONG_STAY_NS)
            }
            waited if has_work || waited >= PATIENCE_NS => Some(STAY_NS),
            _ => None,
        }
    }

    /// The loop has slept until `now_ns`, without the lock.
    #[inline]
    pub fn slept(&mut self, now_ns: u64) {
        self.keep_until_ns = now_ns + AFTER_SLEEP_NS;
        self.starving_since_ns = None;
    }

    /// After such a stay the lock was asked for at `asked_ns`, and was there at `now_ns`.
    pub fn taken_back(&mut self, asked_ns: u64, now_ns: u64) {
        let waited = now_ns.saturating_sub(asked_ns);
        self.keep_until_ns = now_ns + UNDER_LOAD_NS;
        self.not_before_ns = now_ns + waited;
        if waited > FREE_NS {
            self.starving_since_ns = None;
        }
    }
}

impl Default for HandOver {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        AFTER_SLEEP_NS, FREE_NS, HandOver, LONG_STAY_NS, PATIENCE_NS, STARVED_NS, STAY_NS,
        UNDER_LOAD_NS, WAKE_NS,
    };

    #[test]
    fn the_lock_is_kept_for_a_while_only() {
        let mut hand_over = HandOver::new();
        let now = 1_000_000;
        assert!(!hand_over.may_keep(now));
        assert_eq!(hand_over.released(0, now, true), None);
        assert!(hand_over.may_keep(now + UNDER_LOAD_NS - 1));
        assert!(!hand_over.may_keep(now + UNDER_LOAD_NS));
        hand_over.taken_back(now + UNDER_LOAD_NS, now + 2 * UNDER_LOAD_NS);
        assert!(hand_over.may_keep(now + 3 * UNDER_LOAD_NS - 1));
        assert!(!hand_over.may_keep(now + 3 * UNDER_LOAD_NS));
        hand_over.slept(now);
        assert!(hand_over.may_keep(now + AFTER_SLEEP_NS - 1));
        assert!(!hand_over.may_keep(now + AFTER_SLEEP_NS));
    }

    #[test]
    fn it_is_for_those_who_had_to_be_woken() {
        let mut hand_over = HandOver::new();
        assert_eq!(hand_over.released(WAKE_NS - 1, 1_000, true), None);
        assert_eq!(hand_over.released(WAKE_NS, 1_000, true), Some(STAY_NS));
    }

    #[test]
    fn before_a_sleep_who_has_just_come_waits_for_that() {
        let mut hand_over = HandOver::new();
        let now = 1_000_000;
        assert_eq!(hand_over.released(WAKE_NS, now, false), None);
        assert_eq!(
            hand_over.released(WAKE_NS, now + PATIENCE_NS, false),
            Some(STAY_NS)
        );
        hand_over.slept(now + PATIENCE_NS);
        assert_eq!(
            hand_over.released(WAKE_NS, now + 2 * PATIENCE_NS, false),
            None
        );
    }

    #[test]
    fn who_gives_the_lock_back_at_once_may_have_it_again() {
        let mut hand_over = HandOver::new();
        hand_over.taken_back(5_000, 5_100);
        assert_eq!(hand_over.released(WAKE_NS, 5_199, true), None);
        assert_eq!(hand_over.released(WAKE_NS, 5_200, true), Some(STAY_NS));
    }

    #[test]
    fn who_keeps_it_gets_half_of_the_time() {
        let (mut hand_over, mut now, mut lent) = (HandOver::new(), 1_000_000_000, 0);
        let begin = now;
        while now < begin + 1_000_000_000 {
            now += 30_000;
            if let Some(stay) = hand_over.released(2_000, now, true) {
                hand_over.taken_back(now + stay, now + 5_000_000);
                now += 5_000_000;
                lent += 5_000_000;
            }
        }
        let share = f64::from(lent) / (now - begin) as f64;
        assert!((0.45..0.55).contains(&share), "{share}");
    }

    /// Stays every 50 µs, after each of which the lock is there after `waited` ns: how many are long ones, of how many.
    fn stays(hand_over: &mut HandOver, waited: u64) -> (u64, u64) {
        let (mut now, mut long, mut all) = (10_000_000, 0, 0);
        for _ in 0..100 * STARVED_NS / 50_000 {
            now += 50_000;
            if let Some(stay) = hand_over.released(WAKE_NS, now, true) {
                all += 1;
                long += u64::from(stay == LONG_STAY_NS);
                now += stay;
                hand_over.taken_back(now, now + waited);
            }
        }
        (long, all)
    }

    #[test]
    fn who_is_slow_to_wake_up_is_given_longer_now_and_then() {
        let (long, all) = stays(&mut HandOver::new(), 0);
        assert!(long > 50 && long < all / 20, "{long} of {all}");
    }

    #[test]
    fn not_where_somebody_is_seen_to_have_the_lock() {
        let mut hand_over = HandOver::new();
        let (long, all) = stays(&mut hand_over, FREE_NS + 1);
        assert!(long == 0 && all > 100, "{long} of {all}");
        for number in 1..100 {
            let now = number * (STARVED_NS - 1);
            assert_eq!(
                hand_over.released(WAKE_NS, now + 2 * STARVED_NS * 100, true),
                Some(STAY_NS)
            );
            assert_eq!(hand_over.released(0, now, true), None, "nobody waits");
        }
    }
}
