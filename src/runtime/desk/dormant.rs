//! Runs that only wait: no task, no state, just what it takes to know when they go on.
//!
//! A run that wakes is read from the store and performed again from its journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::{Desk, STORE_RETRY, Waiting};
use crate::base::clock::Timestamp;
use crate::base::id::RunId;
use crate::model::event::Event;
use crate::plan::Plan;
use crate::runtime::control::ControlError;
use crate::runtime::interpreter::{Command, Dormant};
use crate::runtime::journal::{Entry, RunStatus, RunSummary, StopReason, What};
use crate::runtime::ports::{StoreError, StoredRun, Write};
use crate::runtime::run::state::{Dormancy, RunState};

/// What is kept of a run that only waits.
#[derive(Debug)]
pub(super) struct Sleeper {
    plan: Arc<Plan>,
    dormancy: Dormancy,
    /// Where the run holds a target: what rules compare a new run with, and people are told.
    holder: Option<Box<RunSummary>>,
}

/// The runs of a desk that only wait.
#[derive(Debug, Default)]
pub(super) struct Sleepers {
    runs: BTreeMap<RunId, Sleeper>,
    /// By the moment at which they go on by themselves.
    moments: BTreeSet<(Timestamp, RunId)>,
    /// By the type of the events that they wait for.
    listeners: BTreeMap<Box<str>, BTreeSet<RunId>>,
    /// Those that are to be told something, which wakes them.
    rousing: Vec<(RunId, Command)>,
}

impl Sleepers {
    /// The run that holds the desk's target, where it sleeps.
    pub(super) fn holder(&self) -> Option<&RunSummary> {
        self.runs.values().find_map(|sleeper| sleeper.holder.as_deref())
    }

    /// When the next one goes on by itself.
    pub(super) fn next_moment(&self) -> Option<Timestamp> {
        self.moments.first().map(|(moment, _)| *moment)
    }

    fn put(&mut self, run: RunId, sleeper: Sleeper) {
        if let Some(moment) = sleeper.dormancy.wakes_at {
            self.moments.insert((moment, run));
        }
        for kind in sleeper.dormancy.events.iter().filter_map(|wait| wait.event_type()) {
            self.listeners.entry(kind.into()).or_default().insert(run);
        }
        self.runs.insert(run, sleeper);
    }

    fn take(&mut self, run: RunId) -> Option<Sleeper> {
        let sleeper = self.runs.remove(&run)?;
        if let Some(moment) = sleeper.dormancy.wakes_at {
            self.moments.remove(&(moment, run));
        }
        for kind in sleeper.dormancy.events.iter().filter_map(|wait| wait.event_type()) {
            let is_last = self.listeners.get_mut(kind).is_some_and(|runs| runs.remove(&run) && runs.is_empty());
            if is_last {
                self.listeners.remove(kind);
            }
        }
        Some(sleeper)
    }

    /// Those that wait for the event.
    fn listening(&self, event: &Event) -> Vec<RunId> {
        let listeners = self.listeners.get(event.kind.as_str()).into_iter().flatten();
        let waits = |run: &&RunId| {
            self.runs
                .get(run)
                .is_some_and(|sleeper| sleeper.dormancy.events.iter().any(|wait| wait.is_answered_by(event)))
        };
        listeners.filter(waits).copied().collect()
    }
}

impl Desk {
    /// Keeps what is needed of a run that only waits.
    pub(super) fn lay_down(&mut self, summary: RunSummary, plan: Arc<Plan>, dormancy: Dormancy) {
        let run = summary.id;
        let holder = self.subject.is_some().then(|| Box::new(summary));
        self.sleepers.put(run, Sleeper { plan, dormancy, holder });
    }

    /// Takes in that a run only waits from now on.
    pub(super) fn rested(&mut self, run: RunId, dormant: Dormant) {
        let Some(active) = self.active.remove(&run) else { return };
        if let (Some(subject), Some(state)) = (&mut self.subject, dormant.target) {
            subject.state = state;
        }
        tracing::debug!(%run, wakes_at = ?dormant.dormancy.wakes_at, "run waits");
        self.lay_down(active.summary, active.plan, dormant.dormancy);
        let unheard = dormant.unheard.into_iter().chain(active.unheard);
        self.sleepers.rousing.extend(unheard.map(|command| (run, command)));
    }

    /// Tells a run something; one that waits is woken for it. A run that is not there drops it.
    pub(super) fn tell_run(&mut self, run: RunId, command: Command) {
        if let Some(active) = self.active.get_mut(&run) {
            active.tell(command);
        } else if self.sleepers.runs.contains_key(&run) {
            self.sleepers.rousing.push((run, command));
        }
    }

    /// A person cancels a run: one that has not begun is over at once, one that has is told to stop.
    pub(super) async fn cancel(
        &mut self,
        run: RunId,
        done: oneshot::Sender<Result<(), ControlError>>,
    ) -> Result<(), StoreError> {
        let Some(index) = self.waiting.iter().position(|waiting| waiting.summary.id == run) else {
            self.tell_run(run, Command::Cancel(done));
            return Ok(());
        };
        let now = self.world.now();
        let waiting = self.waiting.remove(index);
        if let Some((mut state, batches)) = waiting.resumed {
            // It has its target before it undoes what it did.
            let entry = Entry { at: now, what: What::StopRequested { reason: StopReason::Cancelled } };
            let damaged = |_| StoreError::Damaged { what: format!("the journal of run {run}") };
            state.apply(&entry).map_err(damaged)?;
            self.commit(Vec::new(), vec![Write::AppendJournal { run, position: batches, entries: vec![entry] }])
                .await?;
            self.waiting.push(Waiting { resumed: Some((state, batches + 1)), ..waiting });
        } else {
            let mut summary = waiting.summary;
            summary.status = RunStatus::Cancelled;
            summary.error = Some("cancelled before it began".to_owned());
            summary.ended_at = Some(now);
            self.commit(Vec::new(), vec![Write::PutRun(summary)]).await?;
        }
        // Whoever asked may have gone.
        let _ = done.send(Ok(()));
        Ok(())
    }

    /// Tells every run to stop, those that wait as well.
    pub(super) fn stop_runs(&mut self, reason: StopReason) {
        for active in self.active.values_mut() {
            active.tell(Command::Stop(reason));
        }
        self.stop_sleepers(reason);
    }

    /// Tells every run that waits to stop.
    pub(super) fn stop_sleepers(&mut self, reason: StopReason) {
        let Sleepers { runs, rousing, .. } = &mut self.sleepers;
        rousing.extend(runs.keys().map(|run| (*run, Command::Stop(reason))));
    }

    /// Wakes the runs that are to be told something, or whose moment has come; whether there was one.
    pub(super) async fn rouse(&mut self) -> Result<bool, StoreError> {
        let rousing = std::mem::take(&mut self.sleepers.rousing);
        let now = self.world.now();
        let due = self.sleepers.moments.iter().take_while(|(moment, _)| *moment <= now).map(|(_, run)| *run);
        let due: Vec<_> = due.collect();
        let any = !rousing.is_empty() || !due.is_empty();
        for (run, command) in rousing {
            self.waken(run).await?;
            self.tell_run(run, command);
        }
        for run in due {
            self.waken(run).await?;
        }
        Ok(any)
    }

    /// Performs a run again that has waited.
    async fn waken(&mut self, run: RunId) -> Result<(), StoreError> {
        if !self.sleepers.runs.contains_key(&run) {
            return Ok(());
        }
        let damaged = || StoreError::Damaged { what: format!("the journal of run {run}") };
        let stored = self.world.read_patiently(run, STORE_RETRY).await?;
        let StoredRun { summary, journal, batches } = stored.ok_or_else(damaged)?;
        let state = RunState::replay(&journal).map_err(|_| damaged())?;
        if let Some(sleeper) = self.sleepers.take(run) {
            self.perform(summary, sleeper.plan, state, batches);
        }
        Ok(())
    }

    /// Gives an event to the runs that wait for it. When it returns, those whose ids it returns have it durably.
    pub(super) async fn deliver(&mut self, event: &Event) -> Result<Vec<RunId>, StoreError> {
        let sleeping = self.sleepers.listening(event);
        let performing = self.active.iter().filter(|(_, active)| active.listens).map(|(run, _)| *run);
        let candidates: BTreeSet<RunId> = performing.chain(sleeping.iter().copied()).collect();
        if candidates.is_empty() {
            return Ok(Vec::new());
        }
        let event = Arc::new(event.clone());
        let mut asked = Vec::with_capacity(candidates.len());
        for run in candidates {
            let (heard, answer) = oneshot::channel();
            self.waken(run).await?;
            self.tell_run(run, Command::Event { event: Arc::clone(&event), heard });
            asked.push((run, answer));
        }
        let mut answered = Vec::new();
        for (run, mut answer) in asked {
            loop {
                // One that has gone to rest meanwhile is woken again; one that has ended answers no more.
                self.rouse().await?;
                tokio::select! {
                    biased;
                    heard = &mut answer => {
                        answered.extend(heard.unwrap_or(false).then_some(run));
                        break;
                    }
                    Some(finished) = self.tasks.join_next() => self.take_finished(finished).await?,
                }
            }
        }
        Ok(answered)
    }
}
