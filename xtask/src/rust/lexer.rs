//! Text to tokens and comments: enough of Rust's lexical rules that a brace in a string is no brace.

/// What a token is, as far as a rule cares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// An identifier or keyword.
    Word,
    /// A string literal of any sort; its text is what stands between the quotes, escapes and all.
    Text,
    /// A number, a character, a lifetime.
    Literal,
    /// One character of punctuation.
    Mark,
}

/// A token and where it begins.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// As written.
    pub text: &'a str,
    /// Counted from one.
    pub line: usize,
}

/// A comment, of either form, documentation too.
#[derive(Clone, Copy, Debug)]
pub struct Comment<'a> {
    /// As written.
    pub text: &'a str,
    /// Its first line.
    pub line: usize,
}

/// Takes `text` apart.
pub fn lex(text: &str) -> (Vec<Token<'_>>, Vec<Comment<'_>>) {
    let mut lexer = Lexer {
        text,
        at: 0,
        line: 1,
        tokens: Vec::with_capacity(text.len() / 4),
        comments: Vec::new(),
    };
    while let Some(next) = lexer.rest().chars().next() {
        lexer.one(next);
    }
    (lexer.tokens, lexer.comments)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token<'a>>,
    comments: Vec<Comment<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn one(&mut self, next: char) {
        let rest = self.rest();
        if next.is_whitespace() {
            self.skip(next.len_utf8());
        } else if rest.starts_with("//") {
            self.comment(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.comment(block_comment(rest));
        } else if let Some((open, hashes)) = raw_string(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let inner = &rest[open..];
            let length = inner.find(&end).unwrap_or(inner.len());
            self.string(open, length, end.len());
        } else if let Some(open) = string(rest) {
            self.string(open, quoted(&rest[open..], b'"'), 1);
        } else if rest.starts_with('\'') || rest.starts_with("b'") {
            self.token(Kind::Literal, character_or_lifetime(rest));
        } else if next.is_alphabetic() || next == '_' {
            // A raw identifier is the identifier, whatever `r#` allows it to be.
            self.skip(if rest.starts_with("r#") { 2 } else { 0 });
            self.token(Kind::Word, word(self.rest()));
        } else if next.is_ascii_digit() {
            self.token(Kind::Literal, number(rest));
        } else {
            self.token(Kind::Mark, next.len_utf8());
        }
    }

    /// Goes on by `length` bytes, counting lines.
    fn skip(&mut self, length: usize) {
        let end = (self.at + length).min(self.text.len());
        let passed = &self.text.as_bytes()[self.at..end];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = end;
    }

    fn token(&mut self, kind: Kind, length: usize) {
        let (text, line) = (&self.rest()[..length], self.line);
        self.tokens.push(Token { kind, text, line });
        self.skip(length);
    }

    fn string(&mut self, open: usize, length: usize, close: usize) {
        let (text, line) = (&self.rest()[open..open + length], self.line);
        let kind = Kind::Text;
        self.tokens.push(Token { kind, text, line });
        self.skip(open + length + close);
    }

    fn comment(&mut self, length: usize) {
        let (text, line) = (&self.rest()[..length], self.line);
        self.comments.push(Comment { text, line });
        self.skip(length);
    }
}

/// Length of the block comment, nested ones included, that `rest` begins with.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

/// For `r"`, `r##"`, `br"`, `cr"`: the length up to and with the quote, and the number of hashes.
fn raw_string(rest: &str) -> Option<(usize, usize)> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        rest.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with(['"', '#']))
    })?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..]
        .starts_with('"')
        .then_some((prefix.len() + hashes + 1, hashes))
}

/// For `"`, `b"`, `c"`: the length up to and with the quote.
fn string(rest: &str) -> Option<usize> {
    ["\"", "b\"", "c\""]
        .into_iter()
        .find_map(|open| rest.starts_with(open).then_some(open.len()))
}

/// Bytes before the closing quote.
fn quoted(inner: &str, quote: u8) -> usize {
    let mut bytes = inner.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            _ if byte == quote => return at,
            _ => {}
        }
    }
    inner.len()
}

fn character_or_lifetime(rest: &str) -> usize {
    let open = 1 + usize::from(rest.starts_with('b'));
    let inner = &rest[open..];
    let mut chars = inner.chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) | (_, Some('\'')) => (open + quoted(inner, b'\'') + 1).min(rest.len()),
        _ => open + word(inner),
    }
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len())
}

fn number(rest: &str) -> usize {
    let whole = word(rest);
    match &rest.as_bytes()[whole..] {
        [b'.', digit, ..] if digit.is_ascii_digit() => whole + 1 + word(&rest[whole + 1..]),
        _ => whole,
    }
}
