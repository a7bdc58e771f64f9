//! Write watermarks: when the protocol is asked to stop and to go on.

/// asyncio's default high mark.
const HIGH: usize = 64 * 1024;

/// Limits that contradict each other; shown as asyncio words it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BadLimits {
    /// As given or derived.
    pub high: i64,
    /// As given or derived.
    pub low: i64,
}

impl std::fmt::Display for BadLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "high ({}) must be >= low ({}) must be >= 0",
            self.high, self.low
        )
    }
}

/// What the protocol must be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Flow {
    /// Nothing.
    Steady,
    /// `pause_writing()`.
    Pause,
    /// `resume_writing()`.
    Resume,
}

/// High and low mark in bytes, and whether the protocol is paused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Watermarks {
    high: usize,
    low: usize,
    paused: bool,
    given: bool,
}

impl Watermarks {
    /// 64 KiB and a quarter of it.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            high: HIGH,
            low: HIGH / 4,
            paused: false,
            given: false,
        }
    }

    /// `set_write_buffer_limits`: what is not given is derived from the other.
    ///
    /// # Errors
    /// Unless high ≥ low ≥ 0.
    pub fn set(&mut self, high: Option<i64>, low: Option<i64>) -> Result<(), BadLimits> {
        let high = high.unwrap_or_else(|| low.map_or(HIGH as i64, |low| low.saturating_mul(4)));
        let low = low.unwrap_or(high.div_euclid(4));
        if !(high >= low && low >= 0) {
            return Err(BadLimits { high, low });
        }
        self.high = high as usize;
        self.low = low as usize;
        self.given = true;
        Ok(())
    }

    /// `(low, high)`, in asyncio's order.
    #[must_use]
    pub fn limits(&self) -> (usize, usize) {
        (self.low, self.high)
    }

    /// Has the protocol been told to pause, and not to go on?
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Is this more than the high mark?
    #[inline]
    #[must_use]
    pub fn exceeded(&self, buffered: usize) -> bool {
        buffered > self.high
    }

    /// Is it more than a mark that the program has set?
    #[inline]
    #[must_use]
    pub fn exceeds_given(&self, buffered: usize) -> bool {
        self.given && self.exceeded(buffered)
    }

    /// `buffered` bytes wait after a write.
    #[inline]
    pub fn after_write(&mut self, buffered: usize) -> Flow {
        if buffered > self.high && !self.paused {
            self.paused = true;
            return Flow::Pause;
        }
        Flow::Steady
    }

    /// `buffered` bytes wait after some were sent.
    #[inline]
    pub fn after_drain(&mut self, buffered: usize) -> Flow {
        if self.paused && buffered <= self.low {
            self.paused = false;
            return Flow::Resume;
        }
        Flow::Steady
    }
}

impl Default for Watermarks {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_above_high_and_resumes_at_low() {
        let mut marks = Watermarks::new();
        marks.set(Some(100), Some(10)).expect("100 >= 10");
        assert_eq!(marks.after_write(100), Flow::Steady);
        assert_eq!(marks.after_write(101), Flow::Pause);
        assert_eq!(marks.after_write(500), Flow::Steady);
        assert_eq!(marks.after_drain(11), Flow::Steady);
        assert_eq!(marks.after_drain(10), Flow::Resume);
        assert_eq!(marks.after_drain(0), Flow::Steady);
    }

    #[test]
    fn derives_what_is_not_given() {
        let mut marks = Watermarks::new();
        assert!(!marks.exceeds_given(usize::MAX));
        marks.set(None, None).expect("defaults");
        assert!(marks.exceeds_given(64 * 1024 + 1) && !marks.exceeds_given(64 * 1024));
        assert_eq!(marks.limits(), (16 * 1024, 64 * 1024));
        marks.set(None, Some(5)).expect("low only");
        assert_eq!(marks.limits(), (5, 20));
        marks.set(Some(0), None).expect("high only");
        assert_eq!(marks.limits(), (0, 0));
        assert_eq!(
            marks.set(Some(1), Some(2)),
            Err(BadLimits { high: 1, low: 2 })
        );
        assert!(marks.set(None, Some(-1)).is_err());
    }
}
