//! A measurement as people, programs and what shows tests read it.

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value as Json, json};

use super::outcome::{Baseline, Outcome};
use crate::app::measure::{MeasureProgress, MeasureUrl, Report};
use crate::cli::curve::Curve;
use crate::model::objective::Objective;
use crate::model::record::{Measurement, Trial, Verdict, without_credentials};

/// What was asked, and what came of it.
#[derive(Debug)]
pub(super) struct Measured {
    url: String,
    objective: Objective,
    /// The measurement, or why there is none.
    result: Result<Measurement, String>,
    curve: Vec<Trial>,
    baseline: Option<Baseline>,
    pub(super) outcome: Outcome,
}

impl Measured {
    pub(super) fn new(order: &MeasureUrl, report: Report, baseline: Option<Baseline>) -> Self {
        let Report { result, curve, held_nothing, .. } = report;
        let outcome = match &result {
            Ok(measurement) => Outcome::of(measurement, baseline),
            Err(_) if held_nothing => Outcome::NothingHeld,
            Err(_) => Outcome::Inconclusive,
        };
        let url = without_credentials(&order.url);
        let result = result.map_err(|error| error.message);
        Self { url, objective: order.objective, result, curve, baseline, outcome }
    }

    /// For people: the figure, what it means, and the curve.
    pub(super) fn text(&self) -> String {
        let slo = format!("p99 ≤ {} ms, errors ≤ {} %", self.objective.p99_ms, self.objective.error_rate * 100.0);
        let mut text = String::new();
        match &self.result {
            Ok(measurement) => {
                let [low, high] = measurement.interval_rps;
                text.push_str(&format!("maximum    {:.1} requests/s with {slo}\n", measurement.max_rps));
                text.push_str(&format!("interval   {low:.1}–{high:.1}\n"));
                text.push_str(&format!("verdict    {}\n", verdict(measurement)));
            }
            Err(why) => text.push_str(&format!("maximum    not known, with {slo}\nverdict    {why}\n")),
        }
        if let Some(baseline) = self.baseline {
            text.push_str(&format!("baseline   {}\n", self.against(baseline)));
        }
        let requests: u64 = self.curve.iter().map(|trial| trial.requests).sum();
        let seconds: u64 = self.curve.iter().map(|trial| trial.duration_ms).sum::<u64>() / 1_000;
        text.push_str(&format!("trials     {} of {seconds} s together, {requests} requests\n", self.curve.len()));
        if !self.curve.is_empty() {
            let max_rps = self.result.as_ref().ok().map(|measurement| measurement.max_rps);
            text.push_str(&format!("\n{}", Curve::new(&self.curve, max_rps, Some(self.objective.p99_ms)).text()));
        }
        text
    }

    /// For programs, and for `--baseline` of a later run.
    pub(super) fn json(&self) -> Json {
        let found = self.result.as_ref().ok();
        json!({
            "url": self.url,
            "slo": self.objective,
            "max_rps": found.map(|measurement| measurement.max_rps),
            "interval": found.map(|measurement| measurement.interval_rps),
            "verdict": found.map_or(json!("none"), |measurement| json!(measurement.verdict)),
            "stopped": found.and_then(|measurement| measurement.stopped),
            "error": self.result.as_ref().err(),
            "outcome": self.outcome.as_str(),
            "baseline": self.baseline.map(|baseline| json!({
                "max_rps": baseline.max_rps,
                "min_ratio": baseline.min_ratio,
                "ratio": found.map(|measurement| measurement.max_rps / baseline.max_rps),
            })),
            "trials": self.curve,
        })
    }

    /// One suite with one case: failed by a regression or where nothing is borne, in error where nothing is known.
    pub(super) fn junit(&self) -> Result<String, String> {
        let mut case = TestCase::new(self.url.as_str(), TestCaseStatus::success());
        let kind = match self.outcome {
            Outcome::Fine => None,
            Outcome::NothingHeld | Outcome::Regressed => Some(NonSuccessKind::Failure),
            Outcome::Inconclusive => Some(NonSuccessKind::Error),
        };
        if let Some(kind) = kind {
            case.status = TestCaseStatus::non_success(kind);
            case.status.set_type(self.outcome.as_str()).set_message(self.sentence()).set_description(self.text());
        } else {
            case.set_system_out(self.text());
        }
        let mut suite = TestSuite::new("capacity");
        suite.add_test_case(case);
        let mut document = Document::new("homeostat measure");
        document.add_test_suite(suite);
        document.to_string().map_err(|error| error.to_string())
    }

    fn sentence(&self) -> String {
        match (&self.result, self.baseline) {
            (Err(why), _) => why.clone(),
            (Ok(_), Some(baseline)) => self.against(baseline),
            (Ok(measurement), None) => verdict(measurement),
        }
    }

    fn against(&self, baseline: Baseline) -> String {
        let Baseline { max_rps, min_ratio } = baseline;
        let least = max_rps * min_ratio;
        let says = match self.outcome {
            Outcome::Fine => "it bears at least that",
            Outcome::Regressed => "a regression",
            Outcome::NothingHeld => "a regression: it bears nothing",
            Outcome::Inconclusive => "whether it bears that is not known",
        };
        format!("{max_rps:.1} before, {least:.1} is the least: {says}")
    }
}

fn verdict(measurement: &Measurement) -> String {
    let [_, high] = measurement.interval_rps;
    match (measurement.verdict, measurement.stopped) {
        (Verdict::Confirmed, _) => format!("confirmed: the maximum passed a longer trial, {high:.1} did not"),
        (Verdict::LowerBound, None) => "a lower bound: `--max-rate` is borne, and nothing higher was tried".to_owned(),
        (Verdict::LowerBound, Some(stopped)) => {
            format!("a verified lower bound only: the search ended because {}", stopped.because())
        }
    }
}

/// How far a test is, in one line.
pub(super) fn line(progress: &MeasureProgress) -> String {
    let bound = |rate: Option<f64>| rate.map_or("…".to_owned(), |rate| format!("{rate:.0}"));
    let p99 = progress.p99_ms.map_or(String::new(), |p99| format!(", p99 before {p99:.0} ms"));
    format!(
        "{:8} {:.0} requests/s{p99}; borne {}, not {}; {} trials, {} requests, {} s",
        progress.stage,
        progress.rate_rps,
        bound(progress.lower_rps),
        bound(progress.upper_rps),
        progress.trials,
        progress.requests,
        progress.elapsed_ms / 1_000
    )
}
