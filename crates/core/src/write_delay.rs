//! How long written bytes may wait for those of the callbacks behind.

/// At most so long after the end of the callback that wrote, and of the one that runs then.
const LONGEST_NS: u64 = 50_000;

/// Says when the turn's writes must not be gathered any longer.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteDelay {
    since_ns: Option<u64>,
}

impl WriteDelay {
    /// Nothing waits.
    #[must_use]
    pub const fn new() -> Self {
        Self { since_ns: None }
    }

    /// Asked after each callback while something waits: has it waited long enough? The first time begins the delay.
    #[inline]
    pub fn is_over(&mut self, now_ns: u64) -> bool {
        let since = *self.since_ns.get_or_insert(now_ns);
        now_ns.saturating_sub(since) >= LONGEST_NS
    }

    /// What waits is sent now.
    #[inline]
    pub fn end(&mut self) {
        self.since_ns = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_NS, WriteDelay};

    #[test]
    fn it_begins_with_the_first_write_and_is_over_when_that_has_waited_long_enough() {
        let mut delay = WriteDelay::new();
        assert!(!delay.is_over(1_000_000));
        assert!(!delay.is_over(1_000_000 + LONGEST_NS - 1));
        assert!(delay.is_over(1_000_000 + LONGEST_NS));
    }

    #[test]
    fn it_begins_anew_after_a_flush() {
        let mut delay = WriteDelay::new();
        assert!(!delay.is_over(1_000_000));
        delay.end();
        assert!(!delay.is_over(9_000_000));
        assert!(delay.is_over(9_000_000 + LONGEST_NS));
    }
}
