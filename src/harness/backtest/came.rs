//! What one event came to: which rules matched, what ran, and how that ended.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::Recorded;
use crate::base::clock::Timestamp;
use crate::base::id::{RuleName, RunId, WorkflowName};
use crate::harness::world::history::{Happening, Moment};
use crate::model::event::Event;
use crate::model::target::Phase;
use crate::runtime::journal::{Entry, RunStatus, RunSummary, What};
use crate::runtime::ports::{EventOutcome, RuleResult};

/// What came of one event.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Came {
    /// Why it was not taken, or put aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Rules that matched or failed, in their order.
    pub rules: Vec<RuleCame>,
}

/// What one rule made of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleCame {
    pub rule: RuleName,
    pub result: RuleResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunCame>,
}

/// What one run did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunCame {
    pub workflow: WorkflowName,
    pub inputs: Json,
    pub status: RunStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Where it left its target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// In the order in which they began.
    pub steps: Vec<StepCame>,
}

/// What one step, or one item of it, did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepCame {
    /// `step`, or `step[item]`.
    pub step: String,
    pub result: StepResult,
    /// What it was last asked for.
    #[serde(skip_serializing_if = "Json::is_null")]
    pub input: Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    Skipped,
    /// It was begun, and the run ended before it did.
    Begun,
    Succeeded,
    Failed,
    Undone,
}

impl StepResult {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Begun => "cut off",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Undone => "undone",
        }
    }
}

impl Came {
    /// Whether a rule took it.
    pub fn does_something(&self) -> bool {
        self.rules.iter().any(|rule| rule.result == RuleResult::Matched)
    }
}

/// An event with what came of it.
pub(super) struct Told {
    pub(super) event: Event,
    pub(super) accepted_at: Timestamp,
    pub(super) came: Came,
    /// Whether nothing more comes of it.
    pub(super) is_over: bool,
}

type ByEvent = BTreeMap<(String, String), Told>;

/// What the store says.
pub(super) fn recorded(recorded: &Recorded) -> ByEvent {
    let runs = |id: RunId| recorded.runs.get(&id).map(|run| (&run.summary, run.journal.as_slice()));
    let told = recorded.events.iter().map(|stored| {
        let key = (stored.event.source.clone(), stored.event.id.clone());
        (key, told(&stored.event, stored.accepted_at, stored.outcome.as_ref(), &runs))
    });
    told.collect()
}

/// What a history says.
pub(super) fn played(history: &[Moment]) -> ByEvent {
    let mut runs: BTreeMap<RunId, (&RunSummary, Vec<Entry>)> = BTreeMap::new();
    let mut outcomes: BTreeMap<u64, &EventOutcome> = BTreeMap::new();
    for moment in history {
        match &moment.what {
            Happening::Run(summary) => runs.entry(summary.id).or_insert_with(|| (summary, Vec::new())).0 = summary,
            Happening::Journaled { run, entry } => {
                if let Some((_, journal)) = runs.get_mut(run) {
                    journal.push(entry.clone());
                }
            }
            Happening::Settled { sequence, outcome } => {
                outcomes.insert(*sequence, outcome);
            }
            _ => {}
        }
    }
    let runs = |id: RunId| runs.get(&id).map(|(summary, journal)| (*summary, journal.as_slice()));
    let mut events = ByEvent::new();
    for moment in history {
        match &moment.what {
            Happening::Accepted { sequence, event } => {
                let told = told(event, moment.at, outcomes.get(sequence).copied(), &runs);
                events.insert((event.source.clone(), event.id.clone()), told);
            }
            Happening::Refused { event: Some((source, id)), what } => {
                let came = Came { refused: Some(what.clone()), rules: Vec::new() };
                let event = Event::new(source.clone(), id.clone(), "");
                let told = Told { event, accepted_at: moment.at, came, is_over: true };
                events.entry((source.clone(), id.clone())).or_insert(told);
            }
            _ => {}
        }
    }
    events
}

fn told<'a>(
    event: &Event,
    accepted_at: Timestamp,
    outcome: Option<&EventOutcome>,
    runs: &impl Fn(RunId) -> Option<(&'a RunSummary, &'a [Entry])>,
) -> Told {
    let mut is_over = outcome.is_some();
    let mut came = Came::default();
    for rule in outcome.iter().flat_map(|outcome| &outcome.rules) {
        if rule.result == RuleResult::NoMatch {
            continue;
        }
        let run = rule.run.and_then(runs);
        is_over &= run.is_none_or(|(summary, _)| summary.status.is_final());
        let run = run.map(|(summary, journal)| ran(summary, journal));
        came.rules.push(RuleCame { rule: rule.rule.clone(), result: rule.result, run });
    }
    came.refused = outcome.and_then(|outcome| outcome.dead.clone());
    Told { event: event.clone(), accepted_at, came, is_over }
}

fn ran(summary: &RunSummary, journal: &[Entry]) -> RunCame {
    let mut run = RunCame {
        workflow: summary.workflow.clone(),
        inputs: summary.inputs.clone(),
        status: summary.status,
        error: summary.error.clone(),
        phase: None,
        steps: Vec::new(),
    };
    for entry in journal {
        let (step, result, error) = match &entry.what {
            What::Skipped { step } => (step.to_string(), StepResult::Skipped, None),
            What::Attempted { place, .. } => (place.to_string(), StepResult::Begun, None),
            What::Succeeded { place, .. } => (place.to_string(), StepResult::Succeeded, None),
            What::Failed { place, error } => (place.to_string(), StepResult::Failed, Some(error.to_string())),
            What::Undone { place, .. } => (place.to_string(), StepResult::Undone, None),
            What::Ended { phase, .. } => {
                run.phase = *phase;
                continue;
            }
            _ => continue,
        };
        let at = run.steps.iter().position(|known| known.step == step).unwrap_or(run.steps.len());
        if at == run.steps.len() {
            run.steps.push(StepCame { step, result, input: Json::Null, error: None });
        }
        let Some(known) = run.steps.get_mut(at) else { continue };
        known.result = result;
        known.error = error.or(known.error.take().filter(|_| result == StepResult::Undone));
        if let What::Attempted { input, .. } = &entry.what {
            known.input = input.clone();
        }
    }
    run
}
