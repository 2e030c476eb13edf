//! Events that were recorded are played again by another program: what would have come of them, beside what did.
//!
//! | part | does |
//! | --- | --- |
//! | `recorded` | everything that a store holds of the past |
//! | `came` | what one event came to, from the store's words or from a history |
//! | `changes` | what differs between two of these, for people |
//! | `report` | all of it as text and JSON |
//!
//! The engine is the real one, in a world whose time skips. An action that is asked for the same with the same input gets the
//! outcome that its journal holds; what else is asked is done in the world, where a load test that was never made finds
//! nothing. What it must not know: files, terminals.

mod came;
mod changes;
mod recorded;
mod report;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::play::{Script, perform};
use super::scenario::{Deed, Planned};
use super::world::history::Happening;
use super::world::recordings::Recordings;
use super::world::{Laws, Setting};
use crate::base::clock::Timestamp;
use crate::base::id::TargetName;
use crate::base::source::SourceId;
use crate::base::span::Span;
use crate::model::event::Event;
use crate::model::target::{Lease, Phase, TargetState};
use crate::runtime::journal::{RunSummary, What};

pub use came::{Came, RuleCame, RunCame, StepCame, StepResult};
pub use recorded::{Around, Recorded};
pub use report::{to_json, to_people};

/// The events that are compared; all that were recorded are played, so that targets stand as they stood.
#[derive(Clone, Copy, Debug)]
pub struct Period {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// In the order in which they were accepted; what only the new program emits comes at its moment.
    pub events: Vec<Compared>,
    /// Events whose runs had not ended: they are not compared.
    pub unfinished: usize,
    /// Load tests that were never made and are asked for now; they fail here.
    pub unknown_measurements: usize,
    /// Runs whose plan cannot be made any more: what their actions came to is not known.
    pub unknown_plans: usize,
}

/// One event, before and now.
#[derive(Debug, Serialize)]
pub struct Compared {
    pub source: String,
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub subject: Option<TargetName>,
    pub accepted_at: Timestamp,
    pub verdict: Verdict,
    /// `None`: it is emitted only now.
    pub before: Option<Came>,
    /// `None`: it is not emitted any more.
    pub now: Option<Came>,
    /// What differs, one line a difference; a line that begins with a blank belongs to the one above.
    pub changes: Vec<String>,
}

/// How what comes of an event compares with what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The same.
    Same,
    /// Something did, and something else does.
    Differs,
    /// Something did, and nothing does.
    OnlyBefore,
    /// Nothing did, and something does.
    OnlyNow,
    /// It would not be taken.
    Refused,
}

/// Plays what was recorded by the laws of another program, and compares.
///
/// # Errors
/// The world could not be made: a defect, or a machine without threads to give.
pub fn backtest(recorded: &Recorded, span: Period, laws: &Laws) -> Result<Report, String> {
    let mut report = Report::default();
    let begun = begun_by_people(recorded);
    let first =
        recorded.events.iter().map(|event| event.accepted_at).chain(begun.iter().map(|run| run.created_at)).min();
    let Some(start) = first else { return Ok(report) };
    let (recordings, unknown_plans) = recordings(recorded);
    let setting = Setting {
        start,
        targets: recorded.targets.clone(),
        agents: recorded.agents.clone(),
        states: states(recorded, start),
        records: recorded.records.iter().filter(|record| record.recorded_at < start).cloned().collect(),
        mocks: Vec::new(),
        recordings,
    };
    let when = script(recorded, &begun, start);
    let last = when.last().map_or(start, |planned| start.after(planned.at));
    let lasts = recorded.read_at.since(last).max(Duration::from_secs(1));
    let played = perform(Script { setting, when: &when, lasts }, laws)?;
    let before = came::recorded(recorded);
    let now = came::played(&played.history);
    report.unknown_plans = unknown_plans;
    report.unknown_measurements =
        played.history.iter().filter(|moment| matches!(moment.what, Happening::NotMocked { .. })).count();
    report.unfinished = before.values().filter(|told| !told.is_over).count();
    report.events = compared(before, now, span);
    Ok(report)
}

/// Every event of either side, but those that were not over.
fn compared(
    before: BTreeMap<(String, String), came::Told>,
    mut now: BTreeMap<(String, String), came::Told>,
    span: Period,
) -> Vec<Compared> {
    let mut events: Vec<Compared> = Vec::new();
    for (key, told) in before {
        let other = now.remove(&key);
        if told.is_over {
            events.push(compare(&told.event, told.accepted_at, Some(told.came), other.map(|told| told.came)));
        }
    }
    for told in now.into_values() {
        events.push(compare(&told.event, told.accepted_at, None, Some(told.came)));
    }
    events.retain(|event| {
        span.from.is_none_or(|from| event.accepted_at >= from) && span.to.is_none_or(|to| event.accepted_at < to)
    });
    events.sort_by(|a, b| (a.accepted_at, &a.id, &a.source).cmp(&(b.accepted_at, &b.id, &b.source)));
    events
}

fn compare(event: &Event, accepted_at: Timestamp, before: Option<Came>, now: Option<Came>) -> Compared {
    let changes = changes::between(before.as_ref(), now.as_ref());
    let matched = |came: &Option<Came>| came.as_ref().is_some_and(Came::does_something);
    let verdict = match (matched(&before), matched(&now)) {
        _ if now.as_ref().is_some_and(|came| came.refused.is_some()) => Verdict::Refused,
        _ if changes.is_empty() => Verdict::Same,
        (true, false) => Verdict::OnlyBefore,
        (false, true) => Verdict::OnlyNow,
        _ => Verdict::Differs,
    };
    Compared {
        source: event.source.clone(),
        id: event.id.clone(),
        kind: event.kind.clone(),
        subject: event.subject.clone(),
        accepted_at,
        verdict,
        before,
        now,
        changes,
    }
}

/// Runs that no event led to, and that try no other again.
fn begun_by_people(recorded: &Recorded) -> Vec<&RunSummary> {
    let summaries = recorded.runs.values().map(|run| &run.summary);
    summaries.filter(|run| run.event.is_none() && run.retry.is_none()).collect()
}

/// What came from outside, in order.
fn script(recorded: &Recorded, begun: &[&RunSummary], start: Timestamp) -> Vec<Planned> {
    let nowhere = Span::new(SourceId(0), 0, 0);
    let planned = |at: Timestamp, what: Deed| Planned { at: at.since(start), what, span: nowhere };
    let outside = recorded.events.iter().filter(|stored| stored.event.chain == 0);
    let sent = outside.map(|stored| {
        // Whether its target is under a load test shows here again.
        let event = Event { during_test: false, ..stored.event.clone() };
        planned(stored.accepted_at, Deed::Send(Box::new(event)))
    });
    let begun = begun.iter().map(|run| {
        let (workflow, target, inputs) = (run.workflow.clone(), run.target.clone(), run.inputs.clone());
        planned(run.created_at, Deed::Run { workflow, target, inputs })
    });
    let mut script: Vec<Planned> = sent.chain(begun).collect();
    script.sort_by_key(|planned| planned.at);
    script
}

/// What actions came to, and how many runs cannot say.
fn recordings(recorded: &Recorded) -> (Recordings, usize) {
    let (mut recordings, mut unknown) = (Recordings::default(), 0);
    for run in recorded.runs.values() {
        match recorded.plans.get(&run.summary.plan) {
            Some(plan) => recordings.take_in(&run.summary, &run.journal, plan),
            None => unknown += 1,
        }
    }
    (recordings, unknown)
}

/// How each target stood before anything of this happened: as its first run found it.
fn states(recorded: &Recorded, start: Timestamp) -> Vec<TargetState> {
    let mut first: BTreeMap<&TargetName, (Timestamp, &TargetState)> = BTreeMap::new();
    for run in recorded.runs.values() {
        let began = run.journal.iter().find_map(|entry| match &entry.what {
            What::Began { target: Some(state), .. } => Some((entry.at, state)),
            _ => None,
        });
        if let Some((at, state)) = began {
            let known = first.entry(&state.name).or_insert((at, state));
            if at < known.0 {
                *known = (at, state);
            }
        }
    }
    let resting = |state: &TargetState| if state.phase == Phase::Adjusting { state.phase_before } else { state.phase };
    first
        .into_values()
        .map(|(_, state)| TargetState {
            phase: resting(state),
            phase_before: resting(state),
            lease: Lease::default(),
            updated_at: start,
            ..state.clone()
        })
        .collect()
}
