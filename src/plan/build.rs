//! A checked workflow becomes a plan: ordered, proved, named by a digest.
//!
//! Two steps are joined where one `needs` the other or an expression of one refers to the other. Order is topological,
//! ties by place in the file, so that the same text always gives the same plan. What is called is part of the plan.
//! What it must not know: how a step is performed, rules, targets, files.

use std::collections::BTreeMap;

use super::callees::Callees;
use super::expand::{Expansion, edges, expand};
use super::graph::Graph;
use super::order::{report_cycles, topological, waits};
use super::{Plan, PlanSource, canonical, rest};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::ir;

/// The steps of a graph in their final order, and which step of the expansion each of them is.
pub(super) struct Arranged {
    pub(super) graph: Graph,
    /// Place in the expansion of each step of the graph.
    pub(super) places: Vec<usize>,
}

/// Builds the plan of a checked workflow. `source` is the text it came from, with the texts of what it calls; it is kept with
/// the plan.
///
/// # Errors
/// Every cycle (H0400), every way through that forgets its resting phase (H0401) or ends in two (H0404), a
/// workflow without steps (H0402), and one that becomes too large with what it calls (H0407). What [`warnings`] finds is
/// not among them. Where something that it calls is not among `callees` there is no plan either; that was told there.
pub fn build(workflow: &ir::Workflow, callees: &Callees<'_>, source: PlanSource) -> Result<Plan, Diagnostics> {
    let mut found = Diagnostics::new();
    if workflow.steps.is_empty() {
        let message = format!("workflow `{}` has no steps", workflow.name.node);
        found.push(Diagnostic::error(Code::EmptyWorkflow, workflow.name.span, message));
    }
    let forms_graphs =
        [is_acyclic(&workflow.steps, &[], &mut found), is_acyclic(&workflow.on_failure, &workflow.steps, &mut found)];
    if !callees.bear(workflow, &mut found) {
        found.sort();
        return Err(found);
    }
    let arranged = |steps| {
        let expansion = expand(workflow, steps, callees);
        Some((arrange(&expansion)?, expansion))
    };
    let [steps, on_failure] = [(&workflow.steps, 0), (&workflow.on_failure, 1)]
        .map(|(list, part)| if forms_graphs.get(part) == Some(&true) { arranged(list) } else { None });
    if let Some((steps, expansion)) = &steps {
        rest::check_success(expansion, steps, &mut found);
    }
    if let Some((on_failure, expansion)) = &on_failure {
        rest::check_failure(expansion, on_failure, &mut found);
    }
    let (Some((steps, _)), Some((on_failure, _)), false) = (steps, on_failure, found.has_errors()) else {
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

/// Whether the steps, as they are written, wait for each other in no circle; what does is reported.
fn is_acyclic(steps: &[ir::Step], outer: &[ir::Step], found: &mut Diagnostics) -> bool {
    let waits = waits(steps, outer, found);
    let is_acyclic = topological(steps.len(), &waits).is_some();
    if !is_acyclic {
        report_cycles(steps, &waits, found);
    }
    is_acyclic
}

/// Orders the steps and makes a graph of them; `None` where they wait for each other.
fn arrange(expansion: &Expansion<'_>) -> Option<Arranged> {
    let places = topological(expansion.steps.len(), &expansion.waits)?;
    let mut rank = vec![0; places.len()];
    for (at, place) in places.iter().enumerate() {
        *rank.get_mut(*place)? = at;
    }
    let ordered = places.iter().filter_map(|place| expansion.steps.get(*place)).map(|step| step.step.clone()).collect();
    Some(Arranged { graph: Graph::from_ordered(ordered, edges(&expansion.waits, &rank)), places })
}
