//! What the last engine left: every desk gets what the store had of it, and what cannot go on is put aside.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use tokio::sync::mpsc;

use super::{Engine, EngineError};
use crate::base::id::TargetName;
use crate::model::target::{Phase, TargetState};
use crate::plan::Plan;
use crate::runtime::dead;
use crate::runtime::desk::{Backlog, Desk, Subject, Waiting};
use crate::runtime::journal::{RunStatus, RunSummary};
use crate::runtime::ports::{Loaded, StoreError, StoredRun, Transaction, Write};
use crate::runtime::queue::Queued;
use crate::runtime::run::decide;
use crate::runtime::run::state::RunState;

impl Engine {
    /// Gives every desk what the store had of it.
    pub(super) async fn recover(&self, loaded: Loaded) -> Result<(), EngineError> {
        let mut states: BTreeMap<TargetName, TargetState> =
            loaded.targets.into_iter().map(|state| (state.name.clone(), state)).collect();
        let mut backlogs: BTreeMap<Option<TargetName>, Backlog> =
            states.keys().map(|name| (Some(name.clone()), Backlog::default())).collect();
        for stored in loaded.events {
            let queued = Queued::from(stored);
            backlogs.entry(queued.event.subject.clone()).or_default().events.push(queued);
        }
        for rule_state in loaded.rule_states {
            backlogs.entry(rule_state.target.clone()).or_default().rule_states.push(rule_state);
        }
        for run in loaded.runs {
            let backlog = backlogs.entry(run.summary.target.clone()).or_default();
            self.take_up(run, backlog, &mut states).await?;
        }
        for (name, mut backlog) in backlogs {
            backlog.halted = self.desks().is_halted(name.as_ref());
            let state = name.as_ref().and_then(|name| states.remove(name));
            self.open(name, state, backlog).await?;
        }
        Ok(())
    }

    /// Sorts a run among those that go on, those that wait, and those that cannot go on with this version.
    async fn take_up(
        &self,
        run: StoredRun,
        backlog: &mut Backlog,
        states: &mut BTreeMap<TargetName, TargetState>,
    ) -> Result<(), EngineError> {
        let StoredRun { summary, journal, batches } = run;
        if summary.status == RunStatus::Parked {
            return Ok(());
        }
        let state = RunState::replay(&journal).map_err(|error| error.to_string());
        let ready = match (self.plan_of(&summary).await?, state) {
            (Ok(plan), Ok(state)) => Ok((plan, state)),
            (Err(why), _) | (_, Err(why)) => Err(why),
        };
        match ready {
            Ok((plan, state)) if summary.status == RunStatus::Running => {
                let now = self.world.now();
                match decide::dormancy(&summary, &plan, &state, now) {
                    Some(dormancy) => backlog.dormant.push((summary, plan, dormancy)),
                    None => {
                        tracing::info!(run = %summary.id, workflow = %summary.workflow, "run goes on");
                        backlog.running.push((summary, plan, state, batches));
                    }
                }
            }
            Ok((plan, state)) => {
                let event = match &summary.event {
                    Some((source, id)) => self.world.context.store.event(source, id).await?.map(|stored| stored.event),
                    None => None,
                };
                let resumed = state.began.is_some().then_some((state, batches));
                backlog.waiting.push(Waiting { summary, plan, event, resumed });
            }
            Err(why) => self.park(summary, why, states).await?,
        }
        Ok(())
    }

    /// The plan a run began with, or why there is none any more.
    pub(super) async fn plan_of(&self, summary: &RunSummary) -> Result<Result<Arc<Plan>, String>, StoreError> {
        let program = self.program();
        let current = program.plans.get(&summary.workflow);
        if let Some(plan) = current.filter(|plan| plan.digest == summary.plan) {
            return Ok(Ok(Arc::clone(plan)));
        }
        let pinned = || self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = pinned().get(&summary.plan).and_then(Weak::upgrade) {
            return Ok(Ok(plan));
        }
        let Some(source) = self.world.context.store.plan(&summary.plan).await? else {
            return Ok(Err(format!("its plan {} is not in the store", summary.plan.short())));
        };
        Ok(match self.world.context.planner.plan(&source) {
            Ok(plan) if plan.digest == summary.plan => {
                let plan = Arc::new(plan);
                pinned().insert(summary.plan.clone(), Arc::downgrade(&plan));
                Ok(plan)
            }
            Ok(_) => {
                Err("an action it uses has another version now; run the version it began with to finish it".into())
            }
            Err(why) => Err(format!("its workflow no longer compiles: {why}")),
        })
    }

    /// Puts a run aside that cannot go on, and lets its target go.
    async fn park(
        &self,
        mut summary: RunSummary,
        why: String,
        states: &mut BTreeMap<TargetName, TargetState>,
    ) -> Result<(), StoreError> {
        tracing::error!(run = %summary.id, %why, "run cannot go on; it is parked");
        summary.status = RunStatus::Parked;
        summary.error = Some(why);
        let mut writes = Vec::new();
        let held = summary.target.as_ref().and_then(|target| states.get_mut(target));
        if let Some(state) = held.filter(|state| state.lease.run == Some(summary.id)) {
            state.phase = Phase::Degraded;
            state.reason = Some(format!("run {} cannot go on with this version", summary.id));
            state.lease.token += 1;
            state.lease.run = None;
            writes.push(Write::PutTarget(state.clone()));
        }
        writes.push(Write::PutRun(summary));
        self.world.context.store.commit(Transaction { guards: Vec::new(), writes }).await?;
        Ok(())
    }

    /// Opens a desk; one whose target is no longer configured settles what it has and is not opened.
    async fn open(
        &self,
        name: Option<TargetName>,
        state: Option<TargetState>,
        backlog: Backlog,
    ) -> Result<(), StoreError> {
        let subject = match &name {
            None => None,
            Some(name) => match self.settings(name) {
                Some(settings) => {
                    let state = state.unwrap_or_else(|| TargetState::unknown(name.clone(), self.world.now()));
                    Some(Subject { settings, state })
                }
                None => return self.put_aside(name, backlog).await,
            },
        };
        let mut desks = self.desks();
        let (sender, mailbox) = mpsc::unbounded_channel();
        let gauge = desks.gauge();
        let desk = Desk::new(
            Arc::clone(&self.world),
            self.program(),
            subject,
            Arc::clone(&self.pending),
            gauge,
            mailbox,
            backlog,
        );
        desks.tasks.spawn(desk.serve());
        desks.mailboxes.insert(name, sender);
        Ok(())
    }

    /// Events and runs of a target that is no longer configured: kept, and said so, but not handled.
    async fn put_aside(&self, name: &TargetName, backlog: Backlog) -> Result<(), StoreError> {
        let why = format!("target `{name}` is no longer configured");
        let now = self.world.now();
        let mut writes: Vec<_> = backlog
            .events
            .iter()
            .map(|queued| Write::SettleEvent {
                sequence: queued.sequence,
                outcome: dead::outcome(queued.attempts, why.clone(), now),
            })
            .collect();
        let running = backlog.running.into_iter().map(|(summary, ..)| summary);
        let running = running.chain(backlog.dormant.into_iter().map(|(summary, ..)| summary));
        let waiting = backlog.waiting.into_iter().map(|waiting| waiting.summary);
        for mut summary in running.chain(waiting) {
            summary.status = RunStatus::Parked;
            summary.error = Some(why.clone());
            writes.push(Write::PutRun(summary));
        }
        self.pending.fetch_sub(backlog.events.len(), Ordering::Relaxed);
        if !writes.is_empty() {
            tracing::error!(target = %name, "{why}: its events and runs are put aside");
            self.world.context.store.commit(Transaction { guards: Vec::new(), writes }).await?;
        }
        Ok(())
    }
}
