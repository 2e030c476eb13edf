//! A variable of a macro that hides a name of the place where it stands.

use crate::base::span::Spanned;
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::ast::{Expr, ExprKind};
use crate::lint::{Findings, Level, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "shadowed-name",
    code: Code::ShadowedName,
    level: Level::Warn,
    page: include_str!("shadowed_name.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for rule in &subject.rules {
        for program in rule.programs() {
            look(program.expr(), &mut vec!["event", "target", "now"], findings);
        }
    }
    for workflow in &subject.workflows {
        for step in workflow.all_steps() {
            let mut names = vec!["inputs", "steps", "target", "run"];
            if step.is_handler {
                names.push("error");
            }
            if step.checked.for_each.is_some() {
                names.extend(["item", "index"]);
            }
            step.programs().iter().for_each(|program| look(program.expr(), &mut names, findings));
        }
        let outputs = workflow.checked.outputs.iter().flat_map(|(_, template)| template.programs());
        outputs.for_each(|program| look(program.expr(), &mut vec!["inputs", "steps", "target", "run"], findings));
    }
}

fn look<'e>(expr: &'e Expr, names: &mut Vec<&'e str>, findings: &mut Findings) {
    let mut within = |variables: Vec<&'e Spanned<String>>, bodies: Vec<&'e Expr>| {
        let before = names.len();
        for variable in variables {
            if names.contains(&variable.node.as_str()) {
                let message = format!("`{}` hides the `{}` around it", variable.node, variable.node);
                findings.push(
                    Diagnostic::warning(Code::ShadowedName, variable.span, message).help("give it a name of its own"),
                );
            }
            names.push(&variable.node);
        }
        bodies.into_iter().for_each(|body| look(body, names, findings));
        names.truncate(before);
    };
    match &expr.kind {
        ExprKind::Comprehension(it) => {
            let variables = std::iter::once(&it.first).chain(&it.second).collect();
            within(variables, it.filter.iter().chain([&it.body]).collect());
            look(&it.range, names, findings);
        }
        ExprKind::Bind { name, value: outer, body } | ExprKind::OptionalMap { operand: outer, name, body, .. } => {
            within(vec![name], vec![body]);
            look(outer, names, findings);
        }
        _ => expr.children().into_iter().for_each(|child| look(child, names, findings)),
    }
}
