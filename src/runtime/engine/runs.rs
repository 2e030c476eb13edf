//! What a person may ask of a run: a decision it waits for, its end, another try, that it goes on.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Engine;
use crate::base::id::RunId;
use crate::model::schema::Shape;
use crate::plan::Plan;
use crate::runtime::control::ControlError;
use crate::runtime::desk::{Message, Waiting, waiting_summary};
use crate::runtime::journal::{Entry, Place, RetryOf, RunStatus, RunSummary, StopReason, What};
use crate::runtime::ports::{StoreError, StoredRun, Transaction, Write};
use crate::runtime::run::state::RunState;
use crate::runtime::wait::Decision;

impl Engine {
    /// A person decides what a run waits for.
    pub(super) async fn decide_approval(
        &self,
        run: RunId,
        place: Option<Place>,
        decision: Decision,
    ) -> Result<Place, ControlError> {
        let summary = self.stored(run).await?.summary;
        if summary.status != RunStatus::Running {
            let why = format!("run {run} {}: nothing in it waits for approval", told(summary.status));
            return Err(ControlError::Conflict(why));
        }
        let (decided, answer) = oneshot::channel();
        self.tell(summary.target, Message::Decide { run, place, decision, decided });
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(self.gone(run).await),
        }
    }

    /// Stops a run, which undoes what it did.
    pub(super) async fn cancel_run(&self, run: RunId) -> Result<(), ControlError> {
        let stored = self.stored(run).await?;
        match stored.summary.status {
            RunStatus::Waiting | RunStatus::Running => {
                let (done, answer) = oneshot::channel();
                self.tell(stored.summary.target, Message::Cancel { run, done });
                match answer.await {
                    Ok(answer) => answer,
                    Err(_) => Err(self.gone(run).await),
                }
            }
            RunStatus::Parked => self.cancel_parked(stored).await,
            status => Err(ControlError::Conflict(format!("run {run} {} already", told(status)))),
        }
    }

    /// A parked run goes on, if only to undo what it did; where that cannot be, it is over as it is.
    async fn cancel_parked(&self, mut stored: StoredRun) -> Result<(), ControlError> {
        let run = stored.summary.id;
        let why = match self.ready(&stored).await? {
            Ok((plan, state)) if state.began.is_some() => {
                let entry = Entry { at: self.world.now(), what: What::StopRequested { reason: StopReason::Cancelled } };
                stored.journal.push(entry.clone());
                let append = Write::AppendJournal { run, position: stored.batches, entries: vec![entry] };
                stored.batches += 1;
                return self.go_on(stored, plan, vec![append]).await;
            }
            Ok(_) => "cancelled before it began".to_owned(),
            Err(why) => format!("cancelled while it was parked; nothing was undone: {why}"),
        };
        let mut summary = stored.summary;
        summary.status = RunStatus::Cancelled;
        summary.error = Some(why);
        summary.ended_at = Some(self.world.now());
        self.write(vec![Write::PutRun(summary)]).await
    }

    /// Lets a parked run go on.
    pub(super) async fn resume_parked(&self, run: RunId) -> Result<(), ControlError> {
        let stored = self.stored(run).await?;
        match stored.summary.status {
            RunStatus::Parked => {}
            RunStatus::Failed | RunStatus::Cancelled | RunStatus::Dropped => {
                let status = told(stored.summary.status);
                return Err(ControlError::Conflict(format!(
                    "run {run} {status}; start it again with `homeostat runs retry {run}`"
                )));
            }
            status => {
                return Err(ControlError::Conflict(format!("run {run} {}, and is not parked", told(status))));
            }
        }
        match self.ready(&stored).await? {
            Ok((plan, _)) => self.go_on(stored, plan, Vec::new()).await,
            Err(why) => Err(ControlError::Conflict(format!("run {run} still cannot go on: {why}"))),
        }
    }

    /// Starts a run again that is over and did not succeed.
    pub(super) async fn retry_run(&self, run: RunId, from_failed_step: bool) -> Result<RunId, ControlError> {
        let conflict = |why: String| Err(ControlError::Conflict(why));
        let stored = self.stored(run).await?;
        let old = &stored.summary;
        match old.status {
            RunStatus::Failed | RunStatus::Cancelled | RunStatus::Dropped => {}
            RunStatus::Succeeded => return conflict(format!("run {run} has succeeded; there is nothing to try again")),
            RunStatus::Parked => {
                return conflict(format!(
                    "run {run} is parked; let it go on with `homeostat runs resume {run}`, or cancel it first"
                ));
            }
            status => {
                let status = told(status);
                return conflict(format!("run {run} {status}; cancel it first: `homeostat runs cancel {run}`"));
            }
        }
        if let Some(target) = old.target.as_ref().filter(|target| self.settings(target).is_none()) {
            return Err(ControlError::UnknownTarget(target.clone()));
        }
        let plan = if from_failed_step { self.plan_to_continue(&stored).await? } else { self.plan_to_repeat(old)? };
        let mut inputs = old.inputs.clone();
        if let Err(mismatches) = Shape::Object(plan.inputs.clone()).conform("inputs", &mut inputs) {
            let list: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
            return conflict(format!("`{}` takes other inputs than run {run} had: {}", old.workflow, list.join("; ")));
        }
        let mut summary = waiting_summary(&self.world, &plan, old.target.as_ref(), inputs);
        summary.event.clone_from(&old.event);
        summary.priority = old.priority;
        summary.retry = Some(RetryOf { run, from_failed_step });
        let (id, target) = (summary.id, summary.target.clone());
        let (started, answer) = oneshot::channel();
        self.tell(target, Message::Start { summary: Box::new(summary), plan, started });
        answer.await.map_err(|_| ControlError::Store(StoreError::Closed))?;
        Ok(id)
    }

    /// The plan that the run's workflow has now.
    fn plan_to_repeat(&self, old: &RunSummary) -> Result<Arc<Plan>, ControlError> {
        let plan = self.program().plans.get(&old.workflow).cloned();
        plan.ok_or_else(|| ControlError::Conflict(format!("there is no workflow `{}` any more", old.workflow)))
    }

    /// The plan that the run had, which alone its steps are of.
    async fn plan_to_continue(&self, stored: &StoredRun) -> Result<Arc<Plan>, ControlError> {
        let run = stored.summary.id;
        let again = format!("start it from its beginning with `homeostat runs retry {run}`");
        match self.ready(stored).await? {
            Ok((_, state)) if state.began.is_none() => {
                Err(ControlError::Conflict(format!("run {run} never began; {again}")))
            }
            Ok((plan, _)) => Ok(plan),
            Err(why) => Err(ControlError::Conflict(format!("the steps of run {run} cannot be kept: {why}; {again}"))),
        }
    }

    /// Gives a run that was put aside back to its desk, where it waits for its target.
    async fn go_on(&self, stored: StoredRun, plan: Arc<Plan>, mut writes: Vec<Write>) -> Result<(), ControlError> {
        let StoredRun { mut summary, journal, batches } = stored;
        summary.status = RunStatus::Waiting;
        summary.error = None;
        writes.push(Write::PutRun(summary.clone()));
        self.write(writes).await?;
        let state = RunState::replay(&journal).unwrap_or_default();
        let resumed = state.began.is_some().then_some((state, batches));
        let target = summary.target.clone();
        self.tell(target, Message::TakeUp(Box::new(Waiting { summary, plan, event: None, resumed })));
        Ok(())
    }

    /// What a run needs to go on, or why it cannot.
    async fn ready(&self, stored: &StoredRun) -> Result<Result<(Arc<Plan>, RunState), String>, ControlError> {
        if let Some(target) = stored.summary.target.as_ref().filter(|target| self.settings(target).is_none()) {
            return Ok(Err(format!("target `{target}` is not configured")));
        }
        let plan = match self.plan_of(&stored.summary).await? {
            Ok(plan) => plan,
            Err(why) => return Ok(Err(why)),
        };
        Ok(RunState::replay(&stored.journal).map(|state| (plan, state)).map_err(|error| error.to_string()))
    }

    async fn stored(&self, run: RunId) -> Result<StoredRun, ControlError> {
        self.world.context.store.run(run).await?.ok_or(ControlError::UnknownRun(run))
    }

    async fn write(&self, writes: Vec<Write>) -> Result<(), ControlError> {
        self.world.context.store.commit(Transaction { guards: Vec::new(), writes }).await?;
        Ok(())
    }

    /// Why a run that was asked something never answered.
    async fn gone(&self, run: RunId) -> ControlError {
        match self.stored(run).await {
            Ok(stored) if stored.summary.status.is_final() => {
                ControlError::Conflict(format!("run {run} {} already", told(stored.summary.status)))
            }
            Ok(_) => ControlError::Store(StoreError::Closed),
            Err(error) => error,
        }
    }
}

/// Where a run is, to follow "run ID".
fn told(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Waiting => "is waiting",
        RunStatus::Running => "is running",
        RunStatus::Succeeded => "has succeeded",
        RunStatus::Failed => "has failed",
        RunStatus::Cancelled => "was cancelled",
        RunStatus::Dropped => "was dropped",
        RunStatus::Parked => "is parked",
    }
}
