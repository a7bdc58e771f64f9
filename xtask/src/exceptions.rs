//! The exceptions from the rules, each for one subject in one file and with its reason. One that excuses nothing any more
//! is itself a violation, so the list only holds what is needed.

use crate::violation::Violation;

/// An excuse for every violation of `rule` about `subject` in `path`.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The rule's name.
    pub rule: &'static str,
    /// The file, from the root.
    pub path: &'static str,
    /// What exactly is excused.
    pub subject: &'static str,
    /// Why it is right all the same.
    pub reason: &'static str,
}

/// All of them.
pub const EXCEPTIONS: &[Exception] = &[
    Exception {
        rule: "callbacks",
        path: "crates/reactor/src/fork.rs",
        subject: "in_child",
        reason: "pthread_atfork(3) takes a bare function; this one is a single atomic addition, which cannot unwind",
    },
    Exception {
        rule: "callbacks",
        path: "crates/reactor/src/spawn/child.rs",
        subject: "run",
        reason: "where a clone(2) begins on a stack of its own: nobody called it, and it makes system calls only",
    },
    Exception {
        rule: "callbacks",
        path: "crates/python/src/ffi/runtime.rs",
        subject: "die",
        reason: "Py_AtExit calls it when no Python is left to attach to or to raise in; it ends the process",
    },
    Exception {
        rule: "stdlib",
        path: "python/ferrio/_policy.py",
        subject: "unix_events",
        reason: "the default policy, which ours extends, lives there and is public nowhere on 3.14",
    },
];

/// What is left of `violations` after `exceptions`, and a violation for every exception that was not needed.
pub fn settle(violations: Vec<Violation>, exceptions: &[Exception]) -> Vec<Violation> {
    let mut needed = vec![false; exceptions.len()];
    let mut left: Vec<Violation> = violations
        .into_iter()
        .filter(|violation| {
            let excuse = exceptions.iter().position(|e| excuses(e, violation));
            if let Some(index) = excuse {
                needed[index] = true;
            }
            excuse.is_none()
        })
        .collect();
    for (exception, _) in exceptions.iter().zip(needed).filter(|(_, needed)| !needed) {
        let Exception {
            rule,
            path,
            subject,
            reason,
        } = exception;
        let text = format!(
            "nothing in {path} needs the exception from `{rule}` for {subject} ({reason}): take it off the list"
        );
        left.push(Violation::new("exceptions", file!(), 1, *subject, text));
    }
    left
}

fn excuses(exception: &Exception, violation: &Violation) -> bool {
    exception.rule == violation.rule
        && exception.path == violation.path
        && exception.subject == violation.subject
}

#[cfg(test)]
mod tests {
    use super::{Exception, settle};
    use crate::violation::Violation;

    const EXCUSE: Exception = Exception {
        rule: "clock",
        path: "a.rs",
        subject: "Instant",
        reason: "a test",
    };

    #[test]
    fn an_exception_excuses_its_subject_in_its_file_and_nothing_else() {
        let same = Violation::new("clock", "a.rs", 3, "Instant", "");
        let other_subject = Violation::new("clock", "a.rs", 3, "SystemTime", "");
        let other_file = Violation::new("clock", "b.rs", 3, "Instant", "");
        let left = settle(
            vec![same, other_subject.clone(), other_file.clone()],
            &[EXCUSE],
        );
        assert_eq!(left, [other_subject, other_file]);
    }

    #[test]
    fn an_exception_that_nothing_needs_is_a_violation() {
        let left = settle(Vec::new(), &[EXCUSE]);
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].rule, "exceptions");
    }
}
