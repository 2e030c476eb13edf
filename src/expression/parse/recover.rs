//! A text that is no expression becomes one that is, without its broken parts, so that one mistake does not hide the next.
//!
//! A part stands between `&&`, `||`, commas and brackets. A broken one is put in quotes, over its first and its last byte, so
//! that every place stays where it is. What it must not know: what the mistakes are called.

use std::ops::Range;

use super::token_length;

/// What others write for our operators, with the blank around it, and what it is here. What negates binds differently
/// elsewhere: what is meant by it is not known.
const MEANT: &[(&str, &str)] = &[
    ("and ", "&&  "),
    ("AND ", "&&  "),
    ("or ", "|| "),
    ("OR ", "|| "),
    ("=== ", "==  "),
    ("!== ", "!=  "),
    ("<> ", "!= "),
    ("=< ", "<= "),
    ("=> ", ">= "),
    ("= ", "=="),
];
const LONGEST_MEANT: usize = 4;

/// A text of whole tokens, and the parts of it that were taken out.
pub(super) struct Patched {
    pub(super) text: String,
    pub(super) holes: Vec<Range<usize>>,
}

impl Patched {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), holes: Vec::new() }
    }

    /// Writes what was meant in place of what was read at byte `at`, where that is plain: it is as long. `false` where it is not.
    pub(super) fn mend(&mut self, at: usize) -> bool {
        if let Some(comment) = comment_at(&self.text, at) {
            let blank: String = self.text.get(comment.clone()).unwrap_or_default().bytes().map(|_| ' ').collect();
            self.text.replace_range(comment, &blank);
            return true;
        }
        let starts = (at.saturating_sub(LONGEST_MEANT)..=at).filter(|start| self.text.is_char_boundary(*start));
        let meant = starts.flat_map(|start| MEANT.iter().map(move |(wrong, right)| (start, *wrong, *right)));
        let found = meant.filter(|(start, wrong, _)| start + wrong.len() >= at).find(|(start, wrong, _)| {
            let before = self.text.get(..*start).unwrap_or_default();
            let rest = self.text.get(*start..).unwrap_or_default();
            rest.starts_with(wrong) && (before.is_empty() || before.ends_with([' ', '(']))
        });
        let Some((start, wrong, right)) = found else { return false };
        self.text.replace_range(start..start + wrong.len(), right);
        true
    }

    /// Takes out the part that is broken at byte `at`. `false` where there is none: maps, and brackets and texts that are not
    /// closed, leave no parts, and of a single part nothing would be left.
    pub(super) fn take_out(&mut self, at: usize) -> bool {
        let Some(part) = part_around(&self.text, at) else { return false };
        let inner = self.text.get(part.clone()).unwrap_or_default();
        let is_whole = part.start == 0 && part.end == self.text.len();
        // What was taken out and is still wrong is so for another reason.
        if is_whole || self.holes.contains(&part) {
            return false;
        }
        let within: String = match inner {
            "" => return false,
            _ if inner.len() == 1 => "0".to_owned(),
            // A character of several bytes must not be cut: a place within it would be none.
            _ if !inner.starts_with(|c: char| c.is_ascii()) || !inner.ends_with(|c: char| c.is_ascii()) => {
                return false;
            }
            _ => {
                let body = inner.get(1..inner.len() - 1).unwrap_or_default();
                format!("'{}'", body.replace(['\'', '\\', '\n', '\r'], " "))
            }
        };
        self.text.replace_range(part.clone(), &within);
        self.holes.push(part);
        true
    }
}

/// A comment of another language, `/* … */`, whose second character is at `at`.
fn comment_at(text: &str, at: usize) -> Option<Range<usize>> {
    let start = at.checked_sub(1).filter(|start| text.is_char_boundary(*start))?;
    let rest = text.get(start..)?.strip_prefix("/*")?;
    Some(start..start + 2 + rest.find("*/")? + 2)
}

/// The part that holds byte `at`; `None` in a map, and where brackets do not match or a text is not closed.
fn part_around(text: &str, at: usize) -> Option<Range<usize>> {
    // Where the part begins in each bracket that is open, the innermost last, and what closes that bracket.
    let mut open: Vec<(usize, Option<u8>)> = vec![(0, None)];
    let mut found: Option<(usize, usize)> = None;
    let mut part = None;
    let mut offset = 0;
    while let Some(rest) = text.get(offset..).filter(|rest| !rest.is_empty()) {
        let length = token_length(rest);
        let first = rest.bytes().next()?;
        let joint = if rest.starts_with("&&") || rest.starts_with("||") { 2 } else { length };
        if found.is_none() && at < offset + joint {
            // Nothing takes the place of a map's entry.
            if matches!(open.last()?.1, Some(b'}')) {
                return None;
            }
            found = Some((open.len(), open.last()?.0));
        }
        let ends = |depth: usize| found.filter(|(of, _)| *of == depth).map(|(_, start)| start..offset);
        match first {
            b'(' | b'[' | b'{' => {
                let close = match first {
                    b'(' => b')',
                    b'[' => b']',
                    _ => b'}',
                };
                open.push((offset + 1, Some(close)));
            }
            b')' | b']' | b'}' => {
                part = part.or_else(|| ends(open.len()));
                let (_, close) = open.pop()?;
                (close == Some(first)).then_some(())?;
            }
            b',' => {
                part = part.or_else(|| ends(open.len()));
                open.last_mut()?.0 = offset + 1;
            }
            b'&' | b'|' if joint == 2 => {
                part = part.or_else(|| ends(open.len()));
                open.last_mut()?.0 = offset + 2;
            }
            b'"' | b'\'' if !is_closed(rest, length) => return None,
            _ => {}
        }
        offset += joint;
    }
    (open.len() == 1).then_some(())?;
    let last = found.map_or(open.first()?.0, |(_, start)| start);
    Some(part.unwrap_or(last..text.len()))
}

/// Whether the text that `rest` starts with ends with its own quote.
fn is_closed(rest: &str, length: usize) -> bool {
    let text = rest.get(..length).unwrap_or_default();
    let quote = text.chars().next().unwrap_or('"');
    text.len() > 1 && text.ends_with(quote)
}

#[cfg(test)]
mod tests {
    use super::{Patched, part_around};

    fn part(text: &str, at: usize) -> Option<&str> {
        part_around(text, at).map(|part| text.get(part).unwrap())
    }

    #[test]
    fn a_part_ends_at_joints_commas_and_its_brackets() {
        assert_eq!(part("a = 1 && b", 2), Some("a = 1 "));
        assert_eq!(part("a && f(b, c d) || e", 12), Some(" c d"));
        assert_eq!(part("a && f(b, c d) || e", 3), Some("a "));
        assert_eq!(part("a && f(b, c d) || e", 19), Some(" e"));
        assert_eq!(part("[a b, \"&&,\" x]", 12), Some(" \"&&,\" x"));
        assert_eq!(part("a ||", 4), Some(""));
    }

    #[test]
    fn what_is_not_closed_and_maps_leave_no_parts() {
        for text in ["a && (b c", "a) && b", "(a] && b", "a == 'x && b c", "{a b}"] {
            assert_eq!(part(text, 2), None, "{text}");
        }
    }

    #[test]
    fn what_is_meant_is_written_in_its_place() {
        let mended = |text: &str, at: usize| {
            let mut patched = Patched::new(text);
            patched.mend(at).then_some(patched.text)
        };
        assert_eq!(mended("a and b", 2).as_deref(), Some("a &&  b"));
        assert_eq!(mended("a === b", 4).as_deref(), Some("a ==  b"));
        assert_eq!(mended("a <> b", 3).as_deref(), Some("a != b"));
        assert_eq!(mended("a = b", 2).as_deref(), Some("a ==b"));
        assert_eq!(mended("a /* é */ + b", 3).as_deref(), Some("a          + b"));
        assert_eq!(mended("a /* b", 3), None);
        assert_eq!(mended("a & b", 2), None);
        assert_eq!(mended("grand b", 6), None);
    }

    #[test]
    fn a_part_is_taken_out_once_and_never_all() {
        let mut patched = Patched::new("a = 1 && b = 2");
        assert!(patched.take_out(2));
        assert_eq!(patched.text, "' = 1'&& b = 2");
        assert!(!patched.take_out(2));
        assert!(patched.take_out(11));
        assert_eq!(patched.text, "' = 1'&&'b = '");
        let mut patched = Patched::new("[a 'b', ä + é]");
        assert!(patched.take_out(3));
        assert_eq!(patched.text, "['  b', ä + é]");
        assert!(!patched.take_out(9));
        assert_eq!(patched.holes.first(), Some(&(1..6)));
        assert!(!Patched::new("a = 1").take_out(2));
        assert!(!Patched::new("a &&").take_out(4));
    }
}
