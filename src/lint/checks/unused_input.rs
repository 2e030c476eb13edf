//! An input of a workflow that no expression uses.

use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::subject::Workflow;
use crate::lint::{Findings, Level, Lint, Subject};
use crate::syntax::yaml;

pub(super) const LINT: Lint = Lint {
    name: "unused-input",
    code: Code::UnusedInput,
    level: Level::Warn,
    page: include_str!("unused_input.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for workflow in subject.workflows.iter().filter(|workflow| subject.is_right(workflow.checked.source)) {
        let references: Vec<_> = workflow.programs().flat_map(|program| program.references("inputs")).collect();
        if references.iter().any(|reference| reference.name.is_none()) {
            continue;
        }
        for field in &workflow.checked.inputs.fields {
            if references.iter().any(|reference| reference.name.as_ref() == Some(&field.name)) {
                continue;
            }
            let message = format!("input `{}` of workflow `{}` is never used", field.name, workflow.checked.name.node);
            findings.push(
                Diagnostic::warning(Code::UnusedInput, place(subject, workflow, &field.name), message).help(format!(
                    "use it as `inputs.{}`, or delete it here and where the workflow is run",
                    field.name
                )),
            );
        }
    }
}

/// Where the input is declared. The tree keeps only what is declared, so the file is looked at once more.
fn place(subject: &Subject<'_>, workflow: &Workflow<'_>, name: &str) -> Span {
    let source = subject.sources.get(workflow.checked.source);
    let root = source.and_then(|source| yaml::parse(workflow.checked.source, &source.text).0);
    let key = root.and_then(|root| {
        let inputs = root.get("inputs")?.as_map()?;
        let (key, _) = inputs.iter().find(|(key, _)| key.name.trim_end_matches('?') == name)?;
        Some(key.span)
    });
    key.unwrap_or(workflow.place())
}
