use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::action;
use crate::app::program::{StoredPlans, assemble};
use crate::base::source::Sources;
use crate::compile::compile;
use crate::diagnostic::Diagnostics;
use crate::harness::play::Played;
use crate::harness::scenario::Scenario;
use crate::harness::tests::{laws, played};
use crate::runtime::ports::{StoredEvent, StoredRun};
use crate::shipped;

/// A deployment that is measured, one that is known again, spikes of latency, and quiet.
const PAST: &str = "scenario: a
given: { targets: { checkout: { signature: v1, rate: 100rps, agents: [one, two] } } }
mock: { load_test: [{ output: { max_rps: 400 }, after: 2m }, { output: { max_rps: 300 }, after: 2m }] }
when:
  - { event: DEPLOYMENT_CHANGE, data: { signature: v2 } }
  - { event: DEPLOYMENT_CHANGE, data: { signature: v3 }, at: 10m }
  - { event: DEPLOYMENT_CHANGE, data: { signature: v2 }, at: 20m }
  - { event: HIGH_LATENCY, data: { p99_ms: 2000.0 }, at: 30m }
  - { event: HIGH_LATENCY, data: { p99_ms: 2000.0 }, at: 30m5s }
  - { event: HIGH_LATENCY, data: { p99_ms: 2000.0 }, at: 30m10s }
  - { event: IDLE, at: 2h }
  - { event: WAKE, at: 3h }
then: { refused: [] }
";

/// What a store holds after a history.
fn recorded(scenario: &Scenario, played: &Played, laws: &Laws) -> Recorded {
    let mut recorded = Recorded { targets: scenario.setting.targets.clone(), ..Recorded::default() };
    recorded.agents = scenario.setting.agents.clone();
    recorded.records = scenario.setting.records.clone();
    recorded.plans = laws.program.plans.values().map(|plan| (plan.digest.clone(), Arc::clone(plan))).collect();
    let mut events: BTreeMap<u64, StoredEvent> = BTreeMap::new();
    for moment in &played.history {
        recorded.read_at = moment.at;
        match &moment.what {
            Happening::Accepted { sequence, event } => {
                let (event, accepted_at) = (event.clone(), moment.at);
                let stored = StoredEvent { sequence: *sequence, event, accepted_at, attempts: 0, outcome: None };
                events.insert(*sequence, stored);
            }
            Happening::Settled { sequence, outcome } => {
                events.get_mut(sequence).unwrap().outcome = Some(outcome.clone());
            }
            Happening::Run(summary) => {
                let run = StoredRun { summary: summary.clone(), journal: Vec::new(), batches: 0 };
                recorded.runs.entry(summary.id).or_insert(run).summary = summary.clone();
            }
            Happening::Journaled { run, entry } => {
                recorded.runs.get_mut(run).unwrap().journal.push(entry.clone());
            }
            Happening::Recorded(record) => recorded.records.push(record.clone()),
            _ => {}
        }
    }
    recorded.events = events.into_values().collect();
    recorded
}

/// The program that ships, with texts replaced.
fn changed(replacements: &[(&str, &str)]) -> Laws {
    let mut sources = Sources::new();
    let mut found = vec![0; replacements.len()];
    for file in shipped::FILES {
        let mut text = file.text.to_owned();
        for ((old, new), found) in replacements.iter().zip(&mut found) {
            *found += text.matches(old).count();
            text = text.replace(old, new);
        }
        sources.add(file.name, text);
    }
    assert!(found.iter().all(|count| *count > 0), "{found:?}");
    let program = assemble(compile(sources, Diagnostics::new(), &action::catalogue())).unwrap();
    Laws { program, planner: Arc::new(StoredPlans) }
}

fn past() -> Recorded {
    let laws = laws();
    let (scenario, played, _) = played(PAST, &laws);
    recorded(&scenario, &played, &laws)
}

const ALWAYS: Period = Period { from: None, to: None };

#[test]
fn the_same_program_gives_the_same() {
    let report = backtest(&past(), ALWAYS, &laws()).unwrap();
    assert!(report.is_same(), "{}", to_people(&report));
    // Eight from outside, and the retest that the spikes led to.
    assert_eq!((report.events.len(), report.unfinished, report.unknown_measurements), (9, 0, 0));
}

#[test]
fn another_program_is_told_by_what_comes_of_it() {
    let laws = changed(&[
        // A gentler step back, which still comes first.
        ("run       high_latency(factor: 0.8)", "run       high_latency(factor: 0.5)"),
        // Deployments that are known are measured all the same.
        ("max_age: 30d", "max_age: 1ms"),
        // Nobody is paused any more.
        ("when  target.phase != \"paused\" && !event.during_test", "when  target.phase == \"paused\""),
    ]);
    let report = backtest(&past(), ALWAYS, &laws).unwrap();
    insta::assert_snapshot!(to_people(&report));
}

#[test]
fn an_event_that_would_not_be_taken_is_told() {
    let laws =
        changed(&[("event HIGH_LATENCY { p99_ms: double }", "event HIGH_LATENCY { p99_ms: double, at: string }")]);
    let report = backtest(&past(), ALWAYS, &laws).unwrap();
    let refused = report.events.iter().filter(|event| event.verdict == Verdict::Refused);
    assert_eq!(refused.clone().count(), 3, "{}", to_people(&report));
    assert!(refused.into_iter().all(|event| event.kind == "HIGH_LATENCY" && event.changes.len() == 1));
}

/// Events before the period are played, or targets would not stand as they stood.
#[test]
fn only_the_period_is_compared() {
    let recorded = past();
    let start = recorded.events[0].accepted_at;
    let period =
        Period { from: Some(start.after(Duration::from_mins(15))), to: Some(start.after(Duration::from_mins(25))) };
    let report = backtest(&recorded, period, &laws()).unwrap();
    assert_eq!(report.events.len(), 1);
    assert!(report.is_same(), "{}", to_people(&report));
}

#[test]
fn nothing_that_was_recorded_is_no_error() {
    let report = backtest(&Recorded::default(), ALWAYS, &laws()).unwrap();
    assert!(report.is_same() && report.events.is_empty());
    assert!(to_people(&report).starts_with("same               0"), "{}", to_people(&report));
}
