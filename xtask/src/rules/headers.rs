//! Every room's `lib.rs` or `mod.rs` opens with the same five lines, and the files that they name are there.

use crate::tree::{File, Tree};
use crate::violation::Violation;

/// The keywords of the lines, the second where a line has two.
const LINES: [(&str, &str); 5] = [
    ("ROOM", ""),
    ("KNOWS", "NEVER"),
    ("IN", "OUT"),
    ("PROOF", ""),
    ("START", ""),
];

/// Headers that are missing, out of order or empty, and paths after PROOF and START that lead nowhere.
pub fn check(tree: &Tree<'_>, found: &mut Vec<Violation>) {
    for (file, _) in tree
        .rust_under("crates/")
        .filter(|(file, _)| !file.is_test())
    {
        if !(file.path.ends_with("/lib.rs") || file.path.ends_with("/mod.rs")) {
            continue;
        }
        if let Some((line, keyword)) = first_missing(file) {
            let text = format!(
                "line {line} of the header has no `{keyword}` with something to say: open with ROOM, KNOWS … NEVER, IN … OUT, PROOF, START, one `//! ` line each"
            );
            found.push(Violation::new("headers", file.path, line, keyword, text));
            continue;
        }
        for (line, text) in (4..).zip(file.text.lines().skip(3).take(2)) {
            let directories = if line == 4 {
                proofs(file)
            } else {
                starts(file)
            };
            let named = text.split_whitespace().flat_map(alternatives);
            for name in named.filter(|name| is_path(name)) {
                let is_there = |directory: &String| tree.has(&format!("{directory}{name}"));
                if !directories.iter().any(is_there) {
                    let text = format!(
                        "`{name}` is not there: name what is, from the directory where the reader looks"
                    );
                    found.push(Violation::new("headers", file.path, line, name, text));
                }
            }
        }
    }
}

fn first_missing(file: &File<'_>) -> Option<(usize, &'static str)> {
    let mut lines = file.text.lines().map(|line| line.strip_prefix("//! "));
    (1..).zip(LINES).find_map(|(number, (keyword, second))| {
        let line = lines.next().flatten().unwrap_or_default();
        let Some(rest) = line
            .strip_prefix(keyword)
            .filter(|rest| rest.starts_with(' '))
        else {
            return Some((number, keyword));
        };
        let (said, said_second) = if second.is_empty() {
            (rest, "-")
        } else {
            rest.split_once(&format!(" {second} "))
                .unwrap_or((rest, ""))
        };
        match (said.trim(), said_second.trim()) {
            ("", _) => Some((number, keyword)),
            (_, "") => Some((number, second)),
            _ => None,
        }
    })
}

/// Tests of the Python crate, which has none of its own, are named from the root; those of the others from their crate.
fn proofs(file: &File<'_>) -> Vec<String> {
    match home(file) {
        "crates/python/" => vec![String::new()],
        home => vec![home.to_owned()],
    }
}

/// Where to begin reading is named from where one is, or from the crate's `src`.
fn starts(file: &File<'_>) -> Vec<String> {
    let directory = file.path.rfind('/').map_or("", |end| &file.path[..=end]);
    vec![directory.to_owned(), format!("{}src/", home(file))]
}

/// The crate's directory.
fn home<'a>(file: &File<'a>) -> &'a str {
    file.path.find("src/").map_or("", |end| &file.path[..end])
}

/// A word without its quotes and punctuation; `a/{b,c}.rs` is two.
fn alternatives(word: &str) -> Vec<String> {
    let word = word.trim_matches(['`', '(', ')', ',', ';', ':', '.']);
    let braces = word.split_once('{').and_then(|(before, rest)| {
        let (inside, after) = rest.split_once('}')?;
        Some((before, inside, after))
    });
    match braces {
        None => vec![word.to_owned()],
        Some((before, inside, after)) => inside
            .split(',')
            .map(|part| format!("{before}{part}{after}"))
            .collect(),
    }
}

fn is_path(word: &str) -> bool {
    let begins = ["tests/", "crates/", "src/", "benches/", "python/"];
    let ends = [".rs", ".py"];
    begins.iter().any(|begin| word.starts_with(begin)) || ends.iter().any(|end| word.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::found_by;

    const GOOD: &str = "//! ROOM    x\n//! KNOWS   std    NEVER   y\n//! IN      a      OUT     b\n\
        //! PROOF   `tests/{one,two}.rs`, CPython's own in Task/Future mode\n//! START   `go.rs`, then `x/go.rs`.\n";

    fn found(lib: &str) -> Vec<String> {
        let there = ["go.rs", "x/go.rs"].map(|name| format!("crates/c/src/{name}"));
        let files = [
            ("crates/c/src/lib.rs", lib),
            ("crates/c/tests/one.rs", ""),
            ("crates/c/tests/two.rs", ""),
            (&there[0], ""),
            (&there[1], ""),
        ];
        found_by(check, &files)
    }

    #[test]
    fn five_lines_that_lead_somewhere_are_right() {
        assert_eq!(found(GOOD), [""; 0]);
    }

    #[test]
    fn each_line_is_missed() {
        for (line, keyword) in (1..).zip(["ROOM", "KNOWS", "IN", "PROOF", "START"]) {
            let bad = GOOD.replacen(keyword, "WHY", 1);
            assert_eq!(
                found(&bad),
                [format!("crates/c/src/lib.rs:{line}: {keyword}")]
            );
        }
        assert_eq!(found("//! A crate.\n"), ["crates/c/src/lib.rs:1: ROOM"]);
    }

    #[test]
    fn each_second_keyword_is_missed_and_an_empty_one_too() {
        let bad = GOOD.replace("OUT     b", "");
        assert_eq!(found(&bad), ["crates/c/src/lib.rs:3: OUT"]);
        let bad = GOOD.replace("NEVER   y", "NEVER   ");
        assert_eq!(found(&bad), ["crates/c/src/lib.rs:2: NEVER"]);
    }

    #[test]
    fn a_path_that_leads_nowhere_is_found() {
        let bad = GOOD
            .replace("two}", "three}")
            .replace("`go.rs`", "`gone.rs`");
        let expected = ["4: tests/three.rs", "5: gone.rs"];
        assert_eq!(
            found(&bad),
            expected.map(|rest| format!("crates/c/src/lib.rs:{rest}"))
        );
    }

    #[test]
    fn tests_of_the_python_crate_are_named_from_the_root() {
        let path = "crates/python/src/task/mod.rs";
        let text = GOOD
            .replace("`tests/{one,two}.rs`", "tests/behaviour")
            .replace("x/go.rs", "go.rs");
        let go = ("crates/python/src/task/go.rs", "");
        assert_eq!(
            found_by(check, &[(path, &text), go, ("tests/behaviour/a.py", "")]),
            [""; 0]
        );
        assert_eq!(
            found_by(
                check,
                &[
                    (path, &text),
                    go,
                    ("crates/python/tests/behaviour/a.py", "")
                ]
            ),
            [format!("{path}:4: tests/behaviour")]
        );
    }
}
