//! A forked child that says with its exit status how it went.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body` in a child made by `fork()` and tells whether it came to its end without a panic.
///
/// The child has only the calling thread, and every lock as it was: malloc's are usable (glibc sees
/// to it), but those of the standard library that another thread held stay held. So `body` does
/// not print and not touch the panic hook, and a test whose threads panic on purpose belongs into
/// another file. (A body that fails may print: the harness captures it per thread.)
#[must_use]
pub fn in_child(body: impl FnOnce()) -> bool {
    // SAFETY: the child only runs `body`, which follows the rule above, and leaves with `_exit`.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            let ended = catch_unwind(AssertUnwindSafe(body)).is_ok();
            // SAFETY: ends the process.
            unsafe { libc::_exit(i32::from(!ended)) }
        }
        child => {
            let mut status = 0;
            // SAFETY: `status` is a valid place for an int, and the child is ours.
            let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!(waited, child);
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
        }
    }
}
