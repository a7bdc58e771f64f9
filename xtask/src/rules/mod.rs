//! The rules, one file each. A rule reads the tree and tells what breaks it; what may break it is in `exceptions.rs`.

mod callbacks;
mod clock;
mod cycles;
mod doors;
mod floors;
mod headers;
mod homes;
mod length;
mod panics;
mod rooms;
mod stdlib;
mod unsafety;

use crate::tree::Tree;
use crate::violation::Violation;

/// Looks at the tree, adds what it finds.
type Rule = fn(&Tree<'_>, &mut Vec<Violation>);

const RULES: &[Rule] = &[
    callbacks::check,
    clock::check,
    cycles::check,
    doors::check,
    floors::check,
    headers::check,
    homes::check,
    length::check,
    panics::check,
    rooms::check,
    stdlib::check,
    unsafety::check,
];

/// What all rules find.
pub fn check(tree: &Tree<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for rule in RULES {
        rule(tree, &mut found);
    }
    found
}

/// What `rule` finds in these files, as `path:line: subject`.
#[cfg(test)]
fn found_by(rule: Rule, files: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    rule(&Tree::new(files), &mut found);
    found
        .iter()
        .map(|violation| {
            let Violation {
                path,
                line,
                subject,
                ..
            } = violation;
            format!("{path}:{line}: {subject}")
        })
        .collect()
}
