//! Two rules that match the same event and both take the target, in an order that nobody has said.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Program;
use crate::ir::Busy;
use crate::lint::pairs::{MAX_PAIRS, Pairs};
use crate::lint::solve::{contradiction, fixed};
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

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let mut alike: BTreeMap<(&str, i64), Vec<&Rule<'_>>> = BTreeMap::new();
    for rule in subject.rules.iter().filter(|rule| takes_target(subject, rule)) {
        alike.entry((rule.rule.on.as_str(), rule.rule.priority)).or_default().push(rule);
    }
    let mut left = MAX_PAIRS;
    for rules in alike.into_values().filter(|rules| rules.len() > 1) {
        let pairs = Pairs::new(rules.iter().map(|rule| fixed(rule.rule.when.as_ref().map(Program::expr))).collect());
        for (at, second) in rules.iter().enumerate() {
            let first = pairs.beside(at).take_while(|place| *place < at).find_map(|place| {
                left = left.checked_sub(1)?;
                rules.get(place).filter(|first| race(first, second))
            });
            if let Some(first) = first {
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

/// Of two rules on one event with one priority.
fn race(first: &Rule<'_>, second: &Rule<'_>) -> bool {
    let (a, b) = (first.rule, second.rule);
    if rule_shadowed::shadows(a, b) || rule_shadowed::shadows(b, a) {
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
        .label(match second.rule.busy {
            Busy::Queue | Busy::Coalesce => "waits until the other one has ended, and then sets the target again",
            Busy::Supersede => "stops the other one as soon as it has begun",
            Busy::Drop => "is dropped: the other one holds the target",
        })
        .also(first.place(ClauseWord::Run), "runs first, only because it stands first")
        .help("make their conditions exclude each other, or give them a `priority` each")
}
