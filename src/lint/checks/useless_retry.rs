//! A `retry` with one attempt, or of a step that ends the same each time.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Findings, Level, Lint, Subject};

use super::whole_line;

pub(super) const LINT: Lint = Lint {
    name: "useless-retry",
    code: Code::UselessRetry,
    level: Level::Warn,
    page: include_str!("useless_retry.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (_, step) in subject.steps() {
        let Some(retry) = step.tree.retry else { continue };
        let action = &step.checked.action;
        let message = if retry.attempts <= 1 {
            format!("step `{}` has one attempt, with `retry` as without", step.name())
        } else if action.proposes.is_some() {
            format!("`{}` waits for nothing: step `{}` ends the same each time", action.name, step.name())
        } else {
            continue;
        };
        let finding = Diagnostic::warning(Code::UselessRetry, retry.span, message)
            .help("`attempts` counts the first one too: raise it, or delete `retry`");
        findings.push(match whole_line(subject, retry.span) {
            Some((line, text)) if text.starts_with("retry:") => finding.edit(line, ""),
            _ => finding,
        });
    }
}
