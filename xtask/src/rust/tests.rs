//! What the rules rely on: brackets, functions, test code and paths are found, and nothing in strings or comments is.

use super::{Code, Kind};

fn words(text: &str) -> Vec<String> {
    let code = Code::new(text);
    (0..code.len())
        .filter(|at| code.kind(*at) == Kind::Word)
        .map(|at| code.text(at).to_owned())
        .collect()
}

fn paths(home: &[&'static str], text: &'static str) -> Vec<String> {
    let references = Code::new(text).references(home);
    references.iter().map(|r| r.path.join("::")).collect()
}

#[test]
fn strings_comments_and_characters_hide_what_they_hold() {
    let hidden = r##"
        a /* b /* c */ d */ // e
        "f \" g" r#"h " i"# b"j" br"k\" c"l" 'm' '\'' b'n' '"' 'é' o
    "##;
    assert_eq!(words(hidden), ["a", "o"]);
}

#[test]
fn lifetimes_are_not_characters_and_raw_identifiers_are_words() {
    assert_eq!(
        words("fn f<'a>(x: &'a u8, r#fn: u8) {}"),
        ["fn", "f", "x", "u8", "fn", "u8"]
    );
}

#[test]
fn tuple_fields_are_not_parts_of_numbers() {
    assert!(Code::new("a.0.cast").is(1, &[".", "0", ".", "cast"]));
    assert!(Code::new("1.5e3").is(0, &["1.5e3"]));
    assert!(Code::new("0..n").is(0, &["0", ".", ".", "n"]));
}

#[test]
fn lines_are_counted_through_strings_and_comments() {
    let code = Code::new("\"one\ntwo\" /* three\nfour */\nlast");
    assert_eq!(code.line(1), 4);
}

#[test]
fn functions_have_the_braces_of_their_bodies() {
    let text = "fn a(x: [u8; 3]) -> u8 { if x { '{' } else { \"}\" } } fn b(); type C = fn(u8);";
    let code = Code::new(text);
    let found: Vec<(&str, bool)> = code
        .functions()
        .map(|function| (function.name, function.body.is_some()))
        .collect();
    assert_eq!(found, [("a", true), ("b", false)]);
    let body = code.functions().next().and_then(|function| function.body);
    assert!(body.is_some_and(|(_, close)| code.is(close + 1, &["fn", "b"])));
}

#[test]
fn test_items_are_told_from_others() {
    let text = "fn a() {} #[cfg(not(test))] fn b() {} #[cfg(test)] mod tests { fn c() {} } #[test] fn d() {} fn e() {}";
    let code = Code::new(text);
    let in_test: Vec<bool> = code.functions().map(|f| code.in_test(f.at)).collect();
    assert_eq!(in_test, [false, false, true, true, false]);
}

#[test]
fn paths_are_absolute_and_one_for_each_name() {
    assert_eq!(
        paths(
            &["room", "file"],
            "use super::{A, other::{self, B as C}, *};"
        ),
        ["room::A", "room::other", "room::other::B", "room"]
    );
    assert_eq!(
        paths(&["room"], "fn f() { crate::engine::Engine::new::<u8>() }"),
        ["engine::Engine::new"]
    );
    assert_eq!(
        paths(
            &["room"],
            "use std::io; pub(crate) fn f() { self.x(); std::self::y() }"
        ),
        [""; 0]
    );
}

#[test]
fn a_module_in_braces_is_one_step_deeper() {
    assert_eq!(
        paths(
            &["room"],
            "mod tests { use super::Thing; use super::super::Other; }"
        ),
        ["room::Thing", "Other"]
    );
}
