//! The service-level objective: what a rate must keep to count as borne.

use serde::{Deserialize, Serialize};

/// Both limits are inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// The 99th percentile of latency, in milliseconds.
    pub p99_ms: f64,
    /// The share of failed requests, 0 to 1.
    pub error_rate: f64,
}

impl Objective {
    /// Whether figures meet the objective.
    pub fn is_met_by(&self, p99_ms: f64, error_rate: f64) -> bool {
        p99_ms <= self.p99_ms && error_rate <= self.error_rate
    }
}
