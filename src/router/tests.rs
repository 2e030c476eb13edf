use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{Match, Reads, Router, recheck};
use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::base::span::Span;
use crate::expression::{self, TypeEnv};
use crate::ir::template::Template;
use crate::ir::{self, Busy, Emission, Invocation};
use crate::model::event::{Event, Priority};
use crate::model::schema::{JsonMap, Shape};

fn program(text: &str) -> expression::Program {
    let env = ["event", "target", "now"].iter().fold(TypeEnv::new(), |env, name| env.with(name, Shape::Any));
    expression::compile(&Fragment::verbatim(SourceId(0), 0, text), &env).unwrap()
}

pub(super) fn rule(name: &str, on: &str, when: Option<&str>) -> ir::Rule {
    ir::Rule {
        name: name.into(),
        docs: String::new(),
        priority: 0,
        on: on.to_owned(),
        when: when.map(program),
        threshold: None,
        debounce: None,
        throttle: None,
        busy: Busy::Queue,
        run: None,
        emit: Vec::new(),
        digest: Digest::of(name),
        span: Span::new(SourceId(0), 0, 0),
    }
}

fn runs(rule: ir::Rule, arguments: &[(&str, &str)]) -> ir::Rule {
    let arguments =
        arguments.iter().map(|(key, text)| ((*key).to_owned(), Template::Expression(program(text)))).collect();
    ir::Rule { run: Some(Invocation { workflow: "w".into(), arguments: Template::Object(arguments) }), ..rule }
}

pub(super) fn event(kind: &str) -> Event {
    Event {
        id: "1".to_owned(),
        source: "test".to_owned(),
        kind: kind.to_owned(),
        subject: Some("checkout".into()),
        time: Timestamp(0),
        data: json!({ "p99_ms": 300.0, "signature": "b" }),
        priority: Priority::default(),
        deliver_at: None,
        during_test: false,
        chain: 0,
        extensions: JsonMap::new(),
    }
}

pub(super) fn router(rules: Vec<ir::Rule>) -> Router {
    Router::new(Arc::new(ir::Program { rules, ..ir::Program::default() }))
}

/// One line a rule: its name, what came of it, what it asks for.
fn told(router: &Router, event: &Event, target: Option<&serde_json::Value>) -> Vec<String> {
    let answers = router.route_all(event, target, Timestamp(1_000));
    answers
        .iter()
        .map(|routed| {
            let result = match &routed.result {
                Match::Matched => "matched".to_owned(),
                Match::NoMatch => "no match".to_owned(),
                Match::NoTarget => "no target".to_owned(),
                Match::Error(_) => "error".to_owned(),
            };
            let arguments = routed.arguments.as_ref().map(ToString::to_string).unwrap_or_default();
            let emissions: Vec<String> = routed
                .emissions
                .iter()
                .map(|emitted| format!(" {}{} after {:?}", emitted.event, emitted.data, emitted.after))
                .collect();
            format!("{}: {result} {arguments}{}", routed.rule.name, emissions.concat()).trim_end().to_owned()
        })
        .collect()
}

#[test]
fn every_rule_on_the_type_answers_in_order() {
    let mut emitting = rule("emits", "SPIKE", None);
    emitting.emit.push(Emission {
        event: "LATER".to_owned(),
        arguments: Template::Object(vec![("at".to_owned(), Template::Expression(program("now")))]),
        after: Duration::from_mins(1),
    });
    let router = router(vec![
        runs(rule("second", "SPIKE", Some("event.data.p99_ms > target.slo")), &[("signature", "event.data.signature")]),
        rule("other", "CALM", None),
        rule("never", "SPIKE", Some("event.data.p99_ms > 1000.0")),
        emitting,
        runs(rule("plain", "SPIKE", None), &[]),
    ]);
    let target = json!({ "slo": 250.0 });
    assert_eq!(
        told(&router, &event("SPIKE"), Some(&target)),
        [
            r#"second: matched {"signature":"b"}"#,
            "never: no match",
            r#"emits: matched  LATER{"at":"1970-01-01T00:00:01.000Z"} after 60s"#,
            "plain: matched {}",
        ]
    );
    assert_eq!(told(&router, &event("CALM"), None), ["other: matched"]);
    assert!(told(&router, &event("NEVER_HEARD_OF"), None).is_empty());
}

#[test]
fn without_a_target_only_rules_that_do_not_speak_of_it_match() {
    let mut emits = rule("in_emit", "SPIKE", None);
    emits.emit.push(Emission {
        event: "LATER".to_owned(),
        arguments: Template::Object(vec![("s".to_owned(), Template::Expression(program("target.signature")))]),
        after: Duration::ZERO,
    });
    let router = router(vec![
        rule("in_when", "SPIKE", Some("target.phase == 'stable'")),
        runs(rule("in_run", "SPIKE", None), &[("s", "target.signature")]),
        emits,
        rule("free", "SPIKE", Some("event.type == 'SPIKE'")),
    ]);
    let event = Event { subject: None, ..event("SPIKE") };
    assert_eq!(
        told(&router, &event, None),
        ["in_when: no target", "in_run: no target", "in_emit: no target", "free: matched"]
    );
    assert!(Match::NoTarget.note().is_some_and(|note| note.contains("no subject")));
}

#[test]
fn an_error_is_no_match_and_is_told() {
    let router = router(vec![
        rule("in_when", "SPIKE", Some("event.data.missing > 1.0")),
        runs(rule("in_run", "SPIKE", None), &[("x", "event.data.missing")]),
        rule("no_boolean", "SPIKE", Some("event.data.p99_ms")),
    ]);
    let event = event("SPIKE");
    assert_eq!(told(&router, &event, None), ["in_when: error", "in_run: error", "no_boolean: error"]);
    for routed in router.route(&event, None, Timestamp(0)) {
        assert!(routed.result.note().is_some_and(|note| !note.is_empty()), "{}", routed.rule.name);
    }
}

#[test]
fn a_run_that_waited_is_checked_against_what_is_so_now() {
    let rule = rule("r", "SPIKE", Some("event.data.signature != target.signature"));
    let event = event("SPIKE");
    let held = |signature: &str| recheck(&rule, &event, Some(&json!({ "signature": signature })), Timestamp(0));
    assert_eq!(held("a"), Ok(true));
    assert_eq!(held("b"), Ok(false));
    assert!(recheck(&rule, &event, None, Timestamp(0)).is_err());
    assert_eq!(recheck(&self::rule("always", "SPIKE", None), &event, None, Timestamp(0)), Ok(true));
}

#[test]
fn what_rules_read_of_a_target_is_known_beforehand() {
    let mut emits = rule("emits", "EMITS", Some("event.data.x > 1"));
    emits.emit.push(Emission {
        event: "LATER".to_owned(),
        arguments: Template::Object(vec![("s".to_owned(), Template::Expression(program("target")))]),
        after: Duration::ZERO,
    });
    let router = router(vec![
        rule("nothing", "NOTHING", Some("event.data.x > 1")),
        rule("phase", "PHASE", Some("target.phase == 'stable'")),
        runs(rule("record", "RECORD", None), &[("s", "target.?record.max_rps.orValue(1.0)")]),
        rule("first", "BOTH", None),
        rule("second", "BOTH", Some("target['record'] != null")),
        emits,
    ]);
    let read = ["NOTHING", "PHASE", "RECORD", "BOTH", "EMITS", "NEVER_HEARD_OF"].map(|kind| router.reads(kind));
    let [nothing, target, record] =
        [(false, false), (true, false), (true, true)].map(|(target, record)| Reads { target, record });
    assert_eq!(read, [nothing, target, record, record, record, nothing]);
}
