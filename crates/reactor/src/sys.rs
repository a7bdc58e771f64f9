//! The way from a C return value to an `io::Result`, written once.

use std::io;

/// A return value of a system call: `-1` means "look at errno".
pub(crate) trait ReturnValue: Copy {
    /// Whether the call failed.
    fn failed(self) -> bool;
}

macro_rules! signed_return_values {
    ($($int:ty),*) => {$(
        impl ReturnValue for $int {
            #[inline]
            fn failed(self) -> bool {
                self == -1
            }
        }
    )*};
}
signed_return_values!(i32, i64, isize);

/// Reads errno when `value` says that the call failed.
#[inline]
pub(crate) fn check<R: ReturnValue>(value: R) -> io::Result<R> {
    if value.failed() {
        Err(io::Error::last_os_error())
    } else {
        Ok(value)
    }
}

/// Repeats `call` while a signal cuts it short (EINTR).
///
/// Only for calls that cannot block: a blocking one must come back, so that the signal's handler
/// gets its turn (PEP 475).
#[inline]
pub(crate) fn retry<R: ReturnValue>(mut call: impl FnMut() -> R) -> io::Result<R> {
    loop {
        match check(call()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// As [`retry`], for calls that return a number of bytes.
#[inline]
pub(crate) fn retry_len(call: impl FnMut() -> isize) -> io::Result<usize> {
    // Not -1, so not negative at all.
    retry(call).map(|bytes| bytes as usize)
}
