//! The search where service times scatter: what all trials say together, then a rate that is a little below it, confirmed.

use super::waits::Estimate;
use super::{Candidate, Choice, Found, GaveUp, Search, Stage};
use crate::model::record::{Stopped, Verdict};

/// What service alone takes is known well enough from so many requests.
const BASE_REQUESTS: f64 = 500.0;

/// …, but not for longer than so many trial times.
const LONGEST_BASE: f64 = 5.0;

/// The estimate is good enough once its spread is this share of the precision asked for.
const SPREAD: f64 = 0.36;

/// Fewer refining trials than this are luck, whatever they seem to say.
const LEAST_TRIALS: u32 = 6;

/// After so many refining trials the estimate is taken as it is: the last halving of its spread costs more than it is worth.
const TRIALS: u32 = 14;

/// What is reported lies below the estimate by this share, …
const MARGIN: f64 = 0.02;

/// … and so many of its standard deviations.
const MARGIN_SPREADS: f64 = 0.5;

/// With fewer workers than this, one long request holds up so many others that waits are no longer exponential: the estimate
/// is too high, by up to this share.
const FEW_WORKERS: f64 = 10.0;
const MARGIN_FEW: f64 = 0.2;

/// With fewer workers than this no trial of reasonable length tells where the maximum is: what is reported lies further below
/// the estimate, and is said to be a lower bound.
const FEWEST_WORKERS: f64 = 5.0;
const MARGIN_FEWEST: f64 = 0.1;

/// How far off the estimate may be with next to no workers, as a standard deviation of its logarithm.
const SPREAD_FEW: f64 = 0.12;

/// Trials alternate between the estimate and either side of it: near it they say where it is, apart how steep waits grow.
const OFFSETS: [f64; 3] = [0.0, 0.03, -0.03];

/// So much higher a trial goes after one in which nobody waited.
const STEP: f64 = 1.1;

/// Trial times of the longest trial.
const LONGEST: f64 = 5.4;

/// A spread above `.0` is narrowed by trials of `.1` trial times.
const LENGTHS: [(f64, f64); 3] = [(0.1, 1.5), (0.05, 2.7), (0.0, LONGEST)];

impl Search {
    /// What to try once something has passed and something has failed.
    pub(super) fn refine(&self) -> Choice {
        let max = self.params.max_rate_rps;
        // A failure by chance ended the ramp too early.
        if let Some(idle_rps) = self.waits.idle_at().filter(|rate| *rate < max * 0.99) {
            return Choice::Try(Candidate { length: 0.5, ..Candidate::new((idle_rps * 2.0).min(max), Stage::Refine) });
        }
        let rate = self.waits.base_rps();
        // Under live traffic there may be no trial without load; what little waiting there is then goes unseen.
        if self.waits.base_requests() < BASE_REQUESTS && rate > self.live_rps * 1.1 {
            let length = BASE_REQUESTS / rate * 1e3 / self.params.trial_time_ms;
            let length = length.min(LONGEST_BASE);
            return Choice::Try(Candidate { length, ..Candidate::new(rate, Stage::Refine) });
        }
        let Some(estimate) = self.waits.estimate(&self.params.objective) else {
            return Choice::GiveUp(GaveUp::Unsteady);
        };
        let precise = estimate.spread <= self.params.precision * SPREAD && self.refined >= LEAST_TRIALS;
        if !precise && self.refined < TRIALS {
            let offset = OFFSETS.get(self.refined as usize % OFFSETS.len()).copied().unwrap_or(0.0);
            let rate = (estimate.rate_rps * offset.exp()).min(estimate.capacity_rps * 1.05).min(max);
            let length =
                LENGTHS.iter().find(|(above, _)| estimate.spread > *above).map_or(LONGEST, |(_, length)| *length);
            return Choice::Try(Candidate { length, ..Candidate::new(rate, Stage::Refine) });
        }
        let rate = proposal(&estimate).min(max);
        // Where service scatters, requests wait at the rate that is just borne: a stall was taken for an overload.
        if self.waits.idle_from(rate) && rate * STEP < max {
            return Choice::Try(Candidate { length: LONGEST, ..Candidate::new(rate * STEP, Stage::Refine) });
        }
        match self.passed.iter().rev().find(|passed| passed.confirmed) {
            Some(confirmed) if confirmed.rate_rps <= rate * 1.01 && confirmed.rate_rps >= rate * 0.98 => {
                let reach = (2.0 * estimate.spread.hypot(SPREAD_FEW * few(&estimate))).exp();
                let scattered = estimate.workers < FEWEST_WORKERS;
                let low = (estimate.rate_rps / reach).min(confirmed.rate_rps);
                let high = (estimate.rate_rps * reach).max(confirmed.rate_rps);
                Choice::Done(Found {
                    max_rps: confirmed.rate_rps,
                    interval_rps: [low, high],
                    verdict: if scattered { Verdict::LowerBound } else { Verdict::Confirmed },
                    stopped: scattered.then_some(Stopped::Scatter),
                })
            }
            _ => Choice::Try(Candidate::new(rate, Stage::Confirm)),
        }
    }
}

/// The rate to report.
fn proposal(estimate: &Estimate) -> f64 {
    let fewest = if estimate.workers < FEWEST_WORKERS { MARGIN_FEWEST } else { 0.0 };
    estimate.rate_rps * (-MARGIN - MARGIN_SPREADS * estimate.spread - MARGIN_FEW * few(estimate) - fewest).exp()
}

/// 0 for many workers, 1 for none.
fn few(estimate: &Estimate) -> f64 {
    (1.0 - estimate.workers / FEW_WORKERS).max(0.0)
}
