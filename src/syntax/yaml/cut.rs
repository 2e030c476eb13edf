//! What was cut out of a text, and which values have lost something by it.
//!
//! A cut is a run of blanks in place of what was written, so that everything else keeps its place.

use std::ops::Range;

/// One cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) range: Range<usize>,
    /// Whether anything was said there. A comment says nothing.
    pub(super) is_loss: bool,
    /// Whether an anchor may have stood there.
    pub(super) has_anchor: bool,
    /// What was cut out where it was more than the value of a key that is still there.
    pub(super) entry: Option<Entry>,
}

/// A line that was cut out, with what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) column: usize,
    /// Whether it began with the dash of a list.
    pub(super) is_item: bool,
}

/// All cuts of a text.
#[derive(Clone, Debug, Default)]
pub(super) struct Cuts(Vec<Cut>);

impl Cuts {
    /// With one more.
    pub(super) fn with(&self, cut: Cut) -> Self {
        let mut cuts = self.0.clone();
        cuts.push(cut);
        cuts.sort_by_key(|cut| cut.range.start);
        Self(cuts)
    }

    /// By the order of their places.
    pub(super) fn get(&self, index: usize) -> Option<&Cut> {
        self.0.get(index)
    }

    /// Whether anything is missing at all.
    pub(super) fn lost_any(&self) -> bool {
        self.0.iter().any(|cut| cut.is_loss)
    }

    /// Whether an anchor may be missing.
    pub(super) fn lost_anchors(&self) -> bool {
        self.0.iter().any(|cut| cut.has_anchor)
    }

    /// Whether the value of what stands at `owner`, a key or the dash of an item, was cut out: it lies between there and
    /// what comes next, and further to the right than the owner.
    pub(super) fn lost_value(&self, text: &str, owner: Range<usize>) -> bool {
        let Some(rest) = text.get(owner.end..).filter(|_| self.lost_any()) else { return false };
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
        let mut next = text.len() - rest.trim_start_matches(|c: char| c == ':' || c == '-' || c.is_whitespace()).len();
        while text.get(next..).is_some_and(|rest| rest.starts_with('#')) {
            let comment = text.get(next..).and_then(|rest| rest.find('\n')).map_or(text.len(), |end| next + end);
            next = text.len() - text.get(comment..).unwrap_or_default().trim_start().len();
        }
        let own = column(text, owner.start);
        let is_below = |cut: &Cut| cut.entry.is_none_or(|entry| entry.column > own);
        self.0.iter().any(|cut| cut.is_loss && cut.range.start >= owner.end && cut.range.start <= next && is_below(cut))
    }
}

/// How far from the start of its line a place is, in bytes.
pub(super) fn column(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    at - before.rfind(['\n', '\r']).map_or(0, |newline| newline + 1)
}
