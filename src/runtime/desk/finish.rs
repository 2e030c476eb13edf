//! A run has ended: its last entries, what it proposes for the target, the release of its lease, and, where the next run
//! takes over, that run's lease, are one transaction.

use super::Desk;
use crate::base::id::RunId;
use crate::model::metric;
use crate::model::target::{Phase, TargetState};
use crate::runtime::interpreter::{Ended, Finish};
use crate::runtime::journal::RunStatus;
use crate::runtime::machine::{self, Trigger};
use crate::runtime::ports::{Guard, StoreError, Write};
use crate::runtime::run::decide::{self, Proposal};
use crate::runtime::run::state::End;

impl Desk {
    /// Takes in how performing a run came to an end.
    pub(super) async fn finished(&mut self, run: RunId, finish: Finish) -> Result<(), StoreError> {
        let ended = match finish {
            Finish::Ended(ended) => *ended,
            Finish::Dormant(dormant) => {
                self.rested(run, *dormant);
                return Ok(());
            }
            Finish::Suspended => {
                self.active.remove(&run);
                return Ok(());
            }
            Finish::Lost(error) => {
                self.active.remove(&run);
                return Err(error);
            }
        };
        let Some(active) = self.active.remove(&run) else { return Ok(()) };
        let Ended { entries, batches, state, target } = ended;
        let Some(end) = state.ended.clone() else { return Ok(()) };
        let now = self.world.now();
        let mut summary = active.summary;
        summary.status = end.status;
        summary.error = end.error.as_ref().map(|error| error.message.clone());
        summary.ended_at = Some(now);
        metrics::counter!(metric::RUNS.name,
            "workflow" => summary.workflow.to_string(), "status" => end.status.as_str())
        .increment(1);
        tracing::info!(run = %run, status = end.status.as_str(), error = summary.error, "run ended");
        let mut writes = vec![Write::AppendJournal { run, position: batches, entries }, Write::PutRun(summary)];
        let Some(held) = target else {
            self.commit(Vec::new(), writes).await?;
            return Ok(());
        };
        let guard = Guard::Lease { target: held.name.clone(), token: held.lease.token };
        let resting = self.rest(held, &end, decide::proposal(&active.plan, &state)).await;
        if let Some(subject) = &mut self.subject {
            subject.state = resting.clone();
        }
        // A run that waits takes the target in the same moment: it is never seen at rest in between.
        let next = if self.may_begin() { self.take_next().await? } else { None };
        let begun = if let Some(waiting) = next {
            let (_, more, begun) = self.prepare(waiting);
            writes.extend(more);
            Some(begun)
        } else {
            writes.push(Write::PutTarget(resting));
            None
        };
        self.commit(vec![guard], writes).await?;
        if let Some(begun) = begun {
            self.start(begun);
        }
        Ok(())
    }

    /// The target at rest after a run.
    async fn rest(&self, mut state: TargetState, end: &End, proposal: Option<Proposal>) -> TargetState {
        let before = state.phase_before;
        let trigger = match (&proposal, end.status) {
            (Some(proposal), _) => Trigger::Rest(proposal.phase),
            (None, RunStatus::Failed) => Trigger::Rest(Phase::Degraded),
            (None, _) => Trigger::Restore { before },
        };
        state.phase = machine::next(state.phase, trigger).unwrap_or(Phase::Degraded);
        state.phase_before = state.phase;
        state.reason = proposal.as_ref().and_then(|proposal| proposal.reason.clone()).or_else(|| {
            end.error.as_ref().filter(|_| state.phase == Phase::Degraded).map(|error| error.message.clone())
        });
        if let Some(signature) = proposal.and_then(|proposal| proposal.signature) {
            let settings = self.subject.as_ref().map(|subject| &subject.settings);
            let record = match settings {
                Some(settings) => self.world.context.recorder.lookup(settings, &signature, None).await.ok().flatten(),
                None => None,
            };
            state.verified_rps = record.map(|record| record.measurement.max_rps);
            state.signature = Some(signature);
        }
        state.lease.run = None;
        state.updated_at = self.world.now();
        state
    }
}
