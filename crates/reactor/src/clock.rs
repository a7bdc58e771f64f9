//! The clock: the one place of the workspace that reads it.
//!
//! Everything else takes the time as an argument.

use std::sync::OnceLock;

/// Nanoseconds of `CLOCK_MONOTONIC`: the clock behind Python's `time.monotonic()`, so figures of
/// both may be compared.
///
/// It never goes back, stands still while the machine is suspended, and starts at boot; a `u64`
/// lasts 584 years. Reading it costs no system call (vDSO), about 20 ns. Any thread may call this.
#[inline]
#[must_use]
pub fn now_ns() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a valid place for a timespec.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // Every kernel has this clock (POSIX makes it optional, Linux does not): only a bad pointer or
    // an unknown clock could fail.
    debug_assert_eq!(status, 0);
    // Both parts are never negative for this clock.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The same clock as of the kernel's last tick: up to 4 ms behind, a quarter of the price.
#[inline]
#[must_use]
pub fn tick_ns() -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a valid place for a timespec.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    debug_assert_eq!(status, 0);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// What `now_ns` costs, in ns: several hundred where it is a system call, on some virtual machines. Measured once a process.
#[inline]
#[must_use]
pub fn cost_ns() -> u64 {
    static COST: OnceLock<u64> = OnceLock::new();
    *COST.get_or_init(|| {
        let once = |_| {
            let before = now_ns();
            now_ns() - before
        };
        // The least of a few: any may be interrupted.
        (0..16).map(once).min().unwrap_or(0)
    })
}

/// How far behind the last tick is taken to be at most: twenty-five ticks, for a virtual machine whose other processors stand still.
const STALE_NS: u64 = 100_000_000;

/// Is it after `deadline_ns`, or that very moment? Far from it the last tick is enough to tell.
#[inline]
#[must_use]
pub fn has_come(deadline_ns: u64) -> bool {
    deadline_ns <= tick_ns().saturating_add(STALE_NS) && deadline_ns <= now_ns()
}

#[cfg(test)]
mod tests {
    use super::{STALE_NS, has_come, now_ns};

    #[test]
    fn a_moment_has_come_from_then_on() {
        let now = now_ns();
        assert!(has_come(0) && has_come(now - STALE_NS) && has_come(now));
        assert!(!has_come(now + 1000 * STALE_NS) && !has_come(u64::MAX));
        let soon = now_ns() + 2_000_000;
        while !has_come(soon) {}
        assert!(now_ns() >= soon);
    }

    #[test]
    fn it_is_the_kernels_monotonic_clock_and_never_goes_back() {
        let kernel = || {
            let text = std::fs::read_to_string("/proc/uptime").expect("Linux has /proc/uptime");
            let seconds = text.split(' ').next().expect("two numbers");
            seconds.parse::<f64>().expect("a decimal number of seconds")
        };
        let mut last = now_ns();
        for _ in 0..10_000 {
            let now = now_ns();
            assert!(now >= last);
            last = now;
        }
        // Uptime counts suspended time too, so it can only be ahead; it is cut to 10 ms.
        let before = now_ns();
        assert!(before > 0);
        assert!(before as f64 / 1e9 <= kernel() + 0.01);
    }
}
