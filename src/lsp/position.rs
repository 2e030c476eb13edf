//! Places in a text as editors count them, in lines and UTF-16 units, and as bytes.
//!
//! A place beyond the text is taken as the nearest one within: what an editor sends can be wrong.

use tower_lsp_server::ls_types::{Position, Range, TextDocumentContentChangeEvent};

use crate::base::span::Span;

/// The byte of a position. Within a surrogate pair or beyond a line's end: the nearest place before.
pub(super) fn offset(text: &str, position: Position) -> usize {
    let mut start = 0;
    for _ in 0..position.line {
        match text.get(start..).and_then(|rest| rest.find('\n')) {
            Some(end) => start += end + 1,
            None => return text.len(),
        }
    }
    let line = text.get(start..).unwrap_or_default().split('\n').next().unwrap_or_default();
    let line = line.strip_suffix('\r').unwrap_or(line);
    let mut units = 0;
    for (at, c) in line.char_indices() {
        units += c.len_utf16();
        if units > position.character as usize {
            return start + at;
        }
    }
    start + line.len()
}

/// The position of a byte; within a character: its start.
pub(super) fn position(text: &str, offset: usize) -> Position {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let units: usize = before.get(start..).unwrap_or_default().chars().map(char::len_utf16).sum();
    Position { line: u32::try_from(line).unwrap_or(u32::MAX), character: u32::try_from(units).unwrap_or(u32::MAX) }
}

/// The range of a span of this very text.
pub(super) fn range(text: &str, span: Span) -> Range {
    Range { start: position(text, span.start as usize), end: position(text, span.end as usize) }
}

/// The text after a change; one without a range replaces everything.
pub(super) fn apply(text: &str, change: &TextDocumentContentChangeEvent) -> String {
    let Some(range) = change.range else { return change.text.clone() };
    let start = offset(text, range.start);
    let end = offset(text, range.end).max(start);
    let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    format!("{before}{}{after}", change.text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "a😀b\r\né\n\nlast";

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn utf_16_units_are_counted() {
        // The emoji is four bytes and two units.
        for (position, expected) in
            [(at(0, 1), 1), (at(0, 3), 5), (at(0, 4), 6), (at(1, 1), 10), (at(2, 0), 11), (at(3, 4), 16)]
        {
            assert_eq!(offset(TEXT, position), expected);
            assert_eq!(super::position(TEXT, expected), position);
        }
    }

    #[test]
    fn what_lies_beyond_is_taken_as_the_nearest() {
        // Within the pair, in the line end, behind the last line.
        assert_eq!(offset(TEXT, at(0, 2)), 1);
        assert_eq!(offset(TEXT, at(0, 99)), 6);
        assert_eq!(offset(TEXT, at(9, 9)), TEXT.len());
        assert_eq!(super::position(TEXT, 3), at(0, 1));
        assert_eq!(super::position(TEXT, 999), at(3, 4));
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same_place(text in "[a😀é\r\n]{0,20}", place in 0_usize..60) {
            let position = position(&text, place);
            let offset = offset(&text, position);
            // Between `\r` and `\n` there is no place for an editor.
            let within_line_end = text.get(..place.min(text.len())).is_some_and(|before| before.ends_with('\r'));
            prop_assert!(within_line_end || super::position(&text, offset) == position);
            prop_assert!(text.is_char_boundary(offset));
        }

        #[test]
        fn changes_do_no_harm(text in "[a😀\n]{0,9}", start in (0_u32..4, 0_u32..9), end in (0_u32..4, 0_u32..9), new in "[b😀]{0,3}") {
            let range = Some(Range { start: at(start.0, start.1), end: at(end.0, end.1) });
            let change = TextDocumentContentChangeEvent { range, range_length: None, text: new.clone() };
            prop_assert!(apply(&text, &change).contains(&new));
        }
    }
}
