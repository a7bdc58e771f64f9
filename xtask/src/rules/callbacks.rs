//! What C calls must not unwind: leaving an `extern "C" fn` by a panic aborts the process. So the body of each goes through
//! `ffi::guard::trampoline`, or `quiet` where no exception may be raised, and there is none outside that room.

use crate::rust::{Code, Function, Kind};
use crate::tree::Tree;
use crate::violation::Violation;

const ROOM: &str = "crates/python/src/ffi/";
const GUARDS: [&str; 2] = ["trampoline", "quiet"];

/// C functions in other rooms, and bodies without the guard; tests excepted.
pub fn check(tree: &Tree<'_>, found: &mut Vec<Violation>) {
    for (file, code) in tree.rust().filter(|(file, _)| !file.is_test()) {
        for function in code.functions().filter(|function| is_c(code, function.at)) {
            let Function { name, at, body } = function;
            let Some((open, close)) = body.filter(|_| !code.in_test(at)) else {
                continue;
            };
            let is_guarded =
                (open..close).any(|at| GUARDS.iter().any(|guard| code.is(at, &[*guard, "("])));
            let text = if !file.path.starts_with(ROOM) {
                format!(
                    "`extern \"C\" fn {name}` outside {ROOM}: hand a Rust function to that room"
                )
            } else if !is_guarded {
                format!(
                    "`extern \"C\" fn {name}` can unwind into C: run its body in `{}`",
                    GUARDS[0]
                )
            } else {
                continue;
            };
            found.push(Violation::new(
                "callbacks",
                file.path,
                code.line(at),
                name,
                text,
            ));
        }
    }
}

/// Does `extern` or `extern "…"` stand before the `fn` at `at`?
fn is_c(code: &Code<'_>, at: usize) -> bool {
    let is_extern = |back| {
        at.checked_sub(back)
            .is_some_and(|at| code.is(at, &["extern"]))
    };
    let says_abi = at > 0 && code.kind(at - 1) == Kind::Text;
    is_extern(1) || (says_abi && is_extern(2))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::found_by;

    const FFI: &str = "crates/python/src/ffi/slots.rs";

    #[test]
    fn a_body_without_the_guard_is_found() {
        let text = "unsafe extern \"C\" fn bare() { work() }\nextern fn short() {}\n\
            unsafe extern \"C\" fn guarded() { super::guard::trampoline(0, |py| work(py)) }";
        let expected = [format!("{FFI}:1: bare"), format!("{FFI}:2: short")];
        assert_eq!(found_by(check, &[(FFI, text)]), expected);
    }

    #[test]
    fn elsewhere_a_guard_is_not_enough() {
        let path = "crates/python/src/task/mod.rs";
        let text = "extern \"C-unwind\" fn f() { trampoline(0, g) }";
        assert_eq!(found_by(check, &[(path, text)]), [format!("{path}:1: f")]);
    }

    #[test]
    fn types_declarations_and_rust_functions_are_no_callbacks() {
        let text =
            "type F = extern \"C\" fn(u8);\nunsafe extern \"C\" { fn imported(); }\nfn rust() {}";
        assert_eq!(found_by(check, &[(FFI, text)]), [""; 0]);
    }
}
