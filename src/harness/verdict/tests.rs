use crate::diagnostic::render::to_people;
use crate::harness::tests::{GIVEN, laws, played};
use crate::harness::trace::trace;
use crate::harness::verdict::judge;

/// A deployment that is measured, and what is expected of it.
fn expecting(then: &str) -> String {
    format!(
        "scenario: a
{GIVEN}mock: {{ load_test: {{ output: {{ max_rps: 400 }}, after: 2m }} }}
when: [{{ event: DEPLOYMENT_CHANGE, data: {{ signature: v2 }} }}]
then:
{then}"
    )
}

#[test]
fn each_expectation_that_is_not_met_is_told_at_its_line() {
    let laws = laws();
    let text = expecting(
        "  runs:
    - workflow: deployment_change
      target:
      rule: latency_spike
      status: failed
      error: no agent
      inputs: { signature: v3 }
      ended: 3m
      steps: { hold: skipped, load_test: { attempts: 2, output: { max_rps: 401 } }, degrade: succeeded }
    - { workflow: deployment_change }
  dispatched: [{ at: 0s, total_rps: 71, agents: { one: 36, two: 1 } }]
  phases: { checkout: [adjusting, { at: 1m, phase: degraded }] }
  targets: { checkout: { signature: v1, rate_rps: 320.0, reason: because } }
  records: []
  emitted: [{ type: RETEST_DUE }]
  events: [{ rules: { deployment_changed: no_match } }]
  never:
    - { run: deployment_change }
    - { step: hold }
    - { action: pressure.measure }
    - { phase: adjusting }
    - { above_rps: 300 }
    - { run: high_latency }
    - { emitted: RETEST_DUE }
",
    );
    let (scenario, played, sources) = played(&text, &laws);
    insta::assert_snapshot!(to_people(&judge(&scenario, &played, &laws.program), &sources, false));
}

#[test]
fn what_is_expected_and_happened_is_not_told() {
    let laws = laws();
    let text = expecting(
        "  runs:
    - workflow: deployment_change
      target: checkout
      rule: deployment_changed
      event: event-1
      error:
      began: 0s
      ended: 120s
      steps: { hold: { status: succeeded, undo:, input: { total_rps: 70 } }, load_test: { performed: 1, interruptions: 0 } }
  dispatched: [{ total_rps: 70 }, { at: 2m, total_rps: 320, undo: false, workflow: deployment_change }]
  refused: []
  never: [{ phase: paused }, { above_rps: 320 }]
",
    );
    let (scenario, played, sources) = played(&text, &laws);
    assert_eq!(to_people(&judge(&scenario, &played, &laws.program), &sources, false), "");
}

#[test]
fn what_happened_is_told_line_by_line_and_is_the_same_each_time() {
    let laws = laws();
    let text = format!(
        "scenario: a
{GIVEN}mock:
  load_test: [{{ fails: {{ kind: transient, message: no }} }}, never_ends]
  back_off: [{{ fails: {{ kind: transient, message: no }} }}, real]
when:
  - {{ crash: {{ after: hold }}, down: 5s }}
  - {{ event: DEPLOYMENT_CHANGE, data: {{ signature: v2 }} }}
  - {{ at: 1m, event: DEPLOYMENT_CHANGE, data: {{ signature: v3 }} }}
  - {{ at: 2m, halt: checkout }}
  - {{ at: 3m, unhalt: all }}
  - {{ at: 3m, unhalt: checkout }}
  - {{ at: 4m, event: HIGH_LATENCY, data: {{ p99_ms: 900 }}, times: 3, every: 1s }}
  - {{ at: 10m, pause: checkout }}
  - {{ at: 10m, pause: checkout }}
  - {{ at: 11m, resume: checkout }}
  - {{ at: 12m, run: idle_system, target: checkout }}
lasts: 1h
then: {{ runs: [] }}
"
    );
    let first = played(&text, &laws);
    let second = played(&text, &laws);
    let lines = trace(&first.1, &laws.program).join("\n");
    assert_eq!(lines, trace(&second.1, &laws.program).join("\n"));
    insta::assert_snapshot!(lines);
}

#[test]
fn a_load_test_that_is_not_mocked_is_told() {
    let laws = laws();
    let text = format!(
        "scenario: a
{GIVEN}when: [{{ event: DEPLOYMENT_CHANGE, data: {{ signature: v2 }} }}]
then: {{ runs: [{{ status: failed }}] }}
"
    );
    let (scenario, played, sources) = played(&text, &laws);
    insta::assert_snapshot!(to_people(&judge(&scenario, &played, &laws.program), &sources, false));
}

/// The rules of an action hold where its port is mocked: in mode `observe` no load test is run.
#[test]
fn a_mocked_load_test_is_refused_where_the_real_one_would_be() {
    let laws = laws();
    let text = "scenario: a
given:
  config: { targets: { checkout: { measure: { endpoint: 'http://127.0.0.1:1/' } } } }
  targets: { checkout: { signature: v1, rate: 100rps } }
mock: { load_test: { output: { max_rps: 400 } } }
when: [{ event: DEPLOYMENT_CHANGE, data: { signature: v2 } }]
then:
  runs: [{ status: failed, error: is in mode `observe` }]
";
    let (scenario, played, sources) = played(text, &laws);
    assert_eq!(to_people(&judge(&scenario, &played, &laws.program), &sources, false), "");
}
