//! The processor time of another process.

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::error::Error;

/// What a process has used since it began, all its threads together.
///
/// The whole comes from the process's own clock, to the nanosecond. How much of it was spent in the
/// kernel is told in ticks (10 ms on usual builds): good to one per cent of a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuTime {
    /// Nanoseconds in all.
    pub total_ns: u64,
    /// Nanoseconds in user mode.
    pub user_ns: u64,
    /// Nanoseconds in the kernel.
    pub system_ns: u64,
}

impl CpuTime {
    /// What the process `pid` has used up to now.
    ///
    /// # Errors
    /// There is no such process.
    pub fn of(pid: u32) -> Result<Self, Error> {
        let failed = |reason: String| Error::ServerCpu { pid, reason };
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .map_err(|error| failed(error.to_string()))?;
        let ns_per_tick = 1_000_000_000 / rustix::param::clock_ticks_per_second();
        let (user_ns, system_ns) =
            parse(&text, ns_per_tick).ok_or_else(|| failed("unknown form of stat".to_owned()))?;
        Ok(Self {
            total_ns: clock(pid).map_err(|errno| failed(errno.to_string()))?,
            user_ns,
            system_ns,
        })
    }

    /// What was used since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            total_ns: self.total_ns.saturating_sub(earlier.total_ns),
            user_ns: self.user_ns.saturating_sub(earlier.user_ns),
            system_ns: self.system_ns.saturating_sub(earlier.system_ns),
        }
    }
}

/// The process's clock, clock_getcpuclockid(3).
fn clock(pid: u32) -> nix::Result<u64> {
    let pid = i32::try_from(pid).map_err(|_| nix::errno::Errno::ESRCH)?;
    let time = clock_gettime(clock_getcpuclockid(Pid::from_raw(pid))?)?;
    // A processor time: neither is negative.
    Ok(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// Nanoseconds in user mode and in the kernel. proc_pid_stat(5): the second field is the program's
/// name in parentheses and may hold spaces and parentheses itself; fields 14 and 15 are the times.
fn parse(stat: &str, ns_per_tick: u64) -> Option<(u64, u64)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut ticks = after_name
        .split_whitespace()
        .skip(11)
        .map(str::parse::<u64>);
    Some((
        ticks.next()?.ok()? * ns_per_tick,
        ticks.next()?.ok()? * ns_per_tick,
    ))
}

#[cfg(test)]
mod tests {
    use super::{CpuTime, parse};

    #[test]
    fn a_name_may_look_like_fields() {
        let stat = "42 (a) R 1 (b) S 1 2 3 4 5 6 7 8 9 10 250 125 0 0 20 0 1";
        assert_eq!(
            parse(stat, 10_000_000),
            Some((2_500_000_000, 1_250_000_000))
        );
        assert_eq!(parse("42 (a) S 1 2", 1), None);
    }

    #[test]
    fn our_own_time_grows_while_we_work() {
        let pid = std::process::id();
        let start = CpuTime::of(pid).expect("we are alive");
        // No limit of time is asserted: it ends when both of the kernel's counts have moved.
        loop {
            let used = CpuTime::of(pid).expect("we are alive").since(start);
            if used.total_ns > 0 && used.user_ns + used.system_ns > 0 {
                break;
            }
        }
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        // Beyond PID_MAX_LIMIT (2^22), so it can never exist.
        let error = CpuTime::of(1 << 23).expect_err("no such process");
        assert!(error.to_string().contains("8388608"), "{error}");
    }
}
