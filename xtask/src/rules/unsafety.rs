//! `unsafe` has two homes, and each block and `impl` says why it holds: a `// SAFETY:` comment above its statement, or in it.

use std::collections::BTreeMap;

use crate::rust::Code;
use crate::tree::Tree;
use crate::violation::Violation;

const HOMES: [&str; 2] = ["crates/reactor/", "crates/python/src/ffi/"];

/// `unsafe` elsewhere, and `unsafe` without a reason.
pub fn check(tree: &Tree<'_>, found: &mut Vec<Violation>) {
    for (file, code) in tree.rust() {
        let comments: BTreeMap<usize, &str> = code.comment_lines().collect();
        let at_home = HOMES.iter().any(|home| file.path.starts_with(home));
        for at in code.places(&["unsafe"]) {
            let line = code.line(at);
            let has_duty = matches!(code.text(at + 1), "{" | "impl");
            if !at_home {
                let text = "`unsafe` lives in crates/reactor and crates/python/src/ffi only: put a safe function there";
                found.push(Violation::new("unsafe", file.path, line, "place", text));
            } else if has_duty && !has_reason(code, &comments, at) {
                let text =
                    "no `// SAFETY:` comment above: say why the callee's conditions hold here";
                found.push(Violation::new("unsafe", file.path, line, "reason", text));
            }
        }
    }
}

/// Is there a reason in the comment that ends just above the statement, or between its begin and `at`?
fn has_reason(code: &Code<'_>, comments: &BTreeMap<usize, &str>, at: usize) -> bool {
    let first = code.line(statement(code, at));
    let above = (1..first).rev().map_while(|line| comments.get(&line));
    let within = comments.range(first..=code.line(at)).map(|(_, text)| text);
    above.chain(within).any(|text| text.contains("SAFETY:"))
}

/// The first token of the statement (field, match arm) around the token.
fn statement(code: &Code<'_>, at: usize) -> usize {
    let mut first = at;
    while let Some(before) = first.checked_sub(1) {
        match code.mark(before) {
            Some("(" | "[") => first = before,
            Some("{" | ";") => return first,
            // A block or another argument before it, but part of the same statement while brackets are open around it.
            Some("}" | ",") if !in_parentheses(code, first) => return first,
            _ => first = before,
        }
    }
    first
}

fn in_parentheses(code: &Code<'_>, at: usize) -> bool {
    let open = code.around(at).and_then(|open| code.mark(open));
    matches!(open, Some("(" | "["))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::found_by;

    const FFI: &str = "crates/python/src/ffi/own.rs";

    fn in_ffi(text: &str) -> Vec<String> {
        found_by(check, &[(FFI, text)])
    }

    #[test]
    fn unsafe_elsewhere_is_found_with_or_without_a_reason() {
        let path = "crates/python/src/task/step.rs";
        let text = "fn f() {\n// SAFETY: it is.\nunsafe { g() } }\nunsafe fn h() {}";
        let expected = [format!("{path}:3: place"), format!("{path}:4: place")];
        assert_eq!(found_by(check, &[(path, text)]), expected);
    }

    #[test]
    fn no_reason_no_unsafe() {
        let text = "fn f() {\n// Fast.\nunsafe { g() }\n}\n\nunsafe impl Send for T {}";
        assert_eq!(
            in_ffi(text),
            [format!("{FFI}:3: reason"), format!("{FFI}:6: reason")]
        );
    }

    #[test]
    fn the_reason_of_the_statement_before_does_not_count() {
        let text = "fn f() {\n// SAFETY: one.\nunsafe { g() };\nunsafe { h() };\n}";
        assert_eq!(in_ffi(text), [format!("{FFI}:4: reason")]);
    }

    #[test]
    fn a_reason_above_the_statement_or_in_it_counts() {
        let above = "fn f() {\n// SAFETY: two lines\n// of it.\nlet x = check(a, |b| unsafe {\n g(b) })?;\n}";
        let within = "fn f() {\nlet x = one()\n// SAFETY: here.\n.map(|x| unsafe { g(x) });\n}";
        let item = "/// T goes anywhere.\n// SAFETY: no thread is named.\n#[doc(hidden)]\nunsafe impl Send for T {}";
        let arm = "fn f() { match x {\n// SAFETY: one.\n1 => unsafe { g() },\n// SAFETY: more.\n_ => unsafe { h() },\n} }";
        let argument = "fn f() {\n// SAFETY: both.\ng(\na,\nunsafe { b() },\n);\n}";
        for text in [above, within, item, arm, argument] {
            assert_eq!(in_ffi(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn declarations_have_no_duty() {
        let text =
            "unsafe fn f() {}\nunsafe extern \"C\" { fn g(); }\nunsafe extern \"C\" fn h() {}";
        assert_eq!(in_ffi(text), [""; 0]);
    }
}
