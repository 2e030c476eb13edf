//! A step without effect whose output nobody uses.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Findings, Level, Lint, Subject};
use crate::model::action::Effect;

pub(super) const LINT: Lint = Lint {
    name: "unused-output",
    code: Code::UnusedOutput,
    level: Level::Warn,
    page: include_str!("unused_output.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for workflow in subject.workflows.iter().filter(|workflow| subject.is_right(workflow.checked.source)) {
        let used: Vec<String> = workflow
            .programs()
            .flat_map(|program| program.references("steps"))
            .filter_map(|reference| reference.name)
            .collect();
        for step in workflow.all_steps() {
            let action = &step.checked.action;
            let only_looks = action.effect == Effect::None && action.proposes.is_none() && !action.waits;
            if !only_looks || used.iter().any(|name| name == step.name()) {
                continue;
            }
            let message = format!("the output of step `{}` is never used", step.name());
            findings.push(
                Diagnostic::warning(Code::UnusedOutput, step.place(), message)
                    .also(step.uses(), format!("`{}` changes nothing by itself", action.name))
                    .help(format!("use `steps.{}`, or delete the step", step.name())),
            );
        }
    }
}
