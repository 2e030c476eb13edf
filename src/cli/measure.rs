//! `homeostat measure`: finds the highest rate that a URL bears, and says whether that is less than it was.

mod outcome;
mod report;
mod sending;
#[cfg(test)]
mod tests;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};

use self::outcome::{Baseline, Outcome};
use self::report::Measured;
use self::sending::Sending;
use super::exit::Exit;
use super::failure::{Failure, conclude, within_runtime};
use super::output;
use super::signals::stop_on_signal;
use crate::app::measure::{MeasureProgress, MeasureUrl, measure};
use crate::base::literal::{Percentage, Rate, parse_duration};
use crate::diagnostic::Code;
use crate::model::objective::Objective;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What requests are sent to, like `http://127.0.0.1:8080/`. Naming it allows load on its host, and on no other.
    url: String,
    /// What the target must keep: `p99=250ms,errors=0.1%`; what is left out is `p99=500ms` and `errors=1%`.
    #[arg(long, value_name = "OBJECTIVE", default_value = "p99=500ms,errors=1%", value_parser = objective)]
    slo: Objective,
    /// Never more than this, like `500rps`.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    max_rate: f64,
    /// Asked several times a second during the test; two answers in a row that are no success end it. Naming it allows its host.
    #[arg(long, value_name = "URL")]
    health: Option<String>,
    /// The test takes no longer.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    time: Duration,
    /// The test sends no more requests.
    #[arg(long, value_name = "NUMBER", default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1..))]
    requests: u64,
    /// A request that takes longer has failed; must be above the objective's p99.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    timeout: Duration,
    /// A trial lasts at least so long.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    trial_time: Duration,
    /// The search ends when its bounds are so close.
    #[arg(long, value_name = "PERCENTAGE", default_value = "3%", value_parser = share)]
    precision: f64,
    /// The result of an earlier run (`--format json`) to hold this one against.
    #[arg(long, value_name = "FILE", requires = "min_ratio")]
    baseline: Option<PathBuf>,
    /// A maximum below this share of the baseline's is a regression, like `0.9`.
    #[arg(long, value_name = "SHARE", requires = "baseline", value_parser = ratio)]
    min_ratio: Option<f64>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    #[command(flatten)]
    sending: Sending,
}

/// How a measurement is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The figure and its curve, for people.
    #[default]
    Text,
    /// One JSON document; what `--baseline` reads.
    Json,
    /// JUnit XML: one case that passes, fails or is in error.
    Junit,
}

fn objective(text: &str) -> Result<Objective, String> {
    let mut objective = Objective { p99_ms: 500.0, error_rate: 0.01 };
    for part in text.split(',') {
        match part.trim().split_once('=') {
            Some(("p99", value)) => objective.p99_ms = duration(value)?.as_secs_f64() * 1e3,
            Some(("errors", value)) => {
                objective.error_rate = value.parse::<Percentage>().map_err(|error| error.to_string())?.0;
            }
            _ => return Err(format!("`{part}` is neither `p99=DURATION` nor `errors=PERCENTAGE`")),
        }
    }
    if objective.p99_ms > 0.0 && (0.0..=1.0).contains(&objective.error_rate) {
        Ok(objective)
    } else {
        Err("p99 must be above 0, and errors within 0 % and 100 %".to_owned())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text.trim()).map_err(|error| error.to_string())?;
    if duration.is_zero() { Err(format!("`{text}` is no time at all")) } else { Ok(duration) }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<Rate>() {
        Ok(Rate(rate)) if rate >= 1.0 => Ok(rate),
        Ok(_) => Err(format!("`{text}` is below 1rps, and nothing lower is tried")),
        Err(error) => Err(error.to_string()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<Percentage>() {
        Ok(Percentage(share)) if (0.005..0.5).contains(&share) => Ok(share),
        Ok(_) => Err(format!("`{text}` is not within 0.5 % and 50 %")),
        Err(error) => Err(error.to_string()),
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if ratio.is_finite() && ratio > 0.0 => Ok(ratio),
        _ => Err(format!("`{text}` is not a share like `0.9`")),
    }
}

pub fn run(args: &Args) -> Exit {
    conclude(perform(args))
}

fn perform(args: &Args) -> Result<Exit, Failure> {
    if args.timeout.as_secs_f64() * 1e3 <= args.slo.p99_ms {
        return Err(Failure::usage("`--timeout` is not above the objective's p99: no slower request could be seen"));
    }
    // Before any load: a file that cannot be read is not worth a test.
    let baseline = args.baseline.as_deref().map(|path| read(path, &args.slo)).transpose()?;
    let baseline = baseline.zip(args.min_ratio).map(|(max_rps, min_ratio)| Baseline { max_rps, min_ratio });
    let order = MeasureUrl {
        load: args.sending.read()?,
        url: args.url.clone(),
        health: args.health.clone(),
        objective: args.slo,
        max_rate_rps: args.max_rate,
        time: args.time,
        requests: args.requests,
        request_timeout: args.timeout,
        trial_time: args.trial_time,
        precision: args.precision,
    };
    let live = Live::new();
    let report = within_runtime(async {
        let stop = stop_on_signal()?;
        measure(&order, stop, |progress| live.show(progress)).await.map_err(super::serve::failure)
    })?;
    live.end();
    let report = report?;
    if let (Err(error), true, false) = (&report.result, report.curve.is_empty(), report.told) {
        return Err(Failure::usage(error.message.clone()));
    }
    let measured = Measured::new(&order, report, baseline);
    match args.format {
        Form::Text => output::print(&measured.text()),
        Form::Json => output::print_json(&measured.json()),
        Form::Junit => {
            let text = measured.junit().map_err(|error| Failure::new(Exit::Internal, Code::Internal, error))?;
            output::print(&text)
        }
    }?;
    Ok(match measured.outcome {
        Outcome::Fine => Exit::Done,
        Outcome::NothingHeld | Outcome::Regressed => Exit::Findings,
        Outcome::Inconclusive => Exit::Inconclusive,
    })
}

/// The maximum that an earlier run found, for the same objective.
fn read(path: &Path, objective: &Objective) -> Result<f64, Failure> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("`{shown}` cannot be read: {error}")))?;
    let wrong = |why: &str| {
        Failure::usage(format!("`{shown}` is no baseline: {why}"))
            .help("write one with `homeostat measure … --format json > FILE`")
    };
    let earlier: serde_json::Value = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
    let max_rps = earlier.get("max_rps").and_then(serde_json::Value::as_f64).filter(|rate| *rate > 0.0);
    let max_rps = max_rps.ok_or_else(|| wrong("it has no `max_rps` above 0"))?;
    let slo = serde_json::from_value::<Objective>(earlier.get("slo").cloned().unwrap_or_default())
        .map_err(|_| wrong("it has no `slo`"))?;
    if slo != *objective {
        return Err(wrong(&format!(
            "its objective was p99 of {} ms and {} % errors, and another one was asked for",
            slo.p99_ms,
            slo.error_rate * 100.0
        )));
    }
    Ok(max_rps)
}

/// How far the test is, on a terminal; nothing in a pipe.
struct Live(Option<ProgressBar>);

impl Live {
    fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        }))
    }

    fn show(&self, progress: &MeasureProgress) {
        if let Some(bar) = &self.0 {
            bar.set_message(report::line(progress));
            bar.tick();
        }
    }

    fn end(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}
