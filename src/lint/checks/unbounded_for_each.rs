//! A `for_each` over a list whose length nobody has looked at.

use crate::diagnostic::{Code, Diagnostic};
use crate::expression::ast::{ComprehensionKind, Expr, ExprKind};
use crate::expression::fact::constant;
use crate::ir::template::Template;
use crate::lint::flow;
use crate::lint::subject::{Step, Workflow};
use crate::lint::text::path;
use crate::lint::{Findings, Level, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "unbounded-for-each",
    code: Code::UnboundedForEach,
    level: Level::Warn,
    page: include_str!("unbounded_for_each.md"),
    check,
};

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    for (workflow, step) in subject.steps() {
        let (Some(each), Some(node)) = (&step.checked.for_each, &step.tree.for_each) else { continue };
        if step.tree.concurrency.is_some() || is_bounded(&each.items, workflow, step) {
            continue;
        }
        let message = format!("step `{}` is repeated for every item of a list of any length", step.name());
        findings.push(
            Diagnostic::warning(Code::UnboundedForEach, node.span, message)
                .label("one after the other, while the run holds its target")
                .help("say how many at a time with `concurrency`, or look at the size first: `if: inputs.names.size() <= 20`"),
        );
    }
}

fn is_bounded(items: &Template, workflow: &Workflow<'_>, step: &Step<'_>) -> bool {
    let Template::Expression(program) = items else { return true };
    let conditions = flow::conditions(workflow, step.is_handler);
    let facts = flow::in_step(step, &conditions, false);
    has_bound(program.expr(), &|list| {
        let known = path(list).and_then(|whole| whole.strip_prefix("steps.").map(str::to_owned));
        // The output of a repeated step is as long as its own list, which is looked at there.
        let is_repeated = known.is_some_and(|name| {
            workflow.all_steps().any(|other| other.name() == name && other.checked.for_each.is_some())
        });
        is_repeated || facts.is_sized(list)
    })
}

/// Whether the list's length is known, or somebody has looked at it.
fn has_bound(expr: &Expr, is_known: &dyn Fn(&Expr) -> bool) -> bool {
    if is_known(expr) {
        return true;
    }
    match &expr.kind {
        ExprKind::List(_) => true,
        ExprKind::Call { receiver, function, arguments } => match (function.node.as_str(), receiver.as_deref()) {
            ("slice" | "range", _) => arguments.iter().all(|argument| constant(argument).is_some()),
            ("distinct" | "sort" | "reverse", Some(list)) => has_bound(list, is_known),
            _ => false,
        },
        ExprKind::Comprehension(it) => match it.kind {
            ComprehensionKind::Filter | ComprehensionKind::Map | ComprehensionKind::SortBy => {
                has_bound(&it.range, is_known)
            }
            _ => false,
        },
        ExprKind::Conditional { then, otherwise, .. } => has_bound(then, is_known) && has_bound(otherwise, is_known),
        _ => false,
    }
}
