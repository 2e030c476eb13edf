//! A declared event that no rule is on and no step waits for.

use crate::diagnostic::{Code, Diagnostic};
use crate::ir;
use crate::lint::{Findings, Level, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "unused-event",
    code: Code::UnusedEvent,
    level: Level::Warn,
    page: include_str!("unused_event.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    if !subject.is_whole() {
        return;
    }
    for event in &subject.events {
        let name = event.event.name.as_str();
        let is_awaited = |step: &ir::Step| step.action.waits && step.named_event() == Some(name);
        if subject.rules.iter().any(|rule| rule.rule.on == name)
            || subject.steps().any(|(_, step)| is_awaited(step.checked))
        {
            continue;
        }
        let finding = Diagnostic::warning(
            Code::UnusedEvent,
            event.tree.name.span,
            format!("no rule is on `{name}`: such an event is taken, and nothing happens"),
        );
        let emitter = subject.rules.iter().find(|rule| rule.rule.emit.iter().any(|emit| emit.event == name));
        findings.push(
            match emitter {
                Some(rule) => finding.also(rule.tree.name.span, "this emits it, for nobody"),
                None => finding,
            }
            .help("write a rule for it, or delete the declaration, so that it is refused"),
        );
    }
}
