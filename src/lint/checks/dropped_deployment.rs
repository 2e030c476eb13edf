//! `busy drop` in a rule about deployments.

use crate::diagnostic::{Code, Diagnostic};
use crate::ir::Busy;
use crate::ir::template::Template;
use crate::lint::{Findings, Level, Lint, Subject};
use crate::syntax::rules::ast::ClauseWord;

pub(super) const LINT: Lint = Lint {
    name: "dropped-deployment",
    code: Code::DroppedDeployment,
    level: Level::Warn,
    page: include_str!("dropped_deployment.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for rule in subject.rules.iter().filter(|rule| rule.rule.busy == Busy::Drop) {
        let arguments = match rule.rule.run.as_ref().map(|run| &run.arguments) {
            Some(Template::Object(arguments)) => arguments.as_slice(),
            _ => continue,
        };
        let is_deployment = arguments.iter().any(|(name, value)| {
            let from_event = value.programs().iter().any(|program| !program.references("event").is_empty());
            name == "signature" && from_event
        });
        if !is_deployment {
            continue;
        }
        let message = format!("rule `{}` drops a deployment that comes while its target is busy", rule.rule.name);
        findings.push(
            Diagnostic::warning(Code::DroppedDeployment, rule.place(ClauseWord::Busy), message)
                .label("nobody tells of it again: its traffic stays as the one before it could bear")
                .help("write `busy supersede`, so that the newest takes over, or `busy queue`"),
        );
    }
}
