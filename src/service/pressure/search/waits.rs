//! How requests wait for each other at different rates becomes an estimate of the highest rate that meets the objective.
//!
//! Where service times scatter, queues build up long before a target is full, and they come and go over seconds: whether
//! the 99th percentile of one trial meets the objective is luck. The mean wait swings less, and how it grows with the rate
//! is known from queueing theory: with work arriving at the share `ρ = rate/capacity` of what can be done, and `v` seconds
//! of variance of that work a second, it is `v / 2(1 - ρ)` (Kingman, "The single server queue in heavy traffic", 1961; as
//! reflected Brownian motion in Harrison, "Brownian Motion and Stochastic Flow Systems", 1985). So capacity and `v` are
//! estimated from all trials together, on a grid, and with them the rate at which the objective is just met: there waits,
//! which are exponential in heavy traffic, make one request in a hundred slow, on top of what service alone takes.
//!
//! Nothing here decides that a rate is borne: that takes a trial.

use serde::{Deserialize, Serialize};

use super::super::figures::Figures;
use crate::model::objective::Objective;

/// Service scatters where its 80th percentile is so many times its median, …
const SCATTER: f64 = 1.5;

/// … and by at least this share of the objective above it: below that, waits are short until the target is all but full.
const SCATTER_OF_OBJECTIVE: f64 = 0.02;

/// So many trials with little load must show it: one may be a stall.
const SCATTERED_TRIALS: u32 = 2;

/// Up to this share of the highest rate that was tried, waits are taken to be none.
const BASE: f64 = 0.3;

/// Below so many times its median without load, latency shows that next to nobody waited.
const IDLE: f64 = 1.6;

/// A trial in which waits come and go, seconds; and from so many times its median without load, latency shows some.
const LONGER_S: f64 = 2.5;
const SOME_WAIT: f64 = 1.25;

/// Standard deviation of the capacity from one trial to the next, as a share.
const DRIFT: f64 = 0.012;

/// Points of the grid.
const CAPACITIES: u32 = 120;
const VARIABILITIES: u32 = 24;

/// The lowest and the highest variability on the grid, seconds of variance a second.
const VARIABILITY: (f64, f64) = (1e-5, 1.0);

/// Share of the requests that wait at all where the objective is just met: between 0.65 for 10 and 0.85 for 40 workers
/// (Sakasegawa, "An approximation formula", 1977).
const WAITING: f64 = 0.75;

/// How sure it is that work varies as latency without load does: standard deviation of the logarithm of their ratio.
const VARIABILITY_SPREAD: f64 = 0.8;

/// Timing jitter of the sender and the network, seconds.
const JITTER_S: f64 = 0.001_5;

/// What the trials so far say together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    /// The highest rate that meets the objective in the long run.
    pub(super) rate_rps: f64,
    /// Standard deviation of its logarithm.
    pub(super) spread: f64,
    /// What the target can do at most.
    pub(super) capacity_rps: f64,
    /// How many requests it serves at once then.
    pub(super) workers: f64,
}

/// The trials so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Waits {
    seen: Vec<Seen>,
}

/// A trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    rate_rps: f64,
    seconds: f64,
    requests: f64,
    mean_ms: f64,
    quantiles_ms: Vec<f64>,
    passed: bool,
}

impl Waits {
    /// Takes a trial's figures into account. Trials of which nothing is known have none to give.
    pub(super) fn observe(&mut self, rate_rps: f64, figures: &Figures, passed: bool) {
        if !figures.quantiles_ms.is_empty() {
            self.seen.push(Seen {
                rate_rps,
                seconds: figures.span_ms / 1e3,
                requests: super::count(figures.sent),
                mean_ms: figures.mean_ms,
                quantiles_ms: figures.quantiles_ms.clone(),
                passed,
            });
        }
    }

    /// Whether service times scatter so much that single trials say little. Only trials that passed can tell: in one that is
    /// overloaded, waits scatter as well.
    pub(super) fn scattered(&self, objective: &Objective) -> bool {
        let least_ms = objective.p99_ms * SCATTER_OF_OBJECTIVE;
        let (mut scattered, mut all) = (0, 0);
        for seen in self.seen.iter().filter(|seen| seen.passed) {
            let (Some(median), Some(high)) = (seen.quantiles_ms.get(49), seen.quantiles_ms.get(79)) else { continue };
            all += 1;
            scattered += u32::from(*high > median * SCATTER && high - median > least_ms);
        }
        scattered >= SCATTERED_TRIALS && scattered * 2 > all
    }

    /// The highest rate so far, where half of the requests hardly waited even at that.
    pub(super) fn idle_at(&self) -> Option<f64> {
        let highest = self.seen.iter().max_by(|a, b| a.rate_rps.total_cmp(&b.rate_rps))?;
        let base = self.base().max_by(|a, b| a.requests.total_cmp(&b.requests))?;
        (median(highest) < median(base) * IDLE).then_some(highest.rate_rps)
    }

    /// Whether half of the requests hardly waited in any longer trial at this rate or above.
    pub(super) fn idle_from(&self, rate_rps: f64) -> bool {
        let Some(base) = self.base().max_by(|a, b| a.requests.total_cmp(&b.requests)) else { return false };
        let mut longer =
            self.seen.iter().filter(|seen| seen.rate_rps >= rate_rps * 0.97 && seen.seconds >= LONGER_S).peekable();
        longer.peek().is_some() && longer.all(|seen| median(seen) < median(base) * SOME_WAIT)
    }

    /// The rate below which trials show what service alone takes.
    pub(super) fn base_rps(&self) -> f64 {
        self.highest_rps() * BASE
    }

    fn highest_rps(&self) -> f64 {
        self.seen.iter().map(|seen| seen.rate_rps).fold(0.0, f64::max)
    }

    /// Requests that were answered below that rate.
    pub(super) fn base_requests(&self) -> f64 {
        self.base().map(|seen| seen.requests).sum()
    }

    fn base(&self) -> impl Iterator<Item = &Seen> {
        let lowest = self.seen.iter().map(|seen| seen.rate_rps).fold(f64::MAX, f64::min);
        let below = self.base_rps().max(lowest) * 1.01;
        self.seen.iter().filter(move |seen| seen.rate_rps <= below)
    }

    /// What capacity, variability and objective come to; `None` before requests had to wait.
    pub(super) fn estimate(&self, objective: &Objective) -> Option<Estimate> {
        let highest = self.highest_rps();
        if self.base_requests() < 1.0 || highest <= 0.0 {
            return None;
        }
        let (least, most) = (highest / 5.0, highest * 1.3);
        let wait_s = self.bearable_wait_s(objective);
        let cv_squared = self.base_cv_squared();
        let mut grid = Vec::new();
        let mut best = f64::MIN;
        for c in 0..CAPACITIES {
            let capacity = least * (most / least).powf(f64::from(c) / f64::from(CAPACITIES - 1));
            for v in 0..VARIABILITIES {
                let (low, high) = VARIABILITY;
                let variability = low * (high / low).powf(f64::from(v) / f64::from(VARIABILITIES - 1));
                // Work that comes evenly has `cv²/capacity` seconds of variance a second.
                let usual = (variability * capacity / cv_squared).ln() / VARIABILITY_SPREAD;
                let likelihood = self.log_likelihood(capacity, variability) - usual * usual / 2.0;
                best = best.max(likelihood);
                grid.push((capacity, capacity * (1.0 - variability / (2.0 * wait_s)).max(0.05), likelihood));
            }
        }
        let (mut weight, mut mean, mut square, mut capacity) = (0.0, 0.0, 0.0, 0.0);
        for (most, rate, likelihood) in grid {
            let share = (likelihood - best).exp();
            let log = f64::ln(rate);
            weight += share;
            mean += share * log;
            square += share * log * log;
            capacity += share * f64::ln(most);
        }
        mean /= weight;
        Some(Estimate {
            rate_rps: mean.exp(),
            spread: (square / weight - mean * mean).max(0.0).sqrt(),
            capacity_rps: (capacity / weight).exp(),
            // Little's law.
            workers: (capacity / weight).exp() * self.base_ms() / 1e3,
        })
    }

    /// Mean latency without waits, ms.
    fn base_ms(&self) -> f64 {
        self.base().map(|base| base.mean_ms * base.requests).sum::<f64>() / self.base_requests().max(1.0)
    }

    /// Variance of latency without waits over its squared mean, at least a little.
    fn base_cv_squared(&self) -> f64 {
        let (mean, mut sum, mut number) = (self.base_ms(), 0.0, 0.0);
        for base in self.base() {
            let squares: f64 = base.quantiles_ms.iter().map(|quantile| (quantile - mean) * (quantile - mean)).sum();
            sum += base.requests * squares / 100.0;
            number += base.requests;
        }
        (sum / f64::max(number, 1.0) / (mean * mean).max(1e-9)).max(0.05)
    }

    /// The mean wait, in seconds, at which one request in a hundred takes longer than the objective allows.
    fn bearable_wait_s(&self, objective: &Objective) -> f64 {
        let all = self.base_requests().max(1.0) * 100.0;
        let slow_share = |wait_ms: f64| {
            let slow = |base: &Seen| {
                let late = |quantile: &f64| {
                    // With the same mean, waits that some are spared are longer for the others.
                    let left_ms = (objective.p99_ms - quantile).max(0.0);
                    if left_ms > 0.0 { WAITING * (-left_ms * WAITING / wait_ms).exp() } else { 1.0 }
                };
                base.requests * base.quantiles_ms.iter().map(late).sum::<f64>()
            };
            self.base().map(slow).sum::<f64>() / all
        };
        let (mut low, mut high) = (objective.p99_ms * 1e-3, objective.p99_ms);
        for _ in 0..30 {
            let wait_ms = f64::midpoint(low, high);
            if slow_share(wait_ms) < 0.01 { low = wait_ms } else { high = wait_ms }
        }
        low / 1e3
    }

    fn log_likelihood(&self, capacity_rps: f64, variability: f64) -> f64 {
        let base_ms = self.base_ms();
        let of = |seen: &Seen| {
            let (expected, deviation) = mean_wait(seen.rate_rps / capacity_rps, seen.seconds, variability);
            let (drifted, _) = mean_wait(seen.rate_rps / (capacity_rps * (1.0 - DRIFT)), seen.seconds, variability);
            // The mean of service times alone scatters too; they are taken to do so twice as much as exponential ones.
            let service = 2.0 * base_ms / 1e3 / seen.requests.max(1.0).sqrt();
            let deviation = deviation.hypot(drifted - expected).hypot(service);
            let off = ((seen.mean_ms - base_ms) / 1e3 - expected) / deviation;
            // Student's t with four degrees of freedom: a stall is no news of the capacity.
            -2.5 * (1.0 + off * off / 4.0).ln() - deviation.ln()
        };
        self.seen.iter().map(of).sum()
    }
}

fn median(seen: &Seen) -> f64 {
    seen.quantiles_ms.get(49).copied().unwrap_or(0.0)
}

/// The mean wait over a trial that begins with an empty queue, and its standard deviation, seconds. `load` is the share of
/// the capacity that is offered. Between the known limits, of long trials and of trials at capacity, it is interpolated.
fn mean_wait(load: f64, seconds: f64, variability: f64) -> (f64, f64) {
    // Without drift a reflected Brownian motion is at √(2vt/π) on average; two thirds of that over the whole time.
    let filling = (2.0 / 3.0) * (2.0 * variability * seconds / std::f64::consts::PI).sqrt();
    let drift = load - 1.0;
    if drift >= 0.0 {
        return (filling + drift * seconds / 2.0, 0.9 * (variability * seconds / 3.0).sqrt() + JITTER_S);
    }
    let settled = variability / (2.0 * -drift);
    let wait = settled * filling / settled.hypot(filling);
    let relaxation = variability / (drift * drift);
    (wait, wait * (2.0 * relaxation / seconds).sqrt().clamp(0.08, 0.7) + JITTER_S)
}
