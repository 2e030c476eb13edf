//! Clauses of a rule that change nothing, by themselves or because of another one.

use crate::base::literal::format_duration;
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::subject::Rule;
use crate::lint::{Findings, Level, Lint, Subject};
use crate::syntax::rules::ast::ClauseWord;

use super::{whole_line, within_line};

pub(super) const LINT: Lint = Lint {
    name: "useless-clause",
    code: Code::UselessClause,
    level: Level::Warn,
    page: include_str!("useless_clause.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for rule in &subject.rules {
        let checked = rule.rule;
        if checked.threshold.is_some_and(|threshold| threshold.count <= 1) {
            let message = "every match is one match: this `threshold` holds none back";
            findings.push(finding(subject, rule, ClauseWord::Threshold, message));
        }
        if let (Some(debounce), Some(throttle)) = (checked.debounce, checked.throttle)
            && throttle.per <= debounce
        {
            let message = format!(
                "behind `debounce {}` matches are at least so far apart: this `throttle` drops none",
                format_duration(debounce)
            );
            let finding = finding(subject, rule, ClauseWord::Throttle, &message);
            findings.push(finding.also(rule.place(ClauseWord::Debounce), "because of this"));
        }
        if checked.run.is_none() && rule.clause(ClauseWord::Busy).is_some() {
            let message = "the rule runs nothing, so nothing is ever busy for it";
            findings.push(finding(subject, rule, ClauseWord::Busy, message));
        }
    }
}

fn finding(subject: &Subject<'_>, rule: &Rule<'_>, word: ClauseWord, message: &str) -> Diagnostic {
    let span = rule.place(word);
    let finding = Diagnostic::warning(Code::UselessClause, span, message).help("delete the clause, or correct it");
    match whole_line(subject, span) {
        Some((line, text)) if text.starts_with(word.as_str()) => finding.edit(line, ""),
        _ => match within_line(subject, span) {
            Some(clause) => finding.edit(clause, ""),
            None => finding,
        },
    }
}
