//! A `needs` that other steps imply: what a step waits for waits for it already.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::fix::without_item;
use crate::lint::{Findings, Level, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "implied-needs",
    code: Code::ImpliedNeeds,
    level: Level::Warn,
    page: include_str!("implied_needs.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (workflow, step) in subject.steps() {
        let Some((graph, index)) = workflow.index(step) else { continue };
        let direct = graph.dependencies(index);
        for need in &step.checked.needs {
            let refers = step.checked.references.iter().any(|reference| reference.node == need.node);
            let twice = step.checked.needs.iter().filter(|other| other.node == need.node).count() > 1;
            let Some(needed) = graph.find(need.node.as_str()).filter(|_| !refers && !twice) else { continue };
            let between = direct.iter().find(|(other, _)| *other != needed && graph.waits_for(*other, needed));
            let Some(between) = between.and_then(|(other, _)| graph.step(*other)) else { continue };
            let message =
                format!("step `{}` waits for `{}` already, by way of `{}`", step.name(), need.node, between.name);
            let finding = Diagnostic::warning(Code::ImpliedNeeds, need.span, message)
                .help(format!("delete `{}` from `needs`", need.node));
            findings.push(match without_item(subject.sources, need.span) {
                Some(span) => finding.edit(span, ""),
                None => finding,
            });
        }
    }
}
