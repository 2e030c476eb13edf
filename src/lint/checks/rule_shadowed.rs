//! A rule that does what another one does whenever it matches.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Program;
use crate::ir;
use crate::ir::template::Template;
use crate::lint::pairs::{MAX_PAIRS, Pairs};
use crate::lint::solve::{contradiction, fixed, implies};
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
    let mut alike: BTreeMap<(&str, String), Vec<&Rule<'_>>> = BTreeMap::new();
    for rule in subject.rules.iter().filter(|rule| is_sound(rule)) {
        alike.entry((rule.rule.on.as_str(), does(rule.rule))).or_default().push(rule);
    }
    let mut left = MAX_PAIRS;
    for rules in alike.into_values().filter(|rules| rules.len() > 1) {
        let pairs = Pairs::new(rules.iter().map(|rule| fixed(rule.rule.when.as_ref().map(Program::expr))).collect());
        for (at, rule) in rules.iter().enumerate() {
            let other = pairs.beside(at).filter(|place| *place != at).find_map(|place| {
                left = left.checked_sub(1)?;
                let other = *rules.get(place)?;
                // Of two that are alike the later one is told.
                let is_told = covers(other.rule, rule.rule) && (place < at || !covers(rule.rule, other.rule));
                is_told.then_some(other)
            });
            if let Some(other) = other {
                findings.push(finding(rule, other));
            }
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
    other.on == rule.on && does(other) == does(rule) && covers(other, rule)
}

/// Of two rules on one event: whether `other` matches wherever `rule` does, and holds nothing back.
fn covers(other: &ir::Rule, rule: &ir::Rule) -> bool {
    let holds_back = other.threshold.is_some() || other.debounce.is_some() || other.throttle.is_some();
    let (own, theirs) = (rule.when.as_ref().map(Program::expr), other.when.as_ref().map(Program::expr));
    !holds_back && implies(own, theirs, &domain::of_rule(rule))
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
