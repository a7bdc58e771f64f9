//! A file of at most 600 lines, a Rust function of at most 70: what fits into a head. Tests are read too, so they count.

use crate::tree::Tree;
use crate::violation::Violation;

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;

/// Files that are too long, of Rust and Python, and functions, of Rust.
pub fn check(tree: &Tree<'_>, found: &mut Vec<Violation>) {
    for file in &tree.files {
        let lines = file.text.lines().count();
        if lines > FILE_LINES && (file.code.is_some() || file.path.ends_with(".py")) {
            let text =
                format!("the file has {lines} lines, {FILE_LINES} are allowed: cut it by topic");
            found.push(Violation::new("length", file.path, lines, "file", text));
        }
    }
    for (file, code) in tree.rust() {
        for function in code.functions() {
            let Some((_, close)) = function.body else {
                continue;
            };
            let (name, first) = (function.name, code.line(function.at));
            let lines = code.line(close) - first + 1;
            if lines > FUNCTION_LINES {
                let text = format!(
                    "`fn {name}` has {lines} lines, {FUNCTION_LINES} are allowed: name its paragraphs as functions"
                );
                found.push(Violation::new("length", file.path, first, name, text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::found_by;

    #[test]
    fn a_file_of_601_lines_is_too_long() {
        let (fits, long) = ("\n".repeat(600), "\n".repeat(601));
        assert_eq!(
            found_by(check, &[("a.py", &fits), ("a.md", &long)]),
            [""; 0]
        );
        assert_eq!(
            found_by(check, &[("tests/a.py", &long)]),
            ["tests/a.py:601: file"]
        );
        assert_eq!(found_by(check, &[("a.rs", &long)]), ["a.rs:601: file"]);
    }

    #[test]
    fn a_function_of_71_lines_is_too_long() {
        let function = |lines: usize| format!("\nfn long() {{{}}}", "\n".repeat(lines - 1));
        assert_eq!(found_by(check, &[("a.rs", &function(70))]), [""; 0]);
        assert_eq!(
            found_by(check, &[("a.rs", &function(71))]),
            ["a.rs:2: long"]
        );
    }
}
