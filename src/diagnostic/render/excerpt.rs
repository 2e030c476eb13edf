//! The lines of a source that a diagnostic shows, cut to what a person can look at.
//!
//! What is shown is bounded whatever the source holds: a caret within a line of a megabyte shows its neighbourhood.

use std::borrow::Cow;
use std::ops::Range;

use crate::base::source::Source;
use crate::base::span::Span;

/// A longer line is cut behind its caret, bytes.
const MAX_LINE: usize = 1_000;
/// What is left of a cut line behind the caret, bytes.
const BEHIND: usize = 60;
/// A caret within a cut line is no longer than this, bytes.
const MAX_CARET: usize = 60;

/// Bytes between two places of which the characters before them are known.
const BLOCK: usize = 512;

/// Whether a character of UTF-8 begins with this byte.
fn is_first(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

/// Where the lines of a source begin.
pub(super) struct Lines<'a> {
    pub(super) source: &'a Source,
    starts: Vec<usize>,
    /// How many characters stand before each [`BLOCK`] of bytes: thousands of problems may stand in one long line, and
    /// its characters are not counted anew for each.
    before_blocks: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(source: &'a Source) -> Self {
        let mut starts = vec![0];
        starts.extend(source.text.match_indices('\n').map(|(at, _)| at + 1));
        let mut characters = 0;
        let mut before_blocks = vec![0];
        before_blocks.extend(source.text.as_bytes().chunks(BLOCK).map(|block| {
            characters += block.iter().filter(|byte| is_first(**byte)).count();
            characters
        }));
        Self { source, starts, before_blocks }
    }

    /// Line and column of a byte offset, both from 1; the column counts characters.
    pub(super) fn line_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.boundary(offset);
        let line = self.line(offset);
        (line + 1, self.characters_before(offset) - self.characters_before(self.start(line)) + 1)
    }

    /// Characters that begin before `offset`.
    fn characters_before(&self, offset: usize) -> usize {
        let block = offset / BLOCK;
        let rest = self.source.text.as_bytes().get(block * BLOCK..offset).unwrap_or_default();
        self.before_blocks.get(block).copied().unwrap_or_default() + rest.iter().filter(|byte| is_first(**byte)).count()
    }

    /// The line (from 0) that holds `offset`.
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.source.text.len())
    }

    /// The bytes of lines `first..=last` without the last line's end.
    fn lines(&self, first: usize, last: usize) -> Range<usize> {
        let range = self.start(first)..self.start(last + 1);
        let text = self.slice(range.clone());
        range.start..range.start + text.trim_end_matches(['\n', '\r']).len().max(self.start(last) - range.start)
    }

    fn slice(&self, range: Range<usize>) -> &'a str {
        self.source.text.get(range).unwrap_or_default()
    }

    /// `offset`, or the nearest place before it that lies in the text and between characters.
    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.source.text.len());
        while !self.source.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

/// Some lines of a source, and where in them the spans are.
pub(super) struct Excerpt<'a> {
    pub(super) text: Cow<'a, str>,
    /// The number of the first line, from 1.
    pub(super) line: usize,
    /// One for each span, as byte ranges of `text`.
    pub(super) ranges: Vec<Range<usize>>,
}

impl<'a> Excerpt<'a> {
    /// The lines that hold `spans`, which are of the source that `lines` are of.
    pub(super) fn of(lines: &Lines<'a>, spans: &[Span]) -> Self {
        let spans: Vec<Range<usize>> = spans
            .iter()
            .map(|span| {
                let start = lines.boundary(span.start as usize);
                start..lines.boundary(span.end as usize).max(start)
            })
            .collect();
        let first = spans.iter().map(|span| lines.line(span.start)).min().unwrap_or(0);
        let last = spans.iter().map(|span| lines.line(span.end)).max().unwrap_or(first);
        let whole = lines.lines(first, last);
        let text = lines.slice(whole.clone());
        if text.lines().all(|line| line.len() <= MAX_LINE) {
            // What marks line ends alone, which are not shown, stands just behind what is.
            let shown = |at: usize| (at - whole.start).min(text.len() + 1);
            let ranges = spans.iter().map(|span| shown(span.start)..shown(span.end)).collect();
            return Self { text: Cow::Borrowed(text), line: first + 1, ranges };
        }
        Self::cut(lines, &spans)
    }

    /// The line where the first span starts, up to a little behind it; the others are put at its place. What stands
    /// before it stays, so that the column is right: whoever draws it shows the neighbourhood alone.
    fn cut(lines: &Lines<'a>, spans: &[Range<usize>]) -> Self {
        let span = spans.first().cloned().unwrap_or(0..0);
        let line = lines.line(span.start);
        let whole = lines.lines(line, line);
        let start = span.start.min(whole.end);
        let end = lines.boundary(span.end.min(start + MAX_CARET).min(whole.end)).max(start);
        let to = lines.boundary((end + BEHIND).min(whole.end));
        let after = if to < whole.end { "…" } else { "" };
        let text = format!("{}{after}", lines.slice(whole.start..to));
        let caret = start - whole.start..end - whole.start;
        Self { text: Cow::Owned(text), line: line + 1, ranges: vec![caret; spans.len()] }
    }
}

/// A path without characters that would act on a terminal.
pub(super) fn printable(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BLOCK, Lines};
    use crate::base::source::Source;

    proptest! {
        #[test]
        fn lines_and_columns_are_those_of_the_source(
            text in prop::collection::vec("[aé\n😀]{0,40}", 0..60),
            offset in 0..3 * BLOCK,
        ) {
            let source = Source { path: String::new(), text: text.concat().into() };
            let lines = Lines::of(&source);
            for offset in [offset, source.text.len(), BLOCK] {
                prop_assert_eq!(lines.line_column(offset), source.line_column(offset));
            }
        }
    }
}
