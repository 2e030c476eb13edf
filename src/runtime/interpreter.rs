//! Performs a run: asks `run::decide` what is next, journals it, performs it, and takes in what came of it.
//!
//! Journal first, then perform. Entries gather until an effect is about to happen or the run has to wait; then one flush
//! makes them durable. Actions without effect need no flush of their own: cut off, they are simply performed again.
//! What it must not know: which event caused the run, what runs wait behind it, how its end changes the target's phase.

mod outcome;
mod waiting;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::control::ControlError;
use super::effect::{ActionError, Effect, EffectTarget, Link, Outcome};
use super::journal::{Entry, Place, RunSummary, StopReason, What};
use super::performance::{Checkpoint, CheckpointDesk, Task, TaskKind};
use super::ports::{Guard, StoreError, Transaction, Write};
use super::run::decide::{self, Next, Situation, UndoInput};
use super::run::state::{Dormancy, RunState, Status, Undoing};
use super::wait::Decision;
use super::world::World;
use crate::base::clock::Timestamp;
use crate::model::action::Effect as Kind;
use crate::model::event::Event;
use crate::model::target::{TargetSettings, TargetState};
use crate::plan::{Plan, Step};

/// How often a run that performs something makes sure that it still holds its target.
const LEASE_CHECK: Duration = Duration::from_millis(500);
/// How long after the last check an effect may go on.
const LEASE_TIME: Duration = Duration::from_secs(2);
/// How long effects may take to finish when the engine stops in order.
const DRAIN_GRACE: Duration = Duration::from_secs(3);
/// Between attempts to write to a store that cannot be written.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// The target a run holds.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) settings: Arc<TargetSettings>,
    /// With what the run has changed so far.
    pub(super) state: TargetState,
}

/// What a running interpreter is told. Who waits for an answer that never comes learns it from the closed channel.
#[derive(Debug)]
pub(super) enum Command {
    Stop(StopReason),
    /// A person cancels the run; answered once that is durable.
    Cancel(oneshot::Sender<Result<(), ControlError>>),
    /// An event that a wait may be for; answered, once that is durable, with whether one was.
    Event {
        event: Arc<Event>,
        heard: oneshot::Sender<bool>,
    },
    /// A person decides what waits for approval at a place, or at the only one there is.
    Decide {
        place: Option<Place>,
        decision: Decision,
        decided: oneshot::Sender<Result<Place, ControlError>>,
    },
    /// The engine stops: finish what is quick, leave the rest resumable.
    Drain,
}

/// How performing a run came to an end.
#[derive(Debug)]
pub(super) enum Finish {
    /// The run has ended; its last entries are to be written with what its end changes.
    Ended(Box<Ended>),
    /// The run only waits: it goes on from its journal when what it waits for has come.
    Dormant(Box<Dormant>),
    /// The engine stops; the run goes on when it starts again.
    Suspended,
    /// The store belongs to another now, or is closed: nothing more may be written.
    Lost(StoreError),
}

/// What is left to write of a run that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) entries: Vec<Entry>,
    pub(super) batches: u64,
    pub(super) state: RunState,
    pub(super) target: Option<TargetState>,
}

/// What is kept of a run that only waits.
#[derive(Debug)]
pub(super) struct Dormant {
    pub(super) dormancy: Dormancy,
    pub(super) target: Option<TargetState>,
    /// What it was told too late to hear.
    pub(super) unheard: Vec<Command>,
}

/// A run being performed.
pub(super) struct Interpreter {
    world: Arc<World>,
    plan: Arc<Plan>,
    summary: RunSummary,
    held: Option<Held>,
    state: RunState,
    /// Applied to the state, not yet written.
    pending: Vec<Entry>,
    batches: u64,
    /// Whether the target changed since it was last written.
    target_changed: bool,
    commands: mpsc::UnboundedReceiver<Command>,
    tasks: JoinSet<Outcome>,
    running: HashMap<Id, Task>,
    checkpoints: (mpsc::Sender<Checkpoint>, mpsc::Receiver<Checkpoint>),
    lease: watch::Sender<Timestamp>,
    /// When the store is asked next whether the target is still the run's.
    lease_check: Timestamp,
    /// The engine stops: nothing new is begun.
    draining: bool,
    /// When what still runs is told to stop.
    grace: Option<Timestamp>,
}

impl Interpreter {
    /// A run that goes on from what its journal says; an empty one begins.
    pub(super) fn new(
        world: Arc<World>,
        plan: Arc<Plan>,
        summary: RunSummary,
        held: Option<Held>,
        (state, batches): (RunState, u64),
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let (lease, _) = watch::channel(lease_end(&world, held.is_some()));
        let lease_check = world.now().after(LEASE_CHECK);
        Self {
            world,
            plan,
            summary,
            held,
            state,
            pending: Vec::new(),
            batches,
            target_changed: false,
            commands,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            checkpoints: mpsc::channel(1),
            lease,
            lease_check,
            draining: false,
            grace: None,
        }
    }

    /// Performs the run until it ends, the engine stops, or the store is lost.
    pub(super) async fn run(mut self) -> Finish {
        let finish = match self.perform().await {
            Ok(finish) => finish,
            Err(error) => Finish::Lost(error),
        };
        // A lost lease: whatever still runs must not act any more.
        self.stop(|_| true);
        self.tasks.shutdown().await;
        self.world.progress.forget(self.summary.id);
        finish
    }

    async fn perform(&mut self) -> Result<Finish, StoreError> {
        let run = decide::run_view(&self.summary);
        if self.state.began.is_none() {
            self.begin().await?;
        } else {
            self.resume().await?;
        }
        loop {
            let (id, now) = (self.summary.id, self.world.now());
            let situation = Situation { plan: &self.plan, state: &self.state, id, run: &run, now };
            let next = decide::decide(&situation);
            if !next.is_empty() && !self.draining {
                self.carry_out(next).await?;
            } else if self.state.ended.is_some() {
                return Ok(self.end());
            } else if self.draining && self.running.is_empty() {
                self.flush().await?;
                return Ok(Finish::Suspended);
            } else if let Some(dormancy) = self.state.dormancy().filter(|_| self.commands.is_empty()) {
                self.flush().await?;
                return Ok(self.rest(dormancy));
            } else {
                self.wait().await?;
            }
        }
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        let view = match &self.held {
            Some(held) => self.world.target_view(&held.settings, &held.state).await,
            None => Json::Null,
        };
        let target = self.held.as_ref().map(|held| held.state.clone());
        let inputs = self.summary.inputs.clone();
        let kept = self.kept().await?;
        self.note(What::Began { inputs, target, view });
        kept.into_iter().for_each(|what| self.note(what));
        Ok(())
    }

    /// Performs again what was cut off, under the same keys.
    async fn resume(&mut self) -> Result<(), StoreError> {
        for what in decide::after_crash(&self.plan, &self.state) {
            self.note(what);
        }
        self.flush().await?;
        let cut_off: Vec<_> = self
            .state
            .performances()
            .filter(|(_, performance)| performance.status == Status::Running || performance.undoing == Undoing::Running)
            .map(|(place, performance)| (place, performance.undoing == Undoing::Running))
            .collect();
        for (place, undoing) in cut_off {
            if undoing {
                self.spawn(&place, TaskKind::Undo);
            } else if let Some(wait) = self.closed(&place) {
                self.note(What::Waiting { place, wait });
            } else {
                self.spawn(&place, TaskKind::Perform);
            }
        }
        Ok(())
    }

    /// Journals what was decided and starts what is to be performed.
    async fn carry_out(&mut self, next: Vec<Next>) -> Result<(), StoreError> {
        let mut start = Vec::new();
        let mut has_effect = false;
        for next in next {
            match next {
                Next::Note(what) => self.note(what),
                // What could not be prepared has failed the run meanwhile: nothing new is begun.
                Next::Attempt { place, .. } if self.gives_up(&place) => {}
                Next::Attempt { place, attempt, input, undo } => {
                    let undo = match undo {
                        UndoInput::None => None,
                        UndoInput::Resolved(input) => Some(input),
                        UndoInput::Remember => match self.remember(&place, &input).await {
                            Ok(remembered) => remembered,
                            Err(error) => {
                                self.note(What::Failed { place, error });
                                continue;
                            }
                        },
                    };
                    let effect = decide::find(&self.plan, &place.step).map(|step| step.action.effect);
                    has_effect |= effect != Some(Kind::None);
                    let wait = self.wait_at(&place, attempt, &input);
                    self.note(What::Attempted { place: place.clone(), attempt, input, undo });
                    match wait {
                        Ok(None) => start.push((place, TaskKind::Perform)),
                        Ok(Some(wait)) => self.note(What::Waiting { place, wait }),
                        Err(error) => self.note(What::Failed { place, error }),
                    }
                }
                Next::Perform { place } => {
                    has_effect = true;
                    self.note(What::Permitted { place: place.clone() });
                    // It may have closed again before anybody looked.
                    match self.closed(&place) {
                        Some(wait) => self.note(What::Waiting { place, wait }),
                        None => start.push((place, TaskKind::Perform)),
                    }
                }
                Next::Undo { place } => {
                    has_effect = true;
                    self.note(What::Undoing { place: place.clone() });
                    start.push((place, TaskKind::Undo));
                }
            }
        }
        if has_effect {
            self.flush().await?;
        }
        for (place, kind) in start {
            self.spawn(&place, kind);
        }
        Ok(())
    }

    /// Whether a failure keeps the step from being begun: one of `on_failure` begins because of it.
    fn gives_up(&self, place: &Place) -> bool {
        self.state.failure.is_some() && self.plan.steps.find(place.step.as_str()).is_some()
    }

    /// Waits for whatever comes first, and takes it in.
    async fn wait(&mut self) -> Result<(), StoreError> {
        // People and later starts should see a run that waits as it is.
        if self.running.is_empty() {
            self.flush().await?;
        }
        let clock = Arc::clone(&self.world.context.clock);
        let moment = self.state.next_moment();
        let grace = self.grace;
        // In a fixed order, so that the same history is made each time. What must not be late comes first.
        tokio::select! {
            biased;
            () = until(&*clock, Some(self.lease_check)), if !self.running.is_empty() => self.check_lease().await?,
            Some(command) = self.commands.recv() => self.obey(command).await?,
            Some(done) = self.tasks.join_next_with_id() => {
                let (id, outcome) = match done {
                    Ok((id, outcome)) => (id, outcome),
                    Err(error) => {
                        let message = format!("the action stopped unexpectedly: {error}");
                        (error.id(), Err(ActionError::permanent(message)))
                    }
                };
                self.take_in(id, outcome);
            }
            Some(checkpoint) = self.checkpoints.1.recv() => {
                self.note(What::Checkpointed { place: checkpoint.place, state: checkpoint.state });
                self.flush().await?;
                // The effect may have been stopped meanwhile; then nobody waits for the answer.
                let _ = checkpoint.saved.send(());
            }
            () = until(&*clock, moment), if moment.is_some() => {}
            () = until(&*clock, grace), if grace.is_some() => {
                self.grace = None;
                self.stop(|_| true);
            }
        }
        Ok(())
    }

    /// Tells what runs to stop, in the order of places: the same each time.
    fn stop(&self, which: impl Fn(&Task) -> bool) {
        let mut tasks: Vec<_> = self.running.values().filter(|task| which(task)).collect();
        tasks.sort_by(|a, b| a.place.cmp(&b.place));
        tasks.into_iter().for_each(|task| task.stop.cancel());
    }

    async fn remember(&self, place: &Place, input: &Json) -> Result<Option<Json>, ActionError> {
        let step = self.known_step(place)?;
        let action = self.world.action(step)?;
        action.remember(&self.effect(place, 1, input.clone(), &CancellationToken::new()), &self.world.context).await
    }

    fn spawn(&mut self, place: &Place, kind: TaskKind) {
        let stop = CancellationToken::new();
        let Some(performance) = self.state.performance(place) else { return };
        let effect = self.effect(place, performance.attempt, performance.input.clone(), &stop);
        let remembered = performance.undo.clone().unwrap_or(Json::Null);
        let world = Arc::clone(&self.world);
        let plan = Arc::clone(&self.plan);
        let span = tracing::info_span!("step", step = %place.step, item = place.item, attempt = performance.attempt);
        let held_target = self.held.as_ref().map(|held| held.settings.name.clone());
        self.world.progress.watch(self.summary.id, place, effect.link.progress.subscribe());
        let work = async move {
            let known = decide::find(&plan, &effect.step).ok_or_else(|| no_such_step(&effect.step))?;
            let loading = held_target.filter(|_| known.action.loads_target).map(|target| world.loading(target));
            let outcome = super::performance::perform(&world, known, &effect, kind, &remembered).await;
            drop(loading);
            outcome
        };
        // A fresh lease: what was granted before the last flush may have run out during it.
        self.lease.send_replace(lease_end(&self.world, self.held.is_some()));
        let id = self.tasks.spawn(work.instrument(span)).id();
        self.running.insert(id, Task { place: place.clone(), kind, stop });
    }

    fn effect(&self, place: &Place, attempt: u32, input: Json, stop: &CancellationToken) -> Effect {
        let performance = self.state.performance(place);
        let before = self.state.began.as_ref().and_then(|began| began.target.clone());
        Effect {
            run: self.summary.id,
            step: place.step.clone(),
            key: decide::key(self.summary.id, place),
            attempt,
            cause: self.summary.event.clone(),
            input,
            target: self.held.as_ref().map(|held| EffectTarget {
                settings: Arc::clone(&held.settings),
                before: before.unwrap_or_else(|| held.state.clone()),
                state: held.state.clone(),
                token: held.state.lease.token,
            }),
            interruptions: performance.map_or(0, |performance| performance.interruptions),
            checkpoint: performance.and_then(|performance| performance.checkpoint.clone()),
            link: Link {
                stop: stop.clone(),
                lease_until: self.lease.subscribe(),
                progress: Arc::new(watch::Sender::new(Json::Null)),
                checkpoints: Arc::new(CheckpointDesk { place: place.clone(), sender: self.checkpoints.0.clone() }),
            },
        }
    }

    fn known_step(&self, place: &Place) -> Result<&Step, ActionError> {
        decide::find(&self.plan, &place.step).ok_or_else(|| no_such_step(&place.step))
    }

    /// Makes sure that the store still grants the target, and lets effects go on for a while.
    async fn check_lease(&mut self) -> Result<(), StoreError> {
        self.lease_check = self.world.now().after(LEASE_CHECK);
        let Some(held) = &self.held else { return Ok(()) };
        let token = held.state.lease.token;
        // A store that cannot be read grants nothing: effects stop by themselves when their time is over.
        let Ok(Some(stored)) = self.world.context.store.target(&held.settings.name).await else { return Ok(()) };
        if stored.lease.token != token {
            let target = held.settings.name.clone();
            return Err(StoreError::Fenced { target, held: token, current: stored.lease.token });
        }
        self.lease.send_replace(lease_end(&self.world, true));
        Ok(())
    }

    fn note(&mut self, what: What) {
        let entry = Entry { at: self.world.now(), what };
        match self.state.apply(&entry) {
            Ok(()) => self.pending.push(entry),
            Err(error) => tracing::error!(%error, "an entry that does not follow was not journaled"),
        }
    }

    /// Makes everything noted so far durable. Waits for as long as the store cannot be written.
    async fn flush(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut transaction = Transaction::default();
        if let Some(held) = &self.held {
            let target = held.settings.name.clone();
            transaction.guards.push(Guard::Lease { target, token: held.state.lease.token });
            if self.target_changed {
                transaction.writes.push(Write::PutTarget(held.state.clone()));
            }
        }
        let entries = self.pending.clone();
        transaction.writes.push(Write::AppendJournal { run: self.summary.id, position: self.batches, entries });
        self.world.commit_patiently(transaction, STORE_RETRY).await?;
        self.pending.clear();
        self.batches += 1;
        self.target_changed = false;
        Ok(())
    }

    fn end(&mut self) -> Finish {
        Finish::Ended(Box::new(Ended {
            entries: std::mem::take(&mut self.pending),
            batches: self.batches,
            state: std::mem::take(&mut self.state),
            target: self.held.take().map(|held| held.state),
        }))
    }
}

impl std::fmt::Debug for Interpreter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interpreter").field("run", &self.summary.id).finish_non_exhaustive()
    }
}

fn lease_end(world: &World, held: bool) -> Timestamp {
    // A run without a target shares nothing that could be taken from it.
    if held { world.now().after(LEASE_TIME) } else { Timestamp(i64::MAX) }
}

fn no_such_step(step: &crate::base::id::StepName) -> ActionError {
    ActionError::permanent(format!("the plan has no step `{step}`"))
}

async fn until(clock: &dyn crate::base::clock::Clock, moment: Option<Timestamp>) {
    if let Some(moment) = moment {
        clock.sleep_until(moment).await;
    }
}
