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
/// And after that has woken somebody who, as it seems, was not awake in time.
const IN_VAIN_NS: u64 = 50_000;
/// Before a sleep, whoever has waited for less may wait for that.
const PATIENCE_NS: u64 = 100_000;
/// So long the loop stays out, from the moment when it has let go: waking a thread takes 5 to 20 µs mostly. What the thread leaves
/// of it is lost.
const STAY_NS: u64 = 20_000;
/// Where that does not seem to help: processors that sleep deeply take longer to wake up.
const LONG_STAY_NS: u64 = 100_000;
/// Who has not been seen waiting for so long has had the lock. Longer than from one release to the next.
const GONE_NS: u64 = 500_000;
/// If somebody waits for so long and cannot have had the lock, as far as we know.
const STARVED_NS: u64 = 1_000_000;
/// After the loop has waited for the lock it runs for as long, but no longer than this: the process may have been stopped meanwhile.
const LONGEST_TURN_NS: u64 = 50_000_000;

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
    /// Since then somebody waits who cannot have had the lock, as far as we know.
    starving_since_ns: Option<u64>,
    /// When the last release had to wake somebody. Who was woken for nothing is not seen until it waits again.
    seen_ns: u64,
}

impl HandOver {
    /// To whoever waits.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            keep_until_ns: 0,
            not_before_ns: 0,
            starving_since_ns: None,
            seen_ns: 0,
        }
    }

    /// May a loop that has work keep the lock, at a time not long before `now_ns`?
    #[inline]
    #[must_use]
    pub const fn may_keep(self, now_ns: u64) -> bool {
        now_ns < self.keep_until_ns
    }

    /// The lock was let go of at `now_ns`, which took `took_ns`: was somebody woken by that?
    #[inline]
    #[must_use]
    pub fn released(&mut self, took_ns: u64, now_ns: u64) -> bool {
        self.keep_until_ns = now_ns + UNDER_LOAD_NS;
        if now_ns.saturating_sub(self.seen_ns) >= GONE_NS {
            self.starving_since_ns = None;
        }
        if took_ns < WAKE_NS {
            return false;
        }
        self.seen_ns = now_ns;
        self.starving_since_ns.get_or_insert(now_ns);
        true
    }

    /// After a release at `released_ns` that has woken somebody, at `now_ns`: for how long, from the release on, is the loop to stay
    /// out? `has_work`: it was not for a sleep.
    #[must_use]
    pub fn stay(&mut self, released_ns: u64, now_ns: u64, has_work: bool) -> Option<u64> {
        let out = now_ns.saturating_sub(released_ns);
        if out >= LONG_STAY_NS {
            self.starving_since_ns = None;
        }
        if now_ns < self.not_before_ns {
            return None;
        }
        let waited = released_ns.saturating_sub(self.starving_since_ns?);
        let stay = if waited >= STARVED_NS {
            self.starving_since_ns = None;
            LONG_STAY_NS
        } else if has_work || waited >= PATIENCE_NS {
            STAY_NS
        } else {
            return None;
        };
        (out < stay).then_some(stay)
    }

    /// The loop has slept until `now_ns`, without the lock.
    #[inline]
    pub const fn slept(&mut self, now_ns: u64) {
        self.keep_until_ns = now_ns + AFTER_SLEEP_NS;
    }

    /// After somebody was woken the lock was asked for at `asked_ns`, and was there at `now_ns`.
    pub fn taken_back(&mut self, asked_ns: u64, now_ns: u64) {
        let waited = now_ns.saturating_sub(asked_ns);
        let own_turn = now_ns + waited.min(LONGEST_TURN_NS);
        self.not_before_ns = self.not_before_ns.max(own_turn);
        self.keep_until_ns = now_ns;
        if waited > FREE_NS {
            self.starving_since_ns = None;
            self.keep_until_ns += UNDER_LOAD_NS;
        } else {
            self.keep_until_ns += IN_VAIN_NS;
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
        AFTER_SLEEP_NS, FREE_NS, GONE_NS, HandOver, IN_VAIN_NS, LONG_STAY_NS, LONGEST_TURN_NS,
        PATIENCE_NS, STARVED_NS, STAY_NS, UNDER_LOAD_NS, WAKE_NS,
    };

    /// From one release to the next.
    const TURN_NS: u64 = 50_000;
    const NOW: u64 = 1_000_000_000;

    /// A release at `now` that takes `took`, and a look at the kernel that takes no time.
    fn stay(hand_over: &mut HandOver, took: u64, now: u64, has_work: bool) -> Option<u64> {
        if hand_over.released(took, now) {
            hand_over.stay(now, now, has_work)
        } else {
            None
        }
    }

    #[test]
    fn the_lock_is_kept_for_a_while_only() {
        let mut hand_over = HandOver::new();
        let mut is_kept_for = |what: &dyn Fn(&mut HandOver), ns| {
            what(&mut hand_over);
            assert!(hand_over.may_keep(NOW + ns - 1), "{ns}");
            assert!(!hand_over.may_keep(NOW + ns), "{ns}");
        };
        is_kept_for(&|it| _ = it.released(0, NOW), UNDER_LOAD_NS);
        is_kept_for(&|it| it.slept(NOW), AFTER_SLEEP_NS);
        is_kept_for(&|it| it.taken_back(NOW - FREE_NS, NOW), IN_VAIN_NS);
        is_kept_for(&|it| it.taken_back(NOW - FREE_NS - 1, NOW), UNDER_LOAD_NS);
        assert!(!HandOver::new().may_keep(NOW), "whoever waits comes first");
    }

    #[test]
    fn it_is_for_those_who_had_to_be_woken() {
        assert!(!HandOver::new().released(WAKE_NS - 1, NOW));
        assert_eq!(
            stay(&mut HandOver::new(), WAKE_NS, NOW, true),
            Some(STAY_NS)
        );
    }

    #[test]
    fn who_has_had_time_to_wake_up_is_not_waited_for() {
        for (out, expected) in [(STAY_NS - 1, Some(STAY_NS)), (STAY_NS, None)] {
            let mut hand_over = HandOver::new();
            assert!(hand_over.released(WAKE_NS, NOW));
            assert_eq!(hand_over.stay(NOW, NOW + out, true), expected);
        }
    }

    #[test]
    fn before_a_sleep_who_has_just_come_waits_for_that() {
        let mut hand_over = HandOver::new();
        let late = NOW + PATIENCE_NS;
        assert_eq!(stay(&mut hand_over, WAKE_NS, NOW, false), None);
        assert_eq!(stay(&mut hand_over, WAKE_NS, late, false), Some(STAY_NS));
        assert!(hand_over.released(WAKE_NS, late + 1));
        let awake = late + LONG_STAY_NS + 1;
        assert_eq!(hand_over.stay(late + 1, awake, false), None, "a sleep");
        assert_eq!(stay(&mut hand_over, WAKE_NS, awake, false), None, "anew");
    }

    #[test]
    fn who_was_woken_for_nothing_is_not_forgotten_before_it_waits_again() {
        for (gap, expected) in [(GONE_NS - 1, Some(STAY_NS)), (GONE_NS, None)] {
            let mut hand_over = HandOver::new();
            assert!(hand_over.released(WAKE_NS, NOW));
            assert!(!hand_over.released(0, NOW + gap / 2));
            assert_eq!(stay(&mut hand_over, WAKE_NS, NOW + gap, false), expected);
        }
    }

    #[test]
    fn who_gives_the_lock_back_at_once_may_have_it_again() {
        let mut hand_over = HandOver::new();
        hand_over.taken_back(NOW, NOW + 100);
        assert_eq!(stay(&mut hand_over, WAKE_NS, NOW + 199, true), None);
        assert_eq!(
            stay(&mut hand_over, WAKE_NS, NOW + 200, true),
            Some(STAY_NS)
        );
    }

    #[test]
    fn a_process_that_was_stopped_hands_over_again() {
        let mut hand_over = HandOver::new();
        let continued = NOW + 3600 * NOW;
        hand_over.taken_back(NOW, continued);
        let turn = continued + LONGEST_TURN_NS;
        assert_eq!(stay(&mut hand_over, WAKE_NS, turn - 1, true), None);
        assert_eq!(stay(&mut hand_over, WAKE_NS, turn, true), Some(STAY_NS));
    }

    #[test]
    fn who_keeps_it_gets_half_of_the_time() {
        let (mut hand_over, mut now, mut lent) = (HandOver::new(), NOW, 0);
        while now < 2 * NOW {
            now += TURN_NS;
            match stay(&mut hand_over, 2_000, now, true) {
                Some(stay) => {
                    hand_over.taken_back(now + stay, now + 5_000_000);
                    now += 5_000_000;
                    lent += 5_000_000;
                }
                // Whoever is not waited for leaves the lock to the loop.
                None => hand_over.taken_back(now, now + 100),
            }
        }
        let share = f64::from(lent) / (now - NOW) as f64;
        assert!((0.45..0.55).contains(&share), "{share}");
    }

    /// Somebody waits at every release, and after each stay the lock is there after `waited` ns: how many of the stays are long
    /// ones, of how many.
    fn stays(hand_over: &mut HandOver, waited: u64) -> (u64, u64) {
        let (mut now, mut long, mut all) = (NOW, 0, 0);
        for _ in 0..100 * STARVED_NS / TURN_NS {
            now += TURN_NS;
            if let Some(stay) = stay(hand_over, WAKE_NS, now, true) {
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
        assert!(long > 50 && long < all / 10, "{long} of {all}");
    }

    #[test]
    fn not_where_somebody_is_seen_to_have_the_lock() {
        let (long, all) = stays(&mut HandOver::new(), FREE_NS + 1);
        assert!(long == 0 && all > 100, "{long} of {all}");
    }

    #[test]
    fn nor_where_nobody_has_been_seen_meanwhile() {
        let mut hand_over = HandOver::new();
        for number in 0..100 {
            let now = NOW + number * STARVED_NS;
            assert_eq!(
                stay(&mut hand_over, WAKE_NS, now, true),
                Some(STAY_NS),
                "{number}"
            );
            assert!(!hand_over.released(0, now + GONE_NS));
        }
    }
}
