//! Figures of a trial become a verdict on its rate, and a guess at what the target bears.
//!
//! The 99th percentile alone comes too late: a queue that grows by 2 % of the rate needs ten seconds to fill. So a trial
//! is also judged by its trend. While a target serves less than it is offered, its backlog, and with it the latency of
//! every request, grows at `offered/capacity - 1` seconds a second. A hiccup moves latency by a step and then back; only
//! an overload makes it climb in the first half of a trial as in the second.

use super::figures::{Cut, Figures, Point};
use crate::model::objective::Objective;
use crate::model::record::TrialVerdict;

/// A trial is invalid where requests were sent later than this share of the objective, at the 99th percentile.
const LATENESS: f64 = 0.1;

/// … but not where half of the requests took more than this share of the objective, and longer than nearly all were late.
const CLEAR: f64 = 0.5;

/// A trial is invalid where less than this share of its requests was sent.
const SENT: f64 = 0.98;

/// The overload that a trial of one second must show to fail; a longer trial sees less, a shorter one only more.
const OVERLOAD_SEEN_IN_A_SECOND: f64 = 0.009;

/// Less than this is not told from noise, however long the trial.
const OVERLOAD_SEEN: f64 = 0.004;

/// A climb also has to stand out this far from the scatter of its points.
const SCATTER: f64 = 2.5;

/// So many slow requests say nothing, however short the trial.
const FEW: u64 = 2;

/// Errors above this share of a point mean that the target was full.
const FULL: f64 = 0.03;

/// What a trial says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    pub verdict: TrialVerdict,
    /// Where the figures show by how much the target was overloaded: what it bore, requests a second.
    pub capacity_rps: Option<f64>,
}

/// Judges a trial in which the target was offered `total_rps`.
pub fn judge(figures: &Figures, total_rps: f64, objective: &Objective) -> Judgement {
    let cut_by_us = matches!(figures.cut, Some(Cut::InFlight | Cut::Sender | Cut::Unhealthy | Cut::LiveRose));
    let complete = figures.cut.is_none() && figures.share_sent() >= SENT;
    if cut_by_us || (figures.cut.is_none() && !complete) || figures.sent == 0 {
        return Judgement { verdict: TrialVerdict::Invalid, capacity_rps: None };
    }
    let trend = Trend::of(figures);
    // Of fewer than 300 requests the 99th percentile is the slowest few, which any target may have.
    let p99_ms = if figures.slow <= FEW { figures.p99_ms.min(objective.p99_ms) } else { figures.p99_ms };
    let met = complete && objective.is_met_by(p99_ms, figures.error_rate());
    if met && !trend.climbs(figures.span_ms / 1e3) {
        // Also where the generator was late: latency counts from when a request was due, so a pass is one all the more.
        return Judgement { verdict: TrialVerdict::Pass, capacity_rps: None };
    }
    // That half of the requests were slow is not the sender's doing.
    let clear = figures.p50_ms > objective.p99_ms * CLEAR && figures.lateness_p99_ms < figures.p50_ms;
    if figures.lateness_p99_ms > objective.p99_ms * LATENESS && !clear {
        return Judgement { verdict: TrialVerdict::Invalid, capacity_rps: None };
    }
    Judgement { verdict: TrialVerdict::Fail, capacity_rps: capacity(figures, &trend, total_rps) }
}

/// What the target bore while it was overloaded.
fn capacity(figures: &Figures, trend: &Trend, total_rps: f64) -> Option<f64> {
    // A full queue serves as fast as the target can and refuses the rest: the share served is the capacity.
    let full = figures.points.iter().skip_while(|point| point.failed <= FULL).skip(1);
    let served: Vec<f64> = full.map(|point| 1.0 - point.failed).collect();
    if served.len() >= 4 {
        let share = served.iter().sum::<f64>() / f64::from(u32::try_from(served.len()).ok()?);
        return (share > 0.05).then_some(total_rps * share);
    }
    // Otherwise the climb of latency is the share of the rate that was too much.
    trend.certain(figures.span_ms / 1e3).then(|| total_rps / (1.0 + trend.slope))
}

/// How latency moved over a trial, in seconds a second.
struct Trend {
    slope: f64,
    /// Of the half that climbs less.
    weaker_half: f64,
    /// Median distance of the points from the line, seconds.
    scatter: f64,
}

impl Trend {
    /// Only points before errors count: a queue that is full grows no further.
    fn of(figures: &Figures) -> Self {
        let line: Vec<(f64, f64)> = figures
            .points
            .iter()
            .take_while(|point| point.failed <= FULL.max(figures.error_rate().min(0.2)))
            .filter_map(|point: &Point| Some((point.at_ms / 1e3, point.low_ms? / 1e3)))
            .collect();
        let (first, second) = line.split_at(line.len() / 2);
        let slope = steepness(&line);
        let mut levels: Vec<f64> = line.iter().map(|(at, low)| low - slope * at).collect();
        let level = median(&mut levels);
        let mut distances: Vec<f64> = levels.iter().map(|other| (other - level).abs()).collect();
        Self { slope, weaker_half: steepness(first).min(steepness(second)), scatter: median(&mut distances) }
    }

    /// Whether latency climbed all through a trial of `seconds`.
    fn climbs(&self, seconds: f64) -> bool {
        let least = (OVERLOAD_SEEN_IN_A_SECOND / seconds.max(0.1)).max(OVERLOAD_SEEN);
        self.weaker_half >= least && self.slope >= least && self.stands_out(seconds)
    }

    /// Whether the slope is a figure to reckon with.
    fn certain(&self, seconds: f64) -> bool {
        self.slope >= OVERLOAD_SEEN && self.weaker_half > 0.0 && self.stands_out(seconds)
    }

    fn stands_out(&self, seconds: f64) -> bool {
        self.slope * seconds >= SCATTER * self.scatter
    }
}

/// Theil–Sen: the median slope between all pairs of points. Sen, "Estimates of the regression coefficient based on
/// Kendall's tau", 1968. 0 for fewer than three points.
fn steepness(line: &[(f64, f64)]) -> f64 {
    if line.len() < 3 {
        return 0.0;
    }
    let mut slopes = Vec::with_capacity(line.len() * (line.len() - 1) / 2);
    for (index, (from, low)) in line.iter().enumerate() {
        for (to, high) in line.iter().skip(index + 1).filter(|(to, _)| to > from) {
            slopes.push((high - low) / (to - from));
        }
    }
    median(&mut slopes)
}

/// 0 for an empty list.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTIVE: Objective = Objective { p99_ms: 250.0, error_rate: 0.001 };

    fn figures(low_ms: impl Fn(f64) -> f64) -> Figures {
        let points = (0..24).map(|index| {
            let at_ms = f64::from(index) * 62.5 + 31.0;
            Point { at_ms, low_ms: Some(low_ms(at_ms)), failed: 0.0 }
        });
        Figures {
            planned: 750,
            sent: 750,
            failed: 0,
            slow: 0,
            span_ms: 1_500.0,
            own_rps: 500.0,
            p50_ms: 22.0,
            p99_ms: 60.0,
            mean_ms: 22.0,
            quantiles_ms: Vec::new(),
            lateness_p99_ms: 2.0,
            points: points.collect(),
            cut: None,
        }
    }

    #[test]
    fn a_slowly_growing_queue_fails_long_before_the_objective_does() {
        let judged = judge(&figures(|at| 20.0 + at * 0.02), 510.0, &OBJECTIVE);
        assert_eq!(judged.verdict, TrialVerdict::Fail);
        assert!((judged.capacity_rps.unwrap() - 500.0).abs() < 1.0, "{judged:?}");
    }

    #[test]
    fn a_step_is_no_growth() {
        for step in [200.0, 750.0, 1_200.0] {
            let hiccup = figures(|at| if at < step { 20.0 } else { 60.0 - (at - step) * 0.02 });
            assert_eq!(judge(&hiccup, 500.0, &OBJECTIVE).verdict, TrialVerdict::Pass, "step at {step} ms");
        }
    }

    #[test]
    fn a_late_generator_says_nothing_of_a_slow_target() {
        let late = Figures { lateness_p99_ms: 40.0, p99_ms: 300.0, slow: 30, ..figures(|_| 20.0) };
        assert_eq!(judge(&late, 500.0, &OBJECTIVE).verdict, TrialVerdict::Invalid);
        let short = Figures { sent: 700, ..figures(|_| 20.0) };
        assert_eq!(judge(&short, 500.0, &OBJECTIVE).verdict, TrialVerdict::Invalid);
    }

    #[test]
    fn what_a_full_target_still_serves_is_its_capacity() {
        let mut full = figures(|_| 400.0);
        for point in &mut full.points {
            point.failed = if point.at_ms < 500.0 { 0.0 } else { 0.25 };
        }
        full.failed = 120;
        let judged = judge(&full, 1_000.0, &OBJECTIVE);
        assert_eq!(judged.verdict, TrialVerdict::Fail);
        assert!((judged.capacity_rps.unwrap() - 750.0).abs() < 1.0, "{judged:?}");
    }
}
