//! What the agents of a target saw of it in one span of time: what strategies steer by.

use serde::{Deserialize, Serialize};

use super::objective::Objective;
use crate::base::clock::Timestamp;

/// Taken from the agents' own reports, all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Requests that went to the target.
    pub passed: f64,
    /// Requests that were beyond the rate: demand is this and `passed`.
    pub refused: f64,
    /// Answers that came, good or bad, and requests that were given up.
    pub answered: f64,
    /// Those of them that failed.
    pub failed: f64,
    /// Of what was answered; `None` where nothing was.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

impl Sample {
    pub fn seconds(&self) -> f64 {
        self.to.since(self.from).as_secs_f64()
    }

    /// Requests a second that went to the target.
    pub fn passed_rps(&self) -> f64 {
        self.per_second(self.passed)
    }

    /// Requests a second that the target served well.
    pub fn served_rps(&self) -> f64 {
        self.per_second(self.answered - self.failed)
    }

    pub fn error_rate(&self) -> f64 {
        if self.answered > 0.0 { self.failed / self.answered } else { 0.0 }
    }

    /// Whether more failed than the objective allows, and more than chance would let fail of so few.
    pub fn fails(&self, objective: &Objective) -> bool {
        self.failed - 2.0 * self.failed.sqrt() > objective.error_rate * self.answered
    }

    fn per_second(&self, count: f64) -> f64 {
        let seconds = self.seconds();
        if seconds > 0.0 { count / seconds } else { 0.0 }
    }
}
