//! The smallest pieces of a rules file: blanks, comments, texts, words, brackets, and everything else by the character.
//!
//! For what must work on text that has no tree: the limit of nesting, and finding the bracket or the quote that is
//! never closed. Runs in one pass and does not recurse.

use std::ops::Range;

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Blank,
    Comment,
    Text,
    /// A text whose end is missing: up to the end of the line, or of everything.
    OpenText,
    /// Letters, digits and `_`.
    Word,
    /// `(`, `[` or `{`.
    Open(char),
    /// `)`, `]` or `}`.
    Close(char),
    Other,
}

/// The pieces of `text` in their order, without gaps.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = (Kind, Range<usize>)> + '_ {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let rest = text.get(offset..)?;
        let first = rest.chars().next()?;
        let (kind, length) = piece(rest, first);
        let range = offset..offset + length.max(1);
        offset = range.end;
        Some((kind, range))
    })
}

fn piece(rest: &str, first: char) -> (Kind, usize) {
    if first.is_whitespace() || first == '\u{FEFF}' {
        return (Kind::Blank, first.len_utf8());
    }
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find(['\n', '\r']).unwrap_or(rest.len()));
    }
    if first == '"' || first == '\'' {
        return text_length(rest, first, false);
    }
    // A field whose name is no word: it may look like a comment.
    if let Some(name) = rest.strip_prefix('`') {
        let end = name.find(['`', '\n', '\r']).filter(|end| name.get(*end..).is_some_and(|tail| tail.starts_with('`')));
        return end.map_or((Kind::Other, 1), |end| (Kind::Text, end + 2));
    }
    if is_word(first) {
        let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        if let Some(quote) = after.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            let raw = word.contains(['r', 'R']);
            if matches!(word.to_ascii_lowercase().as_str(), "r" | "b" | "br" | "rb") {
                let (kind, quoted) = text_length(after, quote, raw);
                return (kind, length + quoted);
            }
        }
        return (Kind::Word, length);
    }
    match first {
        '(' | '[' | '{' => (Kind::Open(first), 1),
        ')' | ']' | '}' => (Kind::Close(first), 1),
        _ => (Kind::Other, first.len_utf8()),
    }
}

/// A text that starts with `quote`: closed by the same, once or three times.
fn text_length(rest: &str, quote: char, raw: bool) -> (Kind, usize) {
    let triple: String = [quote; 3].iter().collect();
    let long = rest.starts_with(&triple);
    let end = if long { triple.as_str() } else { rest.get(..1).unwrap_or_default() };
    let mut offset = end.len();
    while let Some(left) = rest.get(offset..) {
        let Some(next) = left.chars().next() else { break };
        if left.starts_with(end) {
            return (Kind::Text, offset + end.len());
        }
        if !long && matches!(next, '\n' | '\r') {
            break;
        }
        offset += next.len_utf8();
        if next == '\\' && !raw {
            let escaped = rest.get(offset..).and_then(|left| left.chars().next());
            offset += escaped.filter(|c| long || !matches!(c, '\n' | '\r')).map_or(0, char::len_utf8);
        }
    }
    (Kind::OpenText, offset)
}

pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The first bracket that is one too deep, when brackets nest deeper than `limit`.
pub(super) fn too_deep(text: &str, limit: usize) -> Option<usize> {
    let mut depth = 0_usize;
    pieces(text).find_map(|(kind, range)| {
        match kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth > limit).then_some(range.start)
    })
}

/// What keeps a text from being balanced.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Imbalance {
    /// A quote without its end.
    Text(Range<usize>),
    /// A bracket that nothing closes.
    Open(Range<usize>),
    /// A bracket that closes nothing.
    Close(Range<usize>),
    /// A bracket that closes another kind: the closing one, then the opening one.
    Mismatch(Range<usize>, Range<usize>),
}

/// The first thing that keeps `text` from being balanced.
pub(super) fn imbalance(text: &str) -> Option<Imbalance> {
    let mut open: Vec<(char, Range<usize>)> = Vec::new();
    for (kind, range) in pieces(text) {
        match kind {
            Kind::OpenText => return Some(Imbalance::Text(opening(text, &range))),
            Kind::Open(bracket) => open.push((bracket, range)),
            Kind::Close(bracket) => match open.pop() {
                None => return Some(Imbalance::Close(range)),
                Some((opened, at)) if partner(opened) != bracket => return Some(Imbalance::Mismatch(range, at)),
                Some(_) => {}
            },
            _ => {}
        }
    }
    open.pop().map(|(_, range)| Imbalance::Open(range))
}

/// The quotes that the text at `range` starts with.
fn opening(text: &str, range: &Range<usize>) -> Range<usize> {
    let piece = text.get(range.clone()).unwrap_or_default();
    let quoted = piece.trim_start_matches(|c: char| !matches!(c, '"' | '\''));
    let quotes = if quoted.starts_with("\"\"\"") || quoted.starts_with("'''") { 3 } else { 1 };
    range.start..range.start + (piece.len() - quoted.len()) + quotes
}

fn partner(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

/// The text without comments, and without what means nothing: one blank where words would run together, none elsewhere,
/// and no comma before a closing bracket. The same for texts that are made of the same tokens.
pub(super) fn canonical(text: &str) -> String {
    let mut canonical = String::new();
    let (mut after_word, mut comma) = (false, false);
    for (kind, range) in pieces(text) {
        if matches!(kind, Kind::Blank | Kind::Comment) {
            continue;
        }
        let piece = text.get(range).unwrap_or_default();
        if std::mem::take(&mut comma) && !matches!(kind, Kind::Close(_)) {
            canonical.push(',');
        }
        if piece == "," {
            (after_word, comma) = (false, true);
            continue;
        }
        let is_word = matches!(kind, Kind::Word | Kind::Text | Kind::OpenText);
        if after_word && is_word {
            canonical.push(' ');
        }
        canonical.push_str(piece);
        after_word = is_word;
    }
    canonical
}

#[cfg(test)]
mod tests {
    use super::{Imbalance, canonical, imbalance, pieces, too_deep};

    #[test]
    fn pieces_leave_no_gap() {
        let text = "a // (\n r'\\' \"\\\"(\" '''x\n''' br\"\" é [ x\"y\" \"open\n]";
        let mut end = 0;
        for (_, range) in pieces(text) {
            assert_eq!(range.start, end);
            end = range.end;
        }
        assert_eq!(end, text.len());
    }

    #[test]
    fn depth_is_that_of_brackets_outside_texts_and_comments() {
        assert_eq!(too_deep("((a))", 2), None);
        assert_eq!(too_deep("((a))", 1), Some(1));
        assert_eq!(too_deep("\"(((\" // (((\n r'((\\'", 0), None);
    }

    #[test]
    fn what_is_not_closed_is_found() {
        assert_eq!(imbalance("f(a, [b]) + '('"), None);
        assert_eq!(imbalance("f(a"), Some(Imbalance::Open(1..2)));
        assert_eq!(imbalance("f(a))"), Some(Imbalance::Close(4..5)));
        assert_eq!(imbalance("f(a]"), Some(Imbalance::Mismatch(3..4, 1..2)));
        assert_eq!(imbalance("f(\"a)"), Some(Imbalance::Text(2..3)));
    }

    #[test]
    fn only_what_means_nothing_is_dropped() {
        assert_eq!(canonical("rule  x { // why\n on A\n when a  &&  b\n}"), "rule x{on A when a&&b}");
        assert_eq!(canonical("a - -1"), canonical("a--1"));
        assert_eq!(canonical("f(a, [b,],)"), "f(a,[b])");
        assert_eq!(canonical("a.`//b` // c"), "a.`//b`");
        assert_eq!(canonical("f( \"a  b\" )"), "f(\"a  b\")");
        assert_eq!(canonical("b \"x\""), "b \"x\"");
    }
}
