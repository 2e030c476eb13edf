//! A checked workflow becomes a plan: ordered, proved, named by a digest.
//!
//! Two steps are joined where one `needs` the other or an expression of one refers to the other. Order is topological,
//! ties by place in the file, so that the same text always gives the same plan.
//! What it must not know: how a step is performed, rules, targets, files.

use std::collections::BTreeMap;

use super::graph::{Edge, Graph};
use super::order::{Wait, report_cycles, topological, waits};
use super::{Plan, PlanSource, Step, canonical, rest};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::ir;

/// The steps of a graph in their final order, and which step of the file each of them is.
pub(super) struct Arranged {
    pub(super) graph: Graph,
    /// Place in the file of each step of the graph.
    pub(super) places: Vec<usize>,
}

/// Builds the plan of a checked workflow. `source` is the text it came from; it is kept with the plan.
///
/// # Errors
/// Every cycle (H0400), every way through that forgets its resting phase (H0401) or ends in two (H0404), and a
/// workflow without steps (H0402). What [`warnings`] finds is not among them.
pub fn build(workflow: &ir::Workflow, source: PlanSource) -> Result<Plan, Diagnostics> {
    let mut found = Diagnostics::new();
    if workflow.steps.is_empty() {
        let message = format!("workflow `{}` has no steps", workflow.name.node);
        found.push(Diagnostic::error(Code::EmptyWorkflow, workflow.name.span, message));
    }
    let steps = arrange(&workflow.steps, &[], &mut found);
    let on_failure = arrange(&workflow.on_failure, &workflow.steps, &mut found);
    if let Some(steps) = &steps {
        rest::check_success(&workflow.steps, steps, &mut found);
    }
    if let Some(on_failure) = &on_failure {
        rest::check_failure(&workflow.on_failure, on_failure, &mut found);
    }
    let (Some(steps), Some(on_failure), false) = (steps, on_failure, found.has_errors()) else {
        found.sort();
        return Err(found);
    };
    let mut plan = Plan {
        workflow: workflow.name.node.clone(),
        summary: workflow.summary.clone(),
        inputs: workflow.inputs.clone(),
        steps: steps.graph,
        on_failure: on_failure.graph,
        outputs: workflow.outputs.clone(),
        digest: crate::base::digest::Digest::of(""),
        source,
    };
    plan.digest = crate::base::digest::Digest::of(canonical::text(&plan));
    Ok(plan)
}

/// What is odd about a workflow's graph without being wrong: every `needs` that repeats what is an edge already (H0403).
pub fn warnings(workflow: &ir::Workflow) -> Diagnostics {
    let mut found = Diagnostics::new();
    for step in workflow.steps.iter().chain(&workflow.on_failure) {
        let mut seen: BTreeMap<&str, crate::base::span::Span> = BTreeMap::new();
        for need in &step.needs {
            let name = need.node.as_str();
            if let Some(first) = seen.get(name) {
                let message = format!("step `{}` needs `{name}` twice", step.name.node);
                found.push(
                    Diagnostic::warning(Code::RedundantNeeds, need.span, message)
                        .also(*first, "the first")
                        .help(format!("delete the second `{name}`")),
                );
                continue;
            }
            seen.insert(name, need.span);
            if let Some(reference) = step.references.iter().find(|reference| reference.node == need.node) {
                let message = format!("step `{}` waits for `{name}` already, because it refers to it", step.name.node);
                found.push(
                    Diagnostic::warning(Code::RedundantNeeds, need.span, message)
                        .label("repeats the reference")
                        .also(reference.span, "this is an edge already")
                        .help(format!("delete `{name}` from `needs`")),
                );
            }
        }
    }
    found.sort();
    found
}

/// Orders the steps and makes a graph of them; `None`, with diagnostics, where they wait for each other.
fn arrange(steps: &[ir::Step], outer: &[ir::Step], found: &mut Diagnostics) -> Option<Arranged> {
    let waits = waits(steps, outer, found);
    let Some(places) = topological(steps.len(), &waits) else {
        report_cycles(steps, &waits, found);
        return None;
    };
    let mut rank = vec![0; steps.len()];
    for (at, place) in places.iter().enumerate() {
        *rank.get_mut(*place)? = at;
    }
    let ordered = places.iter().filter_map(|place| steps.get(*place)).map(planned).collect();
    let edges: Vec<(usize, usize, Edge)> = waits
        .iter()
        .filter_map(|Wait { waiter, dependency, why, .. }| Some((*rank.get(*dependency)?, *rank.get(*waiter)?, *why)))
        .collect();
    Some(Arranged { graph: Graph::from_ordered(ordered, edges), places })
}

fn planned(step: &ir::Step) -> Step {
    Step {
        name: step.name.node.clone(),
        docs: step.docs.clone(),
        action: step.action.clone(),
        condition: step.condition.clone(),
        with: step.with.clone(),
        retry: step.retry,
        timeout: step.timeout,
        undo: step.undo.clone(),
        for_each: step.for_each.clone(),
    }
}
