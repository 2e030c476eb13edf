//! A rule that does what another one does whenever it matches.

use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Program;
use crate::ir;
use crate::ir::template::Template;
use crate::lint::solve::{contradiction, implies};
use crate::lint::subject::Rule;
use crate::lint::text::text;
use crate::lint::{Findings, Level, Lint, Subject};

use super::impossible_value::wrong_words;
use super::{domain, is_constant};

pub(super) const LINT: Lint = Lint {
    name: "rule-shadowed",
    code: Code::RuleShadowed,
    level: Level::Warn,
    page: include_str!("rule_shadowed.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    // Of what never matches, or always, that is told.
    let sound: Vec<&Rule<'_>> = subject.rules.iter().filter(|rule| is_sound(rule)).collect();
    for (at, rule) in sound.iter().enumerate() {
        let other = sound.iter().enumerate().find(|(place, other)| {
            // Of two that are alike the later one is told.
            *place != at && shadows(other.rule, rule.rule) && (*place < at || !shadows(rule.rule, other.rule))
        });
        if let Some((_, other)) = other {
            findings.push(finding(rule, other));
        }
    }
}

fn is_sound(rule: &Rule<'_>) -> bool {
    rule.rule.when.as_ref().is_none_or(|when| {
        !is_constant(when.expr())
            && wrong_words(when).is_empty()
            && contradiction(&[(when.expr(), true)], &domain::of_rule(rule.rule)).is_none()
    })
}

fn finding(rule: &Rule<'_>, other: &Rule<'_>) -> Diagnostic {
    let message =
        format!("rule `{}` does nothing that `{}` does not do for the same event", rule.rule.name, other.rule.name);
    Diagnostic::warning(Code::RuleShadowed, rule.tree.name.span, message)
        .label("whenever this matches")
        .also(other.tree.name.span, "this matches too, and does the same")
        .help("delete one of the two, or make their conditions exclude each other")
}

/// Whether `other` matches wherever `rule` does, and does all that it does.
pub(super) fn shadows(other: &ir::Rule, rule: &ir::Rule) -> bool {
    let holds_back = other.threshold.is_some() || other.debounce.is_some() || other.throttle.is_some();
    let condition = |rule: &'_ ir::Rule| rule.when.clone();
    let (own, theirs) = (condition(rule), condition(other));
    other.on == rule.on
        && !holds_back
        && does(other) == does(rule)
        && implies(own.as_ref().map(Program::expr), theirs.as_ref().map(Program::expr), &domain::of_rule(rule))
}

/// What a rule runs and emits, in one text.
fn does(rule: &ir::Rule) -> String {
    let run = rule.run.as_ref().map(|run| format!("{}({})", run.workflow, written(&run.arguments)));
    let emit = rule.emit.iter().map(|emit| format!("{}({}){:?}", emit.event, written(&emit.arguments), emit.after));
    let emit: Vec<String> = emit.collect();
    format!("{run:?} {emit:?}")
}

fn written(template: &Template) -> String {
    match template {
        Template::Literal(value) => value.to_string(),
        Template::Expression(program) => text(program.expr()),
        Template::Object(entries) => {
            let mut entries: Vec<String> =
                entries.iter().map(|(name, value)| format!("{name}:{}", written(value))).collect();
            entries.sort();
            entries.join(",")
        }
        Template::List(items) => items.iter().map(written).collect::<Vec<_>>().join(","),
        Template::Text(_) => template.programs().into_iter().map(|program| text(program.expr())).collect(),
    }
}
