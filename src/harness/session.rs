//! All scenarios and snapshots of a program: read, played, judged, counted.

use std::path::PathBuf;

use super::coverage::Coverage;
use super::play::play;
use super::scenario::{Known, Scenario, parse};
use super::snapshots::{self, Mode, Snapshot};
use super::trace::trace;
use super::verdict::judge;
use super::world::Laws;
use crate::action;
use crate::base::source::Sources;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::syntax::load::load_scenarios;

pub use crate::syntax::load::is_scenarios;

/// What is to be tested, and how.
#[derive(Debug)]
pub struct Options<'a> {
    /// Files and folders with scenarios.
    pub paths: &'a [PathBuf],
    pub laws: Laws,
    /// Only scenarios and snapshots whose name holds this.
    pub filter: Option<&'a str>,
    pub mode: Mode,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// What the diagnostics point into.
    pub sources: Sources,
    /// What is wrong with the scenarios themselves; such scenarios are not among the cases.
    pub problems: Diagnostics,
    /// In the order of their files and places.
    pub cases: Vec<Case>,
    pub snapshots: Vec<Snapshot>,
    pub coverage: Coverage,
    /// Scenarios that the filter left out.
    pub left_out: usize,
}

/// One scenario that was played.
#[derive(Debug)]
pub struct Case {
    pub path: String,
    /// Where it begins, from 1.
    pub line: usize,
    pub name: String,
    /// Expectations that were not met; none: it passed.
    pub failures: Diagnostics,
    /// What happened, one line a happening.
    pub trace: Vec<String>,
}

impl Report {
    /// Of a program or scenarios that are wrong: nothing was played.
    pub fn refused(problems: Diagnostics, sources: Sources) -> Self {
        let (cases, snapshots, coverage) = (Vec::new(), Vec::new(), Coverage::default());
        Self { sources, problems, cases, snapshots, coverage, left_out: 0 }
    }

    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.failures.is_empty()).count()
    }

    /// Whether every scenario passed and every plan is as it was kept.
    pub fn is_right(&self) -> bool {
        self.failed() == 0 && self.snapshots.iter().all(|snapshot| snapshot.state.is_right())
    }
}

/// Reads, plays and judges everything. `done` hears of each case when it was played.
pub fn test(options: &Options<'_>, mut done: impl FnMut(&Case)) -> Report {
    let Options { paths, laws, filter, mode } = options;
    let wanted = |name: &str| filter.is_none_or(|part| name.contains(part));
    let (sources, mut problems) = load_scenarios(paths);
    let catalogue = action::catalogue();
    let known = Known { program: &laws.program, catalogue: &catalogue };
    let mut scenarios = Vec::new();
    for (id, source) in sources.iter() {
        // A file that could not be read says only that.
        if source.text.is_empty() && problems.iter().any(|problem| problem.primary.span.source == id) {
            continue;
        }
        let (found, wrong) = parse(id, &sources, known);
        problems.extend(wrong);
        scenarios.extend(found);
    }
    // A name that does not exist is one mistake, however often scenarios use it.
    problems.join_repeated(&[Code::UnknownEvent, Code::UnknownWorkflow, Code::UnknownStep]);
    let mut coverage = Coverage::of(&laws.program);
    let mut cases = Vec::new();
    let mut left_out = 0;
    if !problems.has_errors() {
        for scenario in scenarios {
            if !wanted(&scenario.name.node) {
                left_out += 1;
                continue;
            }
            let case = one(&scenario, laws, &sources, &mut coverage);
            done(&case);
            cases.push(case);
        }
    }
    let snapshots = snapshots::compare(&laws.program, *mode, wanted);
    Report { sources, problems, cases, snapshots, coverage, left_out }
}

fn one(scenario: &Scenario, laws: &Laws, sources: &Sources, coverage: &mut Coverage) -> Case {
    let source = sources.get(scenario.source);
    let (failures, trace) = match play(scenario, laws) {
        Ok(played) => {
            coverage.take_in(&played, &laws.program);
            (judge(scenario, &played, &laws.program), trace(&played, &laws.program))
        }
        Err(problem) => {
            let mut failures = Diagnostics::new();
            let message = format!("the scenario could not be played: {problem}");
            failures.push(Diagnostic::error(Code::Internal, scenario.name.span, message));
            (failures, Vec::new())
        }
    };
    Case {
        path: source.map(|source| source.path.clone()).unwrap_or_default(),
        line: source.map_or(1, |source| source.line_column(scenario.name.span.range().start).0),
        name: scenario.name.node.clone(),
        failures,
        trace,
    }
}
