//! What an agent may send, and the order in which it was told so.

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::base::id::{AgentId, TargetName};

/// Orders commands for one agent: an agent refuses a command whose epoch is below the highest it has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch {
    /// Of the store: grows when a store is made anew or restored.
    pub incarnation: u64,
    /// The fencing token of the lease under which the command was given.
    pub token: u64,
    /// Counts commands under that token.
    pub sequence: u64,
}

/// The rate one agent is to hold: what the store keeps and the reconciler renews.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    pub target: TargetName,
    pub agent: AgentId,
    pub rate_rps: f64,
    /// What the agent holds once the time to live has ended; never above `rate_rps`.
    pub fallback_rps: f64,
    pub epoch: Epoch,
    /// Names the command: an agent that gets it twice applies it once.
    pub command_id: String,
    /// How long the agent may hold it after it was received.
    pub time_to_live_ms: u64,
}

/// What one agent answered to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Answer {
    Applied,
    /// It had this command already.
    Repeated,
    /// It has seen a later one.
    Refused {
        highest: Epoch,
    },
}

/// What the agents of a target passed and refused between two moments, taken from their reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    pub from: Timestamp,
    pub to: Timestamp,
    pub passed: f64,
    pub refused: f64,
}

impl Traffic {
    /// Requests a second that were passed; 0 for an empty span.
    pub fn passed_rps(&self) -> f64 {
        let seconds = self.to.since(self.from).as_secs_f64();
        if seconds > 0.0 { self.passed / seconds } else { 0.0 }
    }
}
