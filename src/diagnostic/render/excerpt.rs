//! The lines of a source that a diagnostic shows, cut to what a person can look at.
//!
//! What is shown is bounded whatever the source holds: a caret within a line of a megabyte shows its neighbourhood.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use crate::base::source::Source;
use crate::base::span::Span;

/// A longer line is cut behind its caret, bytes.
const MAX_LINE: usize = 1_000;
/// What is left of a cut line behind the caret, bytes.
const BEHIND: usize = 60;
/// A caret within a cut line is no longer than this, bytes.
const MAX_CARET: usize = 60;

/// Where the lines of a source begin.
pub(super) struct Lines<'a> {
    pub(super) source: &'a Source,
    starts: Vec<usize>,
    /// The offset that was asked for last, and its line and column: the next one often stands in the same long line.
    last: Cell<(usize, usize, usize)>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(source: &'a Source) -> Self {
        let mut starts = vec![0];
        starts.extend(source.text.match_indices('\n').map(|(at, _)| at + 1));
        Self { source, starts, last: Cell::new((0, 0, 1)) }
    }

    /// Line and column of a byte offset, both from 1; the column counts characters.
    pub(super) fn line_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.boundary(offset);
        let line = self.line(offset);
        let (known, known_line, known_column) = self.last.get();
        let column = if known_line == line && known <= offset {
            known_column + self.slice(known..offset).chars().count()
        } else {
            self.slice(self.start(line)..offset).chars().count() + 1
        };
        self.last.set((offset, line, column));
        (line + 1, column)
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
            let ranges = spans.iter().map(|span| span.start - whole.start..span.end - whole.start).collect();
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
