//! A rule whose `when` holds nothing that the router could look for.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Findings, Level, Lint, Subject};
use crate::router::is_indexed;

pub(super) const LINT: Lint = Lint {
    name: "unindexed-rule",
    code: Code::UnindexedRule,
    level: Level::Allow,
    page: include_str!("unindexed_rule.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for rule in &subject.rules {
        let Some(when) = &rule.rule.when else { continue };
        // A constant is told as such.
        if super::is_constant(when.expr()) || is_indexed(when) {
            continue;
        }
        let message = format!("rule `{}` is evaluated for every event of type `{}`", rule.rule.name, rule.rule.on);
        findings.push(
            Diagnostic::warning(Code::UnindexedRule, when.expr().span, message)
                .label("nothing in it compares a field with a constant")
                .help("join with `&&` what the events it is for have in common, such as `event.data.region == \"eu\"`"),
        );
    }
}
