//! The rooms are cut by what they may know: `reactor` the kernel, `core` nothing but `std`, and neither the other or Python.

use crate::tree::Tree;
use crate::violation::Violation;

/// Crates and the beginnings of package names that they may not depend on.
const STRANGERS: [(&str, &[&str]); 2] = [
    (
        "core",
        &[
            "ferrio-reactor",
            "ferrio-python",
            "pyo3",
            "libc",
            "nix",
            "rustix",
        ],
    ),
    ("reactor", &["ferrio-core", "ferrio-python", "pyo3"]),
];
/// Parts of `std` that ask the system.
const SYSTEM: [&str; 6] = ["env", "fs", "net", "os", "process", "thread"];

/// Dependencies on strangers, system calls through `std` in `core`, and a `core` that does not forbid `unsafe`.
pub fn check(tree: &Tree<'_>, found: &mut Vec<Violation>) {
    for (name, strangers) in STRANGERS {
        let manifest = format!("crates/{name}/Cargo.toml");
        for file in tree.files.iter().filter(|file| file.path == manifest) {
            for (line, package) in dependencies(file.text) {
                if strangers
                    .iter()
                    .any(|stranger| package.starts_with(stranger))
                {
                    let text = format!(
                        "`{name}` may not know `{package}`: what needs both belongs to crates/python"
                    );
                    found.push(Violation::new("rooms", file.path, line, package, text));
                }
            }
        }
    }
    for (file, code) in tree.rust_under("crates/core/src/") {
        let forbids = ["#", "!", "[", "forbid", "(", "unsafe_code", ")", "]"];
        if file.path.ends_with("src/lib.rs") && code.places(&forbids).next().is_none() {
            let text = "core thinks only: begin it with `#![forbid(unsafe_code)]`";
            found.push(Violation::new("rooms", file.path, 1, "unsafe_code", text));
        }
        for at in code.places(&["std", ":", ":"]).map(|at| at + 3) {
            if SYSTEM.contains(&code.text(at)) && !code.in_test(at) {
                let text = format!(
                    "core makes no system calls, `std::{}` does: move it to reactor, or take its result as an argument",
                    code.text(at)
                );
                found.push(Violation::new(
                    "rooms",
                    file.path,
                    code.line(at),
                    code.text(at),
                    text,
                ));
            }
        }
    }
}

/// Line and name of every package in a table of dependencies.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (line, text) in (1..).zip(manifest.lines()) {
        let text = text.split('#').next().unwrap_or_default().trim();
        if let Some(table) = text.strip_prefix('[') {
            let table = table.trim_matches(['[', ']']);
            // `[dependencies.name]` is a table of one dependency.
            let (before, last) = table.rsplit_once('.').unwrap_or(("", table));
            inside = last.ends_with("dependencies");
            if before.ends_with("dependencies") {
                found.push((line, last));
            }
        } else if inside && !text.is_empty() {
            // A package under another name says which one it is.
            let renamed = text
                .split_once("package")
                .and_then(|(_, after)| after.split('"').nth(1));
            let name = text.split(['.', '=', ' ']).next().unwrap_or(text);
            found.push((line, renamed.unwrap_or(name)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::found_by;

    #[test]
    fn a_stranger_in_any_table_of_dependencies_is_found() {
        let path = "crates/reactor/Cargo.toml";
        let manifest = "[dependencies]\nlibc = \"0.2\"\nferrio-core.workspace = true\n\
            [target.'cfg(unix)'.dev-dependencies]\npyo3-ffi = \"1\"\n\
            [dependencies.ferrio-python]\nx = { package = \"pyo3\" }\n[features]\npyo3 = []";
        let expected = ["3: ferrio-core", "5: pyo3-ffi", "6: ferrio-python"];
        assert_eq!(
            found_by(check, &[(path, manifest)]),
            expected.map(|rest| format!("{path}:{rest}"))
        );
    }

    #[test]
    fn another_name_hides_no_package() {
        let path = "crates/core/Cargo.toml";
        let manifest = "[dependencies]\nkernel = { package = \"ferrio-reactor\", version = \"1\" }";
        assert_eq!(
            found_by(check, &[(path, manifest)]),
            [format!("{path}:2: ferrio-reactor")]
        );
    }

    #[test]
    fn core_forbids_unsafe_code_in_its_root() {
        let path = "crates/core/src/lib.rs";
        assert_eq!(
            found_by(check, &[(path, "#![forbid(unsafe_code)]")]),
            [""; 0]
        );
        assert_eq!(
            found_by(check, &[(path, "//! `#![forbid(unsafe_code)]`")]),
            [format!("{path}:1: unsafe_code")]
        );
    }

    #[test]
    fn core_asks_the_system_for_nothing() {
        let path = "crates/core/src/ready.rs";
        let text = "use std::collections::VecDeque;\nuse std::fs::File;\n#[cfg(test)] mod tests { use std::thread; }";
        assert_eq!(found_by(check, &[(path, text)]), [format!("{path}:2: fs")]);
    }
}
