//! What is known where an expression stands, and whether the expression can fail there.
//!
//! Flow-sensitive: a guard counts wherever the evaluator would not come, or not fail, without it holding: in `a && b`,
//! `a || b` and `c ? a : b`, in a step's `if` for its other expressions, in the `if` of the step that is referred to, in a
//! filter for what comes of it. What is not understood counts as no guard, and what has no known type cannot fail.

mod facts;
mod fail;

use crate::expression::Program;
use crate::expression::ast::Expr;
use crate::ir::template::Template;
use crate::lint::subject::{Step, Workflow};

pub(super) use facts::{Conditions, Facts};
pub(super) use fail::{Failure, failures};

/// The conditions of a workflow's steps, as they count for its steps or for those of `on_failure`.
pub(super) fn conditions<'a>(workflow: &Workflow<'a>, in_handler: bool) -> Conditions<'a> {
    let of = |steps: &[Step<'a>]| -> Vec<(&'a str, &'a Expr)> {
        steps.iter().filter_map(|step| Some((step.name(), step.checked.condition.as_ref()?.expr()))).collect()
    };
    let mut by_step: std::collections::BTreeMap<_, _> = of(&workflow.steps).into_iter().collect();
    if in_handler {
        by_step.extend(of(&workflow.on_failure));
    }
    Conditions { by_step, decide: !in_handler }
}

/// What is known in a step once its `if` holds; within `for_each`, of each item too.
pub(super) fn in_step(step: &Step<'_>, conditions: &Conditions<'_>, item: bool) -> Facts {
    let mut facts = Facts::default();
    if let Some(condition) = &step.checked.condition {
        facts.learn(condition.expr(), true, true);
    }
    if item && let Some(Template::Expression(items)) = step.checked.for_each.as_ref().map(|each| &each.items) {
        facts.learn_items(items.expr(), "item");
    }
    facts.close(conditions);
    facts
}

/// What is known in a rule's arguments once its `when` holds.
pub(super) fn in_rule(when: Option<&Program>) -> Facts {
    let mut facts = Facts::default();
    if let Some(when) = when {
        facts.learn(when.expr(), true, true);
    }
    facts
}
