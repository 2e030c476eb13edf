//! A timeout that ends a load test before its own limit does.

use crate::base::literal::format_duration;
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Findings, Level, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "short-timeout",
    code: Code::ShortTimeout,
    level: Level::Warn,
    page: include_str!("short_timeout.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let targets = subject.targets.unwrap_or_default();
    for (_, step) in subject.steps().filter(|(_, step)| step.checked.action.loads_target) {
        let Some(timeout) = &step.tree.timeout else { continue };
        let cut = targets.iter().filter(|target| target.is_measured && target.time >= timeout.node);
        let Some(longest) = cut.max_by_key(|target| target.time) else { continue };
        let message = format!(
            "step `{}` has {} for a load test of `{}` that may take {}",
            step.name(),
            format_duration(timeout.node),
            longest.name,
            format_duration(longest.time)
        );
        findings.push(
            Diagnostic::warning(Code::ShortTimeout, timeout.span, message)
                .label("then the test fails, and what it has found is lost")
                .help("`measure.limits.time` ends a test with what it has found: make the timeout longer than that"),
        );
    }
}
