//! An `if` or `when` that is the same whatever happens.

use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::{Bindings, Program};
use crate::lint::solve::contradiction;
use crate::lint::{Findings, Level, Lint, Subject};
use crate::syntax::rules::ast::ClauseWord;

use super::{domain, impossible_value, is_constant, whole_line, within_braces, within_line};

pub(super) const LINT: Lint = Lint {
    name: "constant-condition",
    code: Code::ConstantCondition,
    level: Level::Warn,
    page: include_str!("constant_condition.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for rule in &subject.rules {
        let Some(when) = &rule.rule.when else { continue };
        let place = rule.place(ClauseWord::When);
        // One that contradicts itself is told of the rule as a whole.
        let always = match value(when) {
            Some(value) => value,
            None if contradiction(&[(when.expr(), false)], &domain::of_rule(rule.rule)).is_some() => true,
            None => continue,
        };
        if !impossible_value::wrong_words(when).is_empty() {
            continue;
        }
        let message = if always {
            format!("the condition of rule `{}` is always true", rule.rule.name)
        } else {
            format!("the condition of rule `{}` is always false: it never matches", rule.rule.name)
        };
        let why = domain::explain(subject.text(when.expr().span), rule.rule).filter(|_| value(when).is_none());
        let finding = finding(subject, when, message, always.then_some(place));
        findings.push(match why {
            Some(why) => finding.label(why),
            None => finding,
        });
    }
    for (_, step) in subject.steps() {
        let Some(condition) = &step.checked.condition else { continue };
        let always = match value(condition) {
            Some(value) => value,
            None if contradiction(&[(condition.expr(), false)], &domain::of_target()).is_some() => true,
            None if contradiction(&[(condition.expr(), true)], &domain::of_target()).is_some() => false,
            None => continue,
        };
        if !impossible_value::wrong_words(condition).is_empty() {
            continue;
        }
        let message = if always {
            format!("the condition of step `{}` is always true", step.name())
        } else {
            format!("the condition of step `{}` is always false: it never runs", step.name())
        };
        let span = condition.expr().span;
        findings.push(finding(subject, condition, message, always.then_some(span)));
    }
}

/// What a condition without variables is.
fn value(condition: &Program) -> Option<bool> {
    is_constant(condition.expr()).then(|| condition.evaluate_bool(&Bindings::new()).ok())?
}

/// With the quotes around it, where it stands in some.
fn with_quotes(subject: &Subject<'_>, span: Span) -> Span {
    let Some(text) = subject.sources.get(span.source).map(|source| source.text.as_ref()) else { return span };
    let before = text.get(..span.start as usize).and_then(|before| before.chars().next_back());
    let after = text.get(span.end as usize..).and_then(|after| after.chars().next());
    match (before, after) {
        (Some(open @ ('"' | '\'')), Some(close)) if open == close => {
            Span::new(span.source, span.start as usize - 1, span.end as usize + 1)
        }
        _ => span,
    }
}

fn finding(subject: &Subject<'_>, condition: &Program, message: String, needless: Option<Span>) -> Diagnostic {
    let finding = Diagnostic::warning(Code::ConstantCondition, condition.expr().span, message);
    let Some(span) = needless else { return finding.help("correct the condition, or delete what depends on it") };
    let finding = finding.help("delete the condition");
    // Only what cannot fail either goes without saying: a condition without variables.
    if value(condition) != Some(true) {
        return finding;
    }
    let is_clause = span.start < condition.expr().span.start;
    let span = with_quotes(subject, span);
    let line = match whole_line(subject, span) {
        Some((line, text)) if text.starts_with("if:") || text.starts_with("when") => Some(line),
        // The clause of a rule is longer than its condition.
        _ if is_clause => within_line(subject, span),
        _ => within_braces(subject, "if", span),
    };
    match line {
        Some(line) => finding.edit(line, ""),
        None => finding,
    }
}
