//! A rule whose `when` contradicts itself, or what is known of events and targets.

use crate::diagnostic::{Code, Diagnostic};
use crate::lint::solve::contradiction;
use crate::lint::{Findings, Level, Lint, Subject};

use super::domain;

pub(super) const LINT: Lint = Lint {
    name: "rule-never-matches",
    code: Code::RuleNeverMatches,
    level: Level::Deny,
    page: include_str!("rule_never_matches.md"),
    check,
};

const HELP: &str = "correct the condition, or delete the rule";

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for rule in &subject.rules {
        let Some(when) = &rule.rule.when else { continue };
        // A constant, or a value that never occurs, is told as such.
        if super::is_constant(when.expr()) || !super::impossible_value::wrong_words(when).is_empty() {
            continue;
        }
        let Some((first, second)) = contradiction(&[(when.expr(), true)], &domain::of_rule(rule.rule)) else {
            continue;
        };
        let message = format!("rule `{}` can never match", rule.rule.name);
        let finding = Diagnostic::warning(Code::RuleNeverMatches, second, message);
        findings.push(if first == second {
            finding
                .label("this is never so")
                .help(domain::explain(subject.text(second), rule.rule).unwrap_or_else(|| HELP.to_owned()))
        } else {
            finding
                .label("and this cannot hold together")
                .also(first, "this")
                .help("correct one of the two, or write `||` between them if either is enough")
        });
    }
}
