//! A workflow that no rule runs and no other workflow calls.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Findings, Level, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "unused-workflow",
    code: Code::UnusedWorkflow,
    level: Level::Warn,
    page: include_str!("unused_workflow.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let run = |name: &str| {
        let mut runs = subject.rules.iter().filter_map(|rule| rule.rule.run.as_ref());
        let mut calls = subject.steps().filter_map(|(_, step)| step.checked.calls.as_ref());
        runs.any(|run| run.workflow.as_str() == name) || calls.any(|called| called.as_str() == name)
    };
    // Without rules the workflows are all that is looked at.
    if subject.rules.is_empty() || !subject.is_whole() {
        return;
    }
    for workflow in subject.workflows.iter().filter(|workflow| !run(workflow.checked.name.node.as_str())) {
        let message = format!("no rule runs workflow `{}`", workflow.checked.name.node);
        findings.push(
            Diagnostic::warning(Code::UnusedWorkflow, workflow.place(), message)
                .help("write a rule that runs it; if only people run it, allow this here and say so"),
        );
    }
}
