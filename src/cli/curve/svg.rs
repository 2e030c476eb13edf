//! The curve as a picture that browsers and pages show: rate to the right, latency upwards by its logarithm.

use super::Curve;
use crate::model::record::{Trial, TrialVerdict};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;

/// Room for the axes: left, right, above, below.
const MARGINS: (f64, f64, f64, f64) = (64.0, 24.0, 40.0, 48.0);

impl Curve<'_> {
    /// A whole SVG document. `title` stands above it.
    pub fn svg(&self, title: &str) -> String {
        let (left, right, above, below) = MARGINS;
        let (low, high) = self.span();
        let most = self.trials.iter().map(|trial| trial.rate_rps).fold(1.0_f64, f64::max) * 1.05;
        let x = |rate: f64| left + rate / most * (WIDTH - left - right);
        let y = |ms: f64| {
            let share = (ms.clamp(low, high) / low).ln() / (high / low).ln();
            HEIGHT - below - share * (HEIGHT - above - below)
        };
        let (bottom, edge) = (HEIGHT - below, WIDTH - right);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<title>{title}</title>\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
             <text x=\"{left}\" y=\"22\" font-size=\"14\">{title}</text>\n\
             <path d=\"M{left} {above}V{bottom}H{edge}\" fill=\"none\" stroke=\"#444\"/>\n",
            title = escaped(title),
        );
        for ms in ticks(low, high) {
            svg.push_str(&format!(
                "<path d=\"M{left} {y:.1}H{edge}\" stroke=\"#ddd\"/><text x=\"{tx}\" y=\"{ty:.1}\" \
                 text-anchor=\"end\">{ms} ms</text>\n",
                y = y(ms),
                tx = left - 6.0,
                ty = y(ms) + 4.0,
            ));
        }
        for part in 0..=4 {
            let rate = most * f64::from(part) / 4.0;
            svg.push_str(&format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{rate:.0}/s</text>\n",
                x(rate),
                bottom + 18.0
            ));
        }
        if let Some(objective) = self.objective_ms {
            svg.push_str(&format!(
                "<path d=\"M{left} {y:.1}H{edge}\" stroke=\"#b00\" stroke-dasharray=\"6 4\"/><text x=\"{edge}\" \
                 y=\"{ty:.1}\" text-anchor=\"end\" fill=\"#b00\">p99 ≤ {objective} ms</text>\n",
                y = y(objective),
                ty = y(objective) - 5.0,
            ));
        }
        for (rate, name, colour) in [(self.knee_rps, "knee", "#888"), (self.max_rps, "chosen", "#06c")] {
            let Some(rate) = rate else { continue };
            let row = if name == "knee" { above + 12.0 } else { above + 28.0 };
            svg.push_str(&format!(
                "<path d=\"M{x:.1} {above}V{bottom}\" stroke=\"{colour}\" stroke-dasharray=\"2 3\"/><text x=\"{tx:.1}\" \
                 y=\"{row}\" text-anchor=\"end\" fill=\"{colour}\">{name} {rate:.1}/s</text>\n",
                x = x(rate),
                tx = x(rate) - 4.0,
            ));
        }
        for (name, colour, figure) in PERCENTILES {
            let passed = self.trials.iter().filter(|trial| trial.verdict == TrialVerdict::Pass);
            let points: Vec<String> =
                passed.map(|trial| format!("{:.1},{:.1}", x(trial.rate_rps), y(figure(trial)))).collect();
            svg.push_str(&format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"><title>{name}</title></polyline>\n",
                points.join(" ")
            ));
            for trial in &self.trials {
                svg.push_str(&dot(x(trial.rate_rps), y(figure(trial)), colour, name, trial));
            }
        }
        svg.push_str("</svg>\n");
        svg
    }
}

type Figure = fn(&Trial) -> f64;

const PERCENTILES: [(&str, &str, Figure); 2] =
    [("p50", "#393", |trial| trial.p50_ms), ("p99", "#06c", |trial| trial.p99_ms)];

/// Filled where the trial passed; its figures are told to whoever points at it.
fn dot(x: f64, y: f64, colour: &str, name: &str, trial: &Trial) -> String {
    let passed = trial.verdict == TrialVerdict::Pass;
    let (fill, says) = if passed { (colour, "passed") } else { ("#fff", "failed") };
    format!(
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{fill}\" stroke=\"{colour}\"><title>{name} at {:.1}/s: \
         p50 {:.1} ms, p99 {:.1} ms, {:.2} % errors, {says}</title></circle>\n",
        trial.rate_rps,
        trial.p50_ms,
        trial.p99_ms,
        trial.error_rate * 100.0
    )
}

/// 1, 2 and 5 times the powers of ten within.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let mut found = Vec::new();
    let mut power = 0.001;
    while power <= high {
        found.extend([1.0, 2.0, 5.0].map(|digit| digit * power).into_iter().filter(|ms| (low..=high).contains(ms)));
        power *= 10.0;
    }
    found
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
