//! What lints look at: each rule, event and workflow with what was written and what the checker made of it.
//!
//! Only what compiled is here. A lint that says "never used" must ask [`Subject::is_whole`] or [`Subject::is_right`]
//! first: what was left out may have used it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::base::source::{SourceId, Sources};
use crate::base::span::Span;
use crate::compile::Trees;
use crate::diagnostic::{Diagnostics, Severity};
use crate::expression::Program;
use crate::ir;
use crate::ir::template::Template;
use crate::plan::{Frame, Plan, StepIndex};
use crate::syntax::rules::ast as rules;
use crate::syntax::workflow::ast as workflow;

/// Everything that is linted together.
#[derive(Debug)]
pub struct Subject<'a> {
    pub sources: &'a Sources,
    pub rules: Vec<Rule<'a>>,
    pub events: Vec<Event<'a>>,
    pub workflows: Vec<Workflow<'a>>,
    /// What the configuration says of load tests; `None` where no configuration was given.
    pub targets: Option<&'a [Target]>,
    /// Files with errors.
    broken: BTreeSet<SourceId>,
}

/// What the configuration says of load tests of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As the configuration names it; `defaults` for those that are not listed.
    pub name: String,
    /// Whether there is an endpoint to test.
    pub is_measured: bool,
    /// Keys of `measure.limits` that nobody has written.
    pub missing_limits: Vec<&'static str>,
    /// After which a search ends by itself.
    pub time: Duration,
}

/// A rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    pub tree: &'a rules::Rule,
    pub rule: &'a ir::Rule,
}

/// An event's declaration.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    pub tree: &'a rules::Event,
    pub event: &'a ir::EventType,
}

/// A workflow.
#[derive(Clone, Debug)]
pub struct Workflow<'a> {
    pub tree: &'a workflow::Workflow,
    pub checked: &'a ir::Workflow,
    pub steps: Vec<Step<'a>>,
    pub on_failure: Vec<Step<'a>>,
    /// `None` where its steps form no graph.
    pub plan: Option<&'a Plan>,
}

/// A step.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    pub tree: &'a workflow::Step,
    pub checked: &'a ir::Step,
    /// Whether it stands under `on_failure`.
    pub is_handler: bool,
}

impl<'a> Subject<'a> {
    /// Joins what was written with what became of it.
    pub(super) fn new(
        sources: &'a Sources,
        trees: &'a Trees,
        program: &'a ir::Program,
        plans: &'a [Arc<Plan>],
        diagnostics: &Diagnostics,
        targets: Option<&'a [Target]>,
    ) -> Self {
        let items = || trees.rules.iter().flat_map(|file| &file.items);
        let rules = program.rules.iter().filter_map(|rule| {
            let tree = items().find_map(|item| match item {
                rules::Item::Rule(tree) if tree.span == rule.span => Some(tree),
                _ => None,
            })?;
            Some(Rule { tree, rule })
        });
        let events = program.events.iter().filter_map(|event| {
            let tree = items().find_map(|item| match item {
                rules::Item::Event(tree) if tree.span == event.span => Some(tree),
                _ => None,
            })?;
            Some(Event { tree, event })
        });
        let workflows = program.workflows.iter().filter_map(|checked| {
            let tree = trees.workflows.iter().find(|tree| tree.source == checked.source)?;
            let plan = sources.get(checked.source).and_then(|source| {
                plans.iter().find(|plan| plan.source.path == source.path && plan.workflow == checked.name.node)
            });
            Some(Workflow {
                tree,
                checked,
                steps: steps(&tree.steps, &checked.steps, false),
                on_failure: steps(&tree.on_failure, &checked.on_failure, true),
                plan: plan.map(Arc::as_ref),
            })
        });
        let errors = diagnostics.iter().filter(|problem| problem.severity == Severity::Error);
        Self {
            sources,
            rules: rules.collect(),
            events: events.collect(),
            workflows: workflows.collect(),
            targets,
            broken: errors.map(|problem| problem.primary.span.source).collect(),
        }
    }

    /// Whether nothing of any file was left out.
    pub fn is_whole(&self) -> bool {
        self.broken.is_empty()
    }

    /// Whether nothing of this file was left out.
    pub fn is_right(&self, source: SourceId) -> bool {
        !self.broken.contains(&source)
    }

    /// Every step of every workflow, with its workflow.
    pub fn steps(&self) -> impl Iterator<Item = (&Workflow<'a>, &Step<'a>)> {
        self.workflows.iter().flat_map(|workflow| workflow.all_steps().map(move |step| (workflow, step)))
    }

    /// The workflow of that name.
    pub fn workflow(&self, name: &str) -> Option<&Workflow<'a>> {
        self.workflows.iter().find(|workflow| workflow.checked.name.node.as_str() == name)
    }

    /// The event of that name.
    pub fn event(&self, name: &str) -> Option<&Event<'a>> {
        self.events.iter().find(|event| event.event.name == name)
    }

    /// What was written there.
    pub fn text(&self, span: Span) -> &str {
        self.sources.get(span.source).and_then(|source| source.text.get(span.range())).unwrap_or_default()
    }
}

fn steps<'a>(trees: &'a [workflow::Step], steps: &'a [ir::Step], is_handler: bool) -> Vec<Step<'a>> {
    // The checker keeps the order, and leaves a workflow out whole where a step is missing.
    trees.iter().zip(steps).map(|(tree, checked)| Step { tree, checked, is_handler }).collect()
}

impl<'a> Rule<'a> {
    /// The first clause of that word.
    pub fn clause(&self, word: rules::ClauseWord) -> Option<&'a rules::Clause> {
        self.tree.clauses.iter().find(|clause| clause.kind.word() == Some(word))
    }

    /// Where a clause stands; the rule's name where there is none.
    pub fn place(&self, word: rules::ClauseWord) -> Span {
        self.clause(word).map_or(self.tree.name.span, |clause| clause.span)
    }

    /// The arguments of `run` and of every `emit`.
    pub fn templates(&self) -> impl Iterator<Item = &'a Template> {
        self.rule.run.iter().map(|run| &run.arguments).chain(self.rule.emit.iter().map(|emit| &emit.arguments))
    }

    /// Every expression of the rule.
    pub fn programs(&self) -> impl Iterator<Item = &'a Program> {
        self.rule.when.iter().chain(self.templates().flat_map(Template::programs))
    }
}

impl<'a> Workflow<'a> {
    /// The steps, then those of the failure handler.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step<'a>> {
        self.steps.iter().chain(&self.on_failure)
    }

    /// Every expression of the workflow.
    pub fn programs(&self) -> impl Iterator<Item = &'a Program> {
        let steps = self.checked.steps.iter().chain(&self.checked.on_failure);
        let outputs = self.checked.outputs.iter().flat_map(|(_, template)| template.programs());
        steps.flat_map(programs_of).chain(outputs)
    }

    /// Where the workflow's name stands.
    pub fn place(&self) -> Span {
        self.checked.name.span
    }

    /// Whether `after` starts only once `before` has settled.
    pub fn waits_for(&self, after: &Step<'_>, before: &Step<'_>) -> bool {
        let Some(plan) = self.plan else { return false };
        let graph = if after.is_handler { &plan.on_failure } else { &plan.steps };
        match (self.index(after), graph.find(before.checked.name.node.as_str())) {
            (Some((_, after)), Some(before)) => graph.waits_for(after, before),
            _ => false,
        }
    }

    /// The step's place in its graph, with the graph; of a call where it begins.
    pub fn index(&self, step: &Step<'_>) -> Option<(&'a crate::plan::Graph, StepIndex)> {
        let plan = self.plan?;
        let graph = if step.is_handler { &plan.on_failure } else { &plan.steps };
        let name = step.checked.name.node.as_str();
        let begins = step.checked.calls.is_some().then(|| graph.find(&Frame::entry_of(name))).flatten();
        Some((graph, begins.or_else(|| graph.find(name))?))
    }
}

impl<'a> Step<'a> {
    /// The step's name.
    pub fn name(&self) -> &'a str {
        self.checked.name.node.as_str()
    }

    /// Where its name stands.
    pub fn place(&self) -> Span {
        self.checked.name.span
    }

    /// Where its action is named.
    pub fn uses(&self) -> Span {
        self.tree.uses.as_ref().map_or(self.place(), |uses| uses.span)
    }

    /// Every expression of the step.
    pub fn programs(&self) -> Vec<&'a Program> {
        programs_of(self.checked)
    }
}

fn programs_of(step: &ir::Step) -> Vec<&Program> {
    let undo = match &step.undo {
        Some(ir::Undo::Action { with, .. }) => with.programs(),
        _ => Vec::new(),
    };
    let for_each = step.for_each.iter().flat_map(|each| each.items.programs());
    step.condition.iter().chain(for_each).chain(step.with.programs()).chain(undo).collect()
}
