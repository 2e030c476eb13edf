//! MLRsearch with one goal, after the IETF draft "Multiple Loss Ratio Search" and the Python package of its authors (1.2.1).
//!
//! A trial is good where it meets the objective. A rate becomes a bound once its trials, weighted by their time, cannot change
//! their verdict any more; the tightest upper bound counts, and the highest lower bound below it. Two coarser targets of
//! shorter trials come before the goal. Between the bounds it bisects in the logarithm of the rate; a bound that is lost is
//! searched outwards in steps that grow. It begins at the highest rate allowed and goes on from the rate that was forwarded.
//!
//! Left out: rounding to a grid of rates, and whatever serves several goals at once.

use std::collections::BTreeMap;

use super::designs::{Bench, MAX_RPS};

/// The least rate, requests a second.
const MIN_RPS: f64 = 5.0;

/// What share of a rate's trial time may be bad.
const EXCEED: f64 = 0.5;

/// The search outwards goes so many times further each time.
const EXPANSION: f64 = 2.0;

/// The search ends without a result after so long.
const LONGEST_S: f64 = 1_200.0;

/// What bounds must come to, from coarse to fine: width as a difference of logarithms, seconds of one trial, seconds in all.
#[derive(Clone, Copy)]
struct Target {
    width: f64,
    trial_s: f64,
    sum_s: f64,
}

/// The goal last: bounds within 5 %, trials of 5 s, 15 s in all. Those before it: each twice as wide, their sums falling
/// geometrically to the first trial's 2 s.
fn targets() -> [Target; 3] {
    let width = -(1.0_f64 - 0.05).ln();
    let between = 15.0 * (2.0_f64 / 15.0).sqrt();
    [
        Target { width: width * 4.0, trial_s: 2.0, sum_s: 2.0 },
        Target { width: width * 2.0, trial_s: 5.0, sum_s: between },
        Target { width, trial_s: 5.0, sum_s: 15.0 },
    ]
}

/// The trials at one rate: seconds, and whether good.
type Trials = Vec<(f64, bool)>;

struct Search<'a, 'b> {
    bench: &'a mut Bench<'b>,
    /// By the bits of the logarithm, which is positive: in order.
    trials: BTreeMap<u64, Trials>,
}

/// Logarithms of the relevant bounds.
#[derive(Clone, Copy)]
struct Bounds {
    low: Option<f64>,
    high: Option<f64>,
}

impl Search<'_, '_> {
    /// Runs a trial; returns the share of requests that did not fail.
    fn measure(&mut self, log: f64, seconds: f64) -> f64 {
        let figures = self.bench.figures(log.exp(), seconds);
        let good = self.bench.objective.is_met_by(figures.p99_ms, figures.error_rate());
        if !good {
            self.bench.seconds += self.bench.queue.cool_down().spent_ms / 1e3;
        }
        self.trials.entry(log.to_bits()).or_default().push((seconds, good));
        1.0 - figures.error_rate()
    }

    fn bounds(&self, target: Target) -> Bounds {
        let mut bounds = Bounds { low: None, high: None };
        for (bits, trials) in &self.trials {
            match classify(trials, target) {
                Some(true) => bounds.low = Some(f64::from_bits(*bits)),
                Some(false) => {
                    bounds.high = Some(f64::from_bits(*bits));
                    break;
                }
                None => {}
            }
        }
        bounds
    }
}

/// Whether a rate is a lower bound, once no further trial of its time can change that.
fn classify(trials: &Trials, target: Target) -> Option<bool> {
    let sum = |long: bool, good: bool| -> f64 {
        trials.iter().filter(|trial| (trial.0 >= target.trial_s) == long && trial.1 == good).map(|trial| trial.0).sum()
    };
    let short = (sum(false, false) - sum(false, true) * EXCEED / (1.0 - EXCEED)).max(0.0);
    let (good, bad) = (sum(true, true), sum(true, false) + short);
    let all = (good + bad).max(target.sum_s);
    let (optimistic, pessimistic) = (bad <= all * EXCEED, all - good <= all * EXCEED);
    (optimistic == pessimistic).then_some(optimistic)
}

pub fn mlr(bench: &mut Bench<'_>) -> Option<f64> {
    let (least, most) = (MIN_RPS.ln(), MAX_RPS.ln());
    let [first, ..] = targets();
    let mut search = Search { bench, trials: BTreeMap::new() };
    // From the highest rate to what was forwarded there, twice.
    let forwarded = search.measure(most, first.trial_s);
    let rate = (most + forwarded.max(1e-9).ln()).clamp(least, most - first.width);
    let again = search.measure(rate, first.trial_s);
    let other = if again < 1.0 { (rate + again.max(1e-9).ln()).max(least) } else { (rate + first.width).min(most) };
    let mut initial = (rate.min(other), rate.max(other));
    if (other - rate).abs() > 1e-9 {
        search.measure(other, first.trial_s);
    }
    for target in targets() {
        let mut step = (initial.1 - initial.0).max(target.width) * EXPANSION;
        loop {
            if search.bench.seconds > LONGEST_S {
                return None;
            }
            let bounds = search.bounds(target);
            let Some((log, outwards)) = nominate(bounds, initial, target, step, (least, most)) else {
                break;
            };
            search.measure(log, target.trial_s);
            let now = search.bounds(target);
            let moved = now.low == Some(log) || now.high == Some(log);
            let still_open = now.low.is_none() || now.high.is_none();
            step = match outwards {
                true if moved && still_open => step * EXPANSION,
                true => step,
                false => (now.high.unwrap_or(most) - now.low.unwrap_or(least)).clamp(target.width, step),
            };
        }
        let bounds = search.bounds(target);
        initial = (bounds.low.unwrap_or(least), bounds.high.unwrap_or(most));
    }
    let [.., goal] = targets();
    search.bounds(goal).low.map(f64::exp)
}

/// The rate to try next, and whether it is outside what is bounded; `None` where the target is reached.
fn nominate(
    bounds: Bounds,
    initial: (f64, f64),
    target: Target,
    step: f64,
    (least, most): (f64, f64),
) -> Option<(f64, bool)> {
    let worth = |log: f64| {
        let outside = bounds.low.is_some_and(|low| low >= log) || bounds.high.is_some_and(|high| high <= log);
        let narrow = bounds.low.zip(bounds.high).is_some_and(|(low, high)| high - low <= target.width * 1.000_1);
        !outside && !narrow
    };
    // The middle of the bounds of the target before, then those bounds themselves, the lower one first.
    let width = initial.1 - initial.0;
    let middle = f64::midpoint(initial.0, initial.1);
    if width > target.width * 1.000_1 && width <= target.width * 2.000_1 && worth(middle) {
        return Some((middle, false));
    }
    if let Some(log) = [initial.0, initial.1].into_iter().find(|log| worth(*log)) {
        return Some((log, false));
    }
    match (bounds.low, bounds.high) {
        (None, Some(high)) => (high > least).then_some(((high - step).max(least), true)),
        (Some(low), None) => (low < most).then_some(((low + step).min(most), true)),
        (Some(low), Some(high)) => {
            let middle = f64::midpoint(low, high);
            worth(middle).then_some((middle, false))
        }
        (None, None) => None,
    }
}
