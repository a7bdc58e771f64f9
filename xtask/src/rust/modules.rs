//! The modules of one crate: which file is which, and which file a path leads to.

use super::Code;
use crate::tree::{File, Tree};

/// From the crate's root: `crate::engine::poll` is `["engine", "poll"]`, the root itself is empty.
pub type ModulePath<'a> = Vec<&'a str>;

/// The modules that are files, of one crate.
#[derive(Debug)]
pub struct Modules<'t, 'a> {
    /// Each with its path.
    pub files: Vec<(ModulePath<'a>, &'t File<'a>, &'t Code<'a>)>,
}

impl<'t, 'a> Modules<'t, 'a> {
    /// All files under `directory`, which ends in `src/`.
    pub fn under(tree: &'t Tree<'a>, directory: &str) -> Self {
        let files = tree
            .rust_under(directory)
            .map(|(file, code)| (module_path(&file.path[directory.len()..]), file, code))
            .collect();
        Self { files }
    }

    /// The file where `path` (a module or something in one) is written or re-exported: the deepest on the way.
    pub fn holding(&self, path: &[&str]) -> Option<usize> {
        (0..=path.len())
            .rev()
            .find_map(|length| self.files.iter().position(|(of, ..)| *of == path[..length]))
    }
}

fn module_path(file: &str) -> ModulePath<'_> {
    let mut path: ModulePath<'_> = file.trim_end_matches(".rs").split('/').collect();
    if matches!(path[..], [.., "mod"] | ["lib"] | ["main"]) {
        path.pop();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::Modules;
    use crate::tree::Tree;

    const FILES: [(&str, &str); 4] = [
        ("c/src/lib.rs", ""),
        ("c/src/a.rs", ""),
        ("c/src/b/mod.rs", ""),
        ("c/src/b/inner.rs", ""),
    ];

    #[test]
    fn files_are_modules() {
        let tree = Tree::new(&FILES);
        let modules = Modules::under(&tree, "c/src/");
        let paths: Vec<String> = modules.files.iter().map(|(p, ..)| p.join("::")).collect();
        assert_eq!(paths, ["", "a", "b", "b::inner"]);
    }

    #[test]
    fn a_path_leads_to_the_deepest_file_on_its_way() {
        let tree = Tree::new(&FILES);
        let modules = Modules::under(&tree, "c/src/");
        let file = |path: &[&str]| modules.holding(path).map(|at| FILES[at].0);
        assert_eq!(file(&["b", "inner", "Thing"]), Some("c/src/b/inner.rs"));
        assert_eq!(file(&["b", "Thing"]), Some("c/src/b/mod.rs"));
        assert_eq!(file(&["Thing"]), Some("c/src/lib.rs"));
    }
}
