//! Answers of one trial become its figures, and say while it runs whether it still has a point.
//!
//! Time comes in as microseconds since the trial began, so that virtual and real trials are counted alike.
//! Nothing here knows HTTP or decides what the figures mean for the target.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::model::objective::Objective;

/// Into about so many points a trial is cut to look for a trend.
const POINTS: usize = 24;

/// A point stands for at least so many requests.
const POINT_REQUESTS: usize = 5;

/// So many failures more than a passing trial may have end it: enough to tell how much the target still serves.
const FAILURES_KEPT: u64 = 20;

/// A patient trial bears so many times the slow and failed requests that a passing one may have.
const PATIENCE: u64 = 10;

/// The error guard looks at so many last answers.
const BURST: usize = 50;

/// What one trial measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Requests the trial was to send.
    pub planned: u64,
    pub sent: u64,
    pub failed: u64,
    /// Requests that succeeded, but later than the objective's 99th percentile.
    pub slow: u64,
    /// From the first to one interval after the last intended send.
    pub span_ms: f64,
    /// What the test itself offered.
    pub own_rps: f64,
    /// Of the requests that succeeded, from the moment each was to be sent.
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Mean of the same, without the trial's first eighth, in which queues fill.
    pub mean_ms: f64,
    /// The same at 0.5 %, 1.5 %, … 99.5 %; empty where nothing succeeded.
    pub quantiles_ms: Vec<f64>,
    /// How late requests were sent, 99th percentile.
    pub lateness_p99_ms: f64,
    /// In order of time.
    pub points: Vec<Point>,
    /// Why the trial ended early.
    pub cut: Option<Cut>,
}

impl Figures {
    /// The share of requests that failed.
    pub fn error_rate(&self) -> f64 {
        if self.sent == 0 { 0.0 } else { count(self.failed) / count(self.sent) }
    }

    /// The share of planned requests that were sent.
    pub fn share_sent(&self) -> f64 {
        if self.planned == 0 { 1.0 } else { count(self.sent) / count(self.planned) }
    }
}

/// What some successive requests met.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Since the trial began.
    pub at_ms: f64,
    /// First quartile of the latency of those that succeeded: what hiccups of the network and the machine move least.
    /// `None` where too few did.
    pub low_ms: Option<f64>,
    /// Share of them that failed.
    pub failed: f64,
}

/// Why a trial was ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// More requests were slow or failed than the whole trial may have: it can no longer pass.
    Hopeless,
    /// More than half of the last answers were failures.
    ErrorBurst,
    /// More requests wait for an answer than the generator can hold: it can't keep the model open.
    InFlight,
    /// The sending machine ran out of something: sockets, ports, file handles.
    Sender,
    /// The target's health check failed: its own word counts more than its answers.
    Unhealthy,
    /// Live traffic rose so that the test's total would exceed its limit.
    LiveRose,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at_us: u64,
    latency_us: u64,
    success: bool,
}

/// Gathers the answers of one trial.
#[derive(Debug)]
pub struct Collector {
    slow_us: u64,
    planned: u64,
    slow_allowed: u64,
    failed_allowed: u64,
    latency: Histogram<u32>,
    lateness: Histogram<u32>,
    samples: Vec<Sample>,
    /// Sent, in order, and whether answered; answered ones leave at the front.
    open: VecDeque<(u64, bool)>,
    /// How many have left `open`.
    settled: usize,
    slow: u64,
    failed: u64,
    last: VecDeque<bool>,
}

impl Collector {
    /// For a trial that is to send `planned` requests.
    pub fn new(planned: u64, objective: &Objective) -> Self {
        Self {
            slow_us: whole(objective.p99_ms * 1_000.0),
            planned,
            slow_allowed: planned / 100,
            failed_allowed: whole(count(planned) * objective.error_rate),
            latency: histogram(),
            lateness: histogram(),
            samples: Vec::new(),
            open: VecDeque::new(),
            settled: 0,
            slow: 0,
            failed: 0,
            last: VecDeque::with_capacity(BURST),
        }
    }

    /// For a trial that is run to learn how requests wait, not to pass: it goes on where it could no longer pass, within reason.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.slow_allowed = self.slow_allowed.saturating_mul(PATIENCE);
        self.failed_allowed = self.failed_allowed.saturating_mul(PATIENCE);
        self
    }

    /// A request that was due at `at_us` was started; returns its number.
    pub fn sent(&mut self, at_us: u64) -> usize {
        self.open.push_back((at_us, false));
        self.settled + self.open.len() - 1
    }

    /// A request went out so late.
    pub fn was_late(&mut self, lateness_us: u64) {
        self.lateness.saturating_record(lateness_us);
    }

    /// Request `number` was answered, failed or given up.
    pub fn answered(&mut self, number: usize, latency_us: u64, success: bool) {
        let Some(entry) = number.checked_sub(self.settled).and_then(|index| self.open.get_mut(index)) else {
            return;
        };
        entry.1 = true;
        let at_us = entry.0;
        while self.open.front().is_some_and(|(_, answered)| *answered) {
            self.open.pop_front();
            self.settled += 1;
        }
        self.samples.push(Sample { at_us, latency_us, success });
        if success {
            self.latency.saturating_record(latency_us);
            self.slow += u64::from(latency_us > self.slow_us);
        } else {
            self.failed += 1;
        }
        if self.last.len() == BURST {
            self.last.pop_front();
        }
        self.last.push_back(success);
    }

    pub fn sent_count(&self) -> u64 {
        u64::try_from(self.settled + self.open.len()).unwrap_or(u64::MAX)
    }

    /// Whether the trial should end now, at `now_us`.
    pub fn cut(&self, now_us: u64) -> Option<Cut> {
        let failing = self.last.iter().filter(|success| !**success).count();
        if self.last.len() == BURST && failing * 2 > BURST {
            return Some(Cut::ErrorBurst);
        }
        let overdue = now_us.saturating_sub(self.slow_us);
        let waiting = self.open.iter().take_while(|(at_us, _)| *at_us < overdue).filter(|(_, done)| !done).count();
        let slow = self.slow + u64::try_from(waiting).unwrap_or(u64::MAX);
        let hopeless = slow > self.slow_allowed.max(5) || self.failed > self.failed_allowed + FAILURES_KEPT;
        hopeless.then_some(Cut::Hopeless)
    }

    /// Sums up what was sent within `span`, which ends with the interval of the last request. What has no answer by now has failed.
    pub fn finish(mut self, span: Duration, cut: Option<Cut>) -> Figures {
        let unanswered: Vec<u64> = self.open.iter().filter(|(_, done)| !done).map(|(at_us, _)| *at_us).collect();
        let sent = self.sent_count();
        self.failed += u64::try_from(unanswered.len()).unwrap_or(u64::MAX);
        self.samples.extend(unanswered.into_iter().map(|at_us| Sample { at_us, latency_us: 0, success: false }));
        let seconds = span.as_secs_f64();
        let quantiles_ms = if self.latency.is_empty() {
            Vec::new()
        } else {
            (0..100_u32).map(|at| milliseconds(self.latency.value_at_quantile((f64::from(at) + 0.5) / 100.0))).collect()
        };
        Figures {
            planned: self.planned,
            sent,
            failed: self.failed,
            slow: self.slow,
            span_ms: seconds * 1e3,
            own_rps: if seconds > 0.0 { count(sent) / seconds } else { 0.0 },
            p50_ms: milliseconds(self.latency.value_at_quantile(0.5)),
            p99_ms: milliseconds(self.latency.value_at_quantile(0.99)),
            mean_ms: mean(&self.samples, whole(seconds * 1e6 / 8.0)),
            quantiles_ms,
            lateness_p99_ms: milliseconds(self.lateness.value_at_quantile(0.99)),
            points: points(self.samples),
            cut,
        }
    }
}

/// Mean latency of what succeeded and was due from `from_us` on, ms; 0 where nothing did.
fn mean(samples: &[Sample], from_us: u64) -> f64 {
    let (mut sum_us, mut number) = (0, 0);
    for sample in samples.iter().filter(|sample| sample.success && sample.at_us >= from_us) {
        sum_us += sample.latency_us;
        number += 1;
    }
    if number == 0 { 0.0 } else { milliseconds(sum_us) / count(number) }
}

fn points(mut samples: Vec<Sample>) -> Vec<Point> {
    samples.sort_unstable_by_key(|sample| sample.at_us);
    let size = samples.len().div_ceil(POINTS).max(POINT_REQUESTS);
    samples.chunks(size).filter(|chunk| chunk.len() >= POINT_REQUESTS).map(point).collect()
}

fn point(chunk: &[Sample]) -> Point {
    let all = count(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
    let mut latencies: Vec<u64> = chunk.iter().filter(|s| s.success).map(|s| s.latency_us).collect();
    latencies.sort_unstable();
    let served = count(u64::try_from(latencies.len()).unwrap_or(u64::MAX));
    Point {
        at_ms: chunk.iter().map(|sample| milliseconds(sample.at_us)).sum::<f64>() / all,
        low_ms: latencies.get(latencies.len() / 4).filter(|_| latencies.len() >= 3).map(|us| milliseconds(*us)),
        failed: 1.0 - served / all,
    }
}

#[expect(clippy::expect_used, reason = "three significant digits and an upper bound above the lower are always valid")]
fn histogram() -> Histogram<u32> {
    /// Ten minutes: no request is waited for so long.
    const LONGEST_US: u64 = 600_000_000;
    Histogram::new_with_bounds(1, LONGEST_US, 3).expect("bounds are constant")
}

/// Exact up to 2^53, which no count here reaches.
#[expect(clippy::cast_precision_loss, reason = "counts and microseconds of one trial are far below 2^53")]
pub(super) fn count(value: u64) -> f64 {
    value as f64
}

/// The whole part; 0 for what is negative or no number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is what is wanted")]
pub(super) fn whole(value: f64) -> u64 {
    value as u64
}

fn milliseconds(us: u64) -> f64 {
    count(us) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTIVE: Objective = Objective { p99_ms: 100.0, error_rate: 0.01 };

    #[test]
    fn a_trial_is_cut_once_it_can_no_longer_pass() {
        let mut collector = Collector::new(1_000, &OBJECTIVE);
        for index in 0..11_u64 {
            let number = collector.sent(index * 1_000);
            assert_eq!(collector.cut(index * 1_000), None, "{index} slow answers of 10 allowed");
            collector.answered(number, 150_000, true);
        }
        assert_eq!(collector.cut(11_000), Some(Cut::Hopeless));
    }

    #[test]
    fn requests_without_an_answer_are_slow_once_they_are_overdue() {
        let mut collector = Collector::new(1_000, &OBJECTIVE);
        for index in 0..50 {
            collector.sent(index * 1_000);
        }
        assert_eq!(collector.cut(100_000), None);
        assert_eq!(collector.cut(125_000), Some(Cut::Hopeless));
        let figures = collector.finish(Duration::from_millis(50), Some(Cut::Hopeless));
        assert_eq!((figures.sent, figures.failed), (50, 50));
        assert!((figures.own_rps - 1_000.0).abs() < 1e-9);
    }

    #[test]
    fn a_burst_of_errors_ends_a_trial() {
        let mut collector = Collector::new(100_000, &Objective { p99_ms: 100.0, error_rate: 0.5 });
        for index in 0..100_u64 {
            let number = collector.sent(index);
            collector.answered(number, 1_000, index < 50 || index % 4 == 0);
        }
        assert_eq!(collector.cut(100), Some(Cut::ErrorBurst));
    }

    #[test]
    fn points_are_in_order_of_time_whatever_the_order_of_answers() {
        let mut collector = Collector::new(100, &OBJECTIVE);
        let numbers: Vec<usize> = (0..100).map(|index| collector.sent(index * 10_000)).collect();
        for number in numbers.iter().rev() {
            collector.answered(*number, u64::try_from(*number).unwrap() * 100 + 1_000, true);
        }
        let figures = collector.finish(Duration::from_secs(1), None);
        assert_eq!(figures.points.len(), 20);
        assert!(figures.points.is_sorted_by(|a, b| a.at_ms < b.at_ms && a.low_ms < b.low_ms));
        assert_eq!(figures.sent, 100);
    }
}
