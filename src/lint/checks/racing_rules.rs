//! Two rules that match the same event and both take the target, in an order that nobody has said.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::solve::contradiction;
use crate::lint::subject::Rule;
use crate::lint::{Findings, Level, Lint, Subject};
use crate::syntax::rules::ast::ClauseWord;

use super::{domain, rule_shadowed};

pub(super) const LINT: Lint = Lint {
    name: "racing-rules",
    code: Code::RacingRules,
    level: Level::Warn,
    page: include_str!("racing_rules.md"),
    check,
};

/// More rules on one event are not held against each other: every pair would have to be.
const MAX_RULES: usize = 200;

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let mut by_event: std::collections::BTreeMap<&str, Vec<&Rule<'_>>> = std::collections::BTreeMap::new();
    for rule in subject.rules.iter().filter(|rule| takes_target(subject, rule)) {
        by_event.entry(rule.rule.on.as_str()).or_default().push(rule);
    }
    for rules in by_event.values().filter(|rules| rules.len() <= MAX_RULES) {
        for (at, second) in rules.iter().enumerate() {
            if let Some(first) = rules.iter().take(at).find(|first| race(first, second)) {
                findings.push(finding(first, second));
            }
        }
    }
}

/// Whether the rule's workflow sets the target's rate or phase, or puts load on it.
fn takes_target(subject: &Subject<'_>, rule: &Rule<'_>) -> bool {
    let workflow = rule.rule.run.as_ref().and_then(|run| subject.workflow(run.workflow.as_str()));
    workflow.is_some_and(|workflow| {
        workflow.steps.iter().any(|step| {
            let action = &step.checked.action;
            action.sets_rate || action.loads_target || action.proposes.is_some()
        })
    })
}

fn race(first: &Rule<'_>, second: &Rule<'_>) -> bool {
    let (a, b) = (first.rule, second.rule);
    if a.priority != b.priority || rule_shadowed::shadows(a, b) || rule_shadowed::shadows(b, a) {
        return false;
    }
    let conditions: Vec<_> = [a, b].iter().filter_map(|rule| Some((rule.when.as_ref()?.expr(), true))).collect();
    contradiction(&conditions, &domain::of_rule(a)).is_none()
}

fn finding(first: &Rule<'_>, second: &Rule<'_>) -> Diagnostic {
    let message = format!(
        "rules `{}` and `{}` can match the same event, and both take its target",
        first.rule.name, second.rule.name
    );
    Diagnostic::warning(Code::RacingRules, second.place(ClauseWord::Run), message)
        .label("runs after the other one, and undoes what it did")
        .also(first.place(ClauseWord::Run), "runs first, only because it stands first")
        .help("make their conditions exclude each other, or give them a `priority` each")
}
