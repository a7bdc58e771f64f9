//! Whether to look for a moment longer before sleeping.
//!
//! To sleep and to be woken costs two switches of threads, and on a processor that has gone idle the wake-up as well: 5 to 30 µs, of
//! which the most are processor time. Where the other side answers about as soon (one request after another to a server on the same
//! machine), looking again and again until the answer is there is faster and costs as much. Where it does not, it is a waste. Which
//! it is only a trial can tell.
//!
//! ```text
//!        `needed` sleeps in a row were short                     score below 0: `needed` doubles
//!  Off ---------------------------------------> On (score 8) ------------------------------------> Off
//!                                        found: +1, at most 16
//!                                         missed: -4
//! ```
//!
//! On lasts while more than four of five polls find something in time. What trials cost where it never pays are a few in every
//! `MOST_NEEDED` short sleeps.

/// The longest busy poll unless the program says otherwise: a server on the same machine answers sooner, one elsewhere does not.
pub const DEFAULT_LIMIT_NS: u64 = 40_000;

/// A sleep that took so much longer than the limit does not come into question: its end is a wake-up, which a busy poll saves.
const WAKE_UP_NS: u64 = 50_000;
/// So many short sleeps in a row before the first trial.
const FIRST_NEEDED: u32 = 8;
/// And before any.
const MOST_NEEDED: u32 = 8192;

const FIRST_SCORE: i8 = 8;
const BEST_SCORE: i8 = 16;
const FOUND: i8 = 1;
const MISSED: i8 = -4;

/// Decides before each sleep, and learns from what came of it. Times are nanoseconds.
#[derive(Debug)]
pub struct BusyPoll {
    limit_ns: u64,
    /// `None`: off.
    score: Option<i8>,
    /// Short sleeps in a row, while it is off.
    short: u32,
    needed: u32,
}

impl BusyPoll {
    /// Off, until it seems worth a trial.
    #[must_use]
    pub const fn new(limit_ns: u64) -> Self {
        Self {
            limit_ns,
            score: None,
            short: 0,
            needed: FIRST_NEEDED,
        }
    }

    /// The longest that it ever lasts.
    #[must_use]
    pub const fn limit_ns(&self) -> u64 {
        self.limit_ns
    }

    /// For how long to look before sleeping; 0: not at all.
    #[inline]
    #[must_use]
    pub fn budget_ns(&self) -> u64 {
        if self.score.is_some() {
            self.limit_ns
        } else {
            0
        }
    }

    /// A busy poll has found something.
    #[inline]
    pub fn found(&mut self) {
        if let Some(score) = &mut self.score {
            *score = (*score + FOUND).min(BEST_SCORE);
            if *score == BEST_SCORE {
                self.needed = FIRST_NEEDED;
            }
        }
    }

    /// A busy poll was in vain.
    pub fn missed(&mut self) {
        if let Some(score) = &mut self.score {
            *score += MISSED;
            if *score < 0 {
                self.score = None;
                self.short = 0;
                self.needed = self.needed.saturating_mul(2).min(MOST_NEEDED);
            }
        }
    }

    /// The loop has slept for so long, without a busy poll before.
    #[inline]
    pub fn slept(&mut self, ns: u64) {
        let is_short = ns <= self.limit_ns.saturating_add(WAKE_UP_NS);
        self.short = if is_short { self.short + 1 } else { 0 };
        if self.short >= self.needed && self.limit_ns > 0 {
            self.score = Some(FIRST_SCORE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        BEST_SCORE, BusyPoll, DEFAULT_LIMIT_NS as LIMIT_NS, FIRST_NEEDED, MOST_NEEDED, WAKE_UP_NS,
    };

    const SOON: u64 = LIMIT_NS / 2;
    const LATE: u64 = LIMIT_NS + 5_000;
    const LONG: u64 = LIMIT_NS + WAKE_UP_NS + 1;

    /// Waits `times` times for something that comes after the time that `comes` says: how often it was found without a sleep, and
    /// how often looked for in vain.
    fn wait(busy_poll: &mut BusyPoll, times: u32, mut comes: impl FnMut(u32) -> u64) -> (u32, u32) {
        let (mut found, mut in_vain) = (0, 0);
        for number in 0..times {
            match (busy_poll.budget_ns(), comes(number)) {
                (0, ns) => busy_poll.slept(ns),
                (budget, ns) if ns < budget => {
                    found += 1;
                    busy_poll.found();
                }
                _ => {
                    in_vain += 1;
                    busy_poll.missed();
                }
            }
        }
        (found, in_vain)
    }

    fn new() -> BusyPoll {
        BusyPoll::new(LIMIT_NS)
    }

    #[test]
    fn answers_that_come_soon_are_waited_for_awake() {
        assert_eq!(wait(&mut new(), 1000, |_| SOON), (1000 - FIRST_NEEDED, 0));
    }

    #[test]
    fn long_sleeps_are_slept() {
        assert_eq!(wait(&mut new(), 100_000, |_| LONG), (0, 0));
        // Short ones now and then do not make a row.
        let mixed = |number| if number % 7 == 0 { LONG } else { SOON };
        assert_eq!(wait(&mut new(), 100_000, mixed), (0, 0));
    }

    #[test]
    fn a_limit_of_nothing_switches_it_off() {
        assert_eq!(wait(&mut BusyPoll::new(0), 1000, |_| 1), (0, 0));
    }

    #[test]
    fn where_it_never_pays_it_is_hardly_ever_tried() {
        let (found, in_vain) = wait(&mut new(), 100 * MOST_NEEDED, |_| LATE);
        assert_eq!(found, 0);
        assert!((100..400).contains(&in_vain), "{in_vain}");
    }

    #[test]
    fn a_few_that_come_late_do_not_end_it_and_a_third_does() {
        let mut busy_poll = new();
        let every = |count| move |number| if number % count == 0 { LATE } else { SOON };
        let (found, in_vain) = wait(&mut busy_poll, 10_000, every(7));
        assert!(found > 8_500 && in_vain > 1_400, "{found} {in_vain}");
        let (found, _) = wait(&mut busy_poll, 100_000, every(3));
        assert!(found < 1_000, "{found}");
    }

    #[test]
    fn once_it_has_paid_it_is_soon_tried_again() {
        let mut busy_poll = new();
        wait(&mut busy_poll, 10 * MOST_NEEDED, |_| LATE);
        assert_eq!(busy_poll.needed, MOST_NEEDED);
        wait(&mut busy_poll, 2 * MOST_NEEDED, |_| SOON);
        assert_eq!(busy_poll.score, Some(BEST_SCORE));
        wait(&mut busy_poll, 10, |_| LONG);
        let (found, _) = wait(&mut busy_poll, 3 * FIRST_NEEDED, |_| SOON);
        assert!(found > 0);
    }
}
