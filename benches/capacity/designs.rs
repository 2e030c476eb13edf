//! How others search a capacity, written anew after their documents and sources, in the same simulated queue as ours.
//!
//! Each sees a trial as its original does: run to its end, then held against the objective as a whole. All get trials that are
//! long enough to show an overload of 5 % at all, and at least 300 requests in each.

use homeostat::model::objective::Objective;
use homeostat::service::pressure::figures::Figures;
use homeostat::service::pressure::queue::Queue;
use homeostat::service::pressure::search::{Plan, Stage};

/// Between two trials, ms; the same for every design.
pub const PAUSE_MS: f64 = 100.0;

/// Nobody tries more, requests a second.
pub const MAX_RPS: f64 = 10_000.0;

/// All designs that go upwards begin here.
pub const START_RPS: f64 = 20.0;

/// What a design came to.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    /// `None`: it gave up, or would not say.
    pub max_rps: Option<f64>,
    /// Where the truth is said to lie, by a design that says so.
    pub interval_rps: Option<[f64; 2]>,
    pub seconds: f64,
}

/// A target under trial, the time that it took so far, and what passes.
pub struct Bench<'a> {
    pub queue: &'a mut Queue,
    pub objective: Objective,
    pub seconds: f64,
    pub interval_rps: Option<[f64; 2]>,
}

impl Bench<'_> {
    /// Runs a trial to its end.
    pub fn figures(&mut self, rate_rps: f64, seconds: f64) -> Figures {
        let plan = Plan { stage: Stage::Search, rate_rps, time_ms: seconds * 1e3, requests: 300, patient: true };
        let any = Objective { p99_ms: 1e6, error_rate: 1.0 };
        let observed = self.queue.trial(&plan, &any, PAUSE_MS);
        self.seconds += observed.spent_ms / 1e3;
        observed.figures
    }

    fn passes(&mut self, rate_rps: f64, seconds: f64) -> bool {
        let figures = self.figures(rate_rps, seconds);
        let passed = self.objective.is_met_by(figures.p99_ms, figures.error_rate());
        if !passed {
            // None of them does by itself, but without it a full queue would fail the next trial too.
            self.seconds += self.queue.cool_down().spent_ms / 1e3;
        }
        passed
    }
}

/// Doubling until a trial of 5 s fails, then halving until the bounds are within 5 %. The lower one is the result.
pub fn bisection(bench: &mut Bench<'_>) -> Option<f64> {
    let (mut low, mut high) = (0.0, START_RPS);
    while bench.passes(high, 5.0) {
        low = high;
        high *= 2.0;
        if high > MAX_RPS {
            return Some(low);
        }
    }
    while high - low > high * 0.05 {
        let middle = f64::midpoint(low, high);
        if bench.passes(middle, 5.0) {
            low = middle
        } else {
            high = middle
        }
        if high < 1.0 {
            return None;
        }
    }
    Some(low)
}

/// nighthawk's adaptive load controller with its exponential search and its defaults: 10 s a trial, a first failure dooms
/// it, halving until two rates in a row are within 1 %, then one run of 30 s at the rate that comes next, which is reported
/// whatever comes of it.
pub fn nighthawk(bench: &mut Bench<'_>) -> Option<f64> {
    const MEASURING_S: f64 = 10.0;
    const TESTING_S: f64 = 30.0;
    let (mut previous, mut current) = (f64::NAN, START_RPS);
    while bench.passes(current, MEASURING_S) {
        previous = current;
        current *= 2.0;
        if current > MAX_RPS {
            return Some(previous);
        }
    }
    if previous.is_nan() {
        return None;
    }
    let (mut bottom, mut top) = (previous, current);
    previous = current;
    current = f64::midpoint(bottom, top);
    while (current / previous - 1.0).abs() >= 0.01 {
        if bench.passes(current, MEASURING_S) {
            bottom = current
        } else {
            top = current
        }
        previous = current;
        current = f64::midpoint(bottom, top);
    }
    bench.passes(current, TESTING_S);
    Some(current)
}
