//! The clock is read in one file, so that a turn reads it as seldom as it can, and `core` takes time as an argument.

use crate::rust::Kind;
use crate::tree::Tree;
use crate::violation::Violation;

const CLOCK: &str = "crates/reactor/src/clock.rs";
/// A load generator is a program of its own: it times others.
const STOPWATCHES: &str = "benches/";
const READERS: [&str; 6] = [
    "Instant",
    "SystemTime",
    "clock_gettime",
    "clock_getres",
    "gettimeofday",
    "timespec_get",
];

/// Clock reads elsewhere, tests excepted.
pub fn check(tree: &Tree<'_>, found: &mut Vec<Violation>) {
    for (file, code) in tree.rust() {
        if file.path == CLOCK || file.path.starts_with(STOPWATCHES) || file.is_test() {
            continue;
        }
        for at in 0..code.len() {
            let word = code.text(at);
            if code.kind(at) == Kind::Word && READERS.contains(&word) && !code.in_test(at) {
                let text = format!(
                    "`{word}`: the clock is read in {CLOCK} only: call its `now_ns`, in core take the time as an argument"
                );
                found.push(Violation::new(
                    "clock",
                    file.path,
                    code.line(at),
                    word,
                    text,
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::found_by;

    #[test]
    fn a_second_clock_is_found() {
        let path = "crates/core/src/timers.rs";
        let text = "use std::time::{Duration, Instant};\nfn f() { libc::clock_gettime() }";
        let expected = [
            format!("{path}:1: Instant"),
            format!("{path}:2: clock_gettime"),
        ];
        assert_eq!(found_by(check, &[(path, text)]), expected);
    }

    #[test]
    fn tests_stopwatches_and_the_clock_itself_may() {
        let text = "use std::time::Instant;";
        let test = format!("// Instant\n#[cfg(test)] mod tests {{ {text} }}");
        let files = [
            (super::CLOCK, text),
            ("benches/loadgen/src/run.rs", text),
            ("crates/reactor/tests/timeout.rs", text),
            ("crates/reactor/src/waker.rs", &test),
        ];
        assert_eq!(found_by(check, &files), [""; 0]);
    }
}
