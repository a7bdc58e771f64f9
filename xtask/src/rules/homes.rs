//! What is committed is for everybody: no absolute path into somebody's home or working directory.

use crate::tree::Tree;
use crate::violation::Violation;

/// Directories just below the root. Without their slashes, or this file would break its own rule.
const PRIVATE: [&str; 3] = ["root", "home", "work"];

/// Such paths, in any text.
pub fn check(tree: &Tree<'_>, found: &mut Vec<Violation>) {
    let private = PRIVATE.map(|name| format!("/{name}/"));
    for file in &tree.files {
        if !private.iter().any(|path| file.text.contains(path)) {
            continue;
        }
        for (line, text) in (1..).zip(file.text.lines()) {
            for path in private.iter().filter(|path| has_absolute(text, path)) {
                let text =
                    format!("`{path}…` is one machine's: use a path from the repository, or $HOME");
                found.push(Violation::new("homes", file.path, line, path, text));
            }
        }
    }
}

/// Does `path` stand in `text` where no longer path or address goes on with it?
fn has_absolute(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.~/}*$)".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::rules::found_by;

    #[test]
    fn a_path_into_a_home_is_found_in_any_text() {
        let text = "See\n`/@/ferrio` and file:/@/x".replace('@', "home");
        assert_eq!(
            found_by(check, &[("README.md", &text)]),
            [format!("README.md:2: /{}/", "home")]
        );
        let text = "cd /@/main".replace('@', "work");
        assert_eq!(
            found_by(check, &[("a.sh", &text)]),
            [format!("a.sh:1: /{}/", "work")]
        );
    }

    #[test]
    fn a_part_of_a_longer_path_is_none() {
        let text =
            "$prefix/@/bin ${prefix}/@/bin ../@/x https://example.org/@/x".replace('@', "root");
        assert_eq!(found_by(check, &[("a.sh", &text)]), [""; 0]);
    }
}
