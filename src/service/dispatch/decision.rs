//! Turns an order, or a change of who is there, into the rate that each agent is to get.
//!
//! Pure. What it must not know: what the agents hold now, and how they are told.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::Moment;
use crate::base::id::{AgentId, IdempotencyKey, TargetName};
use crate::model::assignment::{Assignment, Epoch};
use crate::model::target::{Mode, OnExpiry, TargetSettings};
use crate::runtime::ports::{Claimant, Rates, Share};
use crate::service::adjust::portions;

/// A total and how it is split: what the store keeps and the agents are driven to.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The order's; for a split of the reconciler's own, a name made up for it.
    pub key: IdempotencyKey,
    /// The fencing token under which it was decided.
    pub token: u64,
    pub total_rps: f64,
    /// What each agent that takes part is to get.
    pub shares: BTreeMap<AgentId, Assignment>,
    /// Agents that take no part and may still hold a fallback: kept in the store, so that it is reckoned after a restart.
    pub aside: BTreeMap<AgentId, Assignment>,
    pub enforce: bool,
    pub decided_at: Moment,
}

/// Who is there when a decision is made.
#[derive(Clone, Debug, Default)]
pub struct Roll {
    /// Can be told now, or may still hold a rate.
    pub present: BTreeSet<AgentId>,
    /// Cannot be told; each may hold this much for ever.
    pub absent: BTreeMap<AgentId, f64>,
    /// What came to each agent that tells, requests a second.
    pub demands: BTreeMap<AgentId, f64>,
}

impl Roll {
    /// What is known of an agent's claim.
    pub fn claimant(&self, agent: &AgentId) -> Claimant {
        Claimant { agent: agent.clone(), demand_rps: self.demands.get(agent).copied() }
    }
}

/// The frame of a decision.
#[derive(Clone, Debug)]
pub struct Terms<'a> {
    pub target: &'a TargetName,
    pub settings: &'a TargetSettings,
    pub key: IdempotencyKey,
    pub epoch: Epoch,
    pub now: Moment,
}

/// Marks the command of an agent that takes no part; no agent is sent it.
const ASIDE: &str = "/aside";

/// Names the command that a key stands for at one agent.
pub fn command_id(key: &IdempotencyKey, agent: &AgentId) -> String {
    format!("{key}/{agent}")
}

/// Whether a target's agents refuse what is beyond their rate.
pub fn enforces(settings: &TargetSettings) -> bool {
    // A dispatch in `recommend` was approved before it comes here.
    settings.mode != Mode::Observe
}

/// Splits a total, or takes the shares as they were given. What absent agents may hold is taken off the shares; agents that
/// are there and were not named get nothing.
pub fn decide(terms: &Terms<'_>, rates: &Rates, roll: &Roll) -> Decision {
    let (total_rps, mut wanted) = match rates {
        Rates::Total(total) => {
            let claimants: Vec<Claimant> = roll.present.iter().map(|agent| roll.claimant(agent)).collect();
            (*total, portions(&terms.settings.strategy.split, *total, &claimants))
        }
        Rates::Each(shares) => {
            let wanted: BTreeMap<_, _> = shares.iter().map(|share| (share.agent.clone(), share.rate_rps)).collect();
            (wanted.values().sum(), wanted)
        }
    };
    for agent in &roll.present {
        wanted.entry(agent.clone()).or_insert(0.0);
    }
    let aside: BTreeMap<_, _> = roll
        .absent
        .iter()
        .filter(|(agent, _)| !wanted.contains_key(*agent))
        .map(|(agent, rps)| (agent.clone(), *rps))
        .collect();
    let reserved: f64 = aside.values().sum();
    let sum: f64 = wanted.values().sum();
    let most = (total_rps - reserved).max(0.0);
    if sum > most {
        wanted.values_mut().for_each(|rate| *rate *= most / sum);
    }

    let settings = terms.settings;
    let floor_share = match settings.rate.on_expiry {
        OnExpiry::Refuse => 0.0,
        OnExpiry::Floor => (settings.rate.floor_rps - reserved).max(0.0) / count(wanted.len()),
    };
    let assignment = |agent: &AgentId, rate_rps: f64, fallback_rps: f64, command_id: String| Assignment {
        target: terms.target.clone(),
        agent: agent.clone(),
        rate_rps,
        fallback_rps,
        epoch: terms.epoch,
        command_id,
        time_to_live_ms: u64::try_from(settings.rate.time_to_live.as_millis()).unwrap_or(u64::MAX),
    };
    Decision {
        key: terms.key.clone(),
        token: terms.epoch.token,
        total_rps,
        shares: wanted
            .into_iter()
            .map(|(agent, rate)| {
                let share = assignment(&agent, rate, floor_share.min(rate), command_id(&terms.key, &agent));
                (agent, share)
            })
            .collect(),
        aside: aside
            .into_iter()
            .map(|(agent, rate)| {
                let id = format!("{}{ASIDE}", command_id(&terms.key, &agent));
                let share = assignment(&agent, rate, rate, id);
                (agent, share)
            })
            .collect(),
        enforce: enforces(settings),
        decided_at: terms.now,
    }
}

/// The decision that was stored under `key` before a crash, if there was one.
pub fn recall(terms: &Terms<'_>, rates: &Rates, stored: Vec<Assignment>) -> Option<Decision> {
    let (shares, aside): (BTreeMap<_, _>, BTreeMap<_, _>) = stored
        .into_iter()
        .map(|assignment| (assignment.agent.clone(), assignment))
        .partition(|(agent, assignment)| assignment.command_id == command_id(&terms.key, agent));
    if shares.is_empty() {
        return None;
    }
    let total_rps = match rates {
        Rates::Total(total) => *total,
        Rates::Each(shares) => shares.iter().map(|share| share.rate_rps).sum(),
    };
    Some(Decision {
        key: terms.key.clone(),
        token: terms.epoch.token,
        total_rps,
        shares,
        aside,
        enforce: enforces(terms.settings),
        decided_at: terms.now,
    })
}

/// What was decided last, as far as the stored assignments tell.
pub fn restored(
    settings: &TargetSettings,
    stored: Vec<Assignment>,
    total_rps: Option<f64>,
    now: Moment,
) -> Option<Decision> {
    let newest = stored.iter().max_by_key(|assignment| assignment.epoch)?;
    let (key, token) = (IdempotencyKey::from("before the start"), newest.epoch.token);
    let sum = stored.iter().map(|assignment| assignment.rate_rps).sum();
    let (aside, shares): (BTreeMap<_, _>, BTreeMap<_, _>) = stored
        .into_iter()
        .map(|assignment| (assignment.agent.clone(), assignment))
        .partition(|(_, assignment)| assignment.command_id.ends_with(ASIDE));
    let total_rps = total_rps.unwrap_or(sum);
    Some(Decision { key, token, total_rps, shares, aside, enforce: enforces(settings), decided_at: now })
}

/// What is wrong with rates that no agent could hold.
pub fn problem(rates: &Rates) -> Option<String> {
    let bad = |rate: f64| !rate.is_finite() || rate < 0.0;
    match rates {
        Rates::Total(total) if bad(*total) => Some(format!("{total} is not a rate")),
        Rates::Total(_) => None,
        Rates::Each(shares) => {
            let mut seen = BTreeSet::new();
            shares.iter().find_map(|Share { agent, rate_rps }| {
                if bad(*rate_rps) {
                    Some(format!("agent `{agent}`: {rate_rps} is not a rate"))
                } else if seen.insert(agent) {
                    None
                } else {
                    Some(format!("agent `{agent}` is named twice"))
                }
            })
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of agents")]
fn count(agents: usize) -> f64 {
    agents.max(1) as f64
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
