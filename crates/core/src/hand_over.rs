//! When to leave the interpreter to a thread that waits for it.
//!
//! The interpreter's lock is let go of before the loop sleeps, and who waits for it is woken by that; but to wake up takes longer
//! than a look at the kernel that finds something at once, and then the loop has the lock again. Under load a thread would get it
//! only when it has insisted for 5 ms, each time: a job of a thread pool needs it a dozen times.
//!
//! So the loop stays out until the thread must have woken up. Not always: a thread that keeps the lock for its computations would
//! come after every turn. After it has made the loop wait the loop runs for as long.

/// So long the loop stays out, from the moment when it has let go: waking a thread takes 5 to 40 µs.
pub const GRANT_NS: u64 = 50_000;

/// Letting go takes 100 ns, or, if somebody has to be woken, a system call of 1 to 5 µs. Nothing else tells.
const WAKE_NS: u64 = 600;

/// Times are nanoseconds of the clock.
#[derive(Clone, Copy, Debug)]
pub struct HandOver {
    not_before_ns: u64,
}

impl HandOver {
    /// To whoever waits.
    #[must_use]
    pub const fn new() -> Self {
        Self { not_before_ns: 0 }
    }

    /// The lock was let go of at `now_ns`, which took `took_ns`: is somebody to have it?
    #[inline]
    #[must_use]
    pub const fn is_due(self, took_ns: u64, now_ns: u64) -> bool {
        took_ns >= WAKE_NS && now_ns >= self.not_before_ns
    }

    /// After that the lock was asked for at `asked_ns`, and was there at `now_ns`.
    pub fn taken_back(&mut self, asked_ns: u64, now_ns: u64) {
        self.not_before_ns = now_ns + now_ns.saturating_sub(asked_ns);
    }
}

impl Default for HandOver {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{HandOver, WAKE_NS};

    #[test]
    fn it_is_for_those_who_had_to_be_woken() {
        let hand_over = HandOver::new();
        assert!(!hand_over.is_due(WAKE_NS - 1, 1_000));
        assert!(hand_over.is_due(WAKE_NS, 1_000));
    }

    #[test]
    fn who_gives_the_lock_back_at_once_may_have_it_again() {
        let mut hand_over = HandOver::new();
        hand_over.taken_back(5_000, 5_100);
        assert!(!hand_over.is_due(WAKE_NS, 5_199));
        assert!(hand_over.is_due(WAKE_NS, 5_200));
    }

    #[test]
    fn who_keeps_it_gets_half_of_the_time() {
        let (mut hand_over, mut now, mut lent) = (HandOver::new(), 1_000_000_000, 0);
        let begin = now;
        while now < begin + 1_000_000_000 {
            now += 30_000;
            if hand_over.is_due(2_000, now) {
                hand_over.taken_back(now, now + 5_000_000);
                now += 5_000_000;
                lent += 5_000_000;
            }
        }
        let share = f64::from(lent) / (now - begin) as f64;
        assert!((0.45..0.55).contains(&share), "{share}");
    }
}
