//! A `retry` of what is not idempotent, or of a load test.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Findings, Level, Lint, Subject};
use crate::model::action::Effect;

pub(super) const LINT: Lint = Lint {
    name: "unsafe-retry",
    code: Code::UnsafeRetry,
    level: Level::Deny,
    page: include_str!("unsafe_retry.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (_, step) in subject.steps() {
        let Some(retry) = step.checked.retry.filter(|retry| retry.attempts > 1) else { continue };
        let action = &step.checked.action;
        let why = if action.effect == Effect::AtMostOnce {
            "may have had its effect when it failed, and must not have it twice"
        } else if action.loads_target {
            "puts load on the target, and what made it fail may be that load"
        } else {
            continue;
        };
        let message = format!("step `{}` is tried {} times, but `{}` {why}", step.name(), retry.attempts, action.name);
        let span = step.tree.retry.map_or(step.uses(), |retry| retry.span);
        findings.push(
            Diagnostic::warning(Code::UnsafeRetry, span, message)
                .also(step.uses(), "what is tried again")
                .help("delete `retry`, and let `on_failure` or a later event decide"),
        );
    }
}
