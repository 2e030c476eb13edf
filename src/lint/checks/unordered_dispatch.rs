//! Two steps that set the target's rate in no order: which of the two rates stays is left to chance.

use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Program;
use crate::expression::ast::Expr;
use crate::lint::solve::{contradiction, fixed};
use crate::lint::subject::{Step, Workflow};
use crate::lint::{Findings, Level, Lint, Subject};

use super::domain;

pub(super) const LINT: Lint = Lint {
    name: "unordered-dispatch",
    code: Code::UnorderedDispatch,
    level: Level::Warn,
    page: include_str!("unordered_dispatch.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for workflow in subject.workflows.iter().filter(|workflow| workflow.plan.is_some()) {
        for steps in [&workflow.steps, &workflow.on_failure] {
            let setting: Vec<&Step<'_>> = steps.iter().filter(|step| step.checked.action.sets_rate).collect();
            for (at, second) in setting.iter().enumerate() {
                let before = setting.iter().take(at);
                if let Some(first) = before.into_iter().find(|first| is_race(workflow, first, second)) {
                    findings.push(finding(first, second));
                }
            }
        }
    }
}

fn is_race(workflow: &Workflow<'_>, first: &Step<'_>, second: &Step<'_>) -> bool {
    if workflow.waits_for(first, second) || workflow.waits_for(second, first) {
        return false;
    }
    let mut both = Vec::new();
    [first, second].into_iter().for_each(|step| hold(workflow, step, &mut both));
    contradiction(&both, &domain::of_target()).is_none()
}

/// All that holds where a step runs: its condition, and that of each step which this asks to have run.
fn hold<'a>(workflow: &Workflow<'a>, step: &Step<'a>, all: &mut Vec<(&'a Expr, bool)>) {
    let Some(condition) = step.checked.condition.as_ref().map(Program::expr) else { return };
    if all.iter().any(|(known, _)| std::ptr::eq(*known, condition)) {
        return;
    }
    all.push((condition, true));
    for (thing, _) in fixed(Some(condition)).iter().filter(|(_, value)| value.as_str() == "Bool(true)") {
        let ran = thing.strip_prefix("has(steps.").and_then(|rest| rest.strip_suffix(')'));
        let ran = ran.and_then(|ran| workflow.all_steps().find(|other| other.name() == ran));
        if let Some(ran) = ran {
            hold(workflow, ran, all);
        }
    }
}

fn finding(first: &Step<'_>, second: &Step<'_>) -> Diagnostic {
    let (one, other) = (first.name(), second.name());
    let message = format!("steps `{one}` and `{other}` both set the target's rate, in no order");
    Diagnostic::warning(Code::UnorderedDispatch, second.uses(), message)
        .label("the rate that is set last stays")
        .also(first.uses(), "neither waits for the other")
        .help(format!("let one wait for the other, with `needs: [{one}]`, or make their `if` exclude each other"))
}
