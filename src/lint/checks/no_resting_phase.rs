//! A workflow that changes its target and has no `state.*` step.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::subject::{Step, Workflow};
use crate::lint::{Findings, Level, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "no-resting-phase",
    code: Code::NoRestingPhase,
    level: Level::Warn,
    page: include_str!("no_resting_phase.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for workflow in subject.workflows.iter().filter(|workflow| !is_part(subject, workflow)) {
        if let Some(step) = changes_silently(&workflow.steps) {
            let message =
                format!("workflow `{}` changes its target and does not say where it rests", workflow.checked.name.node);
            findings.push(
                Diagnostic::warning(Code::NoRestingPhase, workflow.place(), message)
                    .label("its target returns to the phase it had, also where that was `degraded`")
                    .also(step.uses(), "this changes the target")
                    .help("end every way with a `state.*` step"),
            );
        }
        if let Some(step) = changes_silently(&workflow.on_failure) {
            let message = "`on_failure` changes the target and does not say why it rests as it does";
            findings.push(
                Diagnostic::warning(Code::NoRestingPhase, step.place(), message)
                    .label("afterwards the target is `degraded`, without a reason")
                    .help("end it with `uses: state.degraded` and a `reason`, like `${error.message}`"),
            );
        }
    }
}

/// Whether others call the workflow and no rule runs it: where its target rests is for them to say.
fn is_part(subject: &Subject<'_>, workflow: &Workflow<'_>) -> bool {
    let name = &workflow.checked.name.node;
    let is_run = subject.rules.iter().filter_map(|rule| rule.rule.run.as_ref()).any(|run| run.workflow == *name);
    !is_run && subject.steps().any(|(_, step)| step.checked.calls.as_ref() == Some(name))
}

/// A step that changes the target, among steps none of which says the phase.
fn changes_silently<'s, 'a>(steps: &'s [Step<'a>]) -> Option<&'s Step<'a>> {
    let says = steps.iter().any(|step| step.checked.action.proposes.is_some());
    let changes = |step: &&Step<'_>| step.checked.action.sets_rate || step.checked.action.loads_target;
    steps.iter().find(changes).filter(|_| !says)
}
