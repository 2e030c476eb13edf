//! A checked workflow becomes the steps of its plan: every call is replaced by its border and what is called.
//!
//! What is within a call waits for the border's entry, and the border's return for all that is within, so that a step that
//! waits for the call waits for both. What it must not know: diagnostics; whether the workflows form graphs was seen before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::callees::Callees;
use super::frame::{Border, Frame};
use super::graph::Edge;
use super::order::{Wait, waits};
use super::{Step, Template};
use crate::base::span::Span;
use crate::diagnostic::Diagnostics;
use crate::expression::Program;
use crate::ir;
use crate::model::action::{ActionSignature, Effect};
use crate::model::schema::Object;

/// A step of the plan with what the proof about its phases needs to know.
#[derive(Debug)]
pub(super) struct Expanded<'a> {
    pub(super) step: Step,
    /// The step of the workflow's own text that it is, or that it is within.
    pub(super) own: &'a ir::Step,
    /// The conditions under which it runs, those of the calls around it included, and whether one of them is wrong.
    pub(super) conditions: Vec<(Frame, &'a Program)>,
    pub(super) condition_is_wrong: bool,
}

/// All steps of a list in the order of the file, and what waits for what.
#[derive(Debug, Default)]
pub(super) struct Expansion<'a> {
    pub(super) steps: Vec<Expanded<'a>>,
    pub(super) waits: Vec<Wait>,
}

/// What is around a list of steps.
#[derive(Clone)]
struct Around<'a> {
    frame: Frame,
    conditions: Vec<(Frame, &'a Program)>,
    condition_is_wrong: bool,
    own: Option<&'a ir::Step>,
}

/// Expands the steps of `workflow`, or its failure handler's. What it calls is among `callees`, and not too large: that
/// bounds the depth, too.
pub(super) fn expand<'a>(workflow: &ir::Workflow, steps: &'a [ir::Step], callees: &Callees<'a>) -> Expansion<'a> {
    let mut expansion = Expansion::default();
    let frame = Frame::outermost(workflow.name.node.clone());
    let around = Around { frame, conditions: Vec::new(), condition_is_wrong: false, own: None };
    expansion.list(steps, &around, callees);
    expansion
}

/// Where a step of a text begins and ends in the plan.
#[derive(Clone, Copy, Debug)]
struct Extent {
    first: usize,
    last: usize,
}

impl<'a> Expansion<'a> {
    /// Adds the steps of one text; what comes of it is where each of them stands.
    fn list(&mut self, steps: &'a [ir::Step], around: &Around<'a>, callees: &Callees<'a>) -> Vec<Extent> {
        let mut extents = Vec::with_capacity(steps.len());
        for step in steps {
            let own = around.own.unwrap_or(step);
            let mut conditions = around.conditions.clone();
            conditions.extend(step.condition.as_ref().map(|condition| (around.frame.clone(), condition)));
            let condition_is_wrong = around.condition_is_wrong || step.condition_is_wrong;
            let here = Around { frame: around.frame.clone(), conditions, condition_is_wrong, own: Some(own) };
            let callee = step.calls.as_ref().and_then(|name| callees.get(name.as_str()));
            extents.push(match callee {
                None => {
                    let at = self.push(plain(step, &around.frame), own, &here);
                    Extent { first: at, last: at }
                }
                Some(callee) => self.call(step, callee, &here, callees),
            });
        }
        // Names that are unknown were told when the workflow was looked at alone.
        for wait in waits(steps, &[], &mut Diagnostics::new()) {
            if let (Some(waiter), Some(dependency)) = (extents.get(wait.waiter), extents.get(wait.dependency)) {
                self.waits.push(Wait { waiter: waiter.first, dependency: dependency.last, ..wait });
            }
        }
        extents
    }

    fn call(
        &mut self,
        step: &'a ir::Step,
        callee: &'a ir::Workflow,
        here: &Around<'a>,
        callees: &Callees<'a>,
    ) -> Extent {
        let own = here.own.unwrap_or(step);
        let frame = here.frame.within(&step.name.node, callee.name.node.clone());
        let first = self.push(entry(step, &here.frame, &frame), own, here);
        let before = self.waits.len();
        let within = self.list(&callee.steps, &Around { frame: frame.clone(), ..here.clone() }, callees);
        let last = self.push(returned(step, callee, &here.frame, frame), own, here);

        let inner = self.waits.get(before..).unwrap_or_default();
        let waiting: BTreeSet<usize> = inner.iter().map(|wait| wait.waiter).collect();
        let awaited: BTreeSet<usize> = inner.iter().map(|wait| wait.dependency).collect();
        let named: BTreeSet<String> = callee
            .outputs
            .iter()
            .flat_map(|(_, template)| template.programs())
            .flat_map(|program| program.references("steps"))
            .filter_map(|reference| reference.name)
            .collect();
        let span = step.name.span;
        for (inner, extent) in callee.steps.iter().zip(within) {
            if !waiting.contains(&extent.first) {
                let why = if refers_to_inputs(inner) { Edge::Reference } else { Edge::Needs };
                self.waits.push(Wait { waiter: extent.first, dependency: first, why, span });
            }
            let is_named = named.contains(inner.name.node.as_str());
            if is_named || !awaited.contains(&extent.last) {
                let why = if is_named { Edge::Reference } else { Edge::Needs };
                self.waits.push(Wait { waiter: last, dependency: extent.last, why, span });
            }
        }
        Extent { first, last }
    }

    fn push(&mut self, step: Step, own: &'a ir::Step, around: &Around<'a>) -> usize {
        let (conditions, condition_is_wrong) = (around.conditions.clone(), around.condition_is_wrong);
        self.steps.push(Expanded { step, own, conditions, condition_is_wrong });
        self.steps.len() - 1
    }
}

fn plain(step: &ir::Step, frame: &Frame) -> Step {
    Step {
        name: frame.name(step.name.node.as_str()),
        frame: frame.clone(),
        border: None,
        docs: step.docs.clone(),
        action: Arc::clone(&step.action),
        condition: step.condition.clone(),
        with: step.with.clone(),
        retry: step.retry,
        timeout: step.timeout,
        undo: step.undo.clone(),
        for_each: step.for_each.clone(),
    }
}

/// What the call gives, under the condition of the step that calls.
fn entry(step: &ir::Step, frame: &Frame, within: &Frame) -> Step {
    let action = border(step, step.action.inputs.clone(), step.action.inputs.clone());
    let name = within.entry().unwrap_or_else(|| step.name.node.clone());
    Step { name, border: Some(Border::Entry), action, ..plain(step, frame) }
}

/// What the workflow that is called returns, under the name of the step that calls.
fn returned(step: &ir::Step, callee: &ir::Workflow, frame: &Frame, within: Frame) -> Step {
    // What outputs are follows from their expressions: there is nothing to hold them against.
    let action = border(step, Object { fields: Vec::new(), open: true }, step.action.output.clone());
    Step {
        name: frame.name(step.name.node.as_str()),
        frame: within,
        border: Some(Border::Return),
        docs: callee.summary.clone(),
        action,
        condition: None,
        with: Template::Object(callee.outputs.clone()),
        retry: None,
        timeout: None,
        undo: None,
        for_each: None,
    }
}

/// The signature of one side of a call: it does nothing by itself.
fn border(step: &ir::Step, inputs: Object, output: Object) -> Arc<ActionSignature> {
    let mut signature = ActionSignature::pure(step.action.name.clone(), "", Vec::new(), Vec::new());
    signature.inputs = inputs;
    signature.output = output;
    signature.effect = Effect::None;
    Arc::new(signature)
}

fn refers_to_inputs(step: &ir::Step) -> bool {
    let undo = match &step.undo {
        Some(ir::Undo::Action { with, .. }) => with.programs(),
        _ => Vec::new(),
    };
    let items = step.for_each.iter().flat_map(|each| each.items.programs());
    let mut programs = step.condition.iter().chain(step.with.programs()).chain(items).chain(undo);
    programs.any(|program| !program.references("inputs").is_empty())
}

/// What waits for what in the final order, each pair once.
pub(super) fn edges(waits: &[Wait], rank: &[usize]) -> Vec<(usize, usize, Edge)> {
    let mut edges: BTreeMap<(usize, usize), Edge> = BTreeMap::new();
    for wait in waits {
        if let (Some(before), Some(after)) = (rank.get(wait.dependency), rank.get(wait.waiter)) {
            edges.entry((*before, *after)).or_insert(wait.why);
        }
    }
    edges.into_iter().map(|((before, after), why)| (before, after, why)).collect()
}

/// Where a step's name stands in the workflow's own text.
pub(super) fn place(expanded: &Expanded<'_>) -> Span {
    expanded.own.name.span
}
