//! No import cycle: the modules beside each other in a directory stand in an order. A parent and what is inside it may name
//! each other, as Rust's modules do; what a parent re-exports counts as the parent's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::rust::{ModulePath, Modules};
use crate::tree::Tree;
use crate::violation::Violation;

const CRATES: [&str; 3] = [
    "crates/core/src/",
    "crates/python/src/",
    "crates/reactor/src/",
];

/// Who names whom among the modules beside each other, each with the first place where that happens.
type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Place<'a>>>;
type Place<'a> = (&'a str, usize);

/// For every name that lies on a cycle, the shortest cycle through it, once.
pub fn check(tree: &Tree<'_>, found: &mut Vec<Violation>) {
    for directory in CRATES {
        for (parent, graph) in graphs(&Modules::under(tree, directory)) {
            for cycle in cycles(&graph) {
                found.push(violation(directory, &parent, &graph, &cycle));
            }
        }
    }
}

/// By their parent, the modules beside each other.
fn graphs<'a>(modules: &Modules<'_, 'a>) -> BTreeMap<ModulePath<'a>, Graph<'a>> {
    let mut graphs: BTreeMap<ModulePath<'a>, Graph<'a>> = BTreeMap::new();
    for (from, file, code) in &modules.files {
        for reference in code.references(from) {
            let Some(to) = modules.holding(&reference.path) else {
                continue;
            };
            let to = &modules.files[to].0;
            let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            // One inside the other, or the same: no edge.
            let (Some(a), Some(b)) = (from.get(shared), to.get(shared)) else {
                continue;
            };
            if !code.in_test(reference.at) {
                let graph = graphs.entry(from[..shared].to_vec()).or_default();
                let place = (file.path, code.line(reference.at));
                graph.entry(a).or_default().entry(b).or_insert(place);
            }
        }
    }
    graphs
}

/// The shortest cycle through each edge, beginning with its smallest name, without repetitions.
fn cycles<'a>(graph: &Graph<'a>) -> BTreeSet<Vec<&'a str>> {
    let mut cycles = BTreeSet::new();
    for (from, edges) in graph {
        for to in edges.keys() {
            if let Some(mut cycle) = way(graph, to, from) {
                let smallest = (0..cycle.len()).min_by_key(|at| cycle[*at]).unwrap_or(0);
                cycle.rotate_left(smallest);
                cycles.insert(cycle);
            }
        }
    }
    cycles
}

/// The shortest way, ends included.
fn way<'a>(graph: &Graph<'a>, from: &'a str, to: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::from([from]);
    while let Some(way) = ways.pop_front() {
        let last = *way.last()?;
        if last == to {
            return Some(way);
        }
        for next in graph.get(last).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(next) {
                ways.push_back([&way[..], &[next]].concat());
            }
        }
    }
    None
}

fn violation(directory: &str, parent: &[&str], graph: &Graph<'_>, cycle: &[&str]) -> Violation {
    let next = |at: usize| cycle[(at + 1) % cycle.len()];
    let places: Vec<Place<'_>> = (0..cycle.len())
        .map(|at| graph[cycle[at]][next(at)])
        .collect();
    let steps: Vec<String> = (1..cycle.len())
        .map(|at| {
            let (path, line) = places[at];
            let path = path.strip_prefix(directory).unwrap_or(path);
            format!("{} names {} at {path}:{line}", cycle[at], next(at))
        })
        .collect();
    let subject = [cycle, &cycle[..1]].concat().join(" -> ");
    let room = if parent.is_empty() {
        "the crate"
    } else {
        &*parent.join("::")
    };
    let text = format!(
        "import cycle in {room}: {subject} ({}): move what both need below both, or hand it in as a value",
        steps.join("; "),
    );
    let (path, line) = places[0];
    Violation::new("cycles", path, line, subject, text)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::found_by;

    #[test]
    fn siblings_that_name_each_other_are_a_cycle() {
        let files = [
            ("crates/core/src/a.rs", "use crate::b;"),
            ("crates/core/src/b.rs", "\nfn f() { super::a::g() }"),
        ];
        assert_eq!(
            found_by(check, &files),
            ["crates/core/src/a.rs:1: a -> b -> a"]
        );
    }

    #[test]
    fn a_long_way_round_is_one_too_also_through_a_directory() {
        let files = [
            ("crates/python/src/room/mod.rs", "mod a;"),
            ("crates/python/src/room/a.rs", "use super::b::c::Thing;"),
            ("crates/python/src/room/b/mod.rs", ""),
            ("crates/python/src/room/b/c.rs", "use super::super::d;"),
            ("crates/python/src/room/d.rs", "use super::{Other, a};"),
        ];
        let expected = "crates/python/src/room/a.rs:1: a -> b -> d -> a";
        assert_eq!(found_by(check, &files), [expected]);
    }

    #[test]
    fn parent_and_child_and_tests_are_none() {
        let files = [
            ("crates/core/src/room/mod.rs", "use self::a::Thing;"),
            (
                "crates/core/src/room/a.rs",
                "use super::Other; use super::b;",
            ),
            (
                "crates/core/src/room/b.rs",
                "#[cfg(test)] mod tests { use super::super::a; }",
            ),
        ];
        assert_eq!(found_by(check, &files), [""; 0]);
    }
}
