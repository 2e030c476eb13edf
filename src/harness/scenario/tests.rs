use crate::diagnostic::render::to_people;
use crate::harness::tests::{GIVEN, laws, read};

fn problems(text: &str) -> String {
    let (scenarios, problems, sources) = read(text, &laws());
    assert!(!problems.is_empty(), "nothing is wrong with\n{text}");
    assert!(scenarios.is_empty(), "a wrong scenario is played");
    to_people(&problems, &sources, false)
}

/// What people get wrong, each with the whole of what they are told.
#[test]
fn what_is_wrong_is_told_at_its_place() {
    let wrong = [
        ("empty", String::new()),
        ("no list", "scenarios: {}\n".to_owned()),
        ("nothing expected", format!("scenario: a\n{GIVEN}when: [{{ event: IDLE }}]\nthen: {{}}\n")),
        ("keys", format!("scenaro: a\n{GIVEN}wen: [{{ event: IDLE }}]\nthen: {{ runs: [] }}\n")),
        (
            "keys below",
            "scenario: a
given:
  targets: { checkout: { phase: adjusting, agnets: [one], rate: fast } }
  config: { targets: { checkout: { slo: { p98: 250ms } } }, store: 'sqlite://x' }
  records: [{ signature: v1, max_rps: 5, target: chekout }]
when: [{ event: IDLE }]
then: { run: [] }
"
            .to_owned(),
        ),
        (
            "events",
            format!(
                "scenario: a
{GIVEN}when:
  - {{ event: IDEL }}
  - {{ event: HIGH_LATENCY, data: {{ p99: 3 }} }}
  - {{ event: HIGH_LATENCY, data: {{ p99_ms: slow }}, subject: chekout, priority: 12 }}
  - {{ at: 5 minutes, event: IDLE }}
  - {{ at: 0s }}
  - {{ event: IDLE, crash: now }}
  - {{ crash: later }}
  - {{ crash: {{ befor: hold }} }}
  - {{ crash: {{ before: holt }} }}
  - {{ run: deployment_chang }}
  - {{ run: deployment_change, inputs: {{ signatur: v2 }} }}
  - {{ halt: chekout }}
then: {{ runs: [] }}
"
            ),
        ),
        (
            "mocks",
            format!(
                "scenario: a
{GIVEN}mock:
  load_tets: {{ output: {{ max_rps: 5 }} }}
  deployment_change.holt: real
  pressure.messure: real
  load_test: {{ output: {{ max_rsp: 5 }} }}
  adjust: {{ output: {{ total_rps: lots, assignments: [] }} }}
  hold: [{{ fails: {{ kind: transent }} }}, rael, {{ output: {{}}, fails: no }}]
  dispatch: []
  save: {{ fails: }}
  stable: {{ after: 5, attempt: 0, item: -1, undo: maybe }}
when: [{{ event: IDLE }}]
then: {{ runs: [] }}
"
            ),
        ),
        (
            "expectations",
            format!(
                "scenario: a
{GIVEN}when: [{{ event: IDLE }}]
then:
  runs:
    - {{ workflow: idle_sistem }}
    - {{ workflow: idle_system, steps: {{ lowr: succeeded, pause: {{ stauts: failed }} }}, rule: idel }}
    - {{ step: x }}
  dispatched: {{ total_rps: 5 }}
  phases: {{ chekout: [stable], checkout: [stabel, {{ at: 0s, fase: stable }}] }}
  events: [{{ type: IDEL, rules: {{ idel: matched }} }}]
  emitted: [{{ typ: IDLE }}]
  targets: {{ checkout: {{ rate: 5 }} }}
  never: [{{ stepp: x }}, {{ step: holt }}, {{ action: agents.dispath }}, {{ above_rps: many }}, {{ run: x, step: hold }}]
"
            ),
        ),
        ("names that are not there", absent()),
        ("what can never be", impossible()),
        (
            "two of a name",
            format!(
                "{GIVEN}scenarios:
  - {{ scenario: a, when: [{{ event: IDLE }}], then: {{ runs: [] }} }}
  - {{ scenario: a, when: [{{ event: WAKE }}], then: {{ runs: [] }} }}
  - {{ scenario: a, when: [{{ event: WAEK }}], then: {{ runs: [] }} }}
"
            ),
        ),
    ];
    let mut all = String::new();
    for (name, text) in wrong {
        all.push_str(&format!("=== {name}\n{}", if name == "two of a name" { double(&text) } else { problems(&text) }));
    }
    insta::assert_snapshot!(all);
}

/// Expectations that nothing can ever meet.
fn absent() -> String {
    format!(
        "scenario: a
{GIVEN}mock:
  load_test: {{ item: 0, fails: x }}
  stable: {{ attempt: 2, fails: x }}
  save: {{ undo: true, fails: x }}
when: [{{ event: IDLE }}]
then:
  runs:
    - {{ workflow: idle_system, target: chekout, inputs: {{ factr: 1 }}, outputs: {{ x: 1 }} }}
    - {{ workflow: deployment_change, steps: {{ check_recorder: {{ input: {{ signatur: v }}, output: {{ record: {{ max: 1 }} }} }} }} }}
  dispatched:
    - {{ workflow: idle_sistem, target: chekout, step: holt }}
    - {{ workflow: deployment_change, step: save }}
    - {{ step: load_test }}
  records: [{{ target: chekout }}]
  emitted: [{{ type: RETEST_DUE, subject: chekout, data: {{ signatur: v }} }}]
  events: [{{ subject: chekout, rules: {{ idle: {{ run: idle_sistem }} }} }}]
"
    )
}

fn impossible() -> String {
    format!(
        "scenario: a
{GIVEN}when: [{{ event: IDLE }}]
then:
  runs: [{{ status: succeded, steps: {{ pause: done, lower: {{ status: skiped, attempts: '1' }} }} }}]
  dispatched: [{{ total_rps: '5', undo: maybe, agents: {{ onee: 5, two: many }} }}, {{ agents: [one] }}]
  targets: {{ checkout: {{ phase: degradd, rate_rps: \"50\" }} }}
  events: [{{ state: setled, rules: {{ idle: matchd }} }}]
  records: [{{ max_rps: 50rps }}]
"
    )
}

/// Both are read, and the second is told.
fn double(text: &str) -> String {
    let (_, problems, sources) = read(text, &laws());
    to_people(&problems, &sources, false)
}

/// What each deed takes is together what the table has.
#[test]
fn the_keys_of_when_are_those_of_the_table() {
    use super::when::{CRASH_KEYS, DECISION_KEYS, DEEDS, EVENT_KEYS, RETRY_KEYS, RUN_KEYS};
    use std::collections::BTreeSet;

    let read: BTreeSet<&str> =
        [DEEDS, EVENT_KEYS, RUN_KEYS, CRASH_KEYS, DECISION_KEYS, RETRY_KEYS].concat().into_iter().collect();
    assert_eq!(read, super::keys::WHEN.iter().map(|key| key.name).collect());
}

#[test]
fn what_a_file_says_is_completed_by_its_scenarios() {
    let text = "given:
  targets: { checkout: { signature: v1, rate: 100rps, agents: [one] }, cart: }
mock: { load_test: { output: { max_rps: 4 } }, hold: never_ends }
scenarios:
  - scenario: a
    given: { targets: { checkout: { rate: 20 } } }
    mock: { load_test: { fails: no } }
    when: [{ event: IDLE, subject: checkout }]
    then: { runs: [] }
";
    let (scenarios, problems, _) = read(text, &laws());
    assert!(problems.is_empty(), "{problems:?}");
    let setting = &scenarios[0].setting;
    let state = &setting.states[0];
    assert_eq!(
        (state.rate_rps, state.signature.as_ref().map(ToString::to_string)),
        (Some(20.0), Some("v1".to_owned()))
    );
    assert_eq!(setting.targets.names().len(), 2);
    assert_eq!(setting.mocks.len(), 2);
    insta::assert_debug_snapshot!(setting.mocks.iter().map(|mock| &mock.outcomes[0].answer).collect::<Vec<_>>());
}
