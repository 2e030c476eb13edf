//! A step that could be undone and is not, while another one can fail after it.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Findings, Level, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "missing-undo",
    code: Code::MissingUndo,
    level: Level::Warn,
    page: include_str!("missing_undo.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for workflow in &subject.workflows {
        let undoable =
            |step: &&crate::lint::subject::Step<'_>| step.checked.action.undoable && step.checked.undo.is_none();
        for step in workflow.steps.iter().filter(undoable) {
            let later = workflow.steps.iter().find(|other| {
                other.name() != step.name()
                    && other.checked.action.proposes.is_none()
                    && !workflow.waits_for(step, other)
            });
            let Some(later) = later.filter(|_| workflow.plan.is_some()) else { continue };
            let message = format!("step `{}` stays done where `{}` fails", step.name(), later.name());
            findings.push(
                Diagnostic::warning(Code::MissingUndo, step.uses(), message)
                    .label(format!("`{}` remembers what was before", step.checked.action.name))
                    .also(later.place(), "this may fail after it")
                    .help("write `undo: previous`; if the new state is what should stay, allow this here and say why"),
            );
        }
    }
}
