//! The floors of `crates/python`: a room names lower floors, or a room beside it along a listed edge, never one above.
//! `lib.rs` stands above all of them.

use crate::rust::Modules;
use crate::tree::Tree;
use crate::violation::Violation;

const HOUSE: &str = "crates/python/src/";

/// Every room and its floor, those still to be built included.
const FLOORS: &[(&str, u8)] = &[
    ("ffi", 0),
    ("names", 0),
    ("convert", 0),
    ("error", 0),
    ("handle", 1),
    ("engine", 2),
    ("future", 3),
    ("task", 3),
    ("awaitable", 3),
    ("gather", 3),
    ("wait", 3),
    ("as_completed", 3),
    ("shield", 3),
    ("spawn", 3),
    ("wrap", 3),
    ("sleep", 3),
    ("protocol", 4),
    ("transport", 4),
    ("sock", 4),
    ("streams", 5),
    ("sync", 5),
    ("timeout", 5),
    ("taskgroup", 5),
    ("event_loop", 6),
];

/// Who may name whom on the same floor.
const BESIDE: &[(&str, &str)] = &[
    // Everything stands on the typed C API.
    ("names", "ffi"),
    ("convert", "ffi"),
    ("error", "ffi"),
    // A task is a future that a coroutine fills.
    ("task", "future"),
    // A native coroutine hands futures and tasks straight to the task; what it waits for is a room of its own.
    ("awaitable", "future"),
    ("awaitable", "task"),
    ("sleep", "awaitable"),
    ("sleep", "future"),
    ("gather", "awaitable"),
    ("gather", "future"),
    ("gather", "task"),
    ("as_completed", "awaitable"),
    ("as_completed", "future"),
    ("shield", "awaitable"),
    ("shield", "future"),
    ("spawn", "awaitable"),
    ("wrap", "awaitable"),
    ("wrap", "future"),
    ("wait", "awaitable"),
    ("wait", "future"),
    // A socket call and a transport see a Python socket in the same way.
    ("sock", "transport"),
];

/// Names that go up, or sideways off the list, and rooms without a floor.
pub fn check(tree: &Tree<'_>, found: &mut Vec<Violation>) {
    for (path, file, code) in &Modules::under(tree, HOUSE).files {
        let Some(room) = path.first() else {
            continue;
        };
        let Some(floor) = floor(room) else {
            let text = format!("room `{room}` has no floor: give it one in {}", file!());
            found.push(Violation::new("floors", file.path, 1, *room, text));
            continue;
        };
        for reference in code.references(path) {
            let named = reference.path.first().copied().unwrap_or("lib.rs");
            if code.in_test(reference.at) || may_name(room, floor, named) {
                continue;
            }
            let text = format!(
                "`{room}` (floor {floor}) may not name `{}` ({}): hand a value up, or move the code to where both are known",
                reference.path.join("::"),
                floor_text(named),
            );
            let line = code.line(reference.at);
            found.push(Violation::new("floors", file.path, line, named, text));
        }
    }
}

fn floor(room: &str) -> Option<u8> {
    let found = FLOORS.iter().find(|(name, _)| *name == room);
    found.map(|(_, floor)| *floor)
}

fn may_name(room: &str, own: u8, named: &str) -> bool {
    room == named
        || BESIDE.contains(&(room, named))
        || floor(named).is_some_and(|floor| floor < own)
}

fn floor_text(room: &str) -> String {
    floor(room).map_or_else(
        || "of lib.rs, above all floors".to_owned(),
        |floor| format!("floor {floor}"),
    )
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::found_by;

    fn found(path: &str, text: &str) -> Vec<String> {
        found_by(check, &[(path, text)])
    }

    #[test]
    fn down_and_along_the_list_is_allowed() {
        let text =
            "use crate::{engine::Engine, names}; use crate::future::Future; use super::Task;";
        assert_eq!(found("crates/python/src/task/step.rs", text), [""; 0]);
        let text = "use crate::event_loop::Loop;";
        assert_eq!(found("crates/python/src/lib.rs", text), [""; 0]);
    }

    #[test]
    fn up_is_not() {
        let path = "crates/python/src/engine/poll.rs";
        let text = "use crate::ffi;\nfn f() { crate::task::step() }";
        assert_eq!(found(path, text), [format!("{path}:2: task")]);
        let text = "use super::super::event_loop::Loop;";
        assert_eq!(found(path, text), [format!("{path}:1: event_loop")]);
    }

    #[test]
    fn sideways_off_the_list_is_not() {
        let path = "crates/python/src/future/mod.rs";
        assert_eq!(
            found(path, "use crate::task::Task;"),
            [format!("{path}:1: task")]
        );
    }

    #[test]
    fn an_item_of_the_root_is_above() {
        let path = "crates/python/src/names.rs";
        assert_eq!(found(path, "use crate::make;"), [format!("{path}:1: make")]);
    }

    #[test]
    fn a_room_needs_a_floor() {
        let path = "crates/python/src/attic/mod.rs";
        assert_eq!(found(path, ""), [format!("{path}:1: attic")]);
    }
}
