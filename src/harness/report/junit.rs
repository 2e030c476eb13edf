//! The report as JUnit XML: a suite for every file, a case for every scenario, and one suite for the snapshots.
//!
//! Without times: they would differ from one test to the next.

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::snapshot_problems;
use crate::diagnostic::render::to_people;
use crate::diagnostic::{Diagnostics, Severity};
use crate::harness::session::Report;

/// The whole document.
///
/// # Errors
/// Nothing that a scenario can bring about; said in one line.
pub fn render(report: &Report) -> Result<String, String> {
    let mut document = Document::new("homeostat test");
    if report.problems.has_errors() {
        document.add_test_suite(refused(report));
    }
    for cases in report.cases.chunk_by(|a, b| a.path == b.path) {
        let Some(first) = cases.first() else { continue };
        let mut suite = TestSuite::new(first.path.as_str());
        for case in cases {
            let mut found = TestCase::new(case.name.as_str(), status(case.failures.is_empty()));
            found.set_classname(case.path.as_str());
            if let Some(failure) = case.failures.iter().next() {
                found.status.set_message(failure.message.as_str()).set_type(failure.code.to_string());
                let text = to_people(&case.failures, &report.sources, false);
                found.status.set_description(format!("{text}what happened:\n{}", case.trace.join("\n")));
            }
            suite.add_test_case(found);
        }
        document.add_test_suite(suite);
    }
    if !report.snapshots.is_empty() {
        let mut suite = TestSuite::new("plan snapshots");
        let problems = snapshot_problems(report);
        for snapshot in &report.snapshots {
            let path = snapshot.path.display().to_string().replace('\\', "/");
            let problem = problems.iter().find(|(wrong, _)| *wrong == path).map(|(_, problem)| problem);
            let mut found = TestCase::new(snapshot.workflow.as_str(), status(problem.is_none()));
            found.set_classname(path.as_str());
            if let Some(problem) = problem {
                found.status.set_message(problem.lines().next().unwrap_or_default());
                found.status.set_description(problem.as_str());
            }
            suite.add_test_case(found);
        }
        document.add_test_suite(suite);
    }
    document.to_string().map_err(|error| error.to_string())
}

/// What keeps scenarios from being played: a case that could not be tried for each problem.
fn refused(report: &Report) -> TestSuite {
    let mut suite = TestSuite::new("what is wrong with the files");
    for problem in report.problems.iter().filter(|problem| problem.severity == Severity::Error) {
        let mut one = Diagnostics::new();
        one.push(problem.clone());
        let mut found = TestCase::new(problem.message.as_str(), TestCaseStatus::non_success(NonSuccessKind::Error));
        let source = report.sources.get(problem.primary.span.source);
        found.set_classname(source.map(|source| source.path.as_str()).unwrap_or_default());
        found.status.set_message(problem.message.as_str()).set_type(problem.code.to_string());
        found.status.set_description(to_people(&one, &report.sources, false));
        suite.add_test_case(found);
    }
    suite
}

fn status(passed: bool) -> TestCaseStatus {
    if passed { TestCaseStatus::success() } else { TestCaseStatus::non_success(NonSuccessKind::Failure) }
}
