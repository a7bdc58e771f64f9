//! Only `turn.rs` and `dispatch.rs` see both ends. Below them a task or transport that waits in the engine is an opaque
//! reference; nobody else opens one, and nobody else on the top floor knows both what waits and the engine's lists of kinds.

use crate::rust::Code;
use crate::tree::Tree;
use crate::violation::Violation;

const HOUSE: &str = "crates/python/src/";
const TOP: &str = "crates/python/src/event_loop/";
const DOORS: [&str; 2] = [
    "crates/python/src/event_loop/turn.rs",
    "crates/python/src/event_loop/dispatch.rs",
];

/// The opaque references: what is inside is reached through `.0`.
const OPAQUE: [&str; 2] = ["TaskRef", "SinkRef"];
/// What tells the class of the object inside.
const OPENERS: [&str; 4] = ["cast", "downcast", "cast_into", "downcast_into"];
/// The engine's closed lists of what waits and what happens.
const KINDS: [&str; 5] = ["Entry", "Happened", "SinkCall", "Source", "Watcher"];
/// The rooms whose objects wait.
const WAITERS: [&str; 3] = ["sock", "task", "transport"];

/// Opaque references that are opened elsewhere, and files that see both ends.
pub fn check(tree: &Tree<'_>, found: &mut Vec<Violation>) {
    let inside = tree
        .rust_under(HOUSE)
        .filter(|(file, _)| !DOORS.contains(&file.path));
    for (file, code) in inside {
        for at in openings(code) {
            let text = "an opaque reference is opened, which only turn.rs and dispatch.rs may: hand the reference to dispatch.rs";
            let line = code.line(at);
            found.push(Violation::new("doors", file.path, line, "opening", text));
        }
        if let Some((at, kind, waiter)) = file
            .path
            .starts_with(TOP)
            .then(|| both_ends(code))
            .flatten()
        {
            let text = format!(
                "names both `{waiter}` and the engine's `{kind}`, which only turn.rs and dispatch.rs may: let dispatch.rs match on it"
            );
            found.push(Violation::new(
                "doors",
                file.path,
                code.line(at),
                kind,
                text,
            ));
        }
    }
}

/// `x.0.cast::<T>()`, and `TaskRef(x)` as a pattern.
fn openings(code: &Code<'_>) -> impl Iterator<Item = usize> {
    (0..code.len()).filter(|at| {
        let by_field = code.is(*at, &[".", "0", "."]) && OPENERS.contains(&code.text(at + 3));
        let by_pattern = OPAQUE.contains(&code.text(*at))
            && code.is(at + 1, &["("])
            && code
                .closing(at + 1)
                .is_some_and(|close| is_pattern(code, close));
        by_field || by_pattern
    })
}

/// Does what ends with the bracket `close` stand where a pattern ends: before `=`, `=>`, `|` or `if`?
fn is_pattern(code: &Code<'_>, close: usize) -> bool {
    let mut next = close + 1;
    while code.is(next, &[")"]) {
        next += 1;
    }
    let equals = code.is(next, &["="]) && !code.is(next, &["=", "="]);
    equals || code.is(next, &["|"]) || code.is(next, &["if"])
}

/// Where a kind is named, it, and a room whose objects wait, if the file names both.
fn both_ends<'a>(code: &Code<'a>) -> Option<(usize, &'a str, &'static str)> {
    let references = code.references(&["event_loop", "file"]);
    let kind = references
        .iter()
        .find_map(|reference| match reference.path[..] {
            ["engine", kind, ..] if KINDS.contains(&kind) => Some((reference.at, kind)),
            _ => None,
        });
    let waiter = WAITERS.into_iter().find(|waiter| {
        let mut rooms = references
            .iter()
            .filter_map(|reference| reference.path.first());
        rooms.any(|room| room == waiter)
    });
    kind.zip(waiter)
        .map(|((at, kind), waiter)| (at, kind, waiter))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::found_by;

    const TOPIC: &str = "crates/python/src/event_loop/topic.rs";

    #[test]
    fn a_reference_opened_outside_the_doors_is_found() {
        let path = "crates/python/src/future/mod.rs";
        let text = "fn f() {\n task\n.0\n.cast::<Task>() }\nfn g() { if let Some(SinkRef(own)) = sink {} }";
        let expected = [format!("{path}:3: opening"), format!("{path}:5: opening")];
        assert_eq!(found_by(check, &[(path, text)]), expected);
        let turn = "crates/python/src/event_loop/turn.rs";
        assert_eq!(found_by(check, &[(turn, text)]), [""; 0]);
    }

    #[test]
    fn making_one_and_passing_it_on_is_allowed() {
        let text = "fn f() { engine.schedule(py, Entry::Step(TaskRef(this.clone()))); visit.own(&task.0) }";
        assert_eq!(
            found_by(check, &[("crates/python/src/task/step.rs", text)]),
            [""; 0]
        );
    }

    #[test]
    fn only_the_doors_see_both_ends() {
        let text =
            "use crate::engine::{Engine,\nSource};\nuse crate::transport::listener::Listener;";
        assert_eq!(
            found_by(check, &[(TOPIC, text)]),
            [format!("{TOPIC}:2: Source")]
        );
        let dispatch = "crates/python/src/event_loop/dispatch.rs";
        assert_eq!(found_by(check, &[(dispatch, text)]), [""; 0]);
    }

    #[test]
    fn one_end_is_anybodys() {
        let transports = "use crate::engine::Engine; use crate::transport::listener;";
        let signals = "use crate::engine::Entry; use crate::handle::Handle;";
        assert_eq!(found_by(check, &[(TOPIC, transports)]), [""; 0]);
        assert_eq!(found_by(check, &[(TOPIC, signals)]), [""; 0]);
    }
}
