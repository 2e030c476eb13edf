//! The workflows that others may call: those whose plans are right, and how large each becomes.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::source::SourceId;
use crate::base::span::Spanned;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::ir;

/// Most calls within each other.
const MAX_DEPTH: usize = 8;
/// Most steps of a plan, with those of all that it calls and two for each call.
const MAX_STEPS: usize = 1_000;
/// Most steps that all plans of a program have within their calls: a few short files could ask for any number.
const MAX_OF_ALL: usize = 100_000;

/// Workflows that may be called, by name.
#[derive(Debug, Default)]
pub struct Callees<'a> {
    known: BTreeMap<&'a str, Callee<'a>>,
    /// Steps within the calls of all that were added.
    within: usize,
}

#[derive(Debug)]
struct Callee<'a> {
    workflow: &'a ir::Workflow,
    size: Size,
    /// Where it and all that it calls are written.
    sources: BTreeSet<SourceId>,
}

/// How large a plan becomes.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    steps: usize,
    /// Calls within each other.
    depth: usize,
}

impl<'a> Callees<'a> {
    /// Adds a workflow whose plan is right. Of two of one name the first counts.
    pub fn add(&mut self, workflow: &'a ir::Workflow) {
        let size = self.size(workflow.steps.iter());
        let all = || workflow.steps.iter().chain(&workflow.on_failure);
        self.within += self.size(all()).steps.saturating_sub(all().count());
        let mut sources = self.sources(workflow);
        sources.insert(workflow.source);
        self.known.entry(workflow.name.node.as_str()).or_insert(Callee { workflow, size, sources });
    }

    /// The workflow of that name; `None` where something is wrong with it.
    pub(super) fn get(&self, name: &str) -> Option<&'a ir::Workflow> {
        self.known.get(name).map(|callee| callee.workflow)
    }

    /// Where all that a workflow calls is written.
    pub fn sources(&self, workflow: &ir::Workflow) -> BTreeSet<SourceId> {
        let called = calls(workflow).filter_map(|(_, name)| self.known.get(name));
        called.flat_map(|callee| callee.sources.iter().copied()).collect()
    }

    /// Whether all that a workflow calls is right, and the plan with it not too large, which is reported (H0407).
    pub(super) fn bear(&self, workflow: &ir::Workflow, found: &mut Diagnostics) -> bool {
        if !calls(workflow).all(|(_, name)| self.known.contains_key(name)) {
            return false;
        }
        for steps in [&workflow.steps, &workflow.on_failure] {
            let size = self.size(steps.iter());
            let message = if size.depth > MAX_DEPTH {
                format!("calls within each other are {} deep here, and {MAX_DEPTH} are the most", size.depth)
            } else if size.steps > MAX_STEPS && size.depth > 0 {
                format!("with all that it calls, the plan has {} steps, and {MAX_STEPS} are the most", size.steps)
            } else if size.depth > 0 && self.within + size.steps > MAX_OF_ALL {
                format!("with all that they call, the plans have more than {MAX_OF_ALL} steps together")
            } else {
                continue;
            };
            let largest = steps.iter().filter(|step| step.calls.is_some()).max_by_key(|step| {
                let size = self.size(std::iter::once(*step));
                (size.depth, size.steps)
            });
            let span = largest.map_or(workflow.name.span, |step| step.name.span);
            let help = "let a rule run the other workflow, by an event that this one emits";
            found.push(Diagnostic::error(Code::TooManySteps, span, message).help(help));
            return false;
        }
        true
    }

    fn size<'s>(&self, steps: impl Iterator<Item = &'s ir::Step>) -> Size {
        steps.fold(Size::default(), |size, step| {
            let own = match step.calls.as_ref().map(|name| self.known.get(name.as_str())) {
                None => Size { steps: 1, depth: 0 },
                Some(callee) => {
                    let inner = callee.map(|callee| callee.size).unwrap_or_default();
                    Size { steps: inner.steps.saturating_add(2), depth: inner.depth + 1 }
                }
            };
            Size { steps: size.steps.saturating_add(own.steps), depth: size.depth.max(own.depth) }
        })
    }
}

/// Every call of a workflow: the step, and what it calls.
fn calls(workflow: &ir::Workflow) -> impl Iterator<Item = (&Spanned<crate::base::id::StepName>, &str)> {
    let steps = workflow.steps.iter().chain(&workflow.on_failure);
    steps.filter_map(|step| Some((&step.name, step.calls.as_ref()?.as_str())))
}

/// The workflows in rounds: each calls only those of the rounds before it. Last come those of which that is not so, because
/// they call each other or what is not there: their plans cannot be built.
pub fn rounds(workflows: &[ir::Workflow]) -> Vec<Vec<&ir::Workflow>> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut left: Vec<&ir::Workflow> = workflows.iter().collect();
    let mut rounds = Vec::new();
    while !left.is_empty() {
        let is_ready = |workflow: &&ir::Workflow| calls(workflow).all(|(_, name)| done.contains(name));
        let (ready, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(is_ready);
        if ready.is_empty() {
            rounds.push(rest);
            return rounds;
        }
        done.extend(ready.iter().map(|workflow| workflow.name.node.as_str()));
        rounds.push(ready);
        left = rest;
    }
    rounds
}
