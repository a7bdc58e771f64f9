//! The processors that threads run on.

/// The processor that this thread runs on, which may be another one a moment later; `None` where the kernel does not say.
///
/// Costs no system call (glibc 2.35, rseq; vDSO), a few ns. Any thread may call this.
#[inline]
#[must_use]
pub fn current() -> Option<u32> {
    // SAFETY: takes nothing, returns a number or -1.
    u32::try_from(unsafe { libc::sched_getcpu() }).ok()
}

#[cfg(test)]
mod tests {
    use super::current;

    #[test]
    fn it_is_one_of_those_that_are_there() {
        // SAFETY: takes a name, returns a number.
        let configured = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_CONF) };
        let current = current().expect("Linux says");
        assert!(i64::from(current) < configured, "{current} of {configured}");
    }
}
