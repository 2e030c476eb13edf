//! A line of a text and those around it: what is indented below it, and which column it was meant to stand in.

use super::MAX_DEPTH;
use super::cut::column;

/// What may follow the `|` or `>` that opens a text.
const BLOCK_HEADER: [char; 11] = ['-', '+', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

/// One line of a text.
#[derive(Clone, Copy)]
pub(super) struct Line<'t> {
    pub(super) whole: &'t str,
    pub(super) start: usize,
    /// Without its end.
    text: &'t str,
}

impl<'t> Line<'t> {
    /// The line that holds a place.
    pub(super) fn at(whole: &'t str, at: usize) -> Self {
        let at = whole.floor_char_boundary(at);
        let start = at - column(whole, at);
        let rest = whole.get(start..).unwrap_or_default();
        Self { whole, start, text: rest.lines().next().unwrap_or_default() }
    }

    pub(super) fn end(self) -> usize {
        self.start + self.text.len()
    }

    pub(super) fn next(self) -> Option<Self> {
        let rest = self.whole.get(self.end()..)?;
        let line_break = rest.find('\n')? + 1;
        let start = self.end() + line_break;
        let rest = rest.get(line_break..).filter(|rest| !rest.is_empty())?;
        Some(Self { whole: self.whole, start, text: rest.lines().next().unwrap_or_default() })
    }

    /// How far it is indented; a tab is further than anything else.
    pub(super) fn column(self) -> usize {
        let blanks = self.text.len() - self.text.trim_start_matches(' ').len();
        if self.text.get(blanks..).is_some_and(|rest| rest.starts_with('\t')) { usize::MAX } else { blanks }
    }

    pub(super) fn says_nothing(self) -> bool {
        let text = self.text.trim_start();
        text.is_empty() || text.starts_with('#')
    }

    pub(super) fn is_item(self) -> bool {
        let text = self.text.trim_start();
        text == "-" || text.starts_with("- ")
    }

    /// Whether what is indented further below it belongs to it.
    pub(super) fn opens_block(self) -> bool {
        let text = self.text.trim_end();
        let last = text.rsplit([' ', '\t']).next().unwrap_or_default();
        let is_header =
            last.strip_prefix(['|', '>']).is_some_and(|rest| rest.trim_end_matches(BLOCK_HEADER).is_empty());
        is_header || self.is_item() || text.ends_with([':', '[', '{', ','])
    }

    /// Where the value behind its key begins, if that is not behind `most`.
    pub(super) fn value(self, most: usize) -> Option<usize> {
        let indented = self.text.trim_start();
        let key_start = self.text.len() - indented.trim_start_matches("- ").trim_start().len();
        let rest = self.text.get(key_start..)?;
        let is_key =
            |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.?<".contains(c));
        let (key, value) = rest.split_once(':').filter(|(key, _)| is_key(key.trim_end()))?;
        let blanks = value.len() - value.trim_start().len();
        // Of `key:value` the blank is cut out too, as it were.
        let at = self.start + key_start + key.len() + 1 + blanks;
        (at <= most || blanks == 0).then_some(at)
    }

    /// Where its first word stands.
    pub(super) fn content(self) -> usize {
        self.start + self.text.len() - self.text.trim_start().len()
    }

    /// Whether it is text alone: no key, no item, nothing that begins or ends anything.
    pub(super) fn is_plain(self) -> bool {
        let text = self.text.trim();
        let is_key = text.split_once(':').is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with([' ', '\t']));
        !is_key && text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    }

    pub(super) fn closes(self) -> bool {
        self.text.trim_start().starts_with([']', '}'])
    }

    /// The nearest line above that says something and is as asked.
    pub(super) fn above(self, is_it: impl Fn(Self) -> bool) -> Option<Self> {
        let mut start = self.start;
        while start > 0 {
            let above = Self::at(self.whole, start - 1);
            if !above.says_nothing() && is_it(above) {
                return Some(above);
            }
            start = above.start;
        }
        None
    }

    /// The line above that this one is indented below.
    pub(super) fn parent(self) -> Option<Self> {
        if self.column() == 0 { None } else { self.above(|above| above.column() < self.column()) }
    }

    /// The next line that says something.
    pub(super) fn below(self) -> Option<Self> {
        std::iter::successors(self.next(), |line| line.next()).find(|line| !line.says_nothing())
    }

    /// Whether it is the second below `parent`, the first is `before`, and that one is indented too far: those that follow, or
    /// else the rest of the file, are indented as this one.
    pub(super) fn is_outdented_by(self, before: Self, parent: Self) -> bool {
        let is_second = before.above(|_| true).is_some_and(|above| above.start == parent.start);
        if !is_second || !parent.opens_block() || parent.column() >= self.column() || before.column() <= self.column() {
            return false;
        }
        let next = self.next_below().map_or(0, Self::column);
        let step = |line: Self| line.column().checked_sub(parent.column());
        match next {
            next if next == before.column() => false,
            next if next == self.column() => true,
            _ => step(self) == first_step(self.whole) && step(before) != first_step(self.whole),
        }
    }

    /// The next line that says something and does not belong to this one.
    pub(super) fn next_below(self) -> Option<Self> {
        let opens = self.opens_block();
        std::iter::successors(self.below(), |line| line.below()).find(|line| !opens || line.column() <= self.column())
    }

    /// The column that it was meant to stand in, as far as that shows: behind a tab, left of what it holds, and where its
    /// neighbours stand if they agree.
    pub(super) fn place(self) -> usize {
        let column = self.column();
        if column < usize::MAX {
            return column;
        }
        let below = self.below().map(Self::column);
        if self.opens_block() {
            return below.and_then(|below| below.checked_sub(1)).unwrap_or(usize::MAX);
        }
        let (Some(above), Some(below)) = (self.above(|_| true), below) else { return usize::MAX };
        let agree = if above.opens_block() { below > above.column() } else { below == above.column() };
        if agree { below } else { usize::MAX }
    }

    /// The columns in which lines may begin here: those of the lines that the one above stands below, and its own where it is the
    /// first below that one.
    pub(super) fn columns(self) -> Vec<usize> {
        let before = self.above(|above| above.column() < usize::MAX);
        let mut columns: Vec<usize> =
            std::iter::successors(before, |line| line.parent()).take(MAX_DEPTH).map(Self::column).collect();
        match before {
            Some(before) if !before.opens_block() || before.column() >= self.column() => {}
            // Behind a tab, the first line of all stands where the next one does.
            None if self.column() == usize::MAX => columns.extend(self.below().map(Self::column)),
            _ => columns.push(self.place()),
        }
        columns
    }

    /// Where what belongs to the line ends: what is indented further; the bracket that closes it; and, if the line stands where
    /// none may, all lines up to one that does not.
    pub(super) fn block_end(self) -> usize {
        let own = self.column();
        let columns = self.columns();
        let is_astray = own == usize::MAX || !columns.contains(&own);
        let (mut column, mut opens) = (self.place(), self.opens_block());
        let mut end = self.end();
        let mut line = self;
        while let Some(next) = line.next() {
            line = next;
            if next.says_nothing() {
                continue;
            }
            let here = next.column();
            let is_below = here > column && (opens || !is_astray);
            let closes = here == own && next.closes();
            let is_item = here == own && opens && next.is_item() && !self.is_item();
            if is_astray && !is_below && !columns.contains(&here) {
                (column, opens) = (next.place(), next.opens_block());
            } else if !(is_below || closes || is_item) {
                break;
            }
            end = next.end();
        }
        end
    }
}

/// By how much the first line that is indented is.
fn first_step(text: &str) -> Option<usize> {
    let columns =
        text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start_matches(' ').len());
    columns.into_iter().find(|column| *column > 0)
}
