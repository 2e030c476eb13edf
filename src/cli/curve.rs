//! The trials of a load test become a picture: latency against rate, for a terminal or as SVG.
//!
//! The knee is the rate from which latency leaves what it was: the highest one below which every trial that passed had a
//! 99th percentile of at most twice that of the lowest third of them. What must not be known here: where trials come from.

mod svg;
#[cfg(test)]
mod tests;

use crate::model::record::{Trial, TrialVerdict};

/// Columns of the longest bar.
const COLUMNS: usize = 40;

/// Latency has left what it was at so many times that.
const LEFT: f64 = 2.0;

/// What is drawn.
#[derive(Debug)]
pub struct Curve<'a> {
    /// By rate; those of which nothing is known are left out.
    trials: Vec<&'a Trial>,
    max_rps: Option<f64>,
    objective_ms: Option<f64>,
    knee_rps: Option<f64>,
}

impl<'a> Curve<'a> {
    /// `max_rps`: the rate that was chosen; `objective_ms`: the highest 99th percentile that passes.
    pub fn new(trials: &'a [Trial], max_rps: Option<f64>, objective_ms: Option<f64>) -> Self {
        let mut trials: Vec<&Trial> = trials.iter().filter(|trial| trial.verdict != TrialVerdict::Invalid).collect();
        trials.sort_by(|a, b| a.rate_rps.total_cmp(&b.rate_rps));
        let knee_rps = knee(&trials);
        Self { trials, max_rps, objective_ms, knee_rps }
    }

    /// A line for every trial: its rate, its latency as a bar whose length is a logarithm, and what it was.
    pub fn text(&self) -> String {
        let (low, high) = self.span();
        let columns = |ms: f64| {
            let share = (ms.max(low) / low).ln() / (high / low).ln().max(f64::EPSILON);
            columns_of(share)
        };
        let objective = self.objective_ms.map(columns);
        let mut text = format!("{:>10} {:>9} {:>9} {:>8}\n", "RATE/S", "P50 MS", "P99 MS", "ERRORS");
        let mut marked = [false; 2];
        for trial in &self.trials {
            let filled = columns(trial.p99_ms);
            let bar: String = (0..=COLUMNS)
                .map(|column| match (column < filled, Some(column) == objective) {
                    (_, true) => '│',
                    (true, false) => '▇',
                    (false, false) => ' ',
                })
                .collect();
            let mut notes = Vec::new();
            if trial.verdict == TrialVerdict::Fail {
                notes.push("failed");
            }
            for (mark, (rate, name)) in marked.iter_mut().zip([(self.knee_rps, "knee"), (self.max_rps, "chosen")]) {
                if !*mark && trial.verdict == TrialVerdict::Pass && rate.is_some_and(|rate| same(rate, trial.rate_rps))
                {
                    *mark = true;
                    notes.push(name);
                }
            }
            let errors = format!("{:.2} %", trial.error_rate * 100.0);
            let line = format!(
                "{:>10.1} {:>9.1} {:>9.1} {errors:>8}  {bar} {}",
                trial.rate_rps,
                trial.p50_ms,
                trial.p99_ms,
                notes.join(", ")
            );
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// The least and the greatest latency to be shown, above 0, a little apart.
    fn span(&self) -> (f64, f64) {
        let all = self.trials.iter().map(|trial| trial.p99_ms).chain(self.objective_ms).filter(|ms| *ms > 0.0);
        let (low, high) = all.fold((f64::MAX, 0.0_f64), |(low, high), ms| (low.min(ms), high.max(ms)));
        if high > 0.0 { (low / 1.5, high * 1.1) } else { (1.0, 10.0) }
    }
}

/// The same rate but for what live traffic moved.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= a * 1e-6
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the width of a line")]
fn columns_of(share: f64) -> usize {
    (share.clamp(0.0, 1.0) * 40.0).round() as usize
}

fn knee(trials: &[&Trial]) -> Option<f64> {
    let passed: Vec<&&Trial> = trials.iter().filter(|trial| trial.verdict == TrialVerdict::Pass).collect();
    let mut lowest: Vec<f64> = passed.iter().take(passed.len().div_ceil(3)).map(|trial| trial.p99_ms).collect();
    lowest.sort_by(f64::total_cmp);
    let usual = *lowest.get(lowest.len() / 2)?;
    passed.iter().take_while(|trial| trial.p99_ms <= usual * LEFT).last().map(|trial| trial.rate_rps)
}
