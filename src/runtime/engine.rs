//! The engine: takes events in, gives each to its target's desk, and goes on from where the last engine stopped.

mod letters;
pub mod outlet;
mod records;
mod recovery;
mod runs;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::control::{AcceptError, Acceptance, Control, ControlError, Health, QueueState};
use super::desk::{Backlog, Desk, Gauge, Message, Subject, waiting_summary};
use super::examine::examine;
use super::journal::Place;
use super::ports::{Accepted, Context, StoreError, Transaction, Write};
use super::program::Program;
use super::queue::Queued;
use super::wait::Decision;
use super::world::{Actions, World};
use crate::base::digest::Digest;
use crate::base::id::{RunId, TargetName, WorkflowName};
use crate::model::event::Event;
use crate::model::record::Record;
use crate::model::schema::Shape;
use crate::model::target::TargetState;
use crate::plan::Plan;

/// What an engine is made from.
#[derive(Debug)]
pub struct Options {
    pub context: Context,
    pub actions: Actions,
    pub program: Arc<Program>,
    pub intake: Intake,
}

/// How events are taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intake {
    /// More events than these may not wait: further ones are refused until some are settled.
    pub pending_limit: usize,
    /// An event with the source and id of one that was accepted within it is the same event.
    pub dedup_window: Duration,
}

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    /// For what is done to its end though nobody waits for it any more.
    me: Weak<Self>,
    world: Arc<World>,
    program: RwLock<Arc<Program>>,
    pending_limit: usize,
    pending: Arc<AtomicUsize>,
    draining: AtomicBool,
    desks: Mutex<Desks>,
    halts: tokio::sync::Mutex<Vec<Option<TargetName>>>,
    /// Plans of earlier programs that runs are still on, by digest: many runs on one plan have one.
    pinned: Mutex<HashMap<Digest, Weak<Plan>>>,
}

#[derive(Debug, Default)]
struct Desks {
    mailboxes: BTreeMap<Option<TargetName>, mpsc::UnboundedSender<Message>>,
    gauges: Vec<Arc<Gauge>>,
    /// What is halted, for desks that are opened meanwhile.
    halts: Vec<Option<TargetName>>,
    tasks: JoinSet<()>,
}

impl Desks {
    /// Whether what the desk of that name does is halted.
    fn is_halted(&self, name: Option<&TargetName>) -> bool {
        self.halts.iter().any(|halt| halt.is_none() || (name.is_some() && halt.as_ref() == name))
    }

    /// The gauge of a new desk.
    fn gauge(&mut self) -> Arc<Gauge> {
        let gauge = Arc::new(Gauge::default());
        self.gauges.push(Arc::clone(&gauge));
        gauge
    }
}

/// Why an engine did not start, or a workflow was not started.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("there is no workflow `{0}`")]
    UnknownWorkflow(WorkflowName),
    #[error("target `{0}` is not configured")]
    UnknownTarget(TargetName),
    #[error("{0}")]
    BadInputs(String),
    #[error("the engine is shutting down")]
    Draining,
}

impl Engine {
    /// Starts an engine, which goes on with what the store has unfinished.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn start(options: Options) -> Result<Arc<Self>, EngineError> {
        let loaded = options.context.store.load().await?;
        let engine = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            world: Arc::new(World::new(options.context, options.actions, options.intake.dedup_window)),
            program: RwLock::new(options.program),
            pending_limit: options.intake.pending_limit,
            pending: Arc::new(AtomicUsize::new(loaded.events.len())),
            draining: AtomicBool::new(false),
            desks: Mutex::new(Desks { halts: loaded.halts.clone(), ..Desks::default() }),
            halts: tokio::sync::Mutex::new(loaded.halts.clone()),
            pinned: Mutex::default(),
        });
        engine.world.context.outlet.open(Arc::downgrade(&engine));
        for halted in &loaded.halts {
            engine.world.context.dispatcher.set_halted(halted.as_ref(), true);
        }
        engine.recover(loaded).await?;
        Ok(engine)
    }

    /// Starts a workflow for a person.
    ///
    /// # Errors
    /// There is no such workflow or target, or the inputs are not as declared.
    pub async fn start_run(
        &self,
        workflow: &WorkflowName,
        target: Option<TargetName>,
        mut inputs: Json,
    ) -> Result<RunId, EngineError> {
        let program = self.program();
        let plan = program.plans.get(workflow);
        let plan = plan.ok_or_else(|| EngineError::UnknownWorkflow(workflow.clone()))?;
        if let Some(target) = target.as_ref().filter(|target| self.settings(target).is_none()) {
            return Err(EngineError::UnknownTarget(target.clone()));
        }
        Shape::Object(plan.inputs.clone()).conform("inputs", &mut inputs).map_err(|mismatches| {
            let list: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
            EngineError::BadInputs(list.join("; "))
        })?;
        let summary = Box::new(waiting_summary(&self.world, plan, target.as_ref(), inputs));
        let id = summary.id;
        let (started, answer) = oneshot::channel();
        self.tell(target, Message::Start { summary, plan: Arc::clone(plan), started });
        answer.await.map_err(|_| EngineError::Draining)?;
        Ok(id)
    }

    /// Brings other rules and workflows into force: for every event that is handled from now on. Runs keep the plan they
    /// began with.
    pub fn replace_program(&self, program: Arc<Program>) {
        // No desk is opened meanwhile: each gets the new one, with its first breath or by a message.
        let desks = self.desks();
        *self.program.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&program);
        for mailbox in desks.mailboxes.values() {
            // A desk that has left handles no more events.
            let _ = mailbox.send(Message::Program(Arc::clone(&program)));
        }
    }

    /// The world that it sees.
    #[cfg(test)]
    pub(crate) fn context(&self) -> Context {
        self.world.context.clone()
    }

    /// What is in force.
    fn program(&self) -> Arc<Program> {
        Arc::clone(&self.program.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stops in order: quick steps finish, the rest is left to go on at the next start. Returns once nothing runs.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        let mut tasks = {
            let mut desks = self.desks();
            for mailbox in desks.mailboxes.values() {
                // A desk that has lost its store has left.
                let _ = mailbox.send(Message::Drain);
            }
            std::mem::take(&mut desks.tasks)
        };
        while tasks.join_next().await.is_some() {}
    }

    /// Makes events durable and gives them to their desks.
    async fn take_in(&self, events: Vec<Event>) -> Result<Vec<Acceptance>, AcceptError> {
        let count = events.len();
        if self.pending.fetch_add(count, Ordering::Relaxed) + count > self.pending_limit {
            self.pending.fetch_sub(count, Ordering::Relaxed);
            return Err(AcceptError::Busy { retry_after_ms: 1_000 });
        }
        let now = self.world.now();
        let writes = events.iter().map(|event| self.world.accept(event.clone(), now)).collect();
        let receipt = self.world.context.store.commit(Transaction { guards: Vec::new(), writes }).await;
        let receipt = receipt.inspect_err(|_| {
            self.pending.fetch_sub(count, Ordering::Relaxed);
        })?;
        let mut answers = Vec::with_capacity(count);
        for (event, accepted) in events.into_iter().zip(receipt.accepted) {
            answers.push(match accepted {
                Accepted::New { sequence } => {
                    let subject = event.subject.clone();
                    self.tell(
                        subject,
                        Message::Event(Box::new(Queued { sequence, accepted_at: now, attempts: 0, event })),
                    );
                    Acceptance::Accepted { sequence }
                }
                Accepted::Duplicate => {
                    self.pending.fetch_sub(1, Ordering::Relaxed);
                    Acceptance::Duplicate
                }
            });
        }
        Ok(answers)
    }

    /// Tells a desk, which is opened if it is not there yet.
    fn tell(&self, name: Option<TargetName>, message: Message) {
        let mut desks = self.desks();
        if let Some(mailbox) = desks.mailboxes.get(&name) {
            // A desk that has left is draining or has lost its store: what it was told is durable already.
            let _ = mailbox.send(message);
            return;
        }
        let subject = name.as_ref().and_then(|name| {
            let settings = self.settings(name)?;
            Some(Subject { settings, state: TargetState::unknown(name.clone(), self.world.now()) })
        });
        let (sender, mailbox) = mpsc::unbounded_channel();
        let world = Arc::clone(&self.world);
        let pending = Arc::clone(&self.pending);
        let gauge = desks.gauge();
        let backlog = Backlog { halted: desks.is_halted(name.as_ref()), ..Backlog::default() };
        let desk = Desk::new(world, self.program(), subject, pending, gauge, mailbox, backlog);
        desks.tasks.spawn(desk.serve());
        let _ = sender.send(message);
        desks.mailboxes.insert(name, sender);
    }

    fn settings(&self, name: &TargetName) -> Option<Arc<crate::model::target::TargetSettings>> {
        self.world.context.targets.settings(name)
    }

    fn desks(&self) -> std::sync::MutexGuard<'_, Desks> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to its end, though whoever asked may give up waiting in the middle of it: an event that is durable must
    /// come to its desk, whether or not its publisher is still there.
    async fn unbroken<T, E, F>(&self, work: impl FnOnce(Arc<Self>) -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let engine = self.me.upgrade().ok_or(StoreError::Closed)?;
        let done = tokio::spawn(work(engine).in_current_span()).await;
        done.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    async fn ask(
        &self,
        target: &TargetName,
        message: impl FnOnce(oneshot::Sender<Result<TargetState, ControlError>>) -> Message,
    ) -> Result<TargetState, ControlError> {
        if self.settings(target).is_none() {
            return Err(ControlError::UnknownTarget(target.clone()));
        }
        let (sender, answer) = oneshot::channel();
        self.tell(Some(target.clone()), message(sender));
        answer.await.unwrap_or(Err(ControlError::Store(StoreError::Closed)))
    }

    async fn set_halted(&self, target: Option<TargetName>, halted: bool) -> Result<(), ControlError> {
        if let Some(name) = target.as_ref().filter(|name| self.settings(name).is_none()) {
            return Err(ControlError::UnknownTarget(name.clone()));
        }
        let mut halts = self.halts.lock().await;
        // Load stops at once; that the halt is durable may take a moment longer.
        let was = halts.clone();
        halts.retain(|known| *known != target);
        if halted {
            halts.push(target.clone());
            self.spread(&halts);
        }
        let write = if halted {
            Write::PutHalt { target: target.clone(), at: self.world.now() }
        } else {
            Write::RemoveHalt { target: target.clone() }
        };
        let written = self.world.context.store.commit(Transaction { guards: Vec::new(), writes: vec![write] }).await;
        if let Err(error) = written {
            if !halted {
                *halts = was;
            }
            return Err(error.into());
        }
        self.spread(&halts);
        Ok(())
    }

    /// Tells every desk and the dispatcher what is halted now.
    fn spread(&self, halts: &[Option<TargetName>]) {
        let everything = halts.contains(&None);
        let dispatcher = &self.world.context.dispatcher;
        dispatcher.set_halted(None, everything);
        let mut names = self.world.context.targets.names();
        let mut desks = self.desks();
        desks.halts = halts.to_vec();
        names.extend(desks.mailboxes.keys().flatten().cloned());
        for name in names {
            dispatcher.set_halted(Some(&name), halts.contains(&Some(name.clone())));
        }
        for (name, mailbox) in &desks.mailboxes {
            let _ = mailbox.send(Message::Halt(desks.is_halted(name.as_ref())));
        }
    }
}

#[async_trait]
impl Control for Engine {
    async fn accept(&self, mut events: Vec<Event>) -> Result<Vec<Acceptance>, AcceptError> {
        if self.draining.load(Ordering::SeqCst) {
            return Err(AcceptError::Draining);
        }
        let mut refusals = Vec::new();
        let program = self.program();
        for (index, event) in events.iter_mut().enumerate() {
            refusals.extend(examine(&program, self.world.context.targets.as_ref(), index, event));
            event.during_test = event.subject.as_ref().is_some_and(|subject| self.world.is_loaded(subject));
        }
        if !refusals.is_empty() {
            return Err(AcceptError::Refused(refusals));
        }
        self.unbroken(|engine| async move { engine.take_in(events).await }).await
    }

    async fn halt(&self, target: Option<TargetName>) -> Result<(), ControlError> {
        self.unbroken(|engine| async move { engine.set_halted(target, true).await }).await
    }

    async fn unhalt(&self, target: Option<TargetName>) -> Result<(), ControlError> {
        self.unbroken(|engine| async move { engine.set_halted(target, false).await }).await
    }

    async fn halts(&self) -> Result<Vec<Option<TargetName>>, ControlError> {
        Ok(self.halts.lock().await.clone())
    }

    async fn pause(&self, target: &TargetName) -> Result<TargetState, ControlError> {
        self.ask(target, Message::Pause).await
    }

    async fn resume(&self, target: &TargetName) -> Result<TargetState, ControlError> {
        self.ask(target, Message::Resume).await
    }

    async fn steer(&self, target: &TargetName, rate_rps: f64, remembered: Json) -> Result<TargetState, ControlError> {
        self.ask(target, |steered| Message::Steer { rate_rps, remembered, steered }).await
    }

    async fn decide(&self, run: RunId, place: Option<Place>, decision: Decision) -> Result<Place, ControlError> {
        self.decide_approval(run, place, decision).await
    }

    async fn cancel(&self, run: RunId) -> Result<(), ControlError> {
        self.unbroken(|engine| async move { engine.cancel_run(run).await }).await
    }

    async fn retry(&self, run: RunId, from_failed_step: bool) -> Result<RunId, ControlError> {
        self.retry_run(run, from_failed_step).await
    }

    async fn resume_run(&self, run: RunId) -> Result<(), ControlError> {
        self.unbroken(|engine| async move { engine.resume_parked(run).await }).await
    }

    async fn take_in(&self, record: Record) -> Result<bool, ControlError> {
        self.unbroken(|engine| async move { engine.keep_record(record).await }).await
    }

    async fn redrive(&self, sequence: u64) -> Result<(), ControlError> {
        self.unbroken(|engine| async move { engine.redrive_letter(sequence).await }).await
    }

    async fn drop_letter(&self, sequence: u64) -> Result<(), ControlError> {
        self.drop_for_good(sequence).await
    }

    fn progress(&self, run: RunId) -> Option<Json> {
        self.world.progress.of(run)
    }

    fn queue(&self) -> QueueState {
        QueueState {
            waiting: self.pending.load(Ordering::Relaxed),
            limit: self.pending_limit,
            due_since: self.desks().gauges.iter().filter_map(|gauge| gauge.due_since()).min(),
        }
    }

    fn health(&self) -> Health {
        let draining = self.draining.load(Ordering::SeqCst);
        let problems = self.world.problems();
        Health { ready: !draining && problems.is_empty(), draining, problems }
    }
}
