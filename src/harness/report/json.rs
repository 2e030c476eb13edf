//! The report that programs read.

use serde_json::{Value as Json, json};

use super::snapshot_problems;
use crate::diagnostic::Diagnostics;
use crate::diagnostic::render;
use crate::harness::coverage::{Figure, Kind};
use crate::harness::session::Report;

/// `{problems, passed, failed, left_out, scenarios, snapshots, coverage}`.
pub fn render(report: &Report) -> Json {
    let problems = |diagnostics: &Diagnostics| -> Json {
        serde_json::from_str(&render::to_json(diagnostics, &report.sources)).unwrap_or_default()
    };
    let scenarios: Vec<Json> = report
        .cases
        .iter()
        .map(|case| {
            json!({
                "path": case.path,
                "line": case.line,
                "name": case.name,
                "passed": case.failures.is_empty(),
                "failures": problems(&case.failures),
                "trace": case.trace,
            })
        })
        .collect();
    let problems_of_snapshots: Vec<Json> = snapshot_problems(report)
        .into_iter()
        .map(|(path, problem)| json!({ "path": path, "problem": problem.trim_end() }))
        .collect();
    let figure =
        |figure: Figure| json!({ "covered": figure.covered, "total": figure.total, "percent": figure.percent() });
    let mut coverage = json!({
        "all": figure(report.coverage.total()),
        "gaps": report.coverage.gaps().map(ToString::to_string).collect::<Vec<_>>(),
    });
    for kind in Kind::ALL {
        if let Json::Object(fields) = &mut coverage {
            fields.insert(kind.as_str().to_owned(), figure(report.coverage.figure(kind)));
        }
    }
    json!({
        "problems": problems(&report.problems),
        "passed": report.cases.len() - report.failed(),
        "failed": report.failed(),
        "left_out": report.left_out,
        "scenarios": scenarios,
        "snapshots": { "compared": report.snapshots.len(), "problems": problems_of_snapshots },
        "coverage": coverage,
    })
}
