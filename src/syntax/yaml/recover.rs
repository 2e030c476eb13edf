//! A text becomes a tree also where YAML cannot read all of it: what is broken is told and cut out, as little as will do,
//! and what remains is read again.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use super::cut::{Cut, Cuts, Entry};
use super::flow;
use super::line::Line;
use super::parse::{Stop, read};
use super::problem::{Remedy, TAB};
use super::{MAX_DEPTH, Node};
use crate::base::source::SourceId;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Label};

/// Most problems of form that are told of one text.
pub const MAX_BROKEN: usize = 20;
/// Most bytes that are read again for their sake: what is broken in a large file ends it sooner.
const MAX_AGAIN: usize = 4 * 1024 * 1024;
/// Most lines above the place of a problem that are searched for its cause.
const MAX_UNREAD_LINES: usize = 64;
/// Most other places of one mistake that are shown.
const MAX_PLACES: usize = 8;

/// Reads one YAML document. An empty text is null.
///
/// Without a node there is at least one error. With one there may be some too: of what stands at their places
/// [`Node::is_cut`] says what is missing in the tree.
pub fn parse(source: SourceId, text: &str) -> (Option<Node>, Diagnostics) {
    let (mut told, mut before): (Vec<Diagnostic>, Vec<Diagnostic>) = (Vec::new(), Vec::new());
    let mut state = State { text: Cow::Borrowed(text), cuts: Cuts::default(), budget: MAX_AGAIN };
    let mut outcome = read(source, text, &state.cuts);
    let (root, rest) = loop {
        let mut stop = match outcome {
            Ok((root, rest)) => break (Some(root), rest),
            Err(stop) => stop,
        };
        opened_above(source, &state.text, &mut stop);
        let next = if told.len() < MAX_BROKEN { state.without(source, &mut stop) } else { None };
        let Stop { problem, remedy, diagnostics: found, .. } = *stop;
        // What was found before it may be cut out with it.
        let start = problem.primary.span.start;
        before.extend(found.iter().filter(|known| known.primary.span.start < start).cloned());
        tell(&mut told, problem, remedy);
        match next {
            Some(next) => outcome = next,
            None => break (None, found),
        }
    };
    // What breaks the file goes first: of too many problems the last ones are dropped.
    let mut diagnostics = Diagnostics::new();
    told.into_iter().chain(before).for_each(|problem| diagnostics.push(problem));
    diagnostics.extend(rest);
    diagnostics.sort();
    (root, diagnostics)
}

/// A habit, like tabs, is one mistake however often it shows: the other places are labels of the first.
fn tell(told: &mut Vec<Diagnostic>, problem: Diagnostic, remedy: Remedy) {
    let is_habit = matches!(remedy, Remedy::Blank | Remedy::Untab);
    let first = told.iter_mut().find(|known| is_habit && known.message == problem.message);
    match first {
        Some(first) if first.secondary.len() < MAX_PLACES => {
            first.secondary.push(Label { span: problem.primary.span, text: "and here".to_owned() });
        }
        Some(_) => {}
        None => told.push(problem),
    }
}

type Outcome = Result<(Node, Diagnostics), Box<Stop>>;

/// The text as it is read, and what is not there any more.
struct State<'t> {
    text: Cow<'t, str>,
    cuts: Cuts,
    /// Bytes that may still be read again.
    budget: usize,
}

/// What came of reading again without something.
struct Tried {
    text: String,
    cuts: Cuts,
    /// Bytes that were cut out for it.
    lost: usize,
    outcome: Outcome,
}

impl Tried {
    /// How far the parser came.
    fn reach(&self) -> usize {
        self.outcome.as_ref().err().map_or(usize::MAX, |stop| stop.at)
    }
}

impl State<'_> {
    /// Reads again without what is broken: the smallest part without which the parser comes further.
    fn without(&mut self, source: SourceId, stop: &mut Stop) -> Option<Outcome> {
        let mut found = candidates(&self.text, stop).into_iter().find_map(|cut| {
            let end = cut.range.end;
            // What is cut out for nothing must have been what the parser stopped at.
            let least = if cut.is_loss { end } else { end.max(stop.at + 1) };
            let tried = self.tried(source, cut)?;
            tried.outcome.as_ref().err().is_none_or(|next| next.at.min(next.first()) >= least).then_some(tried)
        });
        if let Some(blame) = Blame::above(source, &self.text, stop) {
            let reach = found.as_ref().map_or(stop.at, Tried::reach);
            let is_small = found.as_ref().is_none_or(|found| blame.cut.range.len() < found.lost);
            let above = self.tried(source, blame.cut).filter(|above| match above.reach().cmp(&reach) {
                Ordering::Greater => true,
                Ordering::Equal => is_small || blame.is_certain || blame.either.is_some(),
                Ordering::Less => blame.is_certain && above.reach() > stop.at,
            });
            // Where both lines come as far, nobody knows which is meant.
            let both = |above: &Tried| blame.either.clone().filter(|_| above.reach() == reach);
            let above = match above.as_ref().and_then(both) {
                Some(both) => self.tried(source, both),
                None => above,
            };
            if above.is_some() {
                found = above;
                (stop.problem, stop.remedy) = (blame.problem, blame.remedy);
            }
        }
        let Tried { text, cuts, outcome, .. } = found?;
        self.text = Cow::Owned(text);
        self.cuts = cuts;
        Some(outcome)
    }

    fn tried(&mut self, source: SourceId, mut cut: Cut) -> Option<Tried> {
        cut.has_anchor = self.text.get(cut.range.clone()).is_some_and(|lost| lost.contains('&'));
        self.budget = self.budget.checked_sub(self.text.len())?;
        let is_untabbed = cut.range.is_empty() && !cut.is_loss;
        let text = if is_untabbed { without_tabs(&self.text) } else { without(&self.text, &cut.range) };
        if text == *self.text {
            return None; // Nothing is left of it.
        }
        let lost = cut.range.len();
        let cuts = self.cuts.with(cut);
        let outcome = read(source, &text, &cuts);
        Some(Tried { text, cuts, lost, outcome })
    }
}

/// A line above the one where the parser stopped that may be what is wrong.
struct Blame {
    problem: Diagnostic,
    remedy: Remedy,
    cut: Cut,
    /// Whether the line is wrong in any case: else it is so if the parser comes further without it than without the other,
    /// or as far and loses less.
    is_certain: bool,
    /// That line and the one where the parser stopped, where either may be what is wrong.
    either: Option<Cut>,
}

impl Blame {
    fn above(source: SourceId, text: &str, stop: &Stop) -> Option<Self> {
        if !matches!(stop.remedy, Remedy::Cut) || stop.bracket.is_some() {
            return None;
        }
        let line = Line::at(text, stop.at);
        let place = stop.problem.primary.span.range().start;
        let before = line.above(|_| true)?;
        let sibling = line.above(|above| above.column() <= line.column());
        let (blamed, remedy, is_certain, message, help) = match sibling {
            _ if line.column() == usize::MAX => (line, Remedy::Untab, true, TAB.0, TAB.1),
            _ if before.column() == usize::MAX => (before, Remedy::Untab, true, TAB.0, TAB.1),
            Some(sibling) if sibling.is_plain() => {
                let help = "a key is followed by `:` and a blank";
                (sibling, Remedy::Cut, true, "this line is no `key: value`", help)
            }
            Some(sibling) if sibling.is_item() && !line.is_item() && sibling.column() == line.column() => {
                let message = "this line begins with a dash, like an item of a list, among keys";
                (sibling, Remedy::Cut, false, message, "delete the dash, or put the list behind a key")
            }
            Some(parent) if line.is_outdented_by(before, parent) => {
                (before, Remedy::Cut, true, FURTHER, "keys of one mapping stand in one column")
            }
            Some(_) => return None,
            None => {
                let first = std::iter::successors(Some(before), |line| line.above(|_| true)).last()?;
                (first, Remedy::Cut, false, FURTHER, "keys of one mapping stand in one column")
            }
        };
        if place < line.start {
            return None; // The problem is told of a line above already.
        }
        let part = |from: Line<'_>, end: usize| Cut {
            range: from.content()..end,
            is_loss: true,
            has_anchor: false,
            entry: Some(Entry { column: from.place(), is_item: from.is_item() }),
        };
        let either =
            (blamed.is_item() && sibling.is_some() && !line.is_plain()).then(|| part(blamed, line.block_end()));
        let span = Span::new(source, blamed.content(), blamed.end());
        let problem = Diagnostic::error(Code::YamlSyntax, span, message).help(help);
        Some(Self { problem, remedy, cut: part(blamed, blamed.block_end()), is_certain, either })
    }
}

/// A bracket or a quote that opens in a line above, and is not closed, is what is told: the parser stops only where it can
/// go no further.
fn opened_above(source: SourceId, text: &str, stop: &mut Stop) {
    let is_quoted = stop.remedy == Remedy::CutQuotes;
    if stop.remedy != Remedy::Cut && !is_quoted {
        return;
    }
    let unread = text.get(stop.read.min(stop.at)..stop.at).unwrap_or_default();
    // Quotes that do not pair up make the parser stop lines below.
    let lines = unread.match_indices('\n').map(|(end, _)| stop.read + end).take(MAX_UNREAD_LINES);
    if let Some(problem) = lines.into_iter().find_map(|end| flow::explain(source, text, end)) {
        stop.bracket = Some(problem.primary.span.range().start);
        stop.problem = problem;
        stop.remedy = Remedy::Cut;
        return;
    }
    let opened = if is_quoted { opened_quote(unread) } else { opened_bracket(unread) };
    let Some(at) = opened.map(|at| stop.read + at).into_iter().chain(stop.bracket.filter(|_| !is_quoted)).min() else {
        return;
    };
    stop.bracket = Some(at);
    let (line, here) = (Line::at(text, at), Line::at(text, stop.at));
    let is_left = here.start > line.start && here.column() <= line.column() && !here.closes();
    if is_left || (is_quoted && here.start > line.start) {
        let what = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or_default();
        let (message, help) = if is_quoted {
            ("the quotes that open here are not closed".to_owned(), "close them with the quote they start with")
        } else {
            (format!("the `{what}` is not closed"), "close it, or put the whole value in quotes if it is text")
        };
        let problem = Diagnostic::error(Code::YamlSyntax, Span::new(source, at, at + what.len_utf8()), message);
        stop.problem = problem.help(help);
    }
}

/// The first quote of a text that begins a value.
fn opened_quote(text: &str) -> Option<usize> {
    let begins = |at: usize| text.get(..at).is_some_and(|before| before.is_empty() || before.ends_with(OPENING));
    text.match_indices(['"', '\'']).map(|(at, _)| at).find(|at| begins(*at))
}

/// The outermost bracket of a text that is not closed.
fn opened_bracket(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') if OPENING.contains(&before) => quote = Some(c),
            (None, '[' | '{') if OPENING.contains(&before) => open.push(at),
            (None, ']' | '}') => {
                open.pop();
            }
            _ => {}
        }
        before = c;
    }
    open.first().copied()
}

/// What is said of a line that stands too far to the right.
const FURTHER: &str = "this line is indented further than those below it";

/// What stands in front of a value.
const OPENING: [char; 7] = [' ', '\t', '\n', '\r', '[', '{', ','];

impl Stop {
    /// Where the first line is that has to do with the problem.
    fn first(&self) -> usize {
        let place = self.problem.primary.span.range().start;
        self.bracket.map_or(place, |bracket| bracket.min(place))
    }
}

/// What can be cut out, the smallest first.
fn candidates(text: &str, stop: &Stop) -> Vec<Cut> {
    let place = stop.problem.primary.span.range();
    let first = stop.first().min(text.len());
    match stop.remedy {
        Remedy::None => Vec::new(),
        Remedy::Blank => {
            let end = Line::at(text, place.start).end().max(place.end);
            let blank = Cut { range: place.start..end, is_loss: false, has_anchor: false, entry: None };
            // If it was not that, what is wrong stands where the parser stopped.
            std::iter::once(blank).chain(lines(text, stop.at)).collect()
        }
        Remedy::Untab if is_indented_by_tabs(text) => {
            let tabs = Cut { range: first..first, is_loss: false, has_anchor: false, entry: None };
            std::iter::once(tabs).chain(lines(text, first)).collect()
        }
        Remedy::Untab | Remedy::Cut | Remedy::CutQuotes => lines(text, first),
    }
}

/// The value in the line of `first`, the whole line, and the same of each line that it belongs to.
fn lines(text: &str, first: usize) -> Vec<Cut> {
    let line = Line::at(text, first);
    let part = |start: usize, line: Line<'_>, entry: Option<Entry>| {
        let end = line.block_end();
        Cut { range: start.min(end)..end, is_loss: true, has_anchor: false, entry }
    };
    let value = line.value(first).map(|value| part(value, line, None));
    let own = Entry { column: line.place(), is_item: line.is_item() };
    let whole = part(line.content(), line, Some(own));
    let above = std::iter::successors(line.parent(), |line| line.parent()).take(MAX_DEPTH);
    let above = above.map(|line| part(line.value(line.end()).unwrap_or(line.end()), line, None));
    value.into_iter().chain([whole]).chain(above).collect()
}

/// Whether every line that is indented begins with tabs, as many as it is deep.
fn is_indented_by_tabs(text: &str) -> bool {
    !text.lines().any(|line| line.starts_with(' ') && !line.trim().is_empty())
}

/// The tabs in front of lines as blanks.
fn without_tabs(text: &str) -> String {
    let mut blank = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches([' ', '\t']);
        blank.extend(std::iter::repeat_n(' ', line.len() - content.len()));
        blank.push_str(content);
    }
    blank
}

/// The text with a part of it as blanks: as many bytes, as many lines.
fn without(text: &str, range: &Range<usize>) -> String {
    let start = text.floor_char_boundary(range.start);
    let end = text.ceil_char_boundary(range.end).max(start);
    let mut blank = String::with_capacity(text.len());
    blank.push_str(text.get(..start).unwrap_or_default());
    for c in text.get(start..end).unwrap_or_default().chars() {
        match c {
            '\n' | '\r' => blank.push(c),
            _ => blank.extend(std::iter::repeat_n(' ', c.len_utf8())),
        }
    }
    blank.push_str(text.get(end..).unwrap_or_default());
    blank
}
