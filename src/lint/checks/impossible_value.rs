//! A comparison with a word that a phase, a mode or a verdict never is.

use crate::base::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Program;
use crate::expression::ast::{BinaryOperator, Expr, ExprKind};
use crate::expression::fact::{Constant, constant};
use crate::lint::subject::{Rule, Workflow};
use crate::lint::text::{path, walk};
use crate::lint::{Findings, Level, Lint, Subject};

use super::domain::{MODES, PHASES};

pub(super) const LINT: Lint = Lint {
    name: "impossible-value",
    code: Code::ImpossibleValue,
    level: Level::Deny,
    page: include_str!("impossible_value.md"),
    check,
};

const VERDICTS: &[&str] = &["confirmed", "lower_bound"];

/// A word that never occurs, where it stands, and those that do.
pub(super) struct Wrong<'e> {
    word: String,
    at: &'e Expr,
    thing: String,
    words: &'static [&'static str],
}

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let rules = subject.rules.iter().flat_map(Rule::programs);
    let workflows = subject.workflows.iter().flat_map(Workflow::programs);
    for wrong in rules.chain(workflows).flat_map(wrong_words) {
        let Wrong { word, at, thing, words } = wrong;
        let listed: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        let help = match nearest(&word, words.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it is one of {}", listed.join(", ")),
        };
        let message = format!("`{thing}` is never `{word}`");
        findings.push(Diagnostic::warning(Code::ImpossibleValue, at.span, message).help(help));
    }
}

/// Every such word of an expression.
pub(super) fn wrong_words(program: &Program) -> Vec<Wrong<'_>> {
    let mut found = Vec::new();
    walk(program.expr(), &mut |expr| {
        let ExprKind::Binary { operator, left, right } = &expr.kind else { return };
        match operator {
            BinaryOperator::Equal | BinaryOperator::NotEqual => {
                found.extend(wrong(left, right));
                found.extend(wrong(right, left));
            }
            BinaryOperator::In => {
                if let ExprKind::List(items) = &right.kind {
                    found.extend(items.iter().filter_map(|item| wrong(left, &item.value)));
                }
            }
            _ => {}
        }
    });
    found
}

fn wrong<'e>(thing: &Expr, value: &'e Expr) -> Option<Wrong<'e>> {
    let thing = path(thing)?;
    let words = match thing.as_str() {
        "target.phase" => PHASES,
        "target.mode" => MODES,
        other if other.starts_with("steps.") && other.ends_with(".verdict") => VERDICTS,
        _ => return None,
    };
    match constant(value)? {
        Constant::Text(word) if !words.contains(&word.as_str()) => Some(Wrong { word, at: value, thing, words }),
        _ => None,
    }
}
