//! Rust source as the rules see it: tokens in brackets, functions, what is test code, and which modules are named.

mod lexer;
mod modules;
mod names;
#[cfg(test)]
mod tests;

pub use lexer::Kind;
pub use modules::{ModulePath, Modules};

use lexer::{Comment, Token};

/// No token: the outside of all brackets, or a bracket that is never closed.
const NONE: usize = usize::MAX;

/// One file, taken apart.
#[derive(Debug)]
pub struct Code<'a> {
    tokens: Vec<Token<'a>>,
    comments: Vec<Comment<'a>>,
    /// For each token the innermost bracket around it that is open there.
    around: Vec<usize>,
    /// For each opening bracket its closing one.
    closing: Vec<usize>,
    /// First and last token of every item that is compiled for tests only.
    tests: Vec<(usize, usize)>,
}

/// A function with a name, wherever it is.
#[derive(Debug)]
pub struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// The token `fn`.
    pub at: usize,
    /// The tokens `{` and `}`, if it has a body.
    pub body: Option<(usize, usize)>,
}

impl<'a> Code<'a> {
    /// Takes `text` apart.
    pub fn new(text: &'a str) -> Self {
        let (tokens, comments) = lexer::lex(text);
        let (around, closing) = brackets(&tokens);
        let mut code = Self {
            tokens,
            comments,
            around,
            closing,
            tests: Vec::new(),
        };
        code.tests = code.find_tests();
        code
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// As written; nothing beyond the end.
    pub fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    /// What the token is; a mark beyond the end.
    pub fn kind(&self, at: usize) -> Kind {
        self.tokens.get(at).map_or(Kind::Mark, |token| token.kind)
    }

    /// The punctuation mark, empty if the token is none; nothing beyond the end.
    pub fn mark(&self, at: usize) -> Option<&'a str> {
        let token = self.tokens.get(at)?;
        Some(if token.kind == Kind::Mark {
            token.text
        } else {
            ""
        })
    }

    /// Where the token is.
    pub fn line(&self, at: usize) -> usize {
        self.tokens.get(at).map_or(1, |token| token.line)
    }

    /// Do these tokens, none of them a string, stand at `at`?
    pub fn is(&self, at: usize, pattern: &[&str]) -> bool {
        pattern.iter().zip(at..).all(|(wanted, at)| {
            self.text(at) == *wanted && at < self.len() && self.kind(at) != Kind::Text
        })
    }

    /// Every place where these tokens stand.
    pub fn places<'p>(&'p self, pattern: &'p [&str]) -> impl Iterator<Item = usize> + 'p {
        (0..self.len()).filter(|at| self.is(*at, pattern))
    }

    /// Is the token part of an item that is compiled for tests only?
    pub fn in_test(&self, at: usize) -> bool {
        self.tests
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&at))
    }

    /// The closing bracket of the opening one at `at`.
    pub fn closing(&self, at: usize) -> Option<usize> {
        self.closing.get(at).copied().filter(|close| *close != NONE)
    }

    /// The innermost opening bracket around the token.
    pub fn around(&self, at: usize) -> Option<usize> {
        self.around.get(at).copied().filter(|open| *open != NONE)
    }

    /// The lines of comments, as line number and text.
    pub fn comment_lines(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.comments
            .iter()
            .flat_map(|comment| (comment.line..).zip(comment.text.lines()))
    }

    /// All functions with a name.
    pub fn functions(&self) -> impl Iterator<Item = Function<'a>> {
        self.places(&["fn"]).filter_map(|at| {
            // In a macro the name may be a variable of it.
            let name = at + 1 + usize::from(self.is(at + 1, &["$"]));
            (self.kind(name) == Kind::Word).then(|| Function {
                name: self.text(name),
                at,
                body: self.block_of(name),
            })
        })
    }

    /// The `{` and `}` of the item that `at` is in the head of; none if it ends in a semicolon.
    fn block_of(&self, mut at: usize) -> Option<(usize, usize)> {
        loop {
            match self.mark(at)? {
                "{" => return Some((at, self.closing(at)?)),
                "(" | "[" => at = self.closing(at)? + 1,
                ";" | ")" | "]" | "}" => return None,
                _ => at += 1,
            }
        }
    }

    fn find_tests(&self) -> Vec<(usize, usize)> {
        self.places(&["#", "["])
            .filter_map(|at| {
                let close = self.closing(at + 1)?;
                let words: Vec<&str> = (at + 2..close).map(|at| self.text(at)).collect();
                let for_tests = match words[..] {
                    ["test"] => true,
                    ["cfg", ..] => words.contains(&"test") && !words.contains(&"not"),
                    _ => false,
                };
                for_tests.then(|| {
                    let end = self.block_of(close + 1).map_or(close, |(_, end)| end);
                    (at, end)
                })
            })
            .collect()
    }
}

fn brackets(tokens: &[Token<'_>]) -> (Vec<usize>, Vec<usize>) {
    let (mut around, mut closing) = (vec![NONE; tokens.len()], vec![NONE; tokens.len()]);
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_mark = token.kind == Kind::Mark;
        if is_mark && matches!(token.text, ")" | "]" | "}") {
            if let Some(opening) = open.pop() {
                closing[opening] = at;
            }
        }
        around[at] = open.last().copied().unwrap_or(NONE);
        if is_mark && matches!(token.text, "(" | "[" | "{") {
            open.push(at);
        }
    }
    (around, closing)
}
