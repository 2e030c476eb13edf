//! The report that people read.

use super::snapshot_problems;
use crate::diagnostic::render::to_people;
use crate::harness::coverage::{Figure, Kind};
use crate::harness::session::{Case, Report};
use crate::harness::snapshots::State;

/// Most gaps that are listed.
const MAX_GAPS: usize = 50;

/// Picks snapshots by their state.
type Which = fn(&State) -> bool;

/// The whole report; `colour` writes ANSI escapes.
pub fn render(report: &Report, colour: bool) -> String {
    let mut out = String::new();
    for cases in report.cases.chunk_by(|a, b| a.path == b.path) {
        if let Some(first) = cases.first() {
            out.push_str(&format!("{}\n", first.path));
        }
        for case in cases {
            let word = if case.failures.is_empty() { "ok    " } else { "FAILED" };
            out.push_str(&format!("  {word}  {}\n", case.name));
        }
    }
    for case in report.cases.iter().filter(|case| !case.failures.is_empty()) {
        failure(case, report, colour, &mut out);
    }
    for (path, what) in snapshot_problems(report) {
        let (first, lines) = what.split_once('\n').unwrap_or((&what, ""));
        out.push_str(&format!("\n{path}: {first}\n"));
        for line in lines.lines() {
            out.push_str(&format!("    {line}\n"));
        }
    }
    out.push_str(&format!("\n{}\n", summary(report)));
    if !report.cases.is_empty() {
        coverage(report, &mut out);
    }
    out
}

fn failure(case: &Case, report: &Report, colour: bool, out: &mut String) {
    out.push_str(&format!("\nFAILED {}:{}: {}\n\n", case.path, case.line, case.name));
    out.push_str(&to_people(&case.failures, &report.sources, colour));
    out.push_str("what happened:\n");
    for line in &case.trace {
        out.push_str(&format!("  {line}\n"));
    }
}

fn summary(report: &Report) -> String {
    let failed = report.failed();
    let passed = report.cases.len() - failed;
    let mut parts = vec![format!("{passed} {} passed", if passed == 1 { "scenario" } else { "scenarios" })];
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if report.left_out > 0 {
        parts.push(format!("{} left out", report.left_out));
    }
    let count = |which: Which| report.snapshots.iter().filter(|one| which(&one.state)).count();
    let kinds: [(Which, &str); 5] = [
        (|state| matches!(state, State::Matches), "as kept"),
        (|state| matches!(state, State::Written), "kept now"),
        (|state| matches!(state, State::Deleted), "deleted"),
        (|state| matches!(state, State::Differs(_)), "changed"),
        (|state| matches!(state, State::Missing | State::Obsolete | State::Failed(_)), "not right"),
    ];
    let plans: Vec<String> = kinds
        .into_iter()
        .map(|(which, word)| (count(which), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let plans = if plans.is_empty() { String::new() } else { format!("; plans: {}", plans.join(", ")) };
    format!("{}{plans}", parts.join(", "))
}

fn coverage(report: &Report, out: &mut String) {
    out.push('\n');
    let figures = Kind::ALL.map(|kind| (kind.as_str(), report.coverage.figure(kind)));
    for (name, figure) in figures.into_iter().chain([("all", report.coverage.total())]) {
        let Figure { covered, total } = figure;
        out.push_str(&format!("{name:<9} {covered:>5} of {total:<5} {:>5.1}%\n", figure.percent()));
    }
    let gaps: Vec<_> = report.coverage.gaps().collect();
    if !gaps.is_empty() {
        out.push_str("\nnot covered:\n");
    }
    for gap in gaps.iter().take(MAX_GAPS) {
        out.push_str(&format!("  {gap}\n"));
    }
    if gaps.len() > MAX_GAPS {
        out.push_str(&format!("  … and {} more\n", gaps.len() - MAX_GAPS));
    }
}
