//! What the tests of this module stand on: the shipped program, and scenarios for it in one line.

use std::sync::Arc;

use super::play::{Played, play};
use super::scenario::{Known, Scenario, parse};
use super::world::Laws;
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
