//! The files under judgement, Rust ones taken apart once for all rules.

use std::collections::BTreeSet;

use crate::rust::Code;

/// Every file, and the names of every file and directory.
#[derive(Debug)]
pub struct Tree<'a> {
    /// In the order of their paths.
    pub files: Vec<File<'a>>,
    names: BTreeSet<&'a str>,
}

/// One text file.
#[derive(Debug)]
pub struct File<'a> {
    /// From the root, with slashes.
    pub path: &'a str,
    /// The whole text.
    pub text: &'a str,
    /// Its tokens, if it is Rust.
    pub code: Option<Code<'a>>,
}

impl<'a> Tree<'a> {
    /// Of paths and texts.
    pub fn new<T: AsRef<str>>(texts: &'a [(T, T)]) -> Self {
        let files: Vec<File<'a>> = texts
            .iter()
            .map(|(path, text)| {
                let (path, text) = (path.as_ref(), text.as_ref());
                let code = path.ends_with(".rs").then(|| Code::new(text));
                File { path, text, code }
            })
            .collect();
        let names = files.iter().flat_map(|file| names_on(file.path)).collect();
        Self { files, names }
    }

    /// Is there a file or a directory of this name? A slash at the end does not matter.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name.trim_end_matches('/'))
    }

    /// The Rust files with their tokens.
    pub fn rust(&self) -> impl Iterator<Item = (&File<'a>, &Code<'a>)> {
        self.files
            .iter()
            .filter_map(|file| Some((file, file.code.as_ref()?)))
    }

    /// The Rust files under `directory` (with a slash at its end).
    pub fn rust_under(&self, directory: &str) -> impl Iterator<Item = (&File<'a>, &Code<'a>)> {
        self.rust()
            .filter(move |(file, _)| file.path.starts_with(directory))
    }
}

impl File<'_> {
    /// Does it lie in a `tests` directory?
    pub fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests")
    }
}

/// The path itself and every directory on it.
fn names_on(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .map(|(end, _)| &path[..end])
        .chain([path])
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn files_and_their_directories_are_known() {
        let tree = Tree::new(&[("a/b/c.rs", "")]);
        assert!(tree.has("a/b/c.rs") && tree.has("a/b") && tree.has("a/b/") && tree.has("a"));
        assert!(!tree.has("b") && !tree.has("a/b/c"));
    }

    #[test]
    fn tests_are_known_by_their_directory() {
        let tree = Tree::new(&[("crates/x/tests/a.rs", ""), ("crates/x/src/tests.rs", "")]);
        let tests: Vec<bool> = tree.files.iter().map(|file| file.is_test()).collect();
        assert_eq!(tests, [true, false]);
    }
}
