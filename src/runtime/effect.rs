//! An effect to perform, and what came of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::base::clock::Timestamp;
use crate::base::id::{IdempotencyKey, RunId, StepName, TargetName};
use crate::model::target::{TargetSettings, TargetState};

/// One attempt of one step (or of one item of it), with all that an action may need.
#[derive(Clone, Debug)]
pub struct Effect {
    pub run: RunId,
    pub step: StepName,
    /// The same for every repetition.
    pub key: IdempotencyKey,
    pub attempt: u32,
    /// `source` and `id` of the event that caused the run.
    pub cause: Option<(String, String)>,
    /// Evaluated, and of the shape the action's signature declares.
    pub input: Json,
    pub target: Option<EffectTarget>,
    /// How often a crash of the engine cut this effect off.
    pub interruptions: u32,
    /// What the effect last handed to `checkpoint` before it was cut off.
    pub checkpoint: Option<Json>,
    pub link: Link,
}

/// The target that the effect's run holds.
#[derive(Clone, Debug)]
pub struct EffectTarget {
    pub settings: Arc<TargetSettings>,
    /// As it was when the run began.
    pub before: TargetState,
    /// As it is now.
    pub state: TargetState,
    /// The fencing token of the run's lease.
    pub token: u64,
}

impl EffectTarget {
    pub fn name(&self) -> &TargetName {
        &self.settings.name
    }
}

/// How an effect that takes time stays in touch with its run.
#[derive(Clone, Debug)]
pub struct Link {
    /// Cancelled when the effect is to stop: superseded, halted, timed out, shutting down.
    pub stop: CancellationToken,
    /// The effect must stop itself at this moment unless a later one was sent: its lease may be another's then.
    pub lease_until: watch::Receiver<Timestamp>,
    /// What people are shown while it runs; kept in memory only.
    pub progress: Arc<watch::Sender<Json>>,
    pub checkpoints: Arc<dyn Checkpoints>,
}

/// Keeps what an effect needs to go on after a crash.
#[async_trait::async_trait]
pub trait Checkpoints: std::fmt::Debug + Send + Sync {
    /// Durable when it returns.
    async fn save(&self, state: Json) -> Result<(), ActionError>;
}

/// Why an effect failed. Journaled, and what `error` holds in `on_failure`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ActionError {
    pub kind: FailureKind,
    /// What went wrong, where, and what to do, in one line.
    pub message: String,
}

/// What a failure means for the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// May go away: the step's `retry` applies.
    Transient,
    /// Will not go away: no retry.
    Permanent,
    /// The attempt's `timeout` has ended: the step's `retry` applies.
    TimedOut,
    /// The target is halted.
    Halted,
    /// The run was told to stop.
    Cancelled,
    /// The lease was lost: another run may hold the target.
    LeaseLost,
}

impl ActionError {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Permanent, message)
    }

    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Transient, message)
    }

    /// Whether another attempt has a point.
    pub fn may_retry(&self) -> bool {
        matches!(self.kind, FailureKind::Transient | FailureKind::TimedOut)
    }
}

/// What performing came to.
pub type Outcome = Result<Json, ActionError>;
