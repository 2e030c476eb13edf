//! What the tests of this module stand on: the shipped program, and scenarios for it in one line.

use std::sync::Arc;

use super::play::{Played, play};
use super::scenario::{Known, Scenario, parse};
use super::world::Laws;
use super::world::history::Happening;
use crate::action;
use crate::app::program::{StoredPlans, assemble, check_shipped};
use crate::base::source::Sources;
use crate::diagnostic::Diagnostics;

/// A target as the scenarios of tests have it.
pub(super) const GIVEN: &str = "given:
  targets: { checkout: { signature: v1, rate: 100rps, agents: [one, two] } }
";

pub(super) fn laws() -> Laws {
    Laws { program: assemble(check_shipped()).unwrap(), planner: Arc::new(StoredPlans) }
}

/// The scenarios of a text, and what is wrong with them.
pub(super) fn read(text: &str, laws: &Laws) -> (Vec<Scenario>, Diagnostics, Sources) {
    let mut sources = Sources::new();
    let source = sources.add("some.test.yaml", text);
    let catalogue = action::catalogue();
    let (scenarios, mut problems) = parse(source, &sources, Known { program: &laws.program, catalogue: &catalogue });
    problems.sort();
    (scenarios, problems, sources)
}

/// The only scenario of a text, played.
pub(super) fn played(text: &str, laws: &Laws) -> (Scenario, Played, Sources) {
    let (mut scenarios, problems, sources) = read(text, laws);
    assert!(problems.is_empty(), "{}", crate::diagnostic::render::to_people(&problems, &sources, false));
    let scenario = scenarios.pop().unwrap();
    let played = play(&scenario, laws).unwrap();
    (scenario, played, sources)
}

/// Wherever the engine dies, before or after a step, the agents hear each command once and the run comes to the same end.
#[test]
fn a_crash_at_any_step_changes_nothing() {
    let laws = laws();
    for step in ["check_recorder", "hold", "load_test", "save", "adjust", "dispatch", "stable"] {
        for side in ["before", "after"] {
            let text = format!(
                "scenario: a
{GIVEN}mock: {{ load_test: {{ output: {{ max_rps: 400 }}, after: 2m }} }}
when:
  - {{ crash: {{ {side}: {step} }}, down: 3s }}
  - {{ event: DEPLOYMENT_CHANGE, data: {{ signature: v2 }} }}
then:
  runs: [{{ status: succeeded }}]
  dispatched: [{{ step: hold, total_rps: 70 }}, {{ step: dispatch, total_rps: 320 }}]
  records: [{{ signature: v2, max_rps: 400 }}]
  phases: {{ checkout: [adjusting, stable] }}
"
            );
            let (scenario, played, sources) = played(&text, &laws);
            let problems = super::verdict::judge(&scenario, &played, &laws.program);
            let shown = crate::diagnostic::render::to_people(&problems, &sources, false);
            assert_eq!(shown, "", "{side} {step}:\n{}", super::trace::trace(&played, &laws.program).join("\n"));
            let crashes = played.history.iter().filter(|moment| matches!(moment.what, Happening::Crashed)).count();
            assert_eq!(crashes, 1, "{side} {step}");
        }
    }
}

/// It would test nothing, and look as if it did.
#[test]
fn a_crash_that_never_happens_is_a_failure() {
    let laws = laws();
    let text = format!(
        "scenario: a
{GIVEN}when:
  - {{ crash: {{ after: load_test }} }}
  - {{ crash: now }}
  - {{ crash: {{ before: dispatch }} }}
  - {{ event: IDLE }}
then: {{ never: [{{ run: deployment_change }}] }}
"
    );
    let (scenario, played, sources) = played(&text, &laws);
    let problems = super::verdict::judge(&scenario, &played, &laws.program);
    let lines: Vec<usize> = problems
        .iter()
        .map(|it| sources.get(it.primary.span.source).unwrap().line_column(it.primary.span.range().start).0)
        .collect();
    assert_eq!(lines, [5, 7], "{}", crate::diagnostic::render::to_people(&problems, &sources, false));
}
