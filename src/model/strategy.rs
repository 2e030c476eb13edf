//! How a target's rate is found: the strategies as they are configured.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::id::AgentId;

/// A strategy and what holds for all of them.
#[derive(Clone, Debug, PartialEq)]
pub struct StrategySettings {
    pub kind: Strategy,
    /// The share of a measured maximum that stays free: where every strategy begins, and where headroom stays.
    pub keep: f64,
    /// How often samples are turned into a rate.
    pub every: Duration,
    /// A rate that differs by less than this share from the one that holds is not set.
    pub hysteresis: f64,
    /// Without samples for so long, the rate decays …
    pub patience: Duration,
    /// … by this share a second.
    pub decay: f64,
    pub split: Split,
}

/// How a total becomes the agents' shares.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Split {
    #[default]
    Equal,
    /// In proportion; who is not listed weighs 1.
    Weighted(BTreeMap<AgentId, f64>),
    /// Max-min fair by what comes to each of them.
    Fair,
}

/// Which one, and what only it knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Strategy {
    /// Keeps a share of the measured maximum free.
    Headroom {
        /// A record that is older asks for a retest.
        max_age: Duration,
    },
    /// Additive increase, multiplicative decrease.
    Aimd {
        /// By which share of the rate it rises in the first second after a decrease; twice as fast every ten seconds.
        increase: f64,
        /// The share of what was served that is left after a decrease.
        backoff: f64,
    },
    /// Keeps the queue at a set length.
    Pid {
        /// The queue's share of the time that the objective leaves.
        setpoint: f64,
        proportional: f64,
        integral: f64,
        derivative: f64,
    },
    /// Falls as latency rises over its baseline.
    Gradient {
        /// So many times the baseline is no queue yet.
        tolerance: f64,
        /// The share of each new value that is taken over.
        smoothing: f64,
    },
    /// Q-learning over how full the queue is and where it goes.
    Learning {
        /// How often a step is tried that is not thought the best.
        explore: f64,
        /// The share of each new experience that is taken over.
        rate: f64,
    },
}

/// The name of a strategy, without its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrategyName {
    Headroom,
    Aimd,
    Pid,
    Gradient,
    Learning,
}

impl StrategyName {
    pub const ALL: [Self; 5] = [Self::Headroom, Self::Aimd, Self::Pid, Self::Gradient, Self::Learning];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Headroom => "headroom",
            Self::Aimd => "aimd",
            Self::Pid => "pid",
            Self::Gradient => "gradient",
            Self::Learning => "learning",
        }
    }
}

impl Strategy {
    pub fn name(&self) -> StrategyName {
        match self {
            Self::Headroom { .. } => StrategyName::Headroom,
            Self::Aimd { .. } => StrategyName::Aimd,
            Self::Pid { .. } => StrategyName::Pid,
            Self::Gradient { .. } => StrategyName::Gradient,
            Self::Learning { .. } => StrategyName::Learning,
        }
    }

    /// A strategy with the settings that hold where nothing else is said.
    pub fn standard(name: StrategyName) -> Self {
        match name {
            StrategyName::Headroom => Self::Headroom { max_age: Duration::from_hours(30 * 24) },
            StrategyName::Aimd => Self::Aimd { increase: 0.003, backoff: 0.97 },
            StrategyName::Pid => Self::Pid { setpoint: 0.2, proportional: 0.15, integral: 0.04, derivative: 0.02 },
            StrategyName::Gradient => Self::Gradient { tolerance: 1.75, smoothing: 0.1 },
            StrategyName::Learning => Self::Learning { explore: 0.05, rate: 0.1 },
        }
    }
}

impl StrategySettings {
    /// A strategy with the settings that hold where nothing else is said.
    pub fn standard(name: StrategyName) -> Self {
        Self {
            kind: Strategy::standard(name),
            keep: 0.2,
            every: Duration::from_secs(1),
            hysteresis: 0.01,
            patience: Duration::from_secs(5),
            decay: 0.05,
            split: Split::Equal,
        }
    }

    /// Headroom that keeps this share free.
    pub fn headroom(keep: f64) -> Self {
        Self { keep, ..Self::standard(StrategyName::Headroom) }
    }
}
