//! What has happened in a run, in order: the only thing a run's state is made from.
//!
//! Entries are past tense. They are written before anything relies on them, sealed by the store, and never changed.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::effect::ActionError;
use super::wait::{Answer, Wait};
use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{RuleName, RunId, StepName, TargetName, WorkflowName};
use crate::model::target::{Phase, TargetState};

/// Names a performance: a step, or one item of a `for_each` step.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub step: StepName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<usize>,
}

/// As people write it: `step`, or `step[item]`.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.item {
            None => write!(f, "{}", self.step),
            Some(item) => write!(f, "{}[{item}]", self.step),
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub at: Timestamp,
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// The run began, holding its target's lease; `view` is what `target` is in its expressions from now on.
    Began {
        inputs: Json,
        target: Option<TargetState>,
        view: Json,
    },
    /// The run that this one continues had performed the step, and what it returned still counts.
    Kept {
        step: StepName,
        output: Json,
    },
    /// A step's condition was false.
    Skipped {
        step: StepName,
    },
    /// A `for_each` step's list was evaluated.
    Expanded {
        step: StepName,
        items: Vec<Json>,
    },
    /// An attempt is about to be performed with these inputs.
    Attempted {
        place: Place,
        attempt: u32,
        input: Json,
        undo: Option<Json>,
    },
    /// The effect kept this, to go on from after a crash.
    Checkpointed {
        place: Place,
        state: Json,
    },
    /// The engine died while the attempt ran; it is performed again under the same key.
    Interrupted {
        place: Place,
    },
    /// The engine was stopped in order while the attempt ran; it is performed again under the same key.
    Suspended {
        place: Place,
    },
    /// The attempt failed and another one follows at `retry_at`.
    Retrying {
        place: Place,
        error: ActionError,
        retry_at: Timestamp,
    },
    /// The step waits: for a moment, an event or a person. Nothing is performed.
    Waiting {
        place: Place,
        wait: Wait,
    },
    /// What the step waited for has come.
    Answered {
        place: Place,
        answer: Answer,
    },
    /// The attempt was approved and is about to be performed.
    Permitted {
        place: Place,
    },
    Succeeded {
        place: Place,
        output: Json,
    },
    Failed {
        place: Place,
        error: ActionError,
    },
    /// The run was told to stop.
    StopRequested {
        reason: StopReason,
    },
    /// Undoing a performance began.
    Undoing {
        place: Place,
    },
    Undone {
        place: Place,
        output: Json,
    },
    UndoFailed {
        place: Place,
        error: ActionError,
    },
    Ended {
        status: RunStatus,
        outputs: Json,
        error: Option<ActionError>,
        phase: Option<Phase>,
    },
}

/// Why a run was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    Superseded,
    Cancelled,
    Halted,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Waits for its target.
    Waiting,
    Running,
    Succeeded,
    Failed,
    /// Stopped by a later event or by a person.
    Cancelled,
    /// Never began: `when` no longer held when its turn came.
    Dropped,
    /// Cannot go on with this version of Homeostat; its message says why.
    Parked,
}

impl RunStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dropped => "dropped",
            Self::Parked => "parked",
        }
    }

    /// Whether nothing more will happen in the run.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running | Self::Parked)
    }
}

/// Which run another one tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryOf {
    pub run: RunId,
    /// Whether it keeps what that run's steps returned, as far as it still counts.
    pub from_failed_step: bool,
}

/// A run as lists show it, and what is needed to begin it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    pub id: RunId,
    pub workflow: WorkflowName,
    pub plan: Digest,
    pub target: Option<TargetName>,
    /// `None`: a person started it.
    pub rule: Option<RuleName>,
    /// `source` and `id` of the event that caused it.
    pub event: Option<(String, String)>,
    pub inputs: Json,
    /// The rule's priority: lower first among the runs that wait for one target.
    pub priority: i64,
    pub status: RunStatus,
    /// It takes its target over from the run before it.
    #[serde(default)]
    pub supersedes: bool,
    pub error: Option<String>,
    /// The run that it tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryOf>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}
