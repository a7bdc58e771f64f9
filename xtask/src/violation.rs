//! What a rule has to say about one place.

use std::fmt;

/// One broken rule at one place.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Violation {
    /// From the root, with slashes.
    pub path: String,
    /// Counted from one.
    pub line: usize,
    /// The rule's name, one word.
    pub rule: &'static str,
    /// What exactly: a function, a word, a cycle. An exception is for one subject.
    pub subject: String,
    /// What is wrong and what to do.
    pub text: String,
}

impl Violation {
    /// A violation of `rule` at `path:line`.
    pub fn new(
        rule: &'static str,
        path: &str,
        line: usize,
        subject: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            line,
            rule,
            subject: subject.into(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            rule,
            text,
            ..
        } = self;
        write!(f, "{path}:{line}: {rule}: {text}")
    }
}
