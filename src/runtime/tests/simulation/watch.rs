//! Sees every commit, every effect and every rate that an agent takes, and says what must never be.
//!
//! What it holds the runtime against is written down here once more, from the documentation; of the runtime it uses the nouns,
//! and the fold of a journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value as Json;

use crate::base::clock::{Clock, Timestamp};
use crate::base::id::{AgentId, IdempotencyKey, RuleName, RunId, TargetName};
use crate::model::action::Effect as Kind;
use crate::model::target::{Lease, Phase, TargetState};
use crate::plan::{Plan, Undo};
use crate::runtime::effect::Effect;
use crate::runtime::journal::{Entry, Place, RunStatus, RunSummary, StopReason, What};
use crate::runtime::ports::{Accepted, EventOutcome, Receipt, Write};
use crate::runtime::program::Program;
use crate::runtime::run::state::{RunState, Status, StepState, Undoing};

/// So long after a decision an agent may still hold what it replaced: the time to live of this simulation, and what clocks
/// may be apart.
const INHERITED: Duration = Duration::from_secs(7);

/// So long after a halt something may still begin that was on its way to the store then.
const HALTED: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(super) struct Watch {
    clock: Arc<dyn Clock>,
    program: Arc<Program>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    history: Vec<String>,
    broken: Vec<String>,
    /// Counts the engines that were alive.
    engine: u64,
    events: BTreeMap<u64, Seen>,
    names: BTreeSet<(String, String)>,
    runs: BTreeMap<RunId, RunSummary>,
    caused: BTreeSet<(RuleName, (String, String))>,
    journals: BTreeMap<RunId, RunState>,
    targets: BTreeMap<TargetName, TargetState>,
    performing: Vec<(u64, u64, TargetName, RunId)>,
    performed: u64,
    inputs: BTreeMap<(IdempotencyKey, bool), Json>,
    once: BTreeSet<(IdempotencyKey, u32)>,
    /// Since when people have known that a target is halted; `None` stands for all targets.
    halted: BTreeMap<Option<TargetName>, Timestamp>,
    decided: BTreeMap<TargetName, Vec<(Timestamp, f64)>>,
}

/// An event that was accepted.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) name: (String, String),
    pub(super) kind: String,
    pub(super) data: Json,
    pub(super) settled: Option<EventOutcome>,
}

/// Ends a performance when it is dropped.
#[derive(Debug)]
pub(super) struct Performing<'a> {
    watch: &'a Watch,
    number: u64,
}

impl Drop for Performing<'_> {
    fn drop(&mut self) {
        self.watch.state().performing.retain(|(number, ..)| *number != self.number);
    }
}

impl Watch {
    pub(super) fn new(clock: Arc<dyn Clock>, program: Arc<Program>) -> Self {
        Self { clock, program, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn tell(&self, what: String) {
        let now = self.clock.now();
        self.state().history.push(format!("{now} {what}"));
    }

    /// Something that must never be.
    pub(super) fn wrong(&self, what: String) {
        self.tell(format!("WRONG {what}"));
        self.state().broken.push(what);
    }

    pub(super) fn next_engine(&self) {
        self.tell("an engine starts".to_owned());
        let mut state = self.state();
        state.engine += 1;
        // What the last one did ended with it.
        state.performing.clear();
    }

    pub(super) fn history(&self) -> Vec<String> {
        self.state().history.clone()
    }

    pub(super) fn broken(&self) -> Vec<String> {
        self.state().broken.clone()
    }

    pub(super) fn events(&self) -> BTreeMap<u64, Seen> {
        self.state().events.clone()
    }

    pub(super) fn runs(&self) -> Vec<RunSummary> {
        self.state().runs.values().cloned().collect()
    }

    /// A person was told that this is halted, or is about to lift that.
    pub(super) fn halted(&self, target: Option<TargetName>, halted: bool) {
        self.tell(format!("halted: {target:?} {halted}"));
        let now = self.clock.now();
        let mut state = self.state();
        if halted {
            state.halted.entry(target).or_insert(now);
        } else {
            state.halted.remove(&target);
        }
    }

    // ---- what is committed ---------------------------------------------------------------------------------------

    pub(super) fn committed(&self, writes: Vec<Write>, receipt: &Receipt) {
        let mut accepted = receipt.accepted.iter();
        let mut totals: BTreeMap<TargetName, f64> = BTreeMap::new();
        let mut found = Vec::new();
        for write in writes {
            self.tell(shown(&write));
            let mut state = self.state();
            match write {
                Write::AcceptEvent { event, .. } => {
                    let Some(Accepted::New { sequence }) = accepted.next() else { continue };
                    let name = (event.source.clone(), event.id.clone());
                    if !state.names.insert(name.clone()) {
                        found.push(format!("event {name:?} was taken in twice"));
                    }
                    let seen = Seen { name, kind: event.kind, data: event.data, settled: None };
                    state.events.insert(*sequence, seen);
                }
                Write::SettleEvent { sequence, outcome } => match state.events.get_mut(&sequence) {
                    Some(seen) if seen.settled.is_none() => seen.settled = Some(outcome),
                    Some(_) => found.push(format!("event {sequence} was handled twice")),
                    None => found.push(format!("event {sequence} was never accepted")),
                },
                Write::PutRun(run) => found.extend(state.put_run(run)),
                Write::AppendJournal { run, entries, .. } => {
                    for entry in entries {
                        found.extend(self.journaled(&mut state, run, &entry));
                    }
                }
                Write::PutTarget(target) => found.extend(state.put_target(target)),
                Write::PutAssignment(assignment) => {
                    *totals.entry(assignment.target).or_default() += assignment.rate_rps;
                }
                _ => {}
            }
        }
        let now = self.clock.now();
        for (target, total) in totals {
            self.state().decided.entry(target).or_default().push((now, total));
        }
        found.into_iter().for_each(|what| self.wrong(what));
    }

    fn journaled(&self, state: &mut State, run: RunId, entry: &Entry) -> Vec<String> {
        let mut found = Vec::new();
        let known = state.journals.entry(run).or_default();
        if let (What::Undoing { place }, Some(summary)) = (&entry.what, state.runs.get(&run))
            && let Some(plan) = self.program.plans.get(&summary.workflow)
        {
            found.extend(
                undone_too_early(plan, known, place)
                    .map(|other| format!("run {run}: `{place}` is undone before `{other}`, which depends on it")),
            );
        }
        if known.ended.is_some() {
            found.push(format!("run {run}: journaled after its end: {:?}", entry.what));
        }
        if let Err(error) = known.apply(entry) {
            found.push(format!("run {run}: {error}"));
        }
        found
    }

    // ---- what is performed ---------------------------------------------------------------------------------------

    /// An effect is being performed.
    pub(super) fn performs(&self, effect: &Effect, kind: Kind) -> Performing<'_> {
        let is_undo = effect.key.as_str().ends_with("/undo");
        self.tell(format!("performs {} attempt {}", effect.key, effect.attempt));
        let mut found = Vec::new();
        {
            let mut state = self.state();
            if kind == Kind::AtMostOnce && !is_undo && !state.once.insert((effect.key.clone(), effect.attempt)) {
                found.push(format!("`{}` attempt {} was performed twice", effect.key, effect.attempt));
            }
            if kind != Kind::None && !is_undo {
                found.extend(self.not_journaled(&state, effect));
                // A run that is halted still ends as its `on_failure` says.
                let plan = state.runs.get(&effect.run).and_then(|run| self.program.plans.get(&run.workflow));
                let is_new = plan.is_some_and(|plan| plan.steps.find(effect.step.as_str()).is_some());
                let of_target = effect.target.as_ref().map(|target| target.name().clone());
                let long_ago = self.clock.now().before(HALTED);
                let halts = [None, of_target].into_iter().filter_map(|name| state.halted.get(&name));
                if is_new && halts.into_iter().any(|since| *since < long_ago) {
                    found.push(format!("`{}` is performed though its target is halted", effect.key));
                }
            }
            // What has no effect may be performed before what it rests on is durable, and rest on something else the next time.
            if kind != Kind::None || is_undo {
                found.extend(state.input(effect, is_undo, &effect.input));
            }
        }
        found.into_iter().for_each(|what| self.wrong(what));
        self.begins(effect)
    }

    /// An effect is being undone.
    pub(super) fn undoes(&self, effect: &Effect, remembered: &Json) -> Performing<'_> {
        self.tell(format!("undoes {}", effect.key));
        let mut found = Vec::new();
        {
            let mut state = self.state();
            let place = place(effect);
            let journal = state.journals.get(&effect.run);
            if journal.and_then(|journal| journal.performance(&place)).is_none_or(|it| it.undoing != Undoing::Running) {
                found.push(format!("`{}` is undone before that is durable", effect.key));
            }
            found.extend(state.input(effect, true, remembered));
        }
        found.into_iter().for_each(|what| self.wrong(what));
        self.begins(effect)
    }

    fn begins(&self, effect: &Effect) -> Performing<'_> {
        let mut found = Vec::new();
        let mut state = self.state();
        state.performed += 1;
        let number = state.performed;
        if let Some(target) = &effect.target {
            let name = target.name().clone();
            let lease = state.targets.get(&name).map(|known| known.lease.clone()).unwrap_or_default();
            if lease.run != Some(effect.run) || lease.token != target.token {
                found.push(format!("`{}` is performed without the lease on `{name}`: {lease:?}", effect.key));
            }
            for (_, engine, other, run) in &state.performing {
                if *engine == state.engine && *other == name && *run != effect.run {
                    found.push(format!("runs {run} and {} have `{name}` at the same time", effect.run));
                }
            }
            let entry = (number, state.engine, name, effect.run);
            state.performing.push(entry);
        }
        drop(state);
        found.into_iter().for_each(|what| self.wrong(what));
        Performing { watch: self, number }
    }

    /// What should be durable before the effect, and is not.
    fn not_journaled(&self, state: &State, effect: &Effect) -> Vec<String> {
        let mut found = Vec::new();
        let Some(journal) = state.journals.get(&effect.run) else {
            return vec![format!("`{}` is performed before its run is durable", effect.key)];
        };
        let place = place(effect);
        let is_durable = journal
            .performance(&place)
            .is_some_and(|performance| performance.status == Status::Running && performance.attempt == effect.attempt);
        if !is_durable {
            found.push(format!("`{}` attempt {} is performed before that is durable", effect.key, effect.attempt));
        }
        let plan = state.runs.get(&effect.run).and_then(|run| self.program.plans.get(&run.workflow));
        if let Some((plan, index)) = plan.and_then(|plan| Some((plan, plan.steps.find(effect.step.as_str())?))) {
            for (before, _) in plan.steps.dependencies(index) {
                let name = &plan.steps.step(before).unwrap().name;
                if !journal.steps.get(name).is_some_and(StepState::is_settled) {
                    found.push(format!("`{}` is performed before the end of `{name}` is durable", effect.key));
                }
            }
        }
        found
    }

    // ---- what agents hold ----------------------------------------------------------------------------------------

    /// An agent took a command, and all of the target's agents together hold `sum` now; `reckoned` is what the engine thinks
    /// that they hold at the most.
    pub(super) fn held(&self, target: &TargetName, agent: &AgentId, before: f64, sum: f64, reckoned: Option<f64>) {
        self.tell(format!("agent {agent} of {target} took a command: {before:.3} -> {sum:.3}, reckoned {reckoned:?}"));
        let now = self.clock.now();
        let most = {
            let state = self.state();
            let mut most: f64 = 0.0;
            for (at, total) in state.decided.get(target).into_iter().flatten().rev() {
                most = most.max(*total);
                if *at < now.before(INHERITED) {
                    break;
                }
            }
            most
        };
        if sum > before + 1e-6 && sum > most * (1.0 + 1e-6) {
            self.wrong(format!(
                "the agents of `{target}` hold {sum} of {most} after a rise of `{agent}` from {before}"
            ));
        }
        if let Some(reckoned) = reckoned.filter(|reckoned| sum > reckoned * (1.0 + 1e-6) + 1e-6) {
            self.wrong(format!("the agents of `{target}` hold {sum}, and the engine reckons with {reckoned}"));
        }
    }
}

impl State {
    fn put_run(&mut self, run: RunSummary) -> Vec<String> {
        use RunStatus::{Cancelled, Dropped, Failed, Parked, Running, Succeeded, Waiting};
        let mut found = Vec::new();
        let before = self.runs.get(&run.id).map(|known| known.status);
        let follows = matches!(
            (before, run.status),
            (None, Waiting | Running)
                | (Some(Waiting), Waiting | Running | Dropped | Cancelled | Parked)
                | (Some(Running), Running | Succeeded | Failed | Cancelled | Parked)
                | (Some(Parked), Waiting | Cancelled)
        );
        if !follows {
            found.push(format!("run {} went from {before:?} to {:?}", run.id, run.status));
        }
        if run.status == Parked {
            found.push(format!("run {} was parked: {:?}", run.id, run.error));
        }
        if let (None, None, Some(rule), Some(event)) = (before, run.retry, &run.rule, &run.event)
            && !self.caused.insert((rule.clone(), event.clone()))
        {
            found.push(format!("event {event:?} led to two runs by rule `{rule}`"));
        }
        self.runs.insert(run.id, run);
        found
    }

    fn put_target(&mut self, target: TargetState) -> Vec<String> {
        use Phase::{Adjusting, Degraded, Paused, Stable};
        let mut found = Vec::new();
        let name = &target.name;
        let before = self.targets.get(name);
        let (phase, lease) = before.map_or((Stable, Lease::default()), |known| (known.phase, known.lease.clone()));
        let follows = phase == target.phase
            || matches!(
                (phase, target.phase),
                (Stable | Degraded, Adjusting | Paused) | (Adjusting, Stable | Degraded | Paused) | (Paused, Stable)
            );
        if !follows {
            found.push(format!("`{name}` went from {phase:?} to {:?}", target.phase));
        }
        if (target.phase == Adjusting) != target.lease.run.is_some() {
            found.push(format!("`{name}` is {:?} and its lease {:?}", target.phase, target.lease));
        }
        if target.lease.token < lease.token {
            found.push(format!("the token of `{name}` fell from {} to {}", lease.token, target.lease.token));
        }
        let taken = target.lease.run.is_some() && target.lease.run != lease.run;
        if taken && target.lease.token == lease.token {
            found.push(format!("`{name}` was given to another run under the same token"));
        }
        if taken && lease.run.is_some_and(|run| self.runs.get(&run).is_some_and(|run| !run.status.is_final())) {
            found.push(format!("`{name}` was given to another run while {:?} has it", lease.run));
        }
        self.targets.insert(target.name.clone(), target);
        found
    }

    /// The same key means the same effect, always.
    fn input(&mut self, effect: &Effect, is_undo: bool, input: &Json) -> Option<String> {
        let known = self.inputs.entry((effect.key.clone(), is_undo)).or_insert_with(|| input.clone());
        (known != input).then(|| format!("`{}` was first performed with {known}, then with {input}", effect.key))
    }
}

fn place(effect: &Effect) -> Place {
    let item = effect.key.as_str().rsplit_once('[').and_then(|(_, item)| item.trim_end_matches(']').parse().ok());
    Place { step: effect.step.clone(), item }
}

/// A performance that depends on this one, and has not been undone though it must be.
fn undone_too_early(plan: &Plan, state: &RunState, place: &Place) -> Option<Place> {
    let earlier = plan.steps.find(place.step.as_str())?;
    plan.steps.iter().find_map(|(later, step)| {
        let stays = state.stop == Some(StopReason::Superseded) && matches!(step.undo, Some(Undo::Previous));
        if stays || step.undo.is_none() || !depends(plan, later, earlier) {
            return None;
        }
        let left = |(other, performance): &(Place, &crate::runtime::run::state::Performance)| {
            other.step == step.name && performance.undo.is_some() && performance.undoing == Undoing::NotYet
        };
        state.performances().find(left).map(|(other, _)| other)
    })
}

fn depends(plan: &Plan, later: crate::plan::StepIndex, earlier: crate::plan::StepIndex) -> bool {
    plan.steps.dependencies(later).into_iter().any(|(before, _)| before == earlier || depends(plan, before, earlier))
}

fn shown(write: &Write) -> String {
    match write {
        Write::AppendJournal { run, position, entries } => {
            let entries: Vec<_> = entries.iter().map(|entry| format!("{:?}", entry.what)).collect();
            format!("journal of {run} at {position}: {}", entries.join("; "))
        }
        Write::PutRun(run) => format!("run {} of {} is {:?}: {:?}", run.id, run.workflow, run.status, run.error),
        Write::PutPlan { .. } => "a plan".to_owned(),
        other => format!("{other:?}"),
    }
}
