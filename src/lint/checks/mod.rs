//! Every lint, one a file, with its page beside it.

mod constant_condition;
mod domain;
mod dropped_deployment;
mod effect_without_timeout;
mod emit_loop;
mod fallible_expression;
mod implied_needs;
mod impossible_value;
mod invented_rate;
mod missing_docs;
mod missing_undo;
mod no_resting_phase;
mod plain_text_secret;
mod racing_rules;
mod rule_never_matches;
mod rule_shadowed;
mod shadowed_name;
mod short_timeout;
mod unbounded_for_each;
mod unindexed_rule;
mod unlimited_load_test;
mod unordered_dispatch;
mod unsafe_retry;
mod unused_event;
mod unused_input;
mod unused_output;
mod unused_workflow;
mod useless_clause;
mod useless_retry;

use super::suppress::ABOUT_COMMENTS;
use super::{Lint, Subject};
use crate::base::span::Span;
use crate::expression::ast::{Expr, ExprKind};

/// Every lint, by code.
pub const LINTS: &[Lint] = &[
    effect_without_timeout::LINT,
    unsafe_retry::LINT,
    unused_output::LINT,
    rule_never_matches::LINT,
    rule_shadowed::LINT,
    racing_rules::LINT,
    invented_rate::LINT,
    unlimited_load_test::LINT,
    no_resting_phase::LINT,
    plain_text_secret::LINT,
    fallible_expression::LINT,
    unbounded_for_each::LINT,
    unused_input::LINT,
    unused_event::LINT,
    unused_workflow::LINT,
    constant_condition::LINT,
    missing_docs::LINT,
    implied_needs::LINT,
    shadowed_name::LINT,
    missing_undo::LINT,
    short_timeout::LINT,
    useless_retry::LINT,
    useless_clause::LINT,
    emit_loop::LINT,
    dropped_deployment::LINT,
    impossible_value::LINT,
    ABOUT_COMMENTS[0],
    ABOUT_COMMENTS[1],
    unindexed_rule::LINT,
    unordered_dispatch::LINT,
];

/// Whether an expression uses no variable but those of its own macros.
fn is_constant(expr: &Expr) -> bool {
    fn look<'e>(expr: &'e Expr, own: &mut Vec<&'e str>) -> bool {
        let before = own.len();
        let constant = match &expr.kind {
            ExprKind::Name { name, .. } => own.contains(&name.as_str()),
            ExprKind::Comprehension(it) => {
                look(&it.range, own) && {
                    own.push(&it.first.node);
                    own.extend(it.second.iter().map(|second| second.node.as_str()));
                    it.filter.iter().chain([&it.body]).all(|inner| look(inner, own))
                }
            }
            ExprKind::Bind { name, value: outer, body } | ExprKind::OptionalMap { operand: outer, name, body, .. } => {
                look(outer, own) && {
                    own.push(&name.node);
                    look(body, own)
                }
            }
            _ => expr.children().into_iter().all(|child| look(child, own)),
        };
        own.truncate(before);
        constant
    }
    look(expr, &mut Vec::new())
}

/// What goes away with a clause that stands on a line with others: itself and the blanks behind it, or those before it where
/// it is the last one. `None` where a comment follows, which may be about it.
fn within_line(subject: &Subject<'_>, span: Span) -> Option<Span> {
    let text = subject.sources.get(span.source)?.text.as_ref();
    let (before, after) = (text.get(..span.start as usize)?, text.get(span.end as usize..)?);
    let (lead, rest) = (before.trim_end_matches([' ', '\t']), after.trim_start_matches([' ', '\t']));
    if text.get(span.range())?.contains('\n') || rest.starts_with("//") {
        return None;
    }
    match (lead.ends_with('\n'), rest.is_empty() || rest.starts_with(['\n', '\r'])) {
        (true, true) => None,
        (false, true) => Some(Span::new(span.source, lead.len(), span.end as usize)),
        (_, false) => Some(Span::new(span.source, span.start as usize, text.len() - rest.len())),
    }
}

/// What goes away with the entry `key: value` of a mapping in braces, of which the value stands at `span`. `None` where it
/// is in no braces, or alone in them, or a comment is near.
fn within_braces(subject: &Subject<'_>, key: &str, span: Span) -> Option<Span> {
    let text = subject.sources.get(span.source)?.text.as_ref();
    let (before, after) = (text.get(..span.start as usize)?, text.get(span.end as usize..)?);
    let lead = before.trim_end().strip_suffix(':')?.trim_end().strip_suffix(key)?;
    let (above, rest) = (lead.trim_end(), after.trim_start());
    let of = |start: usize, end: usize| {
        let gone = text.get(start..end)?;
        (!gone.contains(['#', '\n'])).then(|| Span::new(span.source, start, end))
    };
    if above.ends_with(',') && rest.starts_with([',', '}']) {
        return of(above.len() - 1, span.end as usize);
    }
    let rest = rest.strip_prefix(',').filter(|_| above.ends_with('{'))?;
    of(lead.len(), text.len() - rest.trim_start().len())
}

/// The line with its end, and its text, where `span` is within a line that ends with it: nothing else stands behind it.
fn whole_line<'s>(subject: &'s Subject<'_>, span: Span) -> Option<(Span, &'s str)> {
    let text = subject.sources.get(span.source)?.text.as_ref();
    let start = text.get(..span.start as usize)?.rfind('\n').map_or(0, |newline| newline + 1);
    let rest = text.get(span.end as usize..)?;
    let length = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
    let within = text.get(span.range())?;
    let is_whole = rest.get(..length)?.trim().is_empty() && !within.contains('\n');
    let end = span.end as usize + length;
    is_whole.then(|| Some((Span::new(span.source, start, end), text.get(start..end)?.trim())))?
}
