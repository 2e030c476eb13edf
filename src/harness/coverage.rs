//! Which rules, steps and branches scenarios have reached, and which not.
//!
//! A branch is a way that a program can take or leave: a condition in both its values, the undo of a step, the failure
//! handler, what a rule's clauses hold back, and what happens to a match while the target is busy. A step counts for the
//! workflow whose text it stands in, whoever calls that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::play::Played;
use super::world::history::Happening;
use crate::base::id::{RuleName, RunId, StepName, WorkflowName};
use crate::plan::Plan;
use crate::router::{Busy, Rule};
use crate::runtime::journal::{Place, RunStatus, RunSummary, What};
use crate::runtime::ports::{EventOutcome, RuleResult};
use crate::runtime::program::Program;
use crate::runtime::run::decide;

/// Something that a scenario can reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// The rule matched and went on to what it runs or emits.
    Rule(RuleName),
    /// The rule's `when` was false.
    WhenFalse(RuleName),
    /// The rule's threshold was not reached.
    BelowThreshold(RuleName),
    /// The rule waited for its events to go quiet.
    Debounced(RuleName),
    /// The rule's throttle dropped a match.
    Throttled(RuleName),
    /// The target was busy, and the rule did what its `busy` says.
    Busy(RuleName, &'static str),
    /// The step was begun.
    Step(WorkflowName, StepName),
    /// The step's `if` was false.
    IfFalse(WorkflowName, StepName),
    /// The step was undone.
    Undo(WorkflowName, StepName),
    /// The workflow failed and handled it.
    OnFailure(WorkflowName),
}

/// Of what kind a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Rule,
    Step,
    Branch,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    pub covered: usize,
    pub total: usize,
}

/// What was reached of everything there is.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    points: BTreeMap<Point, bool>,
}

impl Coverage {
    /// Nothing is reached yet.
    pub fn of(program: &Program) -> Self {
        let rules = program.router.program().rules.iter().flat_map(rule_points);
        let steps = program.plans.values().flat_map(|plan| plan_points(plan));
        Self { points: rules.chain(steps).map(|point| (point, false)).collect() }
    }

    /// Takes in what one scenario reached.
    pub fn take_in(&mut self, played: &Played, program: &Program) {
        let mut workflows: BTreeMap<RunId, WorkflowName> = BTreeMap::new();
        let mut skipped = BTreeSet::new();
        for moment in &played.history {
            match &moment.what {
                Happening::Run(run) => {
                    workflows.insert(run.id, run.workflow.clone());
                    self.run(run, program);
                }
                Happening::Settled { outcome, .. } => self.settled(outcome),
                Happening::Accepted { event, .. } => {
                    if let Some(rule) = event.source.strip_prefix("homeostat/rules/") {
                        self.reach(Point::Rule(rule.into()));
                    }
                }
                Happening::Journaled { run, entry } => {
                    let plan = workflows.get(run).and_then(|workflow| program.plans.get(workflow));
                    if let Some(plan) = plan {
                        self.journaled(&entry.what, plan, (*run, &mut skipped));
                    }
                }
                _ => {}
            }
        }
    }

    fn run(&mut self, run: &RunSummary, program: &Program) {
        let Some(rule) = &run.rule else { return };
        self.reach(Point::Rule(rule.clone()));
        let busy = program.router.rule(rule.as_str()).map(|rule| rule.busy);
        let replaced =
            run.status == RunStatus::Dropped && run.error.as_ref().is_some_and(|why| why.contains("replaced"));
        match busy {
            Some(Busy::Supersede) if run.supersedes => self.reach(Point::Busy(rule.clone(), "supersede")),
            Some(Busy::Coalesce) if replaced => self.reach(Point::Busy(rule.clone(), "coalesce")),
            _ => {}
        }
    }

    fn settled(&mut self, outcome: &EventOutcome) {
        for rule in &outcome.rules {
            let name = rule.rule.clone();
            match rule.result {
                RuleResult::Matched => self.reach(Point::Rule(name)),
                RuleResult::NoMatch | RuleResult::Error => self.reach(Point::WhenFalse(name)),
                RuleResult::BelowThreshold => self.reach(Point::BelowThreshold(name)),
                RuleResult::Debounced => self.reach(Point::Debounced(name)),
                RuleResult::Throttled => self.reach(Point::Throttled(name)),
                RuleResult::Busy => self.reach(Point::Busy(name, "drop")),
            }
        }
    }

    /// `skipped` are the steps that were, with their runs.
    fn journaled(&mut self, what: &What, plan: &Plan, (run, skipped): (RunId, &mut BTreeSet<(RunId, StepName)>)) {
        let name = match what {
            What::Attempted { place: Place { step, .. }, .. }
            | What::Expanded { step, .. }
            | What::Skipped { step } => step,
            What::Undoing { place } => &place.step,
            _ => return,
        };
        let Some(step) = decide::find(plan, name) else { return };
        let origin = step.origin().map(|(workflow, written)| (workflow.clone(), StepName::from(written)));
        if !matches!(what, What::Skipped { .. } | What::Undoing { .. }) && plan.on_failure.find(name.as_str()).is_some()
        {
            self.reach(Point::OnFailure(plan.workflow.clone()));
        }
        // Within a call that was skipped nothing has said so.
        let of_call = step.frame.entry().is_some_and(|entry| skipped.contains(&(run, entry)));
        let is_skip = matches!(what, What::Skipped { .. });
        if is_skip {
            skipped.insert((run, name.clone()));
        }
        let Some((workflow, written)) = origin.filter(|_| !of_call) else { return };
        self.reach(match what {
            What::Undoing { .. } => Point::Undo(workflow, written),
            _ if is_skip => Point::IfFalse(workflow, written),
            _ => Point::Step(workflow, written),
        });
    }

    /// What is no point of the program is passed over.
    fn reach(&mut self, point: Point) {
        if let Some(reached) = self.points.get_mut(&point) {
            *reached = true;
        }
    }

    /// So many of each kind.
    pub fn figure(&self, kind: Kind) -> Figure {
        let mut figure = Figure::default();
        for (_, reached) in self.points.iter().filter(|(point, _)| point.kind() == kind) {
            figure.total += 1;
            figure.covered += usize::from(*reached);
        }
        figure
    }

    /// Of all kinds together.
    pub fn total(&self) -> Figure {
        Figure { covered: self.points.values().filter(|reached| **reached).count(), total: self.points.len() }
    }

    /// What no scenario has reached.
    pub fn gaps(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|(_, reached)| !**reached).map(|(point, _)| point)
    }
}

impl Figure {
    /// In percent; all of nothing is everything.
    pub fn percent(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "numbers of lines in files")]
        if self.total == 0 { 100.0 } else { self.covered as f64 * 100.0 / self.total as f64 }
    }
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Rule, Self::Step, Self::Branch];

    /// In the plural.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rules",
            Self::Step => "steps",
            Self::Branch => "branches",
        }
    }
}

impl Point {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Rule(_) => Kind::Rule,
            Self::Step(..) => Kind::Step,
            _ => Kind::Branch,
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => write!(f, "rule `{rule}` never matched"),
            Self::WhenFalse(rule) => write!(f, "rule `{rule}`: `when` was never false"),
            Self::BelowThreshold(rule) => write!(f, "rule `{rule}`: never below its `threshold`"),
            Self::Debounced(rule) => write!(f, "rule `{rule}`: `debounce` never held anything"),
            Self::Throttled(rule) => write!(f, "rule `{rule}`: `throttle` never dropped anything"),
            Self::Busy(rule, mode) => write!(f, "rule `{rule}`: `busy {mode}` never came into play"),
            Self::Step(workflow, step) => write!(f, "workflow `{workflow}`: step `{step}` never began"),
            Self::IfFalse(workflow, step) => write!(f, "workflow `{workflow}`: `if` of step `{step}` was never false"),
            Self::Undo(workflow, step) => write!(f, "workflow `{workflow}`: step `{step}` was never undone"),
            Self::OnFailure(workflow) => write!(f, "workflow `{workflow}`: `on_failure` never ran"),
        }
    }
}

fn rule_points(rule: &Rule) -> Vec<Point> {
    let name = || rule.name.clone();
    let busy = match rule.busy {
        // What happens where nothing is said, and cannot be told from a run that did not have to wait.
        Busy::Queue => None,
        Busy::Coalesce => Some("coalesce"),
        Busy::Supersede => Some("supersede"),
        Busy::Drop => Some("drop"),
    };
    let mut points = vec![Point::Rule(name())];
    points.extend(rule.when.is_some().then(|| Point::WhenFalse(name())));
    points.extend(rule.threshold.is_some().then(|| Point::BelowThreshold(name())));
    points.extend(rule.debounce.is_some().then(|| Point::Debounced(name())));
    points.extend(rule.throttle.is_some().then(|| Point::Throttled(name())));
    points.extend(busy.filter(|_| rule.run.is_some()).map(|mode| Point::Busy(name(), mode)));
    points
}

fn plan_points(plan: &Plan) -> Vec<Point> {
    let mut points = Vec::new();
    for (_, step) in plan.steps.iter().chain(plan.on_failure.iter()) {
        // What is called has points of its own.
        let Some((_, written)) = step.origin().filter(|_| step.frame.entry().is_none()) else { continue };
        let (workflow, name) = (|| plan.workflow.clone(), || StepName::from(written));
        points.push(Point::Step(workflow(), name()));
        points.extend(step.condition.is_some().then(|| Point::IfFalse(workflow(), name())));
        let is_undone = step.undo.is_some() && plan.steps.find(step.name.as_str()).is_some();
        points.extend(is_undone.then(|| Point::Undo(workflow(), name())));
    }
    points.extend((!plan.on_failure.is_empty()).then(|| Point::OnFailure(plan.workflow.clone())));
    points
}
