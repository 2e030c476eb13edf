use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::app::explain::{Counted, Running};
use crate::base::clock::Timestamp;
use crate::base::source::Sources;
use crate::compile::compile;
use crate::diagnostic::Diagnostics;
use crate::model::target::Phase;

const RULES: &str = r#"
event SPIKE { p99_ms: double, tags?: list<string> }
event CALM { why: string }
rule first {
    on        SPIKE
    when      event.data.p99_ms > 2.0 * target.slo.p99_ms && target.phase in ["stable", "degraded"]
    threshold 2 within 1m
    throttle  1 per 5m
    busy      supersede
    run       slow(rate_rps: event.data.p99_ms / 10.0)
    emit      CALM(why: target.phase) after 30m
}
rule second {
    on        SPIKE
    when      event.data.tags.exists(tag, tag.startsWith("prod")) || target.rate_rps != null && target.rate_rps > 100.0
    debounce  10s
    busy      coalesce
    run       slow(rate_rps: 1.0)
}
rule third { on SPIKE run slow(rate_rps: double(event.type)) }
rule other { on CALM run slow(rate_rps: 1.0) }
"#;

const WORKFLOW: &str = "workflow: slow\ninputs: { rate_rps: double }\nsteps:\n  set:\n    uses: agents.dispatch\n    \
    with: { total_rps: \"${inputs.rate_rps}\", signature: x }\n    timeout: 30s\n  rest: { needs: [set], uses: state.stable }\n";

fn explained(event: Json, state: &State) -> String {
    let mut sources = Sources::new();
    sources.add("a.rules", RULES);
    sources.add("a.yaml", WORKFLOW);
    let compilation = compile(sources.clone(), Diagnostics::new(), &program::catalogue());
    let program = program::assemble(compilation).unwrap();
    let config = config::read("", "defaults: {}", Path::new(""), &[]).config.unwrap();
    let now = Timestamp(1_700_000_000_000);
    text(&explain(&program, &sources, &config.targets, read_event(event, now).unwrap(), state, now))
}

#[test]
fn an_explanation_is_read_from_top_to_bottom() {
    let spike =
        |p99: f64| json!({ "type": "SPIKE", "subject": "checkout", "data": { "p99_ms": p99, "tags": ["prod-1"] } });
    let counted = BTreeMap::from([("first".into(), Counted { matches: 1, passed: 0 })]);
    let known =
        State { signature: Some("sha256:1f2e".to_owned()), rate_rps: Some(120.0), rules: counted, ..State::default() };
    let running = Some(Running { workflow: "slow".to_owned(), inputs: json!({ "rate_rps": 1.0 }) });
    let busy = State { phase: Phase::Degraded, running, ..known.clone() };
    let paused = State { phase: Phase::Paused, ..State::default() };
    let throttled =
        State { rules: BTreeMap::from([("first".into(), Counted { matches: 1, passed: 1 })]), ..known.clone() };
    let all = [
        explained(spike(1200.0), &known),
        explained(spike(1200.0), &busy),
        explained(spike(1200.0), &throttled),
        explained(spike(100.0), &paused),
        explained(json!({ "type": "SPIKE", "data": { "p99_ms": 1 } }), &State::default()),
        explained(json!({ "type": "CALM", "data": {} }), &State::default()),
    ];
    insta::assert_snapshot!(all.join("\n────\n"));
}

#[test]
fn what_is_no_event_is_told() {
    for (event, problem) in [
        (json!([]), "the event must be a JSON object"),
        (json!({ "data": {} }), "`type`"),
        (json!({ "type": "SPIKE", "priority": 12 }), "`priority`"),
    ] {
        let problems = read_event(event, Timestamp(0)).unwrap_err();
        assert!(problems[0].contains(problem), "{problems:?}");
    }
}

#[test]
fn a_state_is_read_as_yaml_and_as_json() {
    let yaml = "phase: degraded\nrate_rps: 120\nrecord: { max_rps: 400.0, recorded_at: 2026-01-01T00:00:00Z }\n\
        running: { workflow: slow }\nrules:\n  first: { matches: 2 }\n";
    let state: State = serde_yaml::from_str(yaml).unwrap();
    assert_eq!((state.phase, state.rate_rps), (Phase::Degraded, Some(120.0)));
    assert_eq!(state.rules["first"], Counted { matches: 2, passed: 0 });
    assert_eq!(serde_yaml::from_str::<State>("{ \"phase\": \"paused\" }").unwrap().phase, Phase::Paused);
    assert!(serde_yaml::from_str::<State>("fase: paused").unwrap_err().to_string().contains("fase"));
}
