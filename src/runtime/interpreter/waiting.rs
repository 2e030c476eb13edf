//! What a run is told from outside, and how it goes to rest when all that is left is waiting.

use std::sync::Arc;

use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use super::{Command, DRAIN_GRACE, Dormant, Finish, Interpreter, STORE_RETRY};
use crate::model::event::Event;
use crate::runtime::control::ControlError;
use crate::runtime::effect::ActionError;
use crate::runtime::journal::{Place, RetryOf, StopReason, What};
use crate::runtime::performance::TaskKind;
use crate::runtime::ports::StoreError;
use crate::runtime::run::kept::kept;
use crate::runtime::run::state::{Dormancy, RunState, Status};
use crate::runtime::wait::{Answer, Decision, Wait, WaitOn};

impl Interpreter {
    /// What an attempt waits for, where that is what its action does.
    pub(super) fn wait_at(&self, place: &Place, attempt: u32, input: &Json) -> Result<Option<Wait>, ActionError> {
        let step = self.known_step(place)?;
        let effect = self.effect(place, attempt, input.clone(), &CancellationToken::new());
        if !step.action.waits {
            let permitted = self.state.performance(place).is_some_and(|performance| performance.permitted);
            let reason = if permitted { None } else { self.world.action(step)?.permission(&effect) };
            let on = match reason {
                Some(reason) => Some(WaitOn::Approval { reason, by: None, required: true, permits: true }),
                None => self.opening(place, attempt, input),
            };
            // The step's `timeout` is for performing it: people take as long as they take.
            return Ok(on.map(|on| Wait { on, timeout_at: None }));
        }
        let wait = self.world.action(step)?.wait(&effect, &self.world.context)?;
        let timeout_at = step.timeout.map(|timeout| self.world.now().after(timeout));
        Ok(wait.map(|wait| Wait { timeout_at, ..wait }))
    }

    /// What keeps an action from being performed now, where that passes with time.
    pub(super) fn opening(&self, place: &Place, attempt: u32, input: &Json) -> Option<WaitOn> {
        let action = self.world.action(self.known_step(place).ok()?).ok()?;
        let effect = self.effect(place, attempt, input.clone(), &CancellationToken::new());
        let (until, reason) = action.opens(&effect, self.world.now())?;
        Some(WaitOn::Opening { until, reason })
    }

    /// The same for what was begun already.
    pub(super) fn closed(&self, place: &Place) -> Option<Wait> {
        let performance = self.state.performance(place)?;
        self.opening(place, performance.attempt, &performance.input).map(|on| Wait { on, timeout_at: None })
    }

    /// What the run keeps of the one that it continues.
    pub(super) async fn kept(&self) -> Result<Vec<What>, StoreError> {
        let Some(RetryOf { run, from_failed_step: true }) = self.summary.retry else { return Ok(Vec::new()) };
        let Some(stored) = self.world.read_patiently(run, STORE_RETRY).await? else {
            tracing::warn!(%run, "the run to be continued is not in the store any more; this one begins anew");
            return Ok(Vec::new());
        };
        let damaged = |_| StoreError::Damaged { what: format!("the journal of run {run}") };
        RunState::replay(&stored.journal).map(|state| kept(&self.plan, &state)).map_err(damaged)
    }

    /// Hands over what is kept of a run that only waits. Whatever it is told from now on, its desk gets back.
    pub(super) fn rest(&mut self, dormancy: Dormancy) -> Finish {
        self.commands.close();
        let mut unheard = Vec::new();
        while let Ok(command) = self.commands.try_recv() {
            unheard.push(command);
        }
        let target = self.held.take().map(|held| held.state);
        Finish::Dormant(Box::new(Dormant { dormancy, target, unheard }))
    }

    pub(super) async fn obey(&mut self, command: Command) -> Result<(), StoreError> {
        match command {
            Command::Stop(reason) => self.stop_for(reason),
            Command::Cancel(done) => {
                self.stop_for(StopReason::Cancelled);
                self.flush().await?;
                // Whoever asked may have gone; the run stops all the same.
                let _ = done.send(Ok(()));
            }
            Command::Event { event, heard } => {
                let answers = self.hear(&event);
                if answers {
                    self.flush().await?;
                }
                let _ = heard.send(answers);
            }
            Command::Decide { place, decision, decided } => {
                let answer = self.decide_approval(place, decision);
                if answer.is_ok() {
                    self.flush().await?;
                }
                let _ = decided.send(answer);
            }
            Command::Drain => {
                self.draining = true;
                self.grace = Some(self.world.now().after(DRAIN_GRACE));
            }
        }
        Ok(())
    }

    fn stop_for(&mut self, reason: StopReason) {
        if self.state.stop.is_none() {
            self.note(What::StopRequested { reason });
        }
        // An undo is never interrupted.
        self.stop(|task| task.kind == TaskKind::Perform);
    }

    /// Whether a wait was for the event; the first one that fits takes it.
    fn hear(&mut self, event: &Arc<Event>) -> bool {
        // The event is routed again where the engine died before it was settled.
        let known = self.state.heard.iter().any(|(source, id)| *source == event.source && *id == event.id);
        let place = self.waiting().find(|(_, wait)| wait.is_answered_by(event)).map(|(place, _)| place);
        match place.filter(|_| !known) {
            Some(place) => {
                self.note(What::Answered { place, answer: Answer::from(event.as_ref()) });
                true
            }
            None => false,
        }
    }

    fn decide_approval(&mut self, place: Option<Place>, decision: Decision) -> Result<Place, ControlError> {
        let open: Vec<Place> = self
            .waiting()
            .filter(|(_, wait)| matches!(wait.on, WaitOn::Approval { .. }))
            .map(|(place, _)| place)
            .collect();
        let list = || open.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(", ");
        let run = self.summary.id;
        let conflict = |why: String| Err(ControlError::Conflict(why));
        let place = match (place, open.as_slice()) {
            (_, []) => return conflict(format!("nothing in run {run} waits for approval")),
            (Some(place), open) if open.contains(&place) => place,
            (Some(place), _) => {
                return conflict(format!(
                    "step `{place}` of run {run} does not wait for approval, but {} does",
                    list()
                ));
            }
            (None, [only]) => only.clone(),
            (None, _) => {
                return conflict(format!("several steps of run {run} wait for approval, name one: {}", list()));
            }
        };
        self.note(What::Answered { place: place.clone(), answer: Answer::Decision(decision) });
        Ok(place)
    }

    /// Every wait that nothing has answered yet, by place.
    fn waiting(&self) -> impl Iterator<Item = (Place, &Wait)> {
        self.state.performances().filter_map(|(place, performance)| match &performance.status {
            Status::Waiting { wait, answer: None } => Some((place, wait.as_ref())),
            _ => None,
        })
    }
}
