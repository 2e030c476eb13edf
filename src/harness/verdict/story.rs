//! A history as the documents that expectations are compared with: runs with their steps, dispatches, phases, events.
//!
//! Moments are told as durations from the start. What it must not know: what anybody expects.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::base::clock::Timestamp;
use crate::base::id::{RunId, StepName, TargetName};
use crate::base::literal::format_duration;
use crate::harness::play::Played;
use crate::harness::world::history::{Happening, Moment};
use crate::model::event::Event;
use crate::model::schema::JsonMap;
use crate::runtime::journal::{Entry, RunSummary};
use crate::runtime::ports::EventOutcome;
use crate::runtime::program::Program;
use crate::runtime::run::state::{Performance, RunState, Status, StepState, Undoing};

/// How the source begins of an event that a rule or a step emitted.
const EMITTED: [&str; 2] = ["homeostat/rules/", "homeostat/runs"];

/// Everything that happened, by kind and in order.
#[derive(Debug)]
pub struct Story<'a> {
    played: &'a Played,
    program: &'a Program,
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    summary: RunSummary,
    journal: Vec<Entry>,
}

impl<'a> Story<'a> {
    pub fn of(played: &'a Played, program: &'a Program) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for moment in &played.history {
            match &moment.what {
                Happening::Run(summary) => match runs.iter_mut().find(|run| run.summary.id == summary.id) {
                    Some(run) => run.summary = summary.clone(),
                    None => runs.push(Run { summary: summary.clone(), journal: Vec::new() }),
                },
                Happening::Journaled { run: id, entry } => {
                    if let Some(run) = runs.iter_mut().find(|run| run.summary.id == *id) {
                        run.journal.push(entry.clone());
                    }
                }
                _ => {}
            }
        }
        Self { played, program, runs }
    }

    pub fn moments(&self) -> &[Moment] {
        &self.played.history
    }

    /// The workflow of a run, for people.
    pub fn workflow(&self, id: RunId) -> &str {
        self.runs.iter().find(|run| run.summary.id == id).map_or("?", |run| run.summary.workflow.as_str())
    }

    /// How long after the start a moment is.
    pub fn at(&self, moment: Timestamp) -> String {
        format_duration(moment.since(self.played.start))
    }

    pub fn runs(&self) -> Json {
        self.runs.iter().map(|run| self.run(run)).collect()
    }

    fn run(&self, run: &Run) -> Json {
        let RunSummary { id, workflow, target, rule, event, inputs, status, error, started_at, ended_at, .. } =
            &run.summary;
        let state = RunState::replay(&run.journal).unwrap_or_default();
        let mut steps = JsonMap::new();
        let plan = self.program.plans.get(workflow.as_str());
        let known = plan.into_iter().flat_map(|plan| plan.steps.iter().chain(plan.on_failure.iter()));
        for (_, step) in known {
            let view = state.steps.get(&step.name).map_or_else(|| json!({ "status": "not_started" }), step_view);
            steps.insert(step.name.to_string(), self.counted(view, *id, &step.name));
        }
        json!({
            "workflow": workflow,
            "target": target,
            "rule": rule,
            "event": event.as_ref().map(|(_, id)| id),
            "inputs": inputs,
            "status": status.as_str(),
            "error": error,
            "outputs": state.ended.map(|end| end.outputs),
            "began": started_at.map(|moment| self.at(moment)),
            "ended": ended_at.map(|moment| self.at(moment)),
            "steps": steps,
        })
    }

    /// A step with how often the world saw it performed.
    fn counted(&self, mut view: Json, id: RunId, name: &StepName) -> Json {
        let performed = self.moments().iter().filter(|moment| {
            matches!(&moment.what, Happening::Performed { run, step, is_undo: false } if *run == id && step == name)
        });
        let performed = performed.count();
        if let Json::Object(fields) = &mut view {
            fields.insert("performed".to_owned(), performed.into());
        }
        view
    }

    pub fn dispatched(&self) -> Json {
        let told = self.moments().iter().filter_map(|moment| match &moment.what {
            Happening::Dispatched { order, result } => Some((moment.at, order, result)),
            _ => None,
        });
        told.map(|(at, order, result)| {
            let agents: JsonMap = result
                .assignments
                .iter()
                .map(|assigned| (assigned.agent.to_string(), assigned.rate_rps.into()))
                .collect();
            let (run, rest) = order.key.as_str().split_once('/').unwrap_or_default();
            let run = run.parse::<RunId>().ok();
            let plan = run.and_then(|run| self.program.plans.get(self.workflow(run)));
            let (step, is_undo) = place_of(rest, |step| plan.is_none_or(|plan| plan.steps.find(step).is_some()));
            json!({
                "at": self.at(at),
                "target": order.settings.name,
                "workflow": run.map(|run| self.workflow(run)),
                "step": step,
                "undo": is_undo,
                "total_rps": result.total_rps,
                "agents": agents,
            })
        })
        .collect()
    }

    /// The phases of each target, from its first change on.
    pub fn phases(&self) -> Json {
        let mut phases: BTreeMap<&TargetName, Vec<Json>> = BTreeMap::new();
        for moment in self.moments() {
            let Happening::Target(state) = &moment.what else { continue };
            let list = phases.entry(&state.name).or_default();
            let phase = state.phase.as_str();
            if list.last().and_then(|last| last.get("phase")).and_then(Json::as_str) != Some(phase) {
                list.push(json!({ "at": self.at(moment.at), "phase": phase, "reason": state.reason }));
            }
        }
        serde_json::to_value(phases).unwrap_or_default()
    }

    /// Each target as it is at the end, of those that changed.
    pub fn targets(&self) -> JsonMap {
        let mut targets = JsonMap::new();
        for moment in self.moments() {
            let Happening::Target(state) = &moment.what else { continue };
            let view = json!({
                "phase": state.phase.as_str(),
                "reason": state.reason,
                "signature": state.signature,
                "rate_rps": state.rate_rps,
                "verified_rps": state.verified_rps,
            });
            targets.insert(state.name.to_string(), view);
        }
        targets
    }

    pub fn records(&self) -> Json {
        let saved = self.moments().iter().filter_map(|moment| match &moment.what {
            Happening::Recorded(record) => Some((moment.at, record)),
            _ => None,
        });
        saved
            .map(|(at, record)| {
                json!({
                    "at": self.at(at),
                    "target": record.target,
                    "signature": record.signature,
                    "max_rps": record.measurement.max_rps,
                })
            })
            .collect()
    }

    fn accepted(&self) -> impl Iterator<Item = (Timestamp, u64, &Event)> {
        self.moments().iter().filter_map(|moment| match &moment.what {
            Happening::Accepted { sequence, event } => Some((moment.at, *sequence, event)),
            _ => None,
        })
    }

    pub fn emitted(&self) -> Json {
        self.accepted()
            .filter(|(_, _, event)| EMITTED.iter().any(|begin| event.source.starts_with(begin)))
            .map(|(at, _, event)| {
                let after = event.deliver_at.map_or_else(Default::default, |moment| moment.since(at));
                json!({
                    "at": self.at(at),
                    "type": event.kind,
                    "subject": event.subject,
                    "data": event.data,
                    "after": format_duration(after),
                })
            })
            .collect()
    }

    /// Every event with what the rules made of it.
    pub fn events(&self) -> Json {
        let mut outcomes: BTreeMap<u64, &EventOutcome> = BTreeMap::new();
        for moment in self.moments() {
            if let Happening::Settled { sequence, outcome } = &moment.what {
                outcomes.insert(*sequence, outcome);
            }
        }
        self.accepted()
            .map(|(at, sequence, event)| {
                let outcome = outcomes.get(&sequence);
                let rules: JsonMap = outcome
                    .into_iter()
                    .flat_map(|outcome| &outcome.rules)
                    .map(|rule| {
                        let run = rule.run.map(|run| self.workflow(run));
                        (rule.rule.to_string(), json!({ "result": rule.result, "note": rule.note, "run": run }))
                    })
                    .collect();
                json!({
                    "at": self.at(at),
                    "id": event.id,
                    "type": event.kind,
                    "subject": event.subject,
                    "during_test": event.during_test,
                    "state": if outcome.is_some() { "settled" } else { "waiting" },
                    "rules": rules,
                })
            })
            .collect()
    }

    pub fn refused(&self) -> Json {
        let refused = self.moments().iter().filter_map(|moment| match &moment.what {
            Happening::Refused { what, .. } => Some(Json::from(what.as_str())),
            _ => None,
        });
        refused.collect()
    }
}

/// The step that the rest of a key behind its run names, and whether it is the key of the step's own undo action: that is no
/// step of the plan.
fn place_of(rest: &str, is_step: impl Fn(&str) -> bool) -> (&str, bool) {
    let step = |text: &str| -> usize { text.find('[').unwrap_or(text.len()) };
    match rest.strip_suffix("/undo") {
        Some(undone) if !is_step(rest) => (undone.get(..step(undone)).unwrap_or(undone), true),
        _ => (rest.get(..step(rest)).unwrap_or(rest), false),
    }
}

fn step_view(state: &StepState) -> Json {
    match state {
        StepState::Skipped => json!({ "status": "skipped" }),
        StepState::Kept(output) => json!({ "status": "kept", "attempts": 0, "output": output }),
        StepState::Broken(error) => json!({ "status": "failed", "error": error.message, "attempts": 0 }),
        StepState::Once(performance) => performance_view(performance),
        StepState::Each { items, performances } => {
            let views: Vec<Json> = (0..items.len())
                .map(|item| {
                    performances.get(&item).map_or_else(|| json!({ "status": "not_started" }), performance_view)
                })
                .collect();
            let is = |status: &str, view: &Json| view.get("status").and_then(Json::as_str) == Some(status);
            let status = if views.iter().any(|view| is("failed", view)) {
                "failed"
            } else if views.iter().all(|view| is("succeeded", view)) {
                "succeeded"
            } else {
                "running"
            };
            let attempts: u64 = views.iter().filter_map(|view| view.get("attempts")?.as_u64()).sum();
            json!({ "status": status, "attempts": attempts, "output": state.output(), "items": views })
        }
    }
}

fn performance_view(performance: &Performance) -> Json {
    let (status, output, error) = match &performance.status {
        Status::Running => ("running", None, None),
        Status::Retrying { error, .. } => ("retrying", None, Some(&error.message)),
        Status::Waiting { .. } => ("waiting", None, None),
        Status::Succeeded(output) => ("succeeded", Some(output), None),
        Status::Failed(error) => ("failed", None, Some(&error.message)),
    };
    let (undo, undo_error) = match &performance.undoing {
        Undoing::NotYet => (None, None),
        Undoing::Running => (Some("running"), None),
        Undoing::Done => (Some("done"), None),
        Undoing::Failed(error) => (Some("failed"), Some(&error.message)),
    };
    json!({
        "status": status,
        "attempts": performance.attempt,
        "interruptions": performance.interruptions,
        "input": performance.input,
        "output": output,
        "error": error,
        "undo": undo,
        "undo_error": undo_error,
    })
}
