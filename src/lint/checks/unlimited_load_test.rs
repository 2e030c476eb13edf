//! A load test of targets whose limits nobody has written.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Findings, Level, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "unlimited-load-test",
    code: Code::UnlimitedLoadTest,
    level: Level::Warn,
    page: include_str!("unlimited_load_test.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let targets = subject.targets.unwrap_or_default();
    for (_, step) in
        subject.steps().filter(|(_, step)| step.checked.action.loads_target && step.checked.calls.is_none())
    {
        let unlimited: Vec<String> = targets
            .iter()
            .filter(|target| target.is_measured && !target.missing_limits.is_empty())
            .map(|target| {
                let keys: Vec<String> = target.missing_limits.iter().map(|key| format!("`{key}`")).collect();
                format!("`{}` lacks {}", target.name, keys.join(", "))
            })
            .collect();
        if !unlimited.is_empty() {
            let message = format!("step `{}` is a load test, and its limits are not configured", step.name());
            findings.push(
                Diagnostic::warning(Code::UnlimitedLoadTest, step.uses(), message)
                    .label(unlimited.join("; "))
                    .help("write all of `measure.limits: { max_rate, time, requests }` in the configuration"),
            );
        }
        let unmeasured: Vec<String> = targets
            .iter()
            .filter(|target| !target.is_measured && target.name != "defaults")
            .map(|target| format!("`{}`", target.name))
            .collect();
        if !unmeasured.is_empty() {
            let message = format!("step `{}` is a load test, and there is nothing to test", step.name());
            findings.push(
                Diagnostic::warning(Code::UnlimitedLoadTest, step.uses(), message)
                    .label(format!("without `measure.endpoint`: {}", unmeasured.join(", ")))
                    .help("write `measure.endpoint` in the configuration; without it the step fails"),
            );
        }
    }
}
