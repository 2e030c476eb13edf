//! A rules file in the form in which all rules files are written: the same meaning, every comment, one layout.
//!
//! - Four blanks a level, at most [`WIDTH`] characters a line where an expression can be broken.
//! - Clauses stay in their author's order; what they say stands in one column.
//! - Fields and arguments stand on one line if they fit; one a line if they do not, if there are comments among them, or if
//!   the author put the first of them on a line of its own.
//! - One empty line at most between clauses, fields and comments, where the author left one; one around every rule.
//! - A comment keeps its place between what it stands before and behind. One in the midst of a clause goes before it.
//! - Names, numbers, durations and texts stay as they are written.

mod comments;
mod expression;
#[cfg(test)]
mod tests;

use std::ops::Range;

use comments::{Comments, is_after_blank};
use expression::Place;

use super::ast::{Call, Clause, ClauseKind, ClauseWord, Event, Field, File, Item, Rule, Type};
use super::scan::{self, Kind};
use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// Characters of a line. Only what cannot be broken is longer: names, texts, comments.
pub const WIDTH: usize = 120;

const STEP: usize = 4;

/// Formats a rules file. Doing it again changes nothing.
///
/// # Errors
/// What is wrong with the file's form: such a file has no layout. Names and types are not looked at.
pub fn format(source: SourceId, text: &str) -> Result<String, Diagnostics> {
    let (file, mut problems) = super::parse(source, text);
    let expressions = expressions(&file);
    for expression in &expressions {
        if let Err(found) = crate::expression::parse(expression) {
            problems.extend(found);
        }
    }
    if problems.has_errors() {
        return Err(problems);
    }
    let ranges: Vec<Range<usize>> = expressions.iter().map(|fragment| range(fragment)).collect();
    let mut writer =
        Writer { text, out: String::new(), line_end: line_end(text), comments: Comments::of(text, &ranges) };
    writer.file(&file);
    if writer.out.len() > super::parse::MAX_FILE {
        let message = format!(
            "formatted, the file would have {} bytes; at most {} are taken",
            writer.out.len(),
            super::parse::MAX_FILE
        );
        problems.push(Diagnostic::error(Code::TooLarge, Span::new(source, 0, 0), message).help("split the file"));
        return Err(problems);
    }
    // Nobody wants a formatter that they have to check.
    let (again, _) = super::parse(source, &writer.out);
    if meaning(text, &file) == meaning(&writer.out, &again) {
        return Ok(writer.out);
    }
    let mut found = Diagnostics::new();
    let message = "formatting this file would change what it says, so it is left as it is";
    found.push(Diagnostic::error(Code::Internal, Span::new(source, 0, 0), message).help("report this with the file"));
    Err(found)
}

/// All that a file says, and its comments: what formatting must not change.
fn meaning(text: &str, file: &File) -> (Vec<String>, Vec<String>) {
    let items = file.items.iter().map(|item| scan::canonical(text.get(item.span().range()).unwrap_or_default()));
    let comments = scan::pieces(text)
        .filter(|(kind, _)| *kind == Kind::Comment)
        .map(|(_, range)| comments::written(text.get(range).unwrap_or_default()));
    (items.collect(), comments.collect())
}

/// Every expression, in the order in which they stand.
fn expressions(file: &File) -> Vec<&Fragment> {
    let mut found = Vec::new();
    for item in &file.items {
        let Item::Rule(rule) = item else { continue };
        for clause in &rule.clauses {
            match &clause.kind {
                ClauseKind::When(condition) => found.push(condition),
                ClauseKind::Run(call) | ClauseKind::Emit { call, .. } => {
                    found.extend(call.arguments.iter().map(|argument| &argument.value));
                }
                _ => {}
            }
        }
    }
    found
}

fn range(fragment: &Fragment) -> Range<usize> {
    fragment.span(0..fragment.text.len()).range()
}

/// As the file has them already.
fn line_end(text: &str) -> &'static str {
    match text.split_once('\n') {
        Some((first, _)) if first.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Where an element of a list or a block stands: its first byte, where its body begins (comments before that stand
/// before the element), and the end of it.
struct Extent {
    start: usize,
    body: usize,
    end: usize,
}

struct Writer<'a> {
    text: &'a str,
    out: String,
    line_end: &'static str,
    comments: Comments,
}

impl Writer<'_> {
    fn slice(&self, range: Range<usize>) -> String {
        self.text.get(range).unwrap_or_default().to_owned()
    }

    /// Begins a line, behind an empty one if `blank`.
    fn line(&mut self, indent: usize, blank: bool) {
        if !self.out.is_empty() {
            self.out.push_str(self.line_end);
            if blank {
                self.out.push_str(self.line_end);
            }
        }
        self.out.push_str(&" ".repeat(indent));
    }

    fn column(&self) -> usize {
        self.out.chars().rev().take_while(|c| !matches!(c, '\n' | '\r')).count()
    }

    /// The comment that stands behind what was just written, on its line.
    fn trailing(&mut self, before: usize) {
        if let Some(comment) = self.comments.trailing_before(before) {
            self.out.push(' ');
            self.out.push_str(&comment.text);
        }
    }

    /// The first byte behind the bracket that opens at or after `from`, or `from` where there is none.
    fn behind_open(&self, from: usize, bracket: char) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        let open = scan::pieces(rest).find(|(kind, _)| *kind == Kind::Open(bracket));
        open.map_or(from, |(_, range)| from + range.end)
    }

    // ── A file ───────────────────────────────────────────────────────────────────────────────────────────────────────

    fn file(&mut self, file: &File) {
        let mut before: Option<&Item> = None;
        for (at, item) in file.items.iter().enumerate() {
            let span = item.span().range();
            let apart = before.is_some_and(|before| matches!((before, item), (Item::Rule(_), _) | (_, Item::Rule(_))));
            let body = self.behind_open(item.name().end as usize, '{');
            self.leading(&Extent { start: span.start, body, end: span.end }, 0, apart, before.is_none());
            match item {
                Item::Event(event) => self.event(event, body),
                Item::Rule(rule) => self.rule(rule, body),
            }
            let next = file.items.get(at + 1).map_or(self.text.len(), |next| next.span().start as usize);
            self.trailing(next);
            before = Some(item);
        }
        while let Some(comment) = self.comments.next_before(usize::MAX) {
            self.line(0, comment.after_blank);
            self.out.push_str(&comment.text);
        }
        if !self.out.is_empty() {
            self.out.push_str(self.line_end);
        }
    }

    /// Comments before an element, and the beginning of its line. `apart`: an empty line must stand before all of
    /// it or within; `first`: none may stand before all of it.
    fn leading(&mut self, extent: &Extent, indent: usize, apart: bool, first: bool) {
        let mut above = Vec::new();
        while let Some(comment) = self.comments.next_before(extent.start) {
            above.push(comment);
        }
        let mut within = Vec::new();
        while let Some(comment) = self.comments.next_before(extent.body) {
            within.push(comment);
        }
        // Those within stand above the element, behind the empty line that it has.
        let blank = is_after_blank(self.text, extent.start);
        let lines = above.into_iter().map(|comment| (comment.after_blank, Some(comment.text)));
        let mut lines: Vec<(bool, Option<String>)> = lines.collect();
        let own = lines.len();
        lines.extend(within.into_iter().map(|comment| (false, Some(comment.text))));
        lines.push((false, None));
        if let Some(line) = lines.get_mut(own) {
            line.0 = blank;
        }
        let force = apart && !lines.iter().any(|(blank, _)| *blank);
        for (at, (blank, text)) in lines.into_iter().enumerate() {
            self.line(indent, if at == 0 { !first && (blank || force) } else { blank });
            self.out.push_str(&text.unwrap_or_default());
        }
    }

    /// What is within brackets, one element a line, up to the closing bracket at `close`, which is not written.
    fn block(
        &mut self,
        extents: &[Extent],
        indent: usize,
        behind: &str,
        close: usize,
        mut write: impl FnMut(&mut Self, usize),
    ) {
        let start = |at: usize| extents.get(at).map_or(close, |extent| extent.start);
        self.trailing(start(0));
        let mut first = true;
        for (at, extent) in extents.iter().enumerate() {
            self.leading(extent, indent + STEP, false, first);
            write(self, at);
            self.out.push_str(behind);
            self.trailing(start(at + 1));
            first = false;
        }
        while let Some(comment) = self.comments.next_before(close) {
            self.line(indent + STEP, !first && comment.after_blank);
            self.out.push_str(&comment.text);
            first = false;
        }
        self.line(indent, false);
    }

    /// Whether what is between `open` and `close` has comments, or begins on a line of its own.
    fn is_block(&self, open: usize, close: usize, first: Option<usize>) -> bool {
        let gap = self.text.get(open..first.unwrap_or(open)).unwrap_or_default();
        gap.contains(['\n', '\r']) || self.comments.any_in(open..close)
    }

    // ── Events ───────────────────────────────────────────────────────────────────────────────────────────────────────

    fn event(&mut self, event: &Event, body: usize) {
        self.out.push_str(&format!("event {} ", event.name.node));
        self.fields(&event.fields, body, event.span.end as usize - 1, 0, 0);
    }

    /// Fields in braces; `reserve` characters follow them.
    fn fields(&mut self, fields: &[Field], body: usize, close: usize, indent: usize, reserve: usize) {
        let first = fields.first().map(|field| field.name.span.start as usize);
        let flat = flat_fields(fields);
        if !self.is_block(body, close, first) && self.column() + flat.chars().count() + reserve <= WIDTH {
            self.out.push_str(&flat);
            return;
        }
        let extents: Vec<Extent> = fields
            .iter()
            .map(|field| {
                let end = field.kind.span.end as usize;
                let has_fields = object_of(&field.kind.node).is_some();
                let body = if has_fields { self.behind_open(field.kind.span.start as usize, '{') } else { end };
                Extent { start: field.name.span.start as usize, body, end }
            })
            .collect();
        self.out.push('{');
        self.block(&extents, indent, ",", close, |writer, at| {
            let Some((field, extent)) = fields.get(at).zip(extents.get(at)) else { return };
            let mark = if field.optional { "?" } else { "" };
            writer.out.push_str(&format!("{}{mark}: ", field.name.node));
            writer.kind(&field.kind.node, extent, indent + STEP);
        });
        self.out.push('}');
    }

    fn kind(&mut self, kind: &Type, extent: &Extent, indent: usize) {
        let (mut before, mut after, mut kind) = (String::new(), String::new(), kind);
        loop {
            match kind {
                Type::Named(name) => {
                    self.out.push_str(&format!("{before}{name}{after}"));
                    return;
                }
                Type::List(item) | Type::Map(item) => {
                    before.push_str(if matches!(kind, Type::List(_)) { "list<" } else { "map<" });
                    after.push('>');
                    kind = &item.node;
                }
                Type::Object(fields) => {
                    self.out.push_str(&before);
                    let close = self.text.get(..extent.end).and_then(|text| text.rfind('}')).unwrap_or(extent.end);
                    self.fields(fields, extent.body, close, indent, after.len() + 1);
                    self.out.push_str(&after);
                    return;
                }
            }
        }
    }

    // ── Rules ────────────────────────────────────────────────────────────────────────────────────────────────────────

    fn rule(&mut self, rule: &Rule, body: usize) {
        let close = rule.span.end as usize - 1;
        self.out.push_str(&format!("rule {} {{", rule.name.node));
        if rule.clauses.is_empty() && !self.comments.any_in(body..close) {
            self.out.push('}');
            return;
        }
        let longest = rule.clauses.iter().filter_map(|clause| clause.kind.word()).map(|word| word.as_str().len()).max();
        let column = (longest.unwrap_or_default() + 2).min(ClauseWord::Threshold.as_str().len() + 1);
        let extents: Vec<Extent> = rule.clauses.iter().map(|clause| self.extent(clause)).collect();
        self.block(&extents, 0, "", close, |writer, at| {
            if let Some((clause, extent)) = rule.clauses.get(at).zip(extents.get(at)) {
                writer.clause(clause, extent, column);
            }
        });
        self.out.push('}');
    }

    fn extent(&self, clause: &Clause) -> Extent {
        let start = clause.word.start as usize;
        let after = |end: Span| (end.end as usize, end.end as usize);
        let called = |call: &Call| self.behind_open(call.name.span.end as usize, '(');
        let (body, end) = match &clause.kind {
            ClauseKind::On(name) | ClauseKind::Busy(name) => after(name.span),
            ClauseKind::When(condition) => (range(condition).start, range(condition).end),
            ClauseKind::Priority(number) => after(number.span),
            ClauseKind::Threshold { within: time, .. }
            | ClauseKind::Throttle { per: time, .. }
            | ClauseKind::Debounce(time) => after(time.span),
            ClauseKind::Run(call) => (called(call), call.span.end as usize),
            ClauseKind::Emit { call, after } => {
                (called(call), after.as_ref().map_or(call.span, |after| after.span).end as usize)
            }
            ClauseKind::CutWhen { .. } | ClauseKind::Bad(_) => after(clause.span),
        };
        Extent { start, body, end }
    }

    fn clause(&mut self, clause: &Clause, extent: &Extent, column: usize) {
        let Some(word) = clause.kind.word() else { return };
        self.out.push_str(&format!("{:<column$}", word.as_str()));
        let start = STEP + column;
        match &clause.kind {
            ClauseKind::On(name) | ClauseKind::Busy(name) => self.out.push_str(&name.node),
            ClauseKind::When(condition) => {
                self.expression(condition, start, 0);
            }
            ClauseKind::Priority(number) => self.out.push_str(&self.slice(number.span.range())),
            ClauseKind::Threshold { count, within } => {
                let (count, within) = (self.slice(count.span.range()), self.slice(within.span.range()));
                self.out.push_str(&format!("{count} within {within}"));
            }
            ClauseKind::Debounce(time) => self.out.push_str(&self.slice(time.span.range())),
            ClauseKind::Throttle { count, per } => {
                let (count, per) = (self.slice(count.span.range()), self.slice(per.span.range()));
                self.out.push_str(&format!("{count} per {per}"));
            }
            ClauseKind::Run(call) => self.call(call, extent.body, ""),
            ClauseKind::Emit { call, after } => {
                let after = after.as_ref().map(|after| format!(" after {}", self.slice(after.span.range())));
                self.call(call, extent.body, &after.unwrap_or_default());
            }
            // There is none where a file parses.
            ClauseKind::CutWhen { .. } | ClauseKind::Bad(_) => {}
        }
    }

    /// An expression from here on; further lines start at `indent`, `reserve` characters follow.
    fn expression(&mut self, fragment: &Fragment, indent: usize, reserve: usize) {
        let place = Place { column: self.column(), indent, reserve, line_end: self.line_end };
        self.out.push_str(&expression::layout(&fragment.text, place));
    }

    /// A call, and what stands `behind` it.
    fn call(&mut self, call: &Call, body: usize, behind: &str) {
        let close = call.span.end as usize - 1;
        let first = call.arguments.first().map(|argument| argument.name.span.start as usize);
        self.out.push_str(&format!("{}(", call.name.node));
        let flat: Option<Vec<String>> = call
            .arguments
            .iter()
            .map(|argument| Some(format!("{}: {}", argument.name.node, expression::on_one_line(&argument.value.text)?)))
            .collect();
        let flat = flat.map(|arguments| format!("{}){behind}", arguments.join(", ")));
        let fits = |flat: &String| self.column() + flat.chars().count() <= WIDTH;
        if let Some(flat) = flat.filter(fits).filter(|_| !self.is_block(body, close, first)) {
            self.out.push_str(&flat);
            return;
        }
        let extents: Vec<Extent> = call
            .arguments
            .iter()
            .map(|argument| {
                let value = range(&argument.value);
                Extent { start: argument.name.span.start as usize, body: value.start, end: value.end }
            })
            .collect();
        self.block(&extents, STEP, ",", close, |writer, at| {
            let Some(argument) = call.arguments.get(at) else { return };
            writer.out.push_str(&format!("{}: ", argument.name.node));
            writer.expression(&argument.value, 3 * STEP, 1);
        });
        self.out.push_str(&format!("){behind}"));
    }
}

/// The fields of the object that a type holds, however deep in lists and maps.
fn object_of(kind: &Type) -> Option<&[Field]> {
    match kind {
        Type::Named(_) => None,
        Type::List(item) | Type::Map(item) => object_of(&item.node),
        Type::Object(fields) => Some(fields),
    }
}

fn flat_fields(fields: &[Field]) -> String {
    if fields.is_empty() {
        return "{}".to_owned();
    }
    let fields: Vec<String> = fields
        .iter()
        .map(|field| {
            let mark = if field.optional { "?" } else { "" };
            format!("{}{mark}: {}", field.name.node, flat_kind(&field.kind.node))
        })
        .collect();
    format!("{{ {} }}", fields.join(", "))
}

fn flat_kind(kind: &Type) -> String {
    match kind {
        Type::Named(name) => name.clone(),
        Type::List(item) => format!("list<{}>", flat_kind(&item.node)),
        Type::Map(item) => format!("map<{}>", flat_kind(&item.node)),
        Type::Object(fields) => flat_fields(fields),
    }
}
