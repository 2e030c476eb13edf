//! When a split by demand is no longer fair, because demand has moved.

use super::Desk;
use crate::model::strategy::Split;
use crate::model::target::TargetSettings;
use crate::runtime::ports::Claimant;
use crate::service::adjust::portions;
use crate::service::dispatch::ledger::Moment;

/// A split stands for at least so long.
const STANDS_MS: u64 = 5_000;

/// An agent that wants this many times its share goes short …
const SHORT: f64 = 1.05;

/// … and is given more if that is at least this many times as much.
const WORTH: f64 = 1.2;

impl Desk {
    /// Whether an agent goes short that a split by what is wanted now would give more.
    pub fn is_split_unfairly(&self, settings: &TargetSettings, now: Moment) -> bool {
        let (Split::Fair, Some(decision)) = (&settings.strategy.split, &self.decision) else { return false };
        if now.since_ms(decision.decided_at) < STANDS_MS {
            return false;
        }
        let roll = self.roll(now);
        let claimants: Vec<Claimant> = decision.shares.keys().map(|agent| roll.claimant(agent)).collect();
        let shared: f64 = decision.shares.values().map(|share| share.rate_rps).sum();
        let fair = portions(&Split::Fair, shared, &claimants);
        claimants.iter().any(|claimant| {
            let share = decision.shares.get(&claimant.agent).map_or(0.0, |share| share.rate_rps);
            let could = fair.get(&claimant.agent).copied().unwrap_or(0.0);
            claimant.demand_rps.is_some_and(|demand| demand > share * SHORT) && could > share * WORTH
        })
    }
}
