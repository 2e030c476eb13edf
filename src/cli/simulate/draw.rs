//! A course as a picture: what the target bore, what it was sent and how long it took, over time.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places in a picture"
)]

use crate::harness::simulation::{Case, Point, Simulated};

/// Columns and rows of the terminal's picture.
const COLUMNS: usize = 66;
const ROWS: usize = 12;

/// Bars of growing height.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One column: the means of its seconds, the worst latency, and whether the objective was broken in one of them.
struct Column {
    capacity: f64,
    rate: f64,
    served: f64,
    p99_ms: f64,
    broken: bool,
}

fn columns(points: &[Point], count: usize) -> Vec<Column> {
    let width = points.len().div_ceil(count).max(1);
    points
        .chunks(width)
        .map(|part| {
            let mean = |of: &dyn Fn(&Point) -> f64| part.iter().map(of).sum::<f64>() / part.len() as f64;
            Column {
                capacity: mean(&|point| point.capacity_rps),
                rate: mean(&|point| point.rate_rps.unwrap_or(0.0)),
                served: mean(&|point| point.served_rps),
                p99_ms: part.iter().filter_map(|point| point.p99_ms).fold(0.0, f64::max),
                broken: part.iter().any(|point| point.broken),
            }
        })
        .collect()
}

fn highest(points: &[Point]) -> f64 {
    points.iter().map(|point| point.capacity_rps.max(point.rate_rps.unwrap_or(0.0))).fold(1.0, f64::max) * 1.05
}

/// For a terminal.
pub(super) fn text(title: &str, case: Case, simulated: &Simulated, objective_ms: f64) -> String {
    let columns = columns(&simulated.points, COLUMNS);
    let most = highest(&simulated.points);
    let row_of = |rate: f64| (rate / most * ROWS as f64).round() as usize;
    let mut text = format!("{title}\n{}\n\n", case.summary());
    for row in (1..=ROWS).rev() {
        let label = if row == ROWS || row == ROWS / 2 {
            format!("{:>7.0}/s", most * row as f64 / ROWS as f64)
        } else {
            " ".repeat(9)
        };
        let line: String = columns
            .iter()
            .map(|column| match (row == row_of(column.capacity), row == row_of(column.rate)) {
                (true, _) => '─',
                (_, true) => '•',
                _ if row <= row_of(column.served) => '░',
                _ => ' ',
            })
            .collect();
        let line = format!("{label} {line}");
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    let bar = |column: &Column| {
        let height = column.p99_ms / objective_ms.max(1e-9) * (BARS.len() - 1) as f64;
        BARS.get(height as usize).copied().unwrap_or('█')
    };
    text.push_str(&format!("{:>9} {}\n", "p99", columns.iter().map(bar).collect::<String>()));
    let marks: String = columns.iter().map(|column| if column.broken { '!' } else { ' ' }).collect();
    let marks = format!("{:>9} {marks}", "broken");
    text.push_str(&format!("{}\n", marks.trim_end()));
    text.push_str("          ─ what it bears   • what may be sent   ░ what it served\n\n");
    let figures = &simulated.figures;
    text.push_str(&format!("lost       {:.1} % of what the oracle serves\n", figures.lost * 100.0));
    text.push_str(&format!("broken     {:.0} s, {:.2} % of the time\n", figures.broken_s, figures.broken * 100.0));
    if let Some(settling_s) = figures.settling_s {
        text.push_str(&format!("settling   {settling_s:.0} s\n"));
    }
    text.push_str(&format!("overshoot  {:.0} %\n", figures.overshoot * 100.0));
    for run in &simulated.runs {
        text.push_str(&format!("run        {:>5.0} s  {}  {}\n", run.at_s, run.workflow, run.status));
    }
    for kind in &simulated.untaken {
        text.push_str(&format!("not taken  {kind}: the rules do not declare it\n"));
    }
    text
}

const WIDTH: f64 = 760.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 20.0;

/// Above and below of both pictures.
const RATES: (f64, f64) = (44.0, 260.0);
const LATENCIES: (f64, f64) = (300.0, 400.0);
const HEIGHT: f64 = 440.0;

/// One of the rates of a second.
type Rate = fn(&Point) -> Option<f64>;

/// A whole SVG document.
pub(super) fn svg(title: &str, simulated: &Simulated, objective_ms: f64) -> String {
    let points = &simulated.points;
    let (first, last) = (points.first().map_or(0.0, |point| point.at_s), points.last().map_or(1.0, |point| point.at_s));
    let x = |at_s: f64| LEFT + (at_s - first) / (last - first).max(1.0) * (WIDTH - LEFT - RIGHT);
    let most = highest(points);
    let slowest = points.iter().filter_map(|point| point.p99_ms).fold(objective_ms * 1.2, f64::max);
    let y = |(above, below): (f64, f64), share: f64| below - share.clamp(0.0, 1.0) * (below - above);
    let escaped = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<title>{escaped}</title>\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"14\">{escaped}</text>\n"
    );
    for (frame, top, unit) in [(RATES, most, "/s"), (LATENCIES, slowest, " ms")] {
        svg.push_str(&format!(
            "<path d=\"M{LEFT} {}V{}H{}\" fill=\"none\" stroke=\"#444\"/>\n",
            frame.0,
            frame.1,
            WIDTH - RIGHT
        ));
        for part in [0.0, 0.5, 1.0] {
            let (tx, ty) = (LEFT - 6.0, y(frame, part) + 4.0);
            svg.push_str(&format!(
                "<text x=\"{tx}\" y=\"{ty:.1}\" text-anchor=\"end\">{:.0}{unit}</text>\n",
                top * part
            ));
        }
    }
    for broken in points.iter().filter(|point| point.broken) {
        let (left, width) = (x(broken.at_s), x(broken.at_s + 1.0) - x(broken.at_s));
        svg.push_str(&format!(
            "<rect x=\"{left:.1}\" y=\"{}\" width=\"{width:.2}\" height=\"{}\" fill=\"#fbb\"/>\n",
            LATENCIES.0,
            LATENCIES.1 - LATENCIES.0
        ));
    }
    let lines: [(&str, &str, Rate); 3] = [
        ("bears", "#888", |point| Some(point.capacity_rps)),
        ("served", "#393", |point| Some(point.served_rps)),
        ("may be sent", "#06c", |point| point.rate_rps),
    ];
    for (row, (name, colour, of)) in lines.into_iter().enumerate() {
        let drawn = points.iter().filter_map(|point| Some((point.at_s, y(RATES, of(point)? / most))));
        svg.push_str(&line(drawn.map(|(at_s, y)| (x(at_s), y)), colour, name));
        let at = LEFT + 10.0 + 110.0 * row as f64;
        svg.push_str(&format!("<text x=\"{at}\" y=\"{}\" fill=\"{colour}\">{name}</text>\n", RATES.1 + 18.0));
    }
    let drawn = points.iter().filter_map(|point| Some((x(point.at_s), y(LATENCIES, point.p99_ms? / slowest))));
    svg.push_str(&line(drawn, "#06c", "p99"));
    let objective = y(LATENCIES, objective_ms / slowest);
    svg.push_str(&format!(
        "<path d=\"M{LEFT} {objective:.1}H{edge}\" stroke=\"#b00\" stroke-dasharray=\"6 4\"/><text x=\"{edge}\" \
         y=\"{ty:.1}\" text-anchor=\"end\" fill=\"#b00\">p99 ≤ {objective_ms} ms</text>\n",
        edge = WIDTH - RIGHT,
        ty = objective - 5.0,
    ));
    for run in &simulated.runs {
        svg.push_str(&format!(
            "<path d=\"M{x:.1} {above}V{below}\" stroke=\"#c60\" stroke-dasharray=\"2 3\"><title>{}: {}</title></path>\n",
            run.workflow,
            run.status,
            x = x(run.at_s.max(first)),
            above = RATES.0,
            below = RATES.1,
        ));
    }
    for minute in 0..=(last / 60.0) as u32 {
        let at = x(f64::from(minute) * 60.0);
        svg.push_str(&format!(
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{minute} min</text>\n",
            LATENCIES.1 + 18.0
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

fn line(points: impl Iterator<Item = (f64, f64)>, colour: &str, name: &str) -> String {
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"><title>{name}</title></polyline>\n",
        points.join(" ")
    )
}
