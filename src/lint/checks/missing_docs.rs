//! A rule or event without `///`, a workflow without `summary`.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Findings, Level, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "missing-docs",
    code: Code::MissingDocs,
    level: Level::Allow,
    page: include_str!("missing_docs.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let mut tell = |span, what: String, help: &str| {
        let message = format!("{what} is not documented");
        findings.push(Diagnostic::warning(Code::MissingDocs, span, message).help(help));
    };
    let above = "write `///` and a sentence above it";
    for event in subject.events.iter().filter(|event| event.event.docs.trim().is_empty()) {
        tell(event.tree.name.span, format!("event `{}`", event.event.name), above);
    }
    for rule in subject.rules.iter().filter(|rule| rule.rule.docs.trim().is_empty()) {
        tell(rule.tree.name.span, format!("rule `{}`", rule.rule.name), above);
    }
    for workflow in subject.workflows.iter().filter(|workflow| workflow.checked.summary.trim().is_empty()) {
        let name = &workflow.checked.name.node;
        tell(workflow.place(), format!("workflow `{name}`"), "write `summary: …`: one line for people");
    }
}
