//! What one agent passed and refused, as windows on the engine's clock, and how much of it falls between two moments.
//!
//! An agent reports windows of its own clock. How far the two clocks are apart is taken from the reports that came
//! fastest; the windows themselves follow each other exactly, as the agent measured them.
//! What it must not know: who asks, and which agents there are.

use std::collections::VecDeque;

use crate::base::clock::Timestamp;
use crate::model::latency::Latencies;

/// Ten minutes of reports.
const KEPT: usize = 2_400;

/// So many reports keep what they say of answers.
const ANSWERS_KEPT: usize = 80;

/// Clocks drift apart by less than this in one report's time.
const DRIFT_MS: f64 = 0.05;

/// A report that seems so late tells of a clock that was set, not of a slow network.
const CLOCK_SET_MS: f64 = 2_000.0;

/// A gap between windows that does not count as one.
const GAP_MS: f64 = 20.0;

/// The agent's current rates are taken over at least this time.
const RECENT_MS: f64 = 1_000.0;

/// One window as the agent reported it, on its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    pub from_ms: u64,
    pub to_ms: u64,
    pub passed: u64,
    pub refused: u64,
}

/// What one report says of the answers that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub answered: u64,
    pub failed: u64,
    /// Bucket and count.
    pub latencies: Vec<(usize, u64)>,
}

/// Answers of several reports together.
#[derive(Clone, Debug, Default)]
pub struct AllAnswers {
    pub answered: f64,
    pub failed: f64,
    pub latencies: Latencies,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    /// Milliseconds since 1970 on the engine's clock.
    from: f64,
    to: f64,
    passed: f64,
    refused: f64,
}

/// The windows of one agent.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    kept: VecDeque<Window>,
    /// When the windows ended whose answers are kept.
    answers: VecDeque<(f64, Answers)>,
    /// The engine's clock less the agent's, and where the agent's last window ended on its own.
    clock: Option<(f64, u64)>,
}

impl Windows {
    /// The agent's clock may have begun anew.
    pub fn new_stream(&mut self) {
        self.clock = None;
    }

    /// Takes a report that arrived at `arrived`. One that ends before it begins says nothing.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds and counts are far below 2^53")]
    pub fn add(&mut self, report: Reported, answers: Answers, arrived: Timestamp) {
        if report.to_ms <= report.from_ms {
            return;
        }
        let apart = arrived.0 as f64 - report.to_ms as f64;
        let (offset, last_to) = match self.clock {
            Some((offset, last_to)) if (apart - offset).abs() < CLOCK_SET_MS => {
                (apart.min(offset + DRIFT_MS), Some(last_to))
            }
            _ => (apart, None),
        };
        let to = report.to_ms as f64 + offset;
        let length = (report.to_ms - report.from_ms) as f64;
        let from = match self.kept.back() {
            Some(last) if last_to == Some(report.from_ms) && last.to < to => last.to,
            _ => to - length,
        };
        self.clock = Some((offset, report.to_ms));
        let window = Window { from, to, passed: report.passed as f64, refused: report.refused as f64 };
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(window);
        if self.answers.len() == ANSWERS_KEPT {
            self.answers.pop_front();
        }
        self.answers.push_back((to, answers));
    }

    /// Adds the answers of the windows that ended after `from` and not after `to`.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds and counts are far below 2^53")]
    pub fn answers(&self, from: Timestamp, to: Timestamp, all: &mut AllAnswers) {
        let within = self.answers.iter().filter(|(ended, _)| *ended > from.0 as f64 && *ended <= to.0 as f64);
        for (_, answers) in within {
            all.answered += answers.answered as f64;
            all.failed += answers.failed.min(answers.answered) as f64;
            for (bucket, count) in &answers.latencies {
                all.latencies.add(*bucket, *count);
            }
        }
    }

    /// Passed and refused between two moments, windows taken in proportion; `None` where the windows do not cover the time.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^53")]
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Option<(f64, f64)> {
        let (from, to) = (from.0 as f64, to.0 as f64);
        if to <= from {
            return Some((0.0, 0.0));
        }
        let (mut passed, mut refused, mut covered) = (0.0, 0.0, from);
        for window in self.kept.iter().filter(|window| window.to > from && window.from < to) {
            if window.from > covered + GAP_MS {
                return None;
            }
            let part = (window.to.min(to) - window.from.max(from)) / (window.to - window.from);
            passed += window.passed * part;
            refused += window.refused * part;
            covered = window.to.max(covered);
        }
        (covered + 1.0 >= to).then_some((passed, refused))
    }

    /// What came to the agent lately, requests a second; `None` where it has not told yet.
    pub fn demand_rps(&self) -> Option<f64> {
        let (passed_rps, refused_rps) = self.recent_rps();
        (!self.kept.is_empty()).then_some(passed_rps + refused_rps)
    }

    /// Requests a second over the last reports: passed and refused.
    pub fn recent_rps(&self) -> (f64, f64) {
        let (mut passed, mut refused, mut time) = (0.0, 0.0, 0.0);
        for window in self.kept.iter().rev() {
            passed += window.passed;
            refused += window.refused;
            time += window.to - window.from;
            if time >= RECENT_MS {
                break;
            }
        }
        if time > 0.0 { (passed * 1_000.0 / time, refused * 1_000.0 / time) } else { (0.0, 0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(from_ms: u64, to_ms: u64, passed: u64) -> Reported {
        Reported { from_ms, to_ms, passed, refused: 1 }
    }

    fn near(found: Option<(f64, f64)>, passed: f64) -> bool {
        found.is_some_and(|(found, _)| (found - passed).abs() < 0.5)
    }

    #[test]
    fn a_span_takes_its_part_of_the_windows_it_cuts() {
        let mut windows = Windows::default();
        for index in 0..8 {
            windows.add(
                report(index * 250, (index + 1) * 250, 25),
                Answers::default(),
                Timestamp(10_250 + 250 * i64::try_from(index).unwrap()),
            );
        }
        assert!(near(windows.between(Timestamp(10_000), Timestamp(12_000)), 200.0));
        assert!(near(windows.between(Timestamp(10_125), Timestamp(10_375)), 25.0));
        assert_eq!(windows.between(Timestamp(11_000), Timestamp(12_250)), None);
        assert_eq!(windows.between(Timestamp(9_000), Timestamp(11_000)), None);
        let (passed, refused) = windows.recent_rps();
        assert!((passed - 100.0).abs() < 1.0 && (refused - 4.0).abs() < 0.1);
    }

    #[test]
    fn reports_that_come_late_and_in_bunches_still_tile() {
        let mut windows = Windows::default();
        for (index, late) in [0, 180, 0, 40, 900, 650, 400, 0].into_iter().enumerate() {
            let index = u64::try_from(index).unwrap();
            let arrived = Timestamp(10_250 + 250 * i64::try_from(index).unwrap() + late);
            windows.add(report(index * 250, (index + 1) * 250, 25), Answers::default(), arrived);
        }
        assert!(near(windows.between(Timestamp(10_000), Timestamp(12_000)), 200.0));
        assert!(near(windows.between(Timestamp(10_500), Timestamp(11_500)), 100.0));
    }

    #[test]
    fn a_window_that_was_lost_is_a_gap() {
        let mut windows = Windows::default();
        windows.add(report(0, 250, 25), Answers::default(), Timestamp(10_250));
        windows.add(report(500, 750, 25), Answers::default(), Timestamp(10_750));
        assert_eq!(windows.between(Timestamp(10_000), Timestamp(10_750)), None);
        assert!(near(windows.between(Timestamp(10_500), Timestamp(10_750)), 25.0));
    }

    #[test]
    fn an_agent_that_began_anew_does_not_stretch_its_last_window() {
        let mut windows = Windows::default();
        windows.add(report(90_000, 90_250, 25), Answers::default(), Timestamp(10_250));
        windows.new_stream();
        windows.add(report(0, 250, 25), Answers::default(), Timestamp(20_250));
        assert_eq!(windows.between(Timestamp(10_000), Timestamp(20_250)), None);
        assert!(near(windows.between(Timestamp(20_000), Timestamp(20_250)), 25.0));
    }

    #[test]
    fn a_report_that_makes_no_sense_is_ignored() {
        let mut windows = Windows::default();
        windows.add(report(500, 500, 25), Answers::default(), Timestamp(10_250));
        windows.add(report(500, 400, 25), Answers::default(), Timestamp(10_250));
        assert_eq!(windows.between(Timestamp(10_000), Timestamp(10_250)), None);
    }

    #[test]
    fn answers_are_those_of_the_windows_that_ended_in_the_span() {
        let mut windows = Windows::default();
        for index in 0..4_u64 {
            let answers = Answers { answered: 10 + index, failed: index, latencies: vec![(200, 10 + index)] };
            let arrived = Timestamp(10_250 + 250 * i64::try_from(index).unwrap());
            windows.add(report(index * 250, (index + 1) * 250, 25), answers, arrived);
        }
        let mut all = AllAnswers::default();
        windows.answers(Timestamp(10_250), Timestamp(10_750), &mut all);
        assert_eq!((all.answered, all.failed), (23.0, 3.0));
        assert!(all.latencies.percentile_ms(0.5).is_some());
    }
}
