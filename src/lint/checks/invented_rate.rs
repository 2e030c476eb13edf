//! A number that stands in for a rate that may be missing.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic};
use crate::expression::Program;
use crate::expression::ast::{BinaryOperator, Expr, ExprKind};
use crate::expression::fact::{Constant, constant};
use crate::ir::template::Template;
use crate::lint::subject::Step;
use crate::lint::{Findings, Level, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "invented-rate",
    code: Code::InventedRate,
    level: Level::Deny,
    page: include_str!("invented_rate.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for workflow in &subject.workflows {
        let mut fed = BTreeSet::new();
        for step in workflow.all_steps() {
            for (field, program) in rates(step) {
                told(program, &format!("`{field}` of step `{}`", step.name()), findings);
                fed.extend(program.references("inputs").into_iter().filter_map(|reference| reference.name));
            }
        }
        // What a rule gives as an input that a rate is made of is a rate as well.
        let runs = subject.rules.iter().filter_map(|rule| rule.rule.run.as_ref());
        for run in runs.filter(|run| run.workflow == workflow.checked.name.node) {
            let Template::Object(arguments) = &run.arguments else { continue };
            for (name, value) in arguments.iter().filter(|(name, _)| fed.contains(name)) {
                let what = format!("`{name}` of workflow `{}`, which a rate is made of", run.workflow);
                value.programs().into_iter().for_each(|program| told(program, &what, findings));
            }
        }
    }
}

/// The expressions that rates are made from, with the input that takes each.
fn rates<'a>(step: &Step<'a>) -> Vec<(&'a str, &'a Program)> {
    let Template::Object(inputs) = &step.checked.with else { return Vec::new() };
    inputs
        .iter()
        .filter(|(name, _)| name.ends_with("_rps") || name == "assignments")
        .flat_map(|(name, value)| value.programs().into_iter().map(move |program| (name.as_str(), program)))
        .collect()
}

fn told(program: &Program, what: &str, findings: &mut Findings) {
    let mut numbers = Vec::new();
    stand_ins(program.expr(), &mut numbers);
    for number in numbers {
        let message = format!("{what} is a number that somebody made up where the real one is missing");
        findings.push(
            Diagnostic::warning(Code::InventedRate, number.span, message)
                .label("nobody has measured this")
                .help("end it with `.value()`, so that the step fails, or pass the step over with `if`"),
        );
    }
}

/// Numbers that are taken where something is missing. What the result is multiplied with is a share, not a rate.
fn stand_ins<'e>(expr: &'e Expr, found: &mut Vec<&'e Expr>) {
    match &expr.kind {
        ExprKind::Call { receiver: Some(receiver), function, arguments } => {
            if let ("orValue", [number]) = (function.node.as_str(), arguments.as_slice())
                && is_number(number)
            {
                found.push(number);
            }
            stand_ins(receiver, found);
            arguments.iter().for_each(|argument| stand_ins(argument, found));
        }
        ExprKind::Conditional { then, otherwise, .. } => {
            for (branch, other) in [(then, otherwise), (otherwise, then)] {
                if is_number(branch) && !is_number(other) {
                    found.push(branch);
                }
                stand_ins(branch, found);
            }
        }
        ExprKind::Binary { operator: BinaryOperator::Multiply, left, right } => {
            for (factor, other) in [(left, right), (right, left)] {
                if constant(other).is_some() {
                    stand_ins(factor, found);
                }
            }
        }
        ExprKind::Binary { operator: BinaryOperator::Divide, left, .. } => stand_ins(left, found),
        _ => expr.children().into_iter().for_each(|child| stand_ins(child, found)),
    }
}

fn is_number(expr: &Expr) -> bool {
    matches!(constant(expr), Some(Constant::Number(_)))
}
