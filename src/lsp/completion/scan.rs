//! The tokens of a text that need not be right: what completion works on while somebody writes.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, digits and `_`.
    Word,
    /// A text with its quotes.
    Text,
    /// A text whose end is missing.
    OpenText,
    /// A comment, or one whose line ends where the text does.
    Comment,
    /// Any other character.
    Mark(char),
}

/// A token and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
    /// Whether it is the first of its line.
    pub(super) begins_line: bool,
}

/// The tokens of a text, comments included, blanks not.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let (mut at, mut begins_line) = (0, true);
    while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
        if first.is_whitespace() {
            begins_line |= first == '\n';
            at += first.len_utf8();
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let (kind, length) = token(rest, first);
        found.push(Token { kind, range: at..at + length, begins_line });
        begins_line = false;
        at += length;
    }
    found
}

fn token(rest: &str, first: char) -> (Kind, usize) {
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    let prefix = rest.get(..length).unwrap_or_default().to_ascii_lowercase();
    let behind = rest.get(length..).unwrap_or_default();
    let is_prefix = length == 0 || matches!(prefix.as_str(), "r" | "b" | "rb" | "br");
    if is_prefix && behind.starts_with(['"', '\'']) {
        let (kind, quoted) = quoted(behind, prefix.contains('r'));
        return (kind, length + quoted);
    }
    if length > 0 { (Kind::Word, length) } else { (Kind::Mark(first), first.len_utf8()) }
}

fn quoted(rest: &str, raw: bool) -> (Kind, usize) {
    let quote = rest.get(..1).unwrap_or("\"");
    let triple = quote.repeat(3);
    let end = if rest.starts_with(&triple) { triple.as_str() } else { quote };
    let mut at = end.len();
    while let Some(c) = rest.get(at..).and_then(|left| left.chars().next()) {
        if rest.get(at..).is_some_and(|left| left.starts_with(end)) {
            return (Kind::Text, at + end.len());
        }
        if end.len() == 1 && c == '\n' {
            return (Kind::OpenText, at);
        }
        at += c.len_utf8();
        if c == '\\' && !raw {
            at += rest.get(at..).and_then(|left| left.chars().next()).map_or(0, char::len_utf8);
        }
    }
    (Kind::OpenText, rest.len())
}

pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// How long the word is that a text ends with.
pub(in crate::lsp) fn last_word(text: &str) -> usize {
    text.len() - text.trim_end_matches(is_word).len()
}

impl Token {
    pub(super) fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    pub(super) fn opens(&self) -> bool {
        matches!(self.kind, Kind::Mark('(' | '[' | '{'))
    }

    pub(super) fn closes(&self) -> bool {
        matches!(self.kind, Kind::Mark(')' | ']' | '}'))
    }

    pub(super) fn text<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.range.clone()).unwrap_or_default()
    }
}
