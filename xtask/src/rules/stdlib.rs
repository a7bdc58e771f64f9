//! The package stands beside asyncio's own loops, not on them: it uses none of the modules that implement them.

use crate::tree::Tree;
use crate::violation::Violation;

const PACKAGE: &str = "python/ferrio/";
/// Works on asyncio's own loops, for programs that have one already.
const EXEMPT: &str = "python/ferrio/_nested_stock.py";
const INTERNAL: [&str; 4] = [
    "base_events",
    "base_subprocess",
    "selector_events",
    "unix_events",
];

/// Names of those modules in the package's code; comments and documentation may speak of them.
pub fn check(tree: &Tree<'_>, found: &mut Vec<Violation>) {
    let package = tree
        .files
        .iter()
        .filter(|file| file.path.starts_with(PACKAGE) && file.path.ends_with(".py"))
        .filter(|file| file.path != EXEMPT);
    for file in package {
        for (line, text) in (1..).zip(code(file.text).lines()) {
            for module in INTERNAL.into_iter().filter(|module| has_word(text, module)) {
                let text = format!(
                    "asyncio.{module} is the inside of another loop: use asyncio's public names"
                );
                found.push(Violation::new("stdlib", file.path, line, module, text));
            }
        }
    }
}

/// The text without comments and strings in triple quotes, on the same lines.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let triple = ["\"\"\"", "'''"]
            .into_iter()
            .find(|quotes| rest.starts_with(quotes));
        let length = match (triple, next) {
            (Some(quotes), _) => rest[3..].find(quotes).map_or(rest.len(), |at| at + 6),
            (None, '#') => rest.find('\n').unwrap_or(rest.len()),
            (None, '"' | '\'') => string(rest),
            _ => next.len_utf8(),
        };
        let (part, after) = rest.split_at(length);
        if triple.is_some() || next == '#' {
            code.extend(part.chars().filter(|c| *c == '\n'));
        } else {
            code.push_str(part);
        }
        rest = after;
    }
    code
}

/// The length of the string in simple quotes that `rest` begins with; it ends with its line at the latest.
fn string(rest: &str) -> usize {
    let mut chars = rest.char_indices();
    let quote = chars.next().map(|(_, quote)| quote);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '\n' => return at,
            _ if Some(c) == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::found_by;

    const FILE: &str = "python/ferrio/_loop.py";

    #[test]
    fn every_way_to_get_at_an_internal_module_is_found() {
        let text = "from asyncio import base_events\nimport asyncio.selector_events as s\n\
            x = asyncio.unix_events.X\ny = import_module('asyncio.base_subprocess')";
        let expected = [
            "1: base_events",
            "2: selector_events",
            "3: unix_events",
            "4: base_subprocess",
        ];
        assert_eq!(
            found_by(check, &[(FILE, text)]),
            expected.map(|rest| format!("{FILE}:{rest}"))
        );
    }

    #[test]
    fn lines_are_counted_through_documentation() {
        let text = "\"\"\"One\ntwo.\n\"\"\"\nimport asyncio.base_events";
        assert_eq!(
            found_by(check, &[(FILE, text)]),
            [format!("{FILE}:4: base_events")]
        );
    }

    #[test]
    fn comments_documentation_and_other_packages_may_speak_of_them() {
        let text = "'''As base_events\ndoes.'''\nx = '#' # base_events\nmy_base_events = 1";
        let test = ("tests/behaviour/a.py", "import asyncio.base_events");
        assert_eq!(found_by(check, &[(FILE, text), test]), [""; 0]);
    }
}
