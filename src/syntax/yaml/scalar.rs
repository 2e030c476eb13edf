//! One scalar: what it stands for, and where each byte of its decoded text was written.

use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

use serde_yaml::granit_parser::ScalarStyle;

use super::Kind;
use crate::base::fragment::{Fragment, Mark};
use crate::base::source::SourceId;

/// The kind of a plain scalar: the core schema of YAML 1.2, <https://yaml.org/spec/1.2.2/#103-core-schema>, but for
/// numbers that would lose something (leading zeros, too many digits, infinities), which stay text.
pub(super) fn resolve(fragment: Fragment) -> (Kind, Option<Fragment>) {
    let kind = match fragment.text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        text => match (integer(text), float(text)) {
            (Some(value), _) => Kind::Int(value),
            (None, Some(value)) => Kind::Float(value),
            (None, None) => return (Kind::String(fragment), None),
        },
    };
    (kind, Some(fragment))
}

fn integer(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| i64::from_str_radix(digits, 16).ok())?;
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return digits.bytes().all(|b| b.is_ascii_digit()).then(|| i64::from_str_radix(digits, 8).ok())?;
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) || has_leading_zero(digits) {
        return None;
    }
    text.parse().ok()
}

fn float(text: &str) -> Option<f64> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent_digits = exponent.map(|text| text.strip_prefix(['-', '+']).unwrap_or(text));
    let well_formed = digits(whole)
        && fraction.is_none_or(digits)
        && exponent_digits.is_none_or(|text| !text.is_empty() && digits(text))
        && !(whole.is_empty() && fraction.is_none_or(str::is_empty))
        && (fraction.is_some() || exponent.is_some())
        && !has_leading_zero(whole);
    if !well_formed {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

fn has_leading_zero(digits: &str) -> bool {
    digits.len() > 1 && digits.starts_with('0')
}

/// The decoded `value` of the scalar that stands at `range` of `text`, with its places.
///
/// The value is the parser's; here it is laid beside the written form. Where the two cannot be brought together the
/// whole scalar is given as the place.
pub(super) fn fragment(
    source: SourceId,
    text: &str,
    range: std::ops::Range<usize>,
    value: &str,
    style: ScalarStyle,
) -> Fragment {
    let start = range.start;
    let raw = text.get(range).unwrap_or_default();
    let mut places = Places { start, offset: 0, marks: Vec::new(), end: 0 };
    let aligned = match style {
        ScalarStyle::Plain => flow(raw, 0, value, '\0', &mut places),
        ScalarStyle::SingleQuoted => raw.starts_with('\'').then(|| flow(raw, 1, value, '\'', &mut places)).flatten(),
        ScalarStyle::DoubleQuoted => raw.starts_with('"').then(|| flow(raw, 1, value, '"', &mut places)).flatten(),
        ScalarStyle::Literal | ScalarStyle::Folded => {
            let line = text.get(..start).unwrap_or_default();
            let indent = start - line.rfind(['\n', '\r']).map_or(0, |newline| newline + 1);
            block(raw, indent, value, &mut places)
        }
    };
    if aligned.is_some() && places.offset == value.len() {
        let end = if value.is_empty() { start } else { places.end };
        return Fragment::decoded(source, value, places.marks, end);
    }
    let first = u32::try_from(start).unwrap_or(u32::MAX);
    // One mark a byte, all at the start: an offset within must not run past what was written.
    let marks = (0..u32::try_from(value.len()).unwrap_or(0)).map(|text| Mark { text, source: first }).collect();
    Fragment::decoded(source, value, marks, start + raw.len())
}

/// Collects where each decoded byte was written.
struct Places {
    /// Of the raw text in its source.
    start: usize,
    /// Bytes of the value that have their place.
    offset: usize,
    marks: Vec<Mark>,
    end: usize,
}

impl Places {
    /// The next `length` bytes of the value were written from `raw` on, as `written` bytes.
    fn put(&mut self, raw: usize, length: usize, written: usize) {
        let source = self.start + raw;
        let follows = self.marks.last().is_some_and(|mark| {
            source as u64 == u64::from(mark.source) + (self.offset as u64).saturating_sub(u64::from(mark.text))
        });
        if !follows {
            self.marks.push(Mark {
                text: u32::try_from(self.offset).unwrap_or(u32::MAX),
                source: u32::try_from(source).unwrap_or(u32::MAX),
            });
        }
        self.offset += length;
        self.end = source + written;
    }
}

/// Takes the next character of the value if it is `wanted`.
fn take(value: &mut Peekable<CharIndices<'_>>, wanted: char) -> Option<()> {
    value.next_if(|(_, c)| *c == wanted).map(|_| ())
}

/// Lays a flow scalar beside its value; `quote` is `\0` for a plain one. `None`: they do not fit.
fn flow(raw: &str, from: usize, value: &str, quote: char, places: &mut Places) -> Option<()> {
    let mut at = from;
    let mut value = value.char_indices().peekable();
    loop {
        let rest = raw.get(at..)?;
        let Some(c) = rest.chars().next() else { return (quote == '\0' && value.peek().is_none()).then_some(()) };
        if c == quote {
            if quote == '\'' && rest.starts_with("''") {
                take(&mut value, '\'')?;
                places.put(at, 1, 2);
                at += 2;
                continue;
            }
            return value.peek().is_none().then_some(());
        }
        if quote == '"' && c == '\\' {
            at += escape(rest, at, &mut value, places)?;
            continue;
        }
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        let gap = rest.get(..blanks)?;
        if gap.contains(['\n', '\r']) {
            line_breaks(gap, at, &mut value, places);
            at += blanks;
            continue;
        }
        if quote == '\0' && value.peek().is_none() {
            // Blanks and comments after a plain scalar may be part of what the parser calls its place.
            return Some(());
        }
        take_one(&mut value, c, at, places)?;
        at += c.len_utf8();
    }
}

/// A fold: one line break is a blank, more of them one less. Whatever the value has for it was written at the first break.
fn line_breaks(gap: &str, at: usize, value: &mut Peekable<CharIndices<'_>>, places: &mut Places) {
    let place = at + gap.find(['\n', '\r']).unwrap_or(0);
    let breaks = count_breaks(gap);
    if breaks == 1 && take_one(value, ' ', place, places).is_some() {
        return;
    }
    for _ in 1..breaks {
        let _ = take_one(value, '\n', place, places);
    }
}

/// `\r\n`, `\n` and a lone `\r` are one break each.
fn count_breaks(gap: &str) -> usize {
    gap.matches(['\n', '\r']).count() - gap.matches("\r\n").count()
}

/// An escape of a double-quoted scalar; gives how many bytes it was written with.
fn escape(rest: &str, at: usize, value: &mut Peekable<CharIndices<'_>>, places: &mut Places) -> Option<usize> {
    let code = rest.chars().nth(1)?;
    let written = match code {
        'x' => 4,
        'u' => 6,
        'U' => 10,
        '\n' | '\r' => {
            // An escaped line break joins the lines without a blank; empty lines after it still count.
            let after = rest.get(1..)?;
            let blanks = after.len() - after.trim_start_matches([' ', '\t', '\n', '\r']).len();
            let gap = after.get(..blanks)?;
            for _ in 1..count_breaks(gap) {
                let _ = take_one(value, '\n', at, places);
            }
            return Some(1 + blanks);
        }
        other => 1 + other.len_utf8(),
    };
    let (_, decoded) = value.next()?;
    // A character beyond the basic plane may be written as a surrogate pair, JSON's way.
    let written = if code == 'u' && decoded.len_utf8() == 4 { 12 } else { written };
    places.put(at, decoded.len_utf8(), written);
    Some(written)
}

/// Lays a literal or folded block beside its value. `raw` begins with the first byte of content, so the column where it
/// stands is the block's indentation.
fn block(raw: &str, indent: usize, value: &str, places: &mut Places) -> Option<()> {
    let mut value = value.char_indices().peekable();
    // Empty lines before the content.
    while take(&mut value, '\n').is_some() {
        places.put(0, 1, 0);
    }
    let mut at = 0;
    // The first line break that is not matched yet to what the value has for it.
    let mut pending: Option<usize> = None;
    while at < raw.len() {
        let rest = raw.get(at..)?;
        let text = rest.get(..rest.find(['\n', '\r']).unwrap_or(rest.len()))?;
        let line_break = if rest.get(text.len()..)?.starts_with("\r\n") { 2 } else { 1 };
        let blanks = text.len() - text.trim_start_matches(' ').len();
        let leading = if at == 0 { 0 } else { blanks.min(indent) };
        let content = text.get(leading..)?;
        if content.is_empty() {
            pending = pending.or(Some(at + text.len()));
        } else if value.peek().is_none() {
            // Comments behind the block may be part of what the parser calls its place.
            return Some(());
        } else {
            if let Some(place) = pending.take()
                && take_one(&mut value, ' ', place, places).is_none()
            {
                while take_one(&mut value, '\n', place, places).is_some() {}
            }
            for (index, c) in content.char_indices() {
                if value.peek().is_none() {
                    return Some(());
                }
                take_one(&mut value, c, at + leading + index, places)?;
            }
            pending = Some(at + text.len());
        }
        at += text.len() + line_break;
    }
    let end = pending.unwrap_or(at);
    while take_one(&mut value, '\n', end, places).is_some() {}
    value.peek().is_none().then_some(())
}

fn take_one(value: &mut Peekable<CharIndices<'_>>, c: char, at: usize, places: &mut Places) -> Option<()> {
    take(value, c)?;
    places.put(at, c.len_utf8(), c.len_utf8());
    Some(())
}

/// Where a later line of a plain text begins like an item of a list: YAML joins it with what stands above, which nobody
/// wants.
pub(super) fn item_within(raw: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for line in raw.split_inclusive('\n') {
        let text = line.trim();
        if start > 0 && (text == "-" || text.starts_with("- ")) {
            let from = start + line.len() - line.trim_start().len();
            return Some(from..from + text.len());
        }
        start += line.len();
    }
    None
}
