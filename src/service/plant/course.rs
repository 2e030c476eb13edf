//! Runs something that sets rates against a plant, and says how well it did.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts of one run are far below 2^53"
)]

use std::collections::VecDeque;

use serde::Serialize;

use super::scenario::{LENGTH_S, Scenario, WARM_UP_S};
use super::{Admission, Plant, Second};
use crate::base::clock::Timestamp;
use crate::base::random::Random;
use crate::model::objective::Objective;
use crate::model::sample::Sample;

/// What is to be kept on the plant.
pub const OBJECTIVE: Objective = Objective { p99_ms: 250.0, error_rate: 0.001 };

/// The oracle knows the capacity at once, and sends this share of it.
pub const ORACLE: f64 = 0.95;

/// Within this share of the oracle's throughput a target counts as settled …
const SETTLED: f64 = 0.1;

/// … once it stays there for so long, the mean of as many seconds as `SMOOTH_S`.
const STAYS_S: usize = 10;
const SMOOTH_S: usize = 5;

/// So long after a step nothing can be done about being above the capacity.
const UNAVOIDABLE_S: f64 = 10.0;

/// Sets rates, and lets requests through by them.
pub trait Control: Admission {
    /// A second begins: what came of the agents since the last one, and how many of them there are.
    fn tick(&mut self, now: Timestamp, agents: usize, samples: &[Sample]);

    /// What may be sent together; `None` for one that sets no rate.
    fn rate_rps(&self) -> Option<f64>;
}

/// One second of a course.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Since the figures began.
    pub at_s: f64,
    pub capacity_rps: f64,
    pub oracle_rps: f64,
    pub rate_rps: Option<f64>,
    pub passed_rps: f64,
    pub served_rps: f64,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub error_rate: f64,
    pub broken: bool,
}

/// How well it was done.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Share of the oracle's throughput that was not reached, second by second: what is above it in one makes up for nothing.
    pub lost: f64,
    /// Seconds in which the objective was broken.
    pub broken_s: f64,
    /// Those as a share of the time.
    pub broken: f64,
    /// The longest time from a step of the capacity until the throughput stays near the oracle's; `None` without steps.
    pub settling_s: Option<f64>,
    /// The highest excess over the capacity that could be avoided, as a share of it.
    pub overshoot: f64,
}

/// Lets a scenario run its course.
pub fn run(scenario: &Scenario, seed: u64, control: &mut dyn Control) -> Vec<Point> {
    let mut plant = Plant::new(scenario, seed ^ 0x9e37_79b9);
    let mut chance = Random(seed ^ 0x51ed_270b);
    let mut on_the_way: VecDeque<(Timestamp, Sample)> = VecDeque::new();
    let mut points = Vec::new();
    for index in 0..WARM_UP_S + LENGTH_S {
        let at_s = f64::from(index);
        let now = Timestamp(i64::from(index) * 1_000);
        let mut came = Vec::new();
        while let Some((_, sample)) = on_the_way.front().copied().filter(|(due, _)| *due <= now) {
            on_the_way.pop_front();
            came.push(sample);
        }
        control.tick(now, scenario.agents(at_s), &came);
        let mut second = plant.second(control);
        let end = Timestamp(now.0 + 1_000);
        let (point, sample) = point(scenario, at_s, control.rate_rps(), &mut second, (now, end), &OBJECTIVE);
        if chance.unit() >= scenario.lost {
            on_the_way.push_back((Timestamp(end.0 + (scenario.late_s * 1_000.0) as i64), sample));
        }
        points.push(point);
    }
    points
}

/// What one second came to, and what the agents saw of it.
pub fn point(
    scenario: &Scenario,
    at_s: f64,
    rate_rps: Option<f64>,
    second: &mut Second,
    (from, to): (Timestamp, Timestamp),
    objective: &Objective,
) -> (Point, Sample) {
    let capacity_rps = scenario.borne(at_s).capacity_rps;
    let sample = second.sample(from, to);
    let error_rate = second.error_rate();
    let point = Point {
        at_s: at_s - f64::from(WARM_UP_S),
        capacity_rps,
        oracle_rps: (ORACLE * capacity_rps).min(scenario.total_demand_rps(at_s)),
        rate_rps,
        passed_rps: second.passed as f64,
        served_rps: second.served() as f64,
        p50_ms: sample.p50_ms,
        p99_ms: sample.p99_ms,
        error_rate,
        broken: sample.p99_ms.is_some_and(|p99_ms| !objective.is_met_by(p99_ms, error_rate)),
    };
    (point, sample)
}

/// What a course comes to, the warm-up left out.
pub fn figures(scenario: &Scenario, points: &[Point]) -> Figures {
    let counted: Vec<&Point> = points.iter().filter(|point| point.at_s >= 0.0).collect();
    let could: f64 = counted.iter().map(|point| point.oracle_rps).sum();
    let short: f64 = counted.iter().map(|point| (point.oracle_rps - point.served_rps).max(0.0)).sum();
    let broken_s = counted.iter().filter(|point| point.broken).count() as f64;
    let steps: Vec<f64> = scenario.steps_s().map(|at| at - f64::from(WARM_UP_S)).collect();
    let avoidable = |point: &&&Point| !steps.iter().any(|step| (*step..*step + UNAVOIDABLE_S).contains(&point.at_s));
    let excess = counted.iter().filter(avoidable).map(|point| point.passed_rps / point.capacity_rps - 1.0);
    let settling = steps.iter().map(|step| settling_s(&counted, *step));
    Figures {
        lost: if could > 0.0 { short / could } else { 0.0 },
        broken_s,
        broken: broken_s / f64::from(LENGTH_S),
        settling_s: settling.max_by(f64::total_cmp),
        overshoot: excess.fold(0.0, f64::max),
    }
}

fn settling_s(points: &[&Point], step: f64) -> f64 {
    let after: Vec<&&Point> = points.iter().filter(|point| point.at_s >= step).collect();
    let near = |window: &[&&Point]| {
        let served: f64 = window.iter().map(|point| point.served_rps).sum();
        let oracle: f64 = window.iter().map(|point| point.oracle_rps).sum();
        (served / oracle - 1.0).abs() <= SETTLED && !window.iter().any(|point| point.broken)
    };
    let near: Vec<bool> = after.windows(SMOOTH_S).map(near).collect();
    let found = near.windows(STAYS_S).position(|stays| stays.iter().all(|is_near| *is_near));
    found.unwrap_or(after.len()) as f64
}
