//! A step with an effect and no `timeout`.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Findings, Level, Lint, Subject};
use crate::model::action::Effect;

pub(super) const LINT: Lint = Lint {
    name: "effect-without-timeout",
    code: Code::EffectWithoutTimeout,
    level: Level::Warn,
    page: include_str!("effect_without_timeout.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (_, step) in subject.steps() {
        // Of what is called each step has its own.
        let is_call = step.checked.calls.is_some();
        if is_call || step.checked.action.effect == Effect::None || step.checked.timeout.is_some() {
            continue;
        }
        let message = format!("step `{}` has an effect and no `timeout`", step.name());
        findings.push(
            Diagnostic::warning(Code::EffectWithoutTimeout, step.uses(), message)
                .label(format!("`{}` may wait for something outside", step.checked.action.name))
                .help("add `timeout`, longer than the action ever takes when all is well"),
        );
    }
}
