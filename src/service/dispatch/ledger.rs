//! What each agent may hold at the most, from what was sent to it and what it said; and so what may be sent next.
//!
//! A command that was sent may have arrived, may still be under way, or may be lost: until the agent has confirmed it or
//! a later one, every command since the last one confirmed may be the one it holds. Each of these is a claim: its rate
//! until it has surely ended, its fallback from then on. What an agent may hold at the most is its largest claim.
//!
//! The invariant: a command that is sent never lifts the sum of these above the target's rate. So the sum is above the
//! rate only by what was held already when the rate fell, and every later command lowers it.
//!
//! Pure: time is given. What it must not know: streams, stores, who decides the rates.

use std::collections::BTreeMap;

use crate::base::id::AgentId;
use crate::model::assignment::Epoch;

/// Milliseconds on the engine's steady clock: never set back, from an arbitrary origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// Beyond every other.
    pub const NEVER: Self = Self(u64::MAX);

    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// How long after `earlier` this is; zero where it is before.
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One command that an agent may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    pub epoch: Epoch,
    pub rate_rps: f64,
    /// What the agent holds once the command has ended.
    pub fallback_rps: f64,
    /// From here on it surely holds the fallback.
    pub ends_at: Moment,
}

impl Claim {
    fn most(&self, now: Moment) -> f64 {
        if now < self.ends_at { self.rate_rps.max(self.fallback_rps) } else { self.fallback_rps }
    }
}

/// The rate an agent should get.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    pub agent: AgentId,
    pub rate_rps: f64,
}

/// The rate an agent may be sent now.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    pub agent: AgentId,
    pub rate_rps: f64,
    /// Whether it is all that was wished.
    pub whole: bool,
}

/// What to do with rises that do not fit yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Wait until all of them fit.
    Patient,
    /// Give each its part of what fits.
    Pressed,
}

/// The claims of one target's agents.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    claims: BTreeMap<AgentId, Vec<Claim>>,
    /// What processes may hold whose name another one took, and until when.
    orphans: Vec<(f64, Moment)>,
}

impl Ledger {
    /// The agent said what it holds; nothing that was sent to it before can still reach it.
    pub fn state(&mut self, agent: &AgentId, holding: Claim) {
        self.claims.insert(agent.clone(), vec![holding]);
    }

    /// The agent may hold anything until `until`, and then at the most `fallback_rps`.
    pub fn unknown(&mut self, agent: &AgentId, until: Moment, fallback_rps: f64) {
        let claim = Claim { epoch: Epoch::default(), rate_rps: f64::INFINITY, fallback_rps, ends_at: until };
        self.claims.entry(agent.clone()).or_default().push(claim);
    }

    /// A command is about to be sent, or sent again: then it may end later.
    pub fn sent(&mut self, agent: &AgentId, claim: Claim) {
        let claims = self.claims.entry(agent.clone()).or_default();
        match claims.iter_mut().find(|known| known.epoch == claim.epoch) {
            Some(known) => known.ends_at = known.ends_at.max(claim.ends_at),
            None => claims.push(claim),
        }
    }

    /// The agent holds this command or a later one.
    pub fn confirmed(&mut self, agent: &AgentId, epoch: Epoch) {
        if let Some(claims) = self.claims.get_mut(agent)
            && claims.iter().any(|claim| claim.epoch >= epoch)
        {
            claims.retain(|claim| claim.epoch >= epoch);
        }
    }

    /// The agent holds a command later than this one. Where that is none of those sent, it may hold anything until
    /// `until`.
    pub fn refused(&mut self, agent: &AgentId, epoch: Epoch, highest: Epoch, until: Moment) {
        let Some(claims) = self.claims.get_mut(agent) else { return };
        let fallback_rps = claims.iter().map(|claim| claim.fallback_rps).fold(0.0, f64::max);
        claims.retain(|claim| claim.epoch != epoch);
        if claims.iter().any(|claim| claim.epoch == highest) {
            claims.retain(|claim| claim.epoch >= highest);
        } else {
            self.unknown(agent, until, fallback_rps);
        }
    }

    /// The agent holds nothing any more.
    pub fn gone(&mut self, agent: &AgentId) {
        self.claims.remove(agent);
    }

    /// Another process took the agent's name, and nobody knows whether the one before still lives: its commands hold until
    /// they end, at the latest until `until`. Its fallback is not reckoned.
    pub fn orphan(&mut self, agent: &AgentId, until: Moment) {
        let claims = self.claims.remove(agent).unwrap_or_default();
        let rate = claims.iter().map(|claim| claim.rate_rps).fold(0.0, f64::max);
        let ends_at = claims.iter().map(|claim| claim.ends_at).max().unwrap_or_default();
        self.orphans.push((rate, ends_at.min(until)));
    }

    /// What the agent may hold now at the most. It only falls until the next command is sent.
    pub fn most(&self, agent: &AgentId, now: Moment) -> f64 {
        self.claims.get(agent).into_iter().flatten().map(|claim| claim.most(now)).fold(0.0, f64::max)
    }

    /// What the agent may hold for ever if it is never heard of again.
    pub fn lasting(&self, agent: &AgentId) -> f64 {
        self.claims.get(agent).into_iter().flatten().map(|claim| claim.most(Moment::NEVER)).fold(0.0, f64::max)
    }

    /// Whether the agent may hold a command that has not ended.
    pub fn is_live(&self, agent: &AgentId, now: Moment) -> bool {
        let live = |claim: &Claim| now < claim.ends_at && claim.ends_at != Moment::NEVER;
        self.claims.get(agent).into_iter().flatten().any(live)
    }

    /// What all agents together may hold at the most.
    pub fn sum(&self, now: Moment) -> f64 {
        let orphans = self.orphans.iter().filter(|(_, until)| now < *until).map(|(rate, _)| rate).sum::<f64>();
        self.claims.keys().map(|agent| self.most(agent, now)).sum::<f64>() + orphans
    }

    /// What may be sent now. A rate that an agent may hold already can always be sent; a higher one only where, with all
    /// other rises and all that may be held, it stays within `total_rps`.
    pub fn plan(&self, now: Moment, total_rps: f64, wishes: &[Wish], pace: Pace) -> Vec<Grant> {
        let mut grants = Vec::new();
        let mut rises = Vec::new();
        for wish in wishes {
            let most = self.most(&wish.agent, now);
            if wish.rate_rps <= most {
                grants.push(Grant { agent: wish.agent.clone(), rate_rps: wish.rate_rps, whole: true });
            } else {
                rises.push((wish, most));
            }
        }
        let needed: f64 = rises.iter().map(|(wish, most)| wish.rate_rps - most).sum();
        // Shares that were split from the total add up to it but for rounding.
        let room = total_rps - self.sum(now) + total_rps.abs() * 1e-9;
        if needed <= room {
            grants.extend(rises.into_iter().map(|(wish, _)| Grant {
                agent: wish.agent.clone(),
                rate_rps: wish.rate_rps,
                whole: true,
            }));
        } else if pace == Pace::Pressed && room > 0.0 {
            let part = room / needed;
            // A rise too small to notice is not worth a command; it would be followed by ever smaller ones.
            grants.extend(
                rises.into_iter().filter(|(wish, most)| (wish.rate_rps - most) * part >= wish.rate_rps / 20.0).map(
                    |(wish, most)| Grant {
                        agent: wish.agent.clone(),
                        rate_rps: most + (wish.rate_rps - most) * part,
                        whole: false,
                    },
                ),
            );
        }
        grants
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
