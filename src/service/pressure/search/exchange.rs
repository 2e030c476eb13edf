//! What a search and whoever runs its trials tell each other.

use serde::{Deserialize, Serialize};

use super::super::figures::Figures;
use crate::model::objective::Objective;
use crate::model::record::{Stopped, Verdict};

/// What to look for, and how far to go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Params {
    pub objective: Objective,
    pub start_rps: f64,
    /// How much higher the second trial goes than the first, at least 1.
    pub growth: f64,
    /// The total is never offered more.
    pub max_rate_rps: f64,
    pub time_ms: f64,
    pub requests: u64,
    pub trial_time_ms: f64,
    pub trial_requests: u64,
    /// How close the bounds must come, as a share of the upper one.
    pub precision: f64,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Trial(Plan),
    /// Wait until the target is back at its baseline.
    Cooldown,
    Done(Found),
    Failed(GaveUp),
}

/// A trial to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    pub stage: Stage,
    /// Live traffic included.
    pub rate_rps: f64,
    /// At least so long, and at least so many requests of the test's own.
    pub time_ms: f64,
    pub requests: u64,
    /// Whether the trial goes on, within reason, though it can no longer pass.
    pub patient: bool,
}

/// What the search is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Ramp,
    Search,
    /// Longer, to learn how requests wait where service times scatter.
    Refine,
    Confirm,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub figures: Figures,
    /// Live traffic during the trial; `None` where nobody knows: the trial is invalid.
    pub live_rps: Option<f64>,
    /// All that the trial took.
    pub spent_ms: f64,
}

/// What came of a cool-down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rested {
    /// Whether the target is back at its baseline.
    pub recovered: bool,
    pub spent_ms: f64,
    pub requests: u64,
}

/// What the search found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    pub max_rps: f64,
    pub interval_rps: [f64; 2],
    pub verdict: Verdict,
    /// Where something else than the highest rate allowed ended the search.
    pub stopped: Option<Stopped>,
}

/// Why the search found nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GaveUp {
    /// Even the lowest rate that was tried failed.
    NothingHeld { rate_rps: f64 },
    /// What the agents send is too much already.
    LiveTooHigh { live_rps: f64 },
    /// Rates that had passed failed again and again.
    Unsteady,
    /// After a failed trial the target did not come back.
    NotRecovered,
    /// So many trials were cut by bursts of errors.
    ErrorBursts { trials: u32 },
    /// The health check failed under load.
    Unhealthy,
    /// The last trials said nothing.
    Invalid { live_unknown: bool },
    /// What ran out before any rate was verified.
    Spent(Budget),
}

/// What a search may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    Time,
    Requests,
    /// The window in which tests may be under way.
    Window,
}

impl GaveUp {
    /// The same of a search that has verified a rate.
    pub(super) fn stopped(&self) -> Stopped {
        match self {
            Self::NothingHeld { .. } | Self::LiveTooHigh { .. } | Self::Unsteady => Stopped::Unsteady,
            Self::NotRecovered => Stopped::NotRecovered,
            Self::ErrorBursts { .. } => Stopped::ErrorBursts,
            Self::Unhealthy => Stopped::Unhealthy,
            Self::Invalid { .. } => Stopped::Invalid,
            Self::Spent(Budget::Time) => Stopped::Time,
            Self::Spent(Budget::Requests) => Stopped::Requests,
            Self::Spent(Budget::Window) => Stopped::Window,
        }
    }
}
