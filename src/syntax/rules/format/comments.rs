//! The comments of a rules file in the order in which they stand, to be written where they belong.
//!
//! Documentation is a comment here: where it stands among the others decides what it documents. Comments within
//! expressions are not listed, they stay with their expression.

use std::collections::VecDeque;
use std::ops::Range;

use crate::syntax::rules::scan::{self, Kind};

/// One comment.
#[derive(Clone, Debug)]
pub(super) struct Comment {
    pub(super) start: usize,
    /// With its slashes, as it is to be written.
    pub(super) text: String,
    /// Something stands before it on its line.
    pub(super) same_line: bool,
    /// An empty line stands before it.
    pub(super) after_blank: bool,
}

/// The comments that are not written yet.
#[derive(Debug)]
pub(super) struct Comments {
    waiting: VecDeque<Comment>,
}

impl Comments {
    /// All comments of `text` but those within `expressions`, which are sorted.
    pub(super) fn of(text: &str, expressions: &[Range<usize>]) -> Self {
        let mut waiting = VecDeque::new();
        let mut expressions = expressions.iter().peekable();
        // Whether a piece that is no blank stands before on the line.
        let mut same_line = false;
        for (kind, range) in scan::pieces(text) {
            let piece = text.get(range.clone()).unwrap_or_default();
            match kind {
                Kind::Blank => same_line &= !piece.contains(['\n', '\r']),
                Kind::Comment => {
                    while expressions.next_if(|expression| expression.end <= range.start).is_some() {}
                    if expressions.peek().is_none_or(|expression| range.start < expression.start) {
                        waiting.push_back(Comment {
                            start: range.start,
                            text: written(piece),
                            same_line,
                            after_blank: is_after_blank(text, range.start),
                        });
                    }
                }
                _ => same_line = true,
            }
        }
        Self { waiting }
    }

    /// Takes the next comment if it starts before `offset`.
    pub(super) fn next_before(&mut self, offset: usize) -> Option<Comment> {
        self.waiting.pop_front_if(|comment| comment.start < offset)
    }

    /// Takes the next comment if it starts before `offset`, on the line of what stands before it.
    pub(super) fn trailing_before(&mut self, offset: usize) -> Option<Comment> {
        self.waiting.pop_front_if(|comment| comment.start < offset && comment.same_line)
    }

    /// Whether a comment that waits starts within `range`.
    pub(super) fn any_in(&self, range: Range<usize>) -> bool {
        let first = self.waiting.partition_point(|comment| comment.start < range.start);
        self.waiting.get(first).is_some_and(|comment| comment.start < range.end)
    }
}

/// A comment as it is to be written: documentation has a blank behind its slashes, nothing ends in blanks.
pub(super) fn written(comment: &str) -> String {
    let comment = comment.trim_end();
    match comment.strip_prefix("///").filter(|text| !text.starts_with('/')) {
        None | Some("") => comment.to_owned(),
        Some(text) => format!("/// {}", text.strip_prefix(' ').unwrap_or(text)),
    }
}

/// Whether an empty line stands before `offset`.
pub(super) fn is_after_blank(text: &str, offset: usize) -> bool {
    let before = text.get(..offset).unwrap_or_default();
    let gap = before.get(before.trim_end().len()..).unwrap_or_default();
    gap.replace("\r\n", "\n").matches(['\n', '\r']).count() > 1
}
