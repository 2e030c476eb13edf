//! The demo on a terminal: steps as they settle, and a bar while a load test runs. Quiet in a pipe.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

use super::engine::RunNow;
use crate::runtime::ports::MeasureProgress;

/// What the demo shows while it runs; on standard error.
#[derive(Debug)]
pub(super) struct Show {
    /// `None` where nobody watches.
    bar: Option<ProgressBar>,
    settled: Vec<String>,
}

impl Show {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(
                ProgressStyle::with_template("  {spinner} {wide_msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            bar
        });
        Self { bar, settled: Vec::new() }
    }

    /// A line that stays.
    pub(super) fn say(&self, line: &str) {
        if let Some(bar) = &self.bar {
            bar.println(line);
        }
    }

    /// What is going on, until the next call.
    pub(super) fn doing(&self, what: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(what);
        }
    }

    /// A new run begins.
    pub(super) fn begin(&mut self) {
        self.settled.clear();
    }

    /// The run as it is now.
    pub(super) fn run(&mut self, run: &RunNow) {
        for (step, status) in &run.steps {
            if status != "running" && !self.settled.contains(step) {
                self.settled.push(step.clone());
                self.say(&format!(
                    "    {} {step}{}",
                    mark(status),
                    if status == "skipped" { " (skipped)" } else { "" }
                ));
            }
        }
        let running = run.steps.iter().find(|(_, status)| status == "running").map(|(step, _)| step.as_str());
        match (&run.measuring, running) {
            (Some(progress), _) => self.doing(measuring(progress)),
            (None, Some(step)) => self.doing(step.to_owned()),
            (None, None) => self.doing(String::new()),
        }
    }

    pub(super) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn mark(status: &str) -> &'static str {
    match status {
        "succeeded" => "✓",
        "skipped" => "·",
        _ => "✗",
    }
}

/// One line: a bar over the bracket, the rate, the p99 and how far the search is.
fn measuring(progress: &MeasureProgress) -> String {
    let lower = progress.lower_rps.unwrap_or(0.0);
    let bracket = match progress.upper_rps {
        Some(upper) => format!("{lower:.0}–{upper:.0}"),
        None => format!("{lower:.0}–?"),
    };
    let p99 = progress.p99_ms.map_or("–".to_owned(), |p99| format!("{p99:.0} ms"));
    format!(
        "load test {:>8} {} {:>5.0} rps ({:.0} live)  p99 {p99:>7}  within {bracket} rps  {:>3.0} s",
        progress.stage,
        scale(progress.rate_rps, lower, progress.upper_rps),
        progress.rate_rps,
        progress.live_rps,
        std::time::Duration::from_millis(progress.elapsed_ms).as_secs_f64(),
    )
}

/// Twenty places from nothing to the upper bound (or twice the rate): what holds, what is unknown, and where the trial is.
fn scale(rate: f64, lower: f64, upper: Option<f64>) -> String {
    const PLACES: u32 = 20;
    let full = upper.unwrap_or(rate.max(lower) * 2.0).max(1.0);
    let place = |value: f64| (0..=PLACES).rev().find(|place| f64::from(*place) * full <= value * f64::from(PLACES));
    let (at, holds) = (place(rate).unwrap_or(0).min(PLACES - 1), place(lower).unwrap_or(0));
    (0..PLACES)
        .map(|index| match index {
            index if index == at => '●',
            index if index < holds => '█',
            _ => '░',
        })
        .collect()
}
