//! From the grammar's pairs to the clauses of a rule.

use std::time::Duration;

use pest::iterators::Pair;

use super::ast::{Argument, Call, Clause, ClauseKind, ClauseWord};
use super::parse::Reader;
use super::{Rule, problem};
use crate::base::fragment::Fragment;
use crate::base::literal::parse_duration;
use crate::base::mend;
use crate::base::span::Spanned;
use crate::diagnostic::{Code, Diagnostic};

/// Reads one clause; `before` is the one that stands before it.
pub(super) fn read(reader: &mut Reader<'_>, pair: Pair<'_, Rule>, before: Option<&Clause>) -> Clause {
    let span = reader.of(&pair);
    if pair.as_rule() == Rule::bad_clause {
        let (problem, word) = problem::bad_clause(reader, &pair, before);
        reader.diagnostics.push(problem);
        let length = pair.as_str().find(|c: char| !super::scan::is_word(c)).unwrap_or(pair.as_str().len());
        let word_span = reader.span(span.start as usize, span.start as usize + length);
        return Clause { kind: ClauseKind::Bad(word), word: word_span, span };
    }
    let form = pair.as_rule();
    let mut parts = pair.into_inner().filter(|inner| inner.as_rule() != Rule::COMMENT);
    let word = parts.next().map_or(span, |word| reader.of(&word));
    let parts: Vec<Pair<'_, Rule>> = parts.collect();
    let kind = read_kind(reader, form, &parts).unwrap_or_else(|| ClauseKind::Bad(word_of(form)));
    Clause { kind, word, span }
}

/// Adds a clause. What is left over behind a `when` makes that one bad too: its expression is cut short.
pub(super) fn join(clauses: &mut Vec<Clause>, clause: Clause, text: &str) {
    let left_over = matches!(clause.kind, ClauseKind::Bad(Some(ClauseWord::When) | None));
    if let Some(last) = clauses.last_mut().filter(|_| left_over)
        && let ClauseKind::When(read) = &last.kind
    {
        let between = text.get(last.span.end as usize..clause.span.start as usize).unwrap_or_default();
        if !between.contains(['\n', '\r']) {
            let swallows = matches!(clause.kind, ClauseKind::Bad(None));
            last.kind = ClauseKind::CutWhen { read: read.clone(), swallows };
            last.span = last.span.to(clause.span);
            return;
        }
    }
    clauses.push(clause);
}

fn word_of(form: Rule) -> Option<ClauseWord> {
    Some(match form {
        Rule::on => ClauseWord::On,
        Rule::when => ClauseWord::When,
        Rule::priority => ClauseWord::Priority,
        Rule::threshold => ClauseWord::Threshold,
        Rule::debounce => ClauseWord::Debounce,
        Rule::throttle => ClauseWord::Throttle,
        Rule::busy => ClauseWord::Busy,
        Rule::run => ClauseWord::Run,
        Rule::emit => ClauseWord::Emit,
        _ => return None,
    })
}

/// What the clause says; `None` where a part of it is wrong, which is then said.
fn read_kind(reader: &mut Reader<'_>, form: Rule, parts: &[Pair<'_, Rule>]) -> Option<ClauseKind> {
    let part = |form: Rule| parts.iter().find(|part| part.as_rule() == form);
    match form {
        Rule::on => part(Rule::event_type).map(|name| ClauseKind::On(reader.text_of(name))),
        Rule::when => part(Rule::condition).map(|text| ClauseKind::When(fragment(reader, text))),
        Rule::priority => {
            let number = part(Rule::number)?;
            whole(reader, number, "a priority is a whole number, like `10` or `-1`").map(ClauseKind::Priority)
        }
        Rule::threshold => {
            let (count, within) = (part(Rule::number)?, part(Rule::duration)?);
            let (count, within) = (self::count(reader, count), duration(reader, within));
            Some(ClauseKind::Threshold { count: count?, within: within? })
        }
        Rule::debounce => duration(reader, part(Rule::duration)?).map(ClauseKind::Debounce),
        Rule::throttle => {
            let (count, per) = (part(Rule::number)?, part(Rule::duration)?);
            let (count, per) = (self::count(reader, count), duration(reader, per));
            Some(ClauseKind::Throttle { count: count?, per: per? })
        }
        Rule::busy => part(Rule::busy_mode).map(|mode| ClauseKind::Busy(reader.text_of(mode))),
        Rule::run => call(reader, part(Rule::call)?).map(ClauseKind::Run),
        Rule::emit => {
            let quoted = part(Rule::quoted_duration);
            let after = match (part(Rule::after_word), part(Rule::duration)) {
                (Some(_), Some(after)) => Some(duration(reader, after)?),
                // Its arguments are read for what is wrong in them.
                (Some(word), None) => {
                    let span = reader.of(quoted.unwrap_or(word));
                    let (message, help) = match quoted.map(|quoted| quoted.as_str().trim_matches(['"', '\''])) {
                        Some(written) => ("a duration stands without quotes", format!("write `after {written}`")),
                        None => ("`after` needs a duration", "write how long to wait, like `after 30m`".to_owned()),
                    };
                    reader.diagnostics.push(Diagnostic::error(Code::BadClause, span, message).help(help));
                    None
                }
                (None, _) => None,
            };
            Some(ClauseKind::Emit { call: call(reader, part(Rule::call)?)?, after })
        }
        _ => None,
    }
}

fn fragment(reader: &Reader<'_>, pair: &Pair<'_, Rule>) -> Fragment {
    Fragment::verbatim(reader.source, pair.as_span().start(), pair.as_str())
}

fn call(reader: &mut Reader<'_>, pair: &Pair<'_, Rule>) -> Option<Call> {
    let span = reader.of(pair);
    let (mut name, mut arguments, mut open) = (None, Vec::new(), span);
    for inner in pair.clone().into_inner() {
        match inner.as_rule() {
            Rule::callee => name = Some(reader.text_of(&inner)),
            Rule::open_paren => open = reader.of(&inner),
            Rule::missing_paren => {
                reader.diagnostics.push(problem::never_closed(open, "("));
                // The bracket that is missing may be one within a value, which has then taken in what follows it.
                if arguments.iter().any(|argument: &Argument| holds_argument(&argument.value.text)) {
                    return None;
                }
            }
            Rule::argument => {
                let mut parts = inner.into_inner();
                let name = parts.find(|part| part.as_rule() == Rule::argument_name)?;
                let value = parts.find(|part| part.as_rule() == Rule::value)?;
                arguments.push(Argument { name: reader.text_of(&name), value: fragment(reader, &value) });
            }
            _ => {}
        }
    }
    Some(Call { name: name?, arguments, span })
}

/// Whether something like `, name:` stands in the text.
fn holds_argument(text: &str) -> bool {
    text.split(',').skip(1).any(|part| {
        let name = part.trim_start();
        let end = name.find(|c: char| !super::scan::is_word(c)).unwrap_or(name.len());
        end > 0 && name.get(end..).is_some_and(|rest| rest.trim_start().starts_with(':'))
    })
}

fn whole<T: std::str::FromStr>(reader: &mut Reader<'_>, pair: &Pair<'_, Rule>, help: &str) -> Option<Spanned<T>> {
    let span = reader.of(pair);
    let digits = pair.as_str().trim_start_matches('-');
    let plain = digits.trim_start_matches('0');
    if digits.len() > 1 && digits.starts_with('0') && digits.chars().all(|c| c.is_ascii_digit()) {
        let sign = if pair.as_str().starts_with('-') { "-" } else { "" };
        let meant = if plain.is_empty() { "0" } else { plain };
        let message = format!("`{}` begins with a zero", pair.as_str());
        let problem = Diagnostic::error(Code::BadClause, span, message);
        reader.diagnostics.push(problem.help(format!("write `{sign}{meant}`")));
        return None;
    }
    if let Ok(number) = pair.as_str().parse() {
        return Some(Spanned::new(number, span));
    }
    let message = format!("`{}` is no number that may stand here", pair.as_str());
    reader.diagnostics.push(Diagnostic::error(Code::BadClause, span, message).help(help));
    None
}

/// How many events: at least one.
fn count(reader: &mut Reader<'_>, pair: &Pair<'_, Rule>) -> Option<Spanned<u32>> {
    let help = "write how many events, like `3`";
    let count: Spanned<u32> = whole(reader, pair, help)?;
    if count.node == 0 {
        let problem = Diagnostic::error(Code::BadClause, count.span, "the count must be at least 1").help(help);
        reader.diagnostics.push(problem);
        return None;
    }
    Some(count)
}

/// How long: more than nothing.
fn duration(reader: &mut Reader<'_>, pair: &Pair<'_, Rule>) -> Option<Spanned<Duration>> {
    let span = reader.of(pair);
    let written = pair.as_str();
    let help = match mend::duration(written) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "write a number and a unit, like `250ms`, `30s`, `10m`, `2h` or `30d`".to_owned(),
    };
    let problem = match parse_duration(written) {
        Ok(duration) if duration.is_zero() => "the duration must be longer than nothing".to_owned(),
        Ok(duration) => return Some(Spanned::new(duration, span)),
        Err(_) if written.parse::<f64>().is_ok() => format!("`{written}` has no unit"),
        Err(_) => format!("`{written}` is no duration"),
    };
    reader.diagnostics.push(Diagnostic::error(Code::BadClause, span, problem).help(help));
    None
}
