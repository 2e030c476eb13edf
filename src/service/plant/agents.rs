//! Agents in virtual time: each lets through what its share of the rate allows, as the real one does.

#![expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "counts of one run are far below 2^53")]

use super::Admission;
use crate::base::clock::Timestamp;

/// From setting a rate until the agents keep it.
const REACH_NS: u64 = 300_000_000;

/// An agent saves up to so much time of its rate …
const BURST_S: f64 = 0.04;

/// … and at least so many requests.
const LEAST_BURST: f64 = 3.0;

/// What one agent may send.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    rate_rps: f64,
    saved: f64,
    at_ns: u64,
}

impl Pace {
    fn catch_up(&mut self, now_ns: u64) {
        let more = self.rate_rps * now_ns.saturating_sub(self.at_ns) as f64 / 1e9;
        self.saved = (self.saved + more).min((self.rate_rps * BURST_S).max(LEAST_BURST));
        self.at_ns = now_ns;
    }
}

/// All agents of a target.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    paces: Vec<Pace>,
    /// When new shares reach the agents.
    coming: Option<(u64, Vec<f64>)>,
    /// What came to each since it was last asked.
    demands: Vec<u64>,
}

impl Agents {
    /// Sets the share of each agent, from a little later on; as many as there are shares are there.
    pub fn set(&mut self, shares_rps: Vec<f64>, now: Timestamp) {
        self.paces.resize(shares_rps.len(), Pace::default());
        self.demands.resize(shares_rps.len(), 0);
        let now_ns = now.0 as u64 * 1_000_000;
        self.coming = Some((now_ns + REACH_NS, shares_rps));
    }

    /// What came to each agent since this was last asked.
    pub fn take_demands(&mut self) -> Vec<u64> {
        let fresh = vec![0; self.demands.len()];
        std::mem::replace(&mut self.demands, fresh)
    }
}

impl Admission for Agents {
    fn admits(&mut self, agent: usize, now_ns: u64) -> bool {
        if let Some((_, shares)) = self.coming.take_if(|(from_ns, _)| *from_ns <= now_ns) {
            for (pace, share) in self.paces.iter_mut().zip(shares) {
                pace.catch_up(now_ns);
                pace.rate_rps = share;
            }
        }
        if let Some(demand) = self.demands.get_mut(agent) {
            *demand += 1;
        }
        let Some(pace) = self.paces.get_mut(agent) else { return false };
        pace.catch_up(now_ns);
        let passes = pace.saved >= 1.0;
        if passes {
            pace.saved -= 1.0;
        }
        passes
    }
}
