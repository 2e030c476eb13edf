//! A decoded piece of a source that still knows where each of its bytes was written.
//!
//! The value of a quoted or folded YAML scalar is not a slice of its file: escapes shrink, indentation goes. An
//! expression is parsed from the value; its errors must point into the file.

use super::source::SourceId;
use super::span::Span;

/// From `text` on (a byte offset in the fragment), bytes were written from `source` on, one for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub text: u32,
    pub source: u32,
}

/// Decoded text with its places in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    pub source: SourceId,
    pub text: String,
    /// Sorted by `text`; the first is at 0.
    marks: Vec<Mark>,
    /// Where the last byte's token ends in the source.
    end: u32,
}

impl Fragment {
    /// Text that stands in the source exactly as it is here, from byte `start` on.
    pub fn verbatim(source: SourceId, start: usize, text: impl Into<String>) -> Self {
        let text = text.into();
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        let end = start.saturating_add(u32::try_from(text.len()).unwrap_or(u32::MAX));
        Self { source, text, marks: vec![Mark { text: 0, source: start }], end }
    }

    /// Text that was decoded; `marks` say where each run of bytes came from, `end` where the written form ends.
    pub fn decoded(source: SourceId, text: impl Into<String>, mut marks: Vec<Mark>, end: usize) -> Self {
        marks.sort_by_key(|mark| mark.text);
        if marks.first().is_none_or(|mark| mark.text != 0) {
            let source = marks.first().map_or(0, |mark| mark.source);
            marks.insert(0, Mark { text: 0, source });
        }
        Self { source, text: text.into(), marks, end: u32::try_from(end).unwrap_or(u32::MAX) }
    }

    /// Where the bytes `range` of the fragment were written.
    pub fn span(&self, range: std::ops::Range<usize>) -> Span {
        let start = self.place(range.start);
        let end = if range.end <= range.start {
            start
        } else if range.end >= self.text.len() {
            self.end as usize
        } else {
            // One past the place of the last byte: the next byte may stand on another line.
            self.place(range.end - 1) + 1
        };
        Span::new(self.source, start, end)
    }

    /// The bytes `range` as a fragment of their own.
    #[must_use]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        let text = self.text.get(range.clone()).unwrap_or_default().to_owned();
        let first = u32::try_from(range.start).unwrap_or(u32::MAX);
        let mut marks = vec![Mark { text: 0, source: u32::try_from(self.place(range.start)).unwrap_or(u32::MAX) }];
        let behind = self.marks.partition_point(|mark| mark.text as usize <= range.start);
        let within = self.marks.iter().skip(behind).take_while(|mark| (mark.text as usize) < range.end);
        marks.extend(within.map(|mark| Mark { text: mark.text - first, source: mark.source }));
        let end = self.span(range).end;
        Self { source: self.source, text, marks, end }
    }

    /// Another text of the same length whose bytes stand in the same places.
    #[must_use]
    pub fn with_text(&self, text: &str) -> Self {
        Self { text: text.to_owned(), ..self.clone() }
    }

    fn place(&self, offset: usize) -> usize {
        let index = self.marks.partition_point(|mark| mark.text as usize <= offset);
        let mark = self.marks.get(index.saturating_sub(1)).copied().unwrap_or(Mark { text: 0, source: 0 });
        mark.source as usize + (offset - mark.text as usize)
    }
}
