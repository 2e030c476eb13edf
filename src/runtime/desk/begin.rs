//! The next run takes the target.

use std::sync::Arc;

use super::{Desk, Subject, Waiting};
use crate::model::target::{Phase, TargetState};
use crate::router;
use crate::runtime::journal::{RunStatus, RunSummary};
use crate::runtime::machine::{self, Trigger};
use crate::runtime::ports::{Guard, StoreError, Write};
use crate::runtime::run::state::RunState;

/// A run that is about to be performed, once the store knows.
pub(super) struct Begun {
    summary: RunSummary,
    plan: Arc<crate::plan::Plan>,
    target: Option<TargetState>,
    /// What it has done already, with the batches of its journal.
    resumed: Option<(RunState, u64)>,
}

impl Desk {
    /// Whether a run could take the target now.
    pub(super) fn may_begin(&self) -> bool {
        let free =
            self.subject.as_ref().is_none_or(|subject| self.holder().is_none() && subject.state.phase != Phase::Paused);
        free && !self.halted && !self.draining && !self.lost
    }

    /// Lets the next waiting run begin; whether there was one.
    pub(super) async fn begin_next(&mut self) -> Result<bool, StoreError> {
        if !self.may_begin() {
            return Ok(false);
        }
        let Some(waiting) = self.take_next().await? else { return Ok(false) };
        let (guards, writes, begun) = self.prepare(waiting);
        self.commit(guards, writes).await?;
        self.start(begun);
        Ok(true)
    }

    /// The waiting run whose turn it is and whose rule still wants it: superseders first, then by priority and age.
    pub(super) async fn take_next(&mut self) -> Result<Option<Waiting>, StoreError> {
        loop {
            let next = self
                .waiting
                .iter()
                .enumerate()
                .min_by_key(|(_, waiting)| (!waiting.summary.supersedes, waiting.summary.priority, waiting.summary.id))
                .map(|(index, _)| index);
            let Some(index) = next else { return Ok(None) };
            let waiting = self.waiting.remove(index);
            if self.is_still_wanted(&waiting).await {
                return Ok(Some(waiting));
            }
            let mut summary = waiting.summary;
            summary.status = RunStatus::Dropped;
            summary.error = Some("its rule's `when` no longer holds".to_owned());
            summary.ended_at = Some(self.world.now());
            tracing::info!(run = %summary.id, "dropped: `when` no longer holds");
            self.commit(Vec::new(), vec![Write::PutRun(summary)]).await?;
        }
    }

    /// A run that had to wait is held against its rule's `when` again.
    async fn is_still_wanted(&self, waiting: &Waiting) -> bool {
        if waiting.resumed.is_some() {
            return true;
        }
        let (Some(event), Some(rule)) = (&waiting.event, &waiting.summary.rule) else { return true };
        let Some(rule) = self.program.router.rule(rule.as_str()) else { return true };
        let view = self.view().await;
        // An error is no match, as it was when the event was routed.
        router::recheck(rule, event, view.as_ref(), self.world.now()).unwrap_or(false)
    }

    /// What is to be written before the run may be performed.
    pub(super) fn prepare(&self, waiting: Waiting) -> (Vec<Guard>, Vec<Write>, Begun) {
        let now = self.world.now();
        let mut summary = waiting.summary;
        summary.status = RunStatus::Running;
        summary.started_at.get_or_insert(now);
        let mut guards = Vec::new();
        let mut writes = vec![Write::PutRun(summary.clone())];
        let target = self.subject.as_ref().map(|Subject { state, .. }| {
            guards.push(Guard::Lease { target: state.name.clone(), token: state.lease.token });
            let mut state = state.clone();
            state.phase_before = state.phase;
            state.phase = machine::next(state.phase, Trigger::Begin).unwrap_or(state.phase);
            state.lease.token += 1;
            state.lease.run = Some(summary.id);
            state.reason = None;
            state.updated_at = now;
            writes.push(Write::PutTarget(state.clone()));
            state
        });
        (guards, writes, Begun { summary, plan: waiting.plan, target, resumed: waiting.resumed })
    }

    /// Performs a run that the store knows of.
    pub(super) fn start(&mut self, begun: Begun) {
        if let (Some(subject), Some(state)) = (&mut self.subject, begun.target) {
            subject.state = state;
        }
        tracing::info!(run = %begun.summary.id, workflow = %begun.summary.workflow, "run began");
        let (state, batches) = begun.resumed.unwrap_or_default();
        self.perform(begun.summary, begun.plan, state, batches);
    }
}
