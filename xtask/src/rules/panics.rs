//! A panic says why it cannot happen: no `unwrap()` outside tests, and `expect` with a reason.

use crate::rust::Kind;
use crate::tree::Tree;
use crate::violation::Violation;

/// `unwrap()` and `expect` without a reason, tests excepted.
pub fn check(tree: &Tree<'_>, found: &mut Vec<Violation>) {
    for (file, code) in tree.rust().filter(|(file, _)| !file.is_test()) {
        for at in code.places(&["."]).map(|at| at + 1) {
            if code.in_test(at) {
                continue;
            }
            let word = code.text(at);
            let has_reason =
                code.kind(at + 2) == Kind::Text && !code.text(at + 2).trim().is_empty();
            let text = match word {
                "unwrap" | "unwrap_err" if code.is(at + 1, &["(", ")"]) => {
                    "handle the other case, or `expect(\"why it cannot be\")`"
                }
                "expect" | "expect_err" if code.is(at + 1, &["("]) && !has_reason => {
                    "give the reason as a literal: `expect(\"why it cannot fail\")`"
                }
                _ => continue,
            };
            let text = format!("`{word}`: {text}");
            found.push(Violation::new(
                "panics",
                file.path,
                code.line(at),
                word,
                text,
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::found_by;

    #[test]
    fn unwrap_is_found() {
        let text = "fn f() {\n x\n.unwrap(); y.unwrap_or(1); z.unwrap_or_default() }";
        assert_eq!(found_by(check, &[("a.rs", text)]), ["a.rs:3: unwrap"]);
    }

    #[test]
    fn expect_needs_a_reason() {
        let text = "fn f() { a.expect(\"\");\n b.expect(WHY);\n c.expect(\"made above\") }";
        assert_eq!(
            found_by(check, &[("a.rs", text)]),
            ["a.rs:1: expect", "a.rs:2: expect"]
        );
    }

    #[test]
    fn tests_may_do_as_they_like() {
        let text = "#[test] fn f() { x.unwrap() } // y.unwrap()";
        let files = [
            ("a.rs", text),
            ("crates/x/tests/a.rs", "fn f() { x.unwrap() }"),
        ];
        assert_eq!(found_by(check, &files), [""; 0]);
    }
}
