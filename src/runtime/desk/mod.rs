//! One desk a target: routes its events in order, lets one run at a time have it, and settles what runs leave.
//!
//! A desk is a task that owns the target's state; nobody else changes it. While a run holds the target, the run's
//! interpreter has the state and hands it back with its end. The desk without a target serves events without a subject:
//! it has no phase and no exclusivity.

mod begin;
mod dormant;
mod finish;
mod routing;
mod steer;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use self::dormant::Sleepers;
use super::clauses::Memory;
use super::control::ControlError;
use super::interpreter::{Command, Finish, Held, Interpreter};
use super::journal::{Place, RunStatus, RunSummary, StopReason};
use super::machine::Trigger;
use super::ports::{Guard, RuleState, StoreError, Transaction, Write};
use super::program::Program;
use super::queue::{EventQueue, Queued};
use super::run::state::{Dormancy, RunState};
use super::wait::Decision;
use super::world::World;
use crate::base::clock::Timestamp;
use crate::base::id::{RuleName, RunId, TargetName};
use crate::model::event::Event;
use crate::model::target::{Phase, TargetSettings, TargetState};
use crate::plan::Plan;

/// Between attempts to write to a store that cannot be written.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// What a desk is told.
#[derive(Debug)]
pub(super) enum Message {
    Event(Box<Queued>),
    /// A person starts a workflow.
    Start {
        summary: Box<RunSummary>,
        plan: Arc<Plan>,
        started: oneshot::Sender<()>,
    },
    Pause(oneshot::Sender<Result<TargetState, ControlError>>),
    Resume(oneshot::Sender<Result<TargetState, ControlError>>),
    /// A strategy sets another rate.
    Steer {
        rate_rps: f64,
        remembered: Json,
        steered: oneshot::Sender<Result<TargetState, ControlError>>,
    },
    Halt(bool),
    /// Other rules and workflows are in force.
    Program(Arc<Program>),
    /// A run that was put aside goes on; the store knows.
    TakeUp(Box<Waiting>),
    /// A person cancels a run.
    Cancel {
        run: RunId,
        done: oneshot::Sender<Result<(), ControlError>>,
    },
    /// A person decides what a run waits for.
    Decide {
        run: RunId,
        place: Option<Place>,
        decision: Decision,
        decided: oneshot::Sender<Result<Place, ControlError>>,
    },
    Drain,
}

/// The target a desk is for.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) settings: Arc<TargetSettings>,
    pub(super) state: TargetState,
}

/// What a desk shows of its queue while it is at work.
#[derive(Debug)]
pub(super) struct Gauge {
    /// Since when the event has been due that goes next, in milliseconds; the largest number where none is due.
    due_since: AtomicI64,
}

impl Default for Gauge {
    fn default() -> Self {
        Self { due_since: AtomicI64::new(i64::MAX) }
    }
}

impl Gauge {
    fn show(&self, due_since: Option<Timestamp>) {
        self.due_since.store(due_since.map_or(i64::MAX, |moment| moment.0), Ordering::Relaxed);
    }

    pub(super) fn due_since(&self) -> Option<Timestamp> {
        Some(self.due_since.load(Ordering::Relaxed)).filter(|moment| *moment < i64::MAX).map(Timestamp)
    }
}

/// A run that waits for its target.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) summary: RunSummary,
    pub(super) plan: Arc<Plan>,
    /// What `when` is checked against again; `None` where a person started the run.
    pub(super) event: Option<Event>,
    /// What it has done already, with the batches of its journal: it was put aside meanwhile.
    pub(super) resumed: Option<(RunState, u64)>,
}

/// A run that is being performed.
#[derive(Debug)]
struct Active {
    summary: RunSummary,
    plan: Arc<Plan>,
    commands: mpsc::UnboundedSender<Command>,
    /// Whether it may come to wait for events.
    listens: bool,
    /// What it was told after it had stopped listening.
    unheard: Vec<Command>,
}

impl Active {
    fn tell(&mut self, command: Command) {
        if let Err(mpsc::error::SendError(command)) = self.commands.send(command) {
            self.unheard.push(command);
        }
    }
}

/// What a desk starts with: nothing, or what a store had of it.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    pub(super) events: Vec<Queued>,
    pub(super) rule_states: Vec<RuleState>,
    pub(super) waiting: Vec<Waiting>,
    /// Runs that were being performed, with their journals' states and batches.
    pub(super) running: Vec<(RunSummary, Arc<Plan>, RunState, u64)>,
    /// Runs that only wait.
    pub(super) dormant: Vec<(RunSummary, Arc<Plan>, Dormancy)>,
    pub(super) halted: bool,
}

/// See the module.
pub(super) struct Desk {
    world: Arc<World>,
    program: Arc<Program>,
    subject: Option<Subject>,
    /// Events accepted and not settled, over all desks.
    pending: Arc<AtomicUsize>,
    gauge: Arc<Gauge>,
    mailbox: mpsc::UnboundedReceiver<Message>,
    queue: EventQueue,
    memories: BTreeMap<RuleName, Memory>,
    waiting: Vec<Waiting>,
    active: BTreeMap<RunId, Active>,
    sleepers: Sleepers,
    tasks: JoinSet<(RunId, Finish)>,
    halted: bool,
    draining: bool,
    /// The store is another's: nothing is done any more.
    lost: bool,
}

impl Desk {
    pub(super) fn new(
        world: Arc<World>,
        program: Arc<Program>,
        subject: Option<Subject>,
        pending: Arc<AtomicUsize>,
        gauge: Arc<Gauge>,
        mailbox: mpsc::UnboundedReceiver<Message>,
        backlog: Backlog,
    ) -> Self {
        let now = world.now();
        let mut queue = EventQueue::default();
        for queued in backlog.events {
            queue.push(queued, now);
        }
        let mut desk = Self {
            world,
            program,
            subject,
            pending,
            gauge,
            mailbox,
            queue,
            memories: BTreeMap::new(),
            waiting: backlog.waiting,
            active: BTreeMap::new(),
            sleepers: Sleepers::default(),
            tasks: JoinSet::new(),
            halted: backlog.halted,
            draining: false,
            lost: false,
        };
        desk.recall(backlog.rule_states);
        for (summary, plan, state, batches) in backlog.running {
            desk.perform(summary, plan, state, batches);
        }
        for (summary, plan, dormancy) in backlog.dormant {
            desk.lay_down(summary, plan, dormancy);
        }
        // The run to be stopped may not have heard of it before the last engine ended.
        if desk.waiting.iter().any(|waiting| waiting.summary.supersedes) {
            desk.stop_runs(StopReason::Superseded);
        }
        if desk.halted {
            desk.stop_sleepers(StopReason::Halted);
        }
        desk
    }

    /// Serves until told to drain, and then until nothing runs any more. That it ended otherwise is told.
    pub(super) async fn serve(self) {
        let world = Arc::clone(&self.world);
        let target = self.target().map_or("events without a subject", TargetName::as_str).to_owned();
        if AssertUnwindSafe(self.work()).catch_unwind().await.is_err() {
            tracing::error!(target, "the desk stopped unexpectedly; it goes on at the next start");
            world.report(format!("{target}: no longer served: its desk stopped unexpectedly; start the engine again"));
        }
    }

    async fn work(mut self) {
        loop {
            if let Err(error) = self.turn().await {
                self.lose(&error);
            }
            if (self.draining || self.lost) && self.tasks.is_empty() {
                return;
            }
            let due = self.next_due();
            let clock = Arc::clone(&self.world.context.clock);
            // In a fixed order, so that the same history is made each time.
            tokio::select! {
                biased;
                Some(finished) = self.tasks.join_next() => {
                    if let Err(error) = self.take_finished(finished).await {
                        self.lose(&error);
                    }
                }
                message = self.mailbox.recv() => match message {
                    Some(message) => self.hear(message).await,
                    None => self.drain(),
                },
                () = async { clock.sleep_until(due.unwrap_or_default()).await }, if due.is_some() => {}
            }
        }
    }

    async fn take_finished(
        &mut self,
        finished: Result<(RunId, Finish), tokio::task::JoinError>,
    ) -> Result<(), StoreError> {
        match finished {
            Ok((run, finish)) => self.finished(run, finish).await,
            Err(error) => {
                let target = self.target().map_or("events without a subject", TargetName::as_str);
                tracing::error!(%error, target, "an interpreter stopped unexpectedly; its run goes on at the next start");
                self.world
                    .report(format!("{target}: a run stopped unexpectedly and goes on at the next start: {error}"));
                Ok(())
            }
        }
    }

    /// Everything that can be done without waiting for anybody.
    async fn turn(&mut self) -> Result<(), StoreError> {
        loop {
            self.catch_up().await;
            if self.draining || self.lost {
                return Ok(());
            }
            let now = self.world.now();
            let paused = self.subject.as_ref().is_some_and(|subject| subject.state.phase == Phase::Paused);
            if let Some(queued) = self.queue.pop(now, paused) {
                self.route(queued).await?;
                self.pending.fetch_sub(1, Ordering::Relaxed);
            } else if let Some(rule) = self.due_rule(now) {
                self.release(&rule).await?;
            } else if !self.rouse().await? && !self.begin_next().await? {
                return Ok(());
            }
        }
    }

    /// Hears what has come meanwhile, so that what is urgent among it goes first.
    async fn catch_up(&mut self) {
        while let Ok(message) = self.mailbox.try_recv() {
            self.hear(message).await;
        }
        self.gauge.show(self.queue.due_since());
    }

    async fn hear(&mut self, message: Message) {
        match message {
            Message::Event(queued) => self.queue.push(*queued, self.world.now()),
            Message::Start { summary, plan, started } => {
                let write = Write::PutRun((*summary).clone());
                let keep = Write::PutPlan { digest: plan.digest.clone(), source: plan.source.clone() };
                match self.commit(Vec::new(), vec![keep, write]).await {
                    Ok(_) => {
                        self.waiting.push(Waiting { summary: *summary, plan, event: None, resumed: None });
                        // Whoever started it may have gone; the run is on its way all the same.
                        let _ = started.send(());
                    }
                    Err(error) => self.lose(&error),
                }
            }
            Message::Pause(answer) => {
                let result = self.change_phase(Trigger::Pause).await;
                let _ = answer.send(result);
            }
            Message::Resume(answer) => {
                let result = self.change_phase(Trigger::Resume).await;
                let _ = answer.send(result);
            }
            Message::Steer { rate_rps, remembered, steered } => {
                let result = self.steer(rate_rps, remembered).await;
                let _ = steered.send(result);
            }
            Message::Halt(halted) => {
                self.halted = halted;
                if halted {
                    self.stop_runs(StopReason::Halted);
                }
            }
            Message::TakeUp(waiting) => self.waiting.push(*waiting),
            Message::Cancel { run, done } => {
                if let Err(error) = self.cancel(run, done).await {
                    self.lose(&error);
                }
            }
            Message::Decide { run, place, decision, decided } => {
                self.tell_run(run, Command::Decide { place, decision, decided });
            }
            Message::Program(program) => self.renew(program),
            Message::Drain => self.drain(),
        }
    }

    /// Goes on under other rules. What a rule remembers stays where the rule is the same.
    fn renew(&mut self, program: Arc<Program>) {
        let old = std::mem::replace(&mut self.program, program);
        let digest =
            |program: &Program, rule: &RuleName| program.router.rule(rule.as_str()).map(|rule| rule.digest.clone());
        self.memories.retain(|rule, _| {
            let was = digest(&old, rule);
            was.is_some() && was == digest(&self.program, rule)
        });
    }

    fn drain(&mut self) {
        if !self.draining {
            self.draining = true;
            self.drain_runs();
        }
    }

    fn drain_runs(&mut self) {
        for active in self.active.values_mut() {
            active.tell(Command::Drain);
        }
    }

    /// The run that holds the target.
    fn holder(&self) -> Option<&RunSummary> {
        self.active.values().next().map(|active| &active.summary).or_else(|| self.sleepers.holder())
    }

    /// Starts an interpreter for a run that the store says is running.
    fn perform(&mut self, summary: RunSummary, plan: Arc<Plan>, state: RunState, batches: u64) {
        let (commands, receiver) = mpsc::unbounded_channel();
        let held = self
            .subject
            .as_ref()
            .map(|subject| Held { settings: Arc::clone(&subject.settings), state: subject.state.clone() });
        let run = summary.id;
        let target = summary.target.as_ref().map(TargetName::as_str);
        let span = tracing::info_span!("run", id = %run, workflow = %summary.workflow, target);
        let interpreter = Interpreter::new(
            Arc::clone(&self.world),
            Arc::clone(&plan),
            summary.clone(),
            held,
            (state, batches),
            receiver,
        );
        self.tasks.spawn(async move { (run, interpreter.run().await) }.instrument(span));
        if self.halted {
            let _ = commands.send(Command::Stop(StopReason::Halted));
        }
        let listens = plan
            .steps
            .iter()
            .chain(plan.on_failure.iter())
            .any(|(_, step)| step.action.waits && step.action.names_event);
        self.active.insert(run, Active { summary, plan, commands, listens, unheard: Vec::new() });
    }

    async fn commit(&self, guards: Vec<Guard>, writes: Vec<Write>) -> Result<super::ports::Receipt, StoreError> {
        self.world.commit_patiently(Transaction { guards, writes }, STORE_RETRY).await
    }

    fn lose(&mut self, error: &StoreError) {
        let target = self.target().map_or("events without a subject", TargetName::as_str);
        tracing::error!(%error, target, "this engine no longer serves the target");
        self.world.report(format!("{target}: no longer served: {error}"));
        self.lost = true;
        self.drain_runs();
    }

    fn next_due(&self) -> Option<Timestamp> {
        if self.draining || self.lost {
            return None;
        }
        let held = self.memories.values().filter_map(Memory::due);
        held.chain(self.queue.next_due()).chain(self.sleepers.next_moment()).min()
    }

    fn due_rule(&self, now: Timestamp) -> Option<RuleName> {
        let mut due: Vec<_> = self
            .memories
            .iter()
            .filter_map(|(rule, memory)| memory.due().filter(|due| *due <= now).map(|due| (due, rule)))
            .collect();
        due.sort();
        due.first().map(|(_, rule)| (*rule).clone())
    }

    /// Takes up what rules remembered; a rule that has changed since, or is gone, starts anew.
    fn recall(&mut self, states: Vec<RuleState>) {
        for state in states {
            let unchanged =
                self.program.router.rule(state.rule.as_str()).is_some_and(|rule| rule.digest == state.digest);
            if let (true, Ok(memory)) = (unchanged, serde_json::from_value::<Memory>(state.state)) {
                self.memories.insert(state.rule, memory);
            }
        }
    }

    fn target(&self) -> Option<&TargetName> {
        self.subject.as_ref().map(|subject| &subject.settings.name)
    }

    async fn view(&self) -> Option<Json> {
        let subject = self.subject.as_ref()?;
        Some(self.world.target_view(&subject.settings, &subject.state).await)
    }
}

/// A summary whose run has not begun.
pub(super) fn waiting_summary(world: &World, plan: &Plan, target: Option<&TargetName>, inputs: Json) -> RunSummary {
    RunSummary {
        id: world.context.run_ids.next(),
        workflow: plan.workflow.clone(),
        plan: plan.digest.clone(),
        target: target.cloned(),
        rule: None,
        event: None,
        inputs,
        priority: 0,
        status: RunStatus::Waiting,
        supersedes: false,
        error: None,
        retry: None,
        created_at: world.now(),
        started_at: None,
        ended_at: None,
    }
}
