//! How many callbacks may run before the loop must ask the kernel and the clock again.

/// Polls are at most this far apart while there is work.
const TARGET_NS: u64 = 50_000;
/// Even the cheapest callbacks poll this often.
const MOST: u32 = 1024;

/// Counts callbacks up to the next poll; adapts the number to how long callbacks take.
#[derive(Debug)]
pub struct PollBudget {
    granted: u32,
    spent: u32,
    forced: bool,
    since_ns: u64,
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
        }
    }

    /// Counts `callbacks` run; true when it is time to poll.
    #[inline]
    pub fn spend(&mut self, callbacks: u32) -> bool {
        self.spent = self.spent.saturating_add(callbacks);
        self.forced || self.spent >= self.granted
    }

    /// The next `spend` says poll.
    #[inline]
    pub fn exhaust(&mut self) {
        self.forced = true;
    }

    /// Called after a poll that did not sleep: grants at most twice as much as before, at once less where callbacks are slow.
    pub fn refill(&mut self, now_ns: u64) {
        if self.spent > 0 {
            let took = now_ns.saturating_sub(self.since_ns).max(1);
            let fits = TARGET_NS.saturating_mul(u64::from(self.spent)) / took;
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
