//! What the outside may ask of a running engine. The engine implements it; HTTP, the demo and tests call it.

use std::fmt::Debug;

use async_trait::async_trait;
use serde_json::Value as Json;

use super::journal::Place;
use super::ports::StoreError;
use super::wait::Decision;
use crate::base::clock::Timestamp;
use crate::base::id::{RunId, TargetName};
use crate::model::event::Event;
use crate::model::record::Record;
use crate::model::target::TargetState;

/// A running engine, seen from outside.
#[async_trait]
pub trait Control: Debug + Send + Sync {
    /// Takes events in: all of them or none. They are durable when it returns; one answer for every event, in order.
    async fn accept(&self, events: Vec<Event>) -> Result<Vec<Acceptance>, AcceptError>;

    /// Stops load tests and dispatches, durably, until [`Self::unhalt`]; `None` stands for all targets.
    async fn halt(&self, target: Option<TargetName>) -> Result<(), ControlError>;

    /// Takes a halt back. Lifting what was not halted changes nothing.
    async fn unhalt(&self, target: Option<TargetName>) -> Result<(), ControlError>;

    /// What is halted; `None` stands for all targets.
    async fn halts(&self) -> Result<Vec<Option<TargetName>>, ControlError>;

    /// Brings a target at rest into the phase `paused`.
    async fn pause(&self, target: &TargetName) -> Result<TargetState, ControlError>;

    /// Brings a paused target back to `stable`.
    async fn resume(&self, target: &TargetName) -> Result<TargetState, ControlError>;

    /// Sets the rate of a target at rest, and keeps what the strategy remembers that found it. Refused while a run holds the target.
    async fn steer(&self, target: &TargetName, rate_rps: f64, remembered: Json) -> Result<TargetState, ControlError>;

    /// A person decides what a run waits for: at `place`, or at the only place there is. Durable when it returns, with the place.
    async fn decide(&self, run: RunId, place: Option<Place>, decision: Decision) -> Result<Place, ControlError>;

    /// Stops a run for good; what it did is undone. Durable when it returns, though undoing may take longer.
    async fn cancel(&self, run: RunId) -> Result<(), ControlError>;

    /// Starts a run again that is over and did not succeed: from its beginning by the workflow as it is now, or from the
    /// step that failed by the plan that it had. Returns the new run.
    async fn retry(&self, run: RunId, from_failed_step: bool) -> Result<RunId, ControlError>;

    /// Lets a parked run go on, where that is possible again.
    async fn resume_run(&self, run: RunId) -> Result<(), ControlError>;

    /// Keeps a record that was measured elsewhere; durable when it returns. `false`: that run's record was here already.
    async fn take_in(&self, record: Record) -> Result<bool, ControlError>;

    /// Handles a dead letter once more; durable when it returns.
    async fn redrive(&self, sequence: u64) -> Result<(), ControlError>;

    /// Settles a dead letter for good: nothing comes of it any more.
    async fn drop_letter(&self, sequence: u64) -> Result<(), ControlError>;

    /// Of the step that is running now: `{ "step": …, "progress": … }`; `None` where nothing reports.
    fn progress(&self, run: RunId) -> Option<Json>;

    /// How many events wait, and for how long.
    fn queue(&self) -> QueueState;

    fn health(&self) -> Health;
}

/// The events that wait to be handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Accepted and not settled, those that are not due yet included.
    pub waiting: usize,
    /// With so many further ones are refused.
    pub limit: usize,
    /// Since when the one has been due that has waited longest of those that go next at their targets.
    pub due_since: Option<Timestamp>,
}

/// What became of one event at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    Accepted {
        sequence: u64,
    },
    /// An event with the same `(source, id)` was taken before.
    Duplicate,
}

/// Why no event of a call was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// At least one event is not as it is declared.
    #[error("{} of the events cannot be taken", .0.len())]
    Refused(Vec<Refusal>),
    #[error("too many events wait; try again in {retry_after_ms} ms")]
    Busy { retry_after_ms: u64 },
    #[error("the engine is shutting down")]
    Draining,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why one event cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The event's place in the call, from 0.
    pub index: usize,
    pub kind: RefusalKind,
    /// What it is about, like `data.p99_ms` or `subject`; `None` for the event as a whole.
    pub attribute: Option<String>,
    pub message: String,
}

/// What kind of reason it is; callers turn it into their own codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// No rules file declares the event's type.
    UnknownType,
    /// The subject is no configured target, and there are no defaults.
    UnknownTarget,
    /// The data is not of the shape that its type declares.
    BadData,
    /// Anything else that is wrong with it.
    Other,
}

/// Why the engine did not do what a person asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    #[error("target `{0}` is not configured")]
    UnknownTarget(TargetName),
    #[error("there is no run {0}")]
    UnknownRun(RunId),
    #[error("event {0} is no dead letter")]
    NoDeadLetter(u64),
    /// The state does not allow it; says what holds it.
    #[error("{0}")]
    Conflict(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether the engine can do its work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    pub ready: bool,
    pub draining: bool,
    /// What keeps it from being ready, or will soon: one line each.
    pub problems: Vec<String>,
}
