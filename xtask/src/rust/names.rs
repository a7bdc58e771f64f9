//! Which modules of its crate a file names, in `use` and anywhere else.

use super::{Code, Kind, ModulePath};

/// A path that begins with `crate`, `super` or `self`.
#[derive(Debug)]
pub struct Reference<'a> {
    /// Its last token.
    pub at: usize,
    /// From the crate's root.
    pub path: ModulePath<'a>,
}

impl<'a> Code<'a> {
    /// Every such path in this file, which is the module `home`; one for each name where names stand in braces.
    pub fn references(&self, home: &[&'a str]) -> Vec<Reference<'a>> {
        let mut found = Vec::new();
        for at in 0..self.len() {
            let begins = matches!(self.text(at), "crate" | "super" | "self")
                && self.kind(at) == Kind::Word
                && self.is(at + 1, &[":", ":"])
                && !(at >= 2 && self.is(at - 2, &[":", ":"]));
            if begins {
                self.follow(at, self.module_at(at, home), &mut found);
            }
        }
        found
    }

    /// The module that the token stands in: `home`, or one written in braces inside it.
    fn module_at(&self, at: usize, home: &[&'a str]) -> ModulePath<'a> {
        let mut inner = Vec::new();
        let mut open = self.around(at);
        while let Some(brace) = open {
            if brace >= 2 && self.is(brace - 2, &["mod"]) && self.is(brace, &["{"]) {
                inner.push(self.text(brace - 1));
            }
            open = self.around(brace);
        }
        home.iter()
            .copied()
            .chain(inner.into_iter().rev())
            .collect()
    }

    /// Walks the path whose next part is at `at`, having come to `path`.
    fn follow(&self, mut at: usize, mut path: ModulePath<'a>, found: &mut Vec<Reference<'a>>) {
        loop {
            match self.text(at) {
                "crate" => path.clear(),
                "super" => drop(path.pop()),
                "self" | "*" => {}
                "{" => return self.follow_each(at, &path, found),
                part => path.push(part),
            }
            let next = at + 3;
            let goes_on = self.is(at + 1, &[":", ":"])
                && (self.kind(next) == Kind::Word || matches!(self.text(next), "{" | "*"));
            if !goes_on {
                return found.push(Reference { at, path });
            }
            at = next;
        }
    }

    fn follow_each(&self, open: usize, path: &[&'a str], found: &mut Vec<Reference<'a>>) {
        let close = self.closing(open).unwrap_or(open);
        for at in open + 1..close {
            let is_first = at == open + 1 || self.is(at - 1, &[","]);
            if is_first && self.around(at) == Some(open) {
                self.follow(at, path.to_vec(), found);
            }
        }
    }
}
