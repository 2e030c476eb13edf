//! Expressions from text to value, as the rest of the house uses them.

mod diagnostics;
mod edges;
mod hostile;

use serde_json::{Value as Json, json};

use super::*;
use crate::base::source::SourceId;
use crate::diagnostic::Code;
use crate::model::schema::{Field, Object, Shape};

fn fragment(text: &str) -> Fragment {
    Fragment::verbatim(SourceId(0), 0, text)
}

/// An event, a target and inputs as rules and workflows declare them.
fn declared() -> TypeEnv {
    let data = Object::new(vec![
        Field::required("signature", Shape::String, ""),
        Field::optional("environment", Shape::String, ""),
        Field::required("p99_ms", Shape::Double, ""),
        Field::required("tags", Shape::List(Box::new(Shape::String)), ""),
    ]);
    let event = Object::new(vec![
        Field::required("type", Shape::String, ""),
        Field::required("time", Shape::Timestamp, ""),
        Field::required("data", Shape::Object(data), ""),
        Field::required("priority", Shape::Int, ""),
    ]);
    let record = Object::new(vec![Field::required("max_rps", Shape::Double, "")]);
    let target = Object::new(vec![
        Field::nullable("signature", Shape::String, ""),
        Field::nullable("rate_rps", Shape::Double, ""),
        Field::nullable("record", Shape::Object(record.clone()), ""),
        Field::required("labels", Shape::Map(Box::new(Shape::String)), ""),
    ]);
    let inputs = Object::new(vec![
        Field::required("wait", Shape::Duration, ""),
        Field::required("waits", Shape::List(Box::new(Shape::Duration)), ""),
        Field::optional("grace", Shape::Duration, ""),
        Field::required("anything", Shape::Any, ""),
    ]);
    let lookup = Object::new(vec![Field::optional("record", Shape::Object(record), "")]);
    let steps = Object::new(vec![
        Field::required("check_recorder", Shape::Object(lookup), ""),
        Field::optional(
            "load_test",
            Shape::Object(Object::new(vec![Field::required("max_rps", Shape::Double, "")])),
            "",
        ),
    ]);
    TypeEnv::new()
        .with("event", Shape::Object(event))
        .with("target", Shape::Object(target))
        .with("inputs", Shape::Object(inputs))
        .with("steps", Shape::Object(steps))
}

fn data() -> [(&'static str, Json); 4] {
    [
        (
            "event",
            json!({
                "type": "HIGH_LATENCY", "time": "2026-03-01T12:30:00Z", "priority": 5,
                "data": { "signature": "sha256:b", "p99_ms": 300.0, "tags": ["prod-eu", "blue"] },
            }),
        ),
        ("target", json!({ "signature": null, "rate_rps": 100.0, "record": null, "labels": { "team": "pay" } })),
        ("inputs", json!({ "wait": "10m", "waits": ["1m", "1h30m"], "anything": { "a": [1, 2.5, null] } })),
        ("steps", json!({ "check_recorder": {} })),
    ]
}

fn program(text: &str) -> Program {
    compile(&fragment(text), &declared()).unwrap_or_else(|problems| panic!("{text}: {problems:?}"))
}

fn evaluate(text: &str) -> Result<Option<Json>, EvaluationError> {
    let data = data();
    let bindings = data.iter().fold(Bindings::new(), |bindings, (name, value)| bindings.with(name, value));
    program(text).evaluate(&bindings)
}

fn gives(text: &str) -> Json {
    evaluate(text).unwrap_or_else(|error| panic!("{text}: {error}")).unwrap_or_else(|| panic!("{text} holds nothing"))
}

#[test]
fn programs_cross_threads() {
    fn shared<T: Clone + std::fmt::Debug + Send + Sync>(_: &T) {}
    shared(&program("event.type"));
}

#[test]
fn conditions_of_rules_hold_or_do_not() {
    for (text, holds) in [
        ("event.type == 'HIGH_LATENCY' && event.data.p99_ms > 250.0", true),
        ("event.data.p99_ms > 250", true),
        ("event.type in ['A', 'B']", false),
        ("event.data.tags.exists(t, t.startsWith('prod-'))", true),
        ("event.data.signature != target.signature", true),
        ("target.signature == null || target.signature == event.data.signature", true),
        ("has(event.data.environment)", false),
        ("event.data.?environment.orValue('none') == 'none'", true),
        ("target.rate_rps * 2.0 >= 200.0", true),
        ("target.labels.team == 'pay' && 'team' in target.labels", true),
        ("target.record != null && target.record.max_rps > 1.0", false),
        ("event.time < timestamp('2027-01-01T00:00:00Z')", true),
        ("event.time.getHours() == 12", true),
    ] {
        assert_eq!(gives(text), json!(holds), "{text}");
    }
}

#[test]
fn declared_durations_are_durations_wherever_they_are_used() {
    for text in [
        "inputs.wait > duration('5m')",
        "inputs['wait'] == duration('600s')",
        "inputs.waits[1] == duration('90m')",
        "inputs.waits.exists(w, w > duration('1h'))",
        "inputs.waits.filter(w, w > duration('1h')) == [duration('90m')]",
        "inputs.waits.map(w, w + w)[0] == duration('2m')",
        "duration('1m') in inputs.waits",
        "inputs.waits == [duration('1m'), duration('90m')]",
        "inputs.?wait.orValue(duration('0s')) == duration('10m')",
        "!has(inputs.grace) && inputs.?grace == optional.none()",
        "cel.bind(all, inputs, all.wait == duration('10m') && all['waits'][0] == duration('1m'))",
        "[inputs.wait][0] == duration('10m')",
        "(true ? inputs : inputs).wait == duration('10m')",
        "inputs.?wait.optMap(w, w * 1 == w).hasValue() || true",
        "event.time + inputs.wait == timestamp('2026-03-01T12:40:00Z')",
    ] {
        if compile(&fragment(text), &declared()).is_ok() {
            assert_eq!(gives(text), json!(true), "{text}");
        } else {
            assert!(text.contains("w * 1"), "{text} should compile");
        }
    }
}

#[test]
fn results_are_json() {
    for (text, result) in [
        ("inputs.wait + duration('30m')", json!("40m")),
        ("inputs.waits", json!(["1m", "1h30m"])),
        ("duration('-1.5s')", json!("-1.5s")),
        ("event.time", json!("2026-03-01T12:30:00Z")),
        ("event.data", json!({ "signature": "sha256:b", "p99_ms": 300.0, "tags": ["prod-eu", "blue"] })),
        ("b'hello'", json!("aGVsbG8=")),
        ("{1: 2u, 'a': [1.5, null]}", json!({ "1": 2, "a": [1.5, null] })),
        ("1.0", json!(1.0)),
        ("[optional.of(1), optional.none()]", json!([1])),
        ("event.data.?signature", json!("sha256:b")),
        ("inputs.anything.a[1]", json!(2.5)),
    ] {
        assert_eq!(gives(text), result, "{text}");
    }
    assert_eq!(evaluate("event.data.?environment"), Ok(None));
    assert!(evaluate("1.0 / 0.0").is_err(), "no number in JSON");
}

#[test]
fn steps_that_were_skipped_are_optional() {
    let text = "steps.?load_test.max_rps.or(steps.check_recorder.?record.max_rps)";
    assert_eq!(evaluate(text), Ok(None));
    let program = program(text);
    assert!(program.is_optional());
    assert_eq!(program.shape(), Shape::Double);
    assert!(evaluate(&format!("{text}.value()")).is_err());
    assert_eq!(gives("has(steps.?load_test.max_rps)"), json!(false));
    assert_eq!(gives("!has(steps.check_recorder.record)"), json!(true));
}

#[test]
fn shapes_are_known_before_anything_runs() {
    for (text, shape) in [
        ("event.data.p99_ms * 2.0", Shape::Double),
        ("target.signature", Shape::String),
        ("event.priority + 1", Shape::Int),
        ("event.data.tags.map(t, t.size())", Shape::List(Box::new(Shape::Int))),
        ("inputs.wait", Shape::Duration),
        ("inputs.anything", Shape::Any),
        ("event.data.tags", Shape::List(Box::new(Shape::String))),
        ("{'a': 1.5}", Shape::Map(Box::new(Shape::Double))),
    ] {
        assert_eq!(program(text).shape(), shape, "{text}");
    }
    assert!(program("target.signature").is_nullable());
    assert!(!program("event.type").is_nullable());
}

#[test]
fn references_are_found_where_no_variable_hides_them() {
    let text = "has(steps.a) && steps.?b.c == steps['d'].e + steps[f].g + [dyn(1)].map(steps, steps.h)[0] \
                + cel.bind(x, steps.i, x) + .steps.j";
    let env = TypeEnv::new().with("steps", Shape::Any).with("f", Shape::Any);
    let program = compile(&fragment(text), &env).unwrap();
    let names: Vec<Option<String>> = program.references("steps").into_iter().map(|found| found.name).collect();
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(names, [name("a"), name("b"), name("d"), None, name("i"), name("j")]);
    let spans: Vec<&str> = program.references("steps").iter().map(|found| &text[found.span.range()]).collect();
    assert_eq!(spans, ["steps.a", "steps.?b", "steps['d']", "steps[f]", "steps.i", ".steps.j"]);
}

#[test]
fn what_fails_says_where() {
    for (text, message, place) in [
        ("event.data.environment == 'a'", "no such key: `environment`", "event.data.environment"),
        ("1 + 2 / (event.priority - 5)", "divide by zero", "2 / (event.priority - 5)"),
        ("target.record.max_rps > 1.0", "no such key: `max_rps` of null", "target.record.max_rps"),
        ("inputs.anything.a[7]", "invalid argument: no such place in a list of 3", "inputs.anything.a[7]"),
        ("inputs.anything.a + 1", "no such overload: `+` does not take (list, int)", "inputs.anything.a + 1"),
    ] {
        let error = evaluate(text).expect_err(text);
        assert_eq!(error.message, message, "{text}");
        assert_eq!(error.span.map(|span| &text[span.range()]), Some(place), "{text}");
    }
}

#[test]
fn data_that_is_not_as_declared_fails_and_says_so() {
    let env = TypeEnv::new().with("wait", Shape::Duration);
    let program = compile(&fragment("wait > duration('1s')"), &env).unwrap();
    let value = json!("soon");
    let error = program.evaluate(&Bindings::new().with("wait", &value)).unwrap_err();
    assert_eq!(error.message, "declared a duration, but the data holds \"soon\"");
    let unbound = program.evaluate(&Bindings::new()).unwrap_err();
    assert_eq!(unbound.message, "`wait` has no value here");
}

#[test]
fn conditions_must_be_boolean() {
    let env = TypeEnv::new().with("x", Shape::Any);
    let program = compile(&fragment("x"), &env).unwrap();
    let value = json!("true");
    let error = program.evaluate_bool(&Bindings::new().with("x", &value)).unwrap_err();
    assert_eq!(error.message, "the condition must be bool, but it is string");
}

#[test]
fn unchecked_expressions_fail_only_when_they_run() {
    assert!(compile(&fragment("nobody(1)"), &TypeEnv::new()).is_err());
    let program = compile_unchecked(&fragment("nobody(1) || true"), &TypeEnv::new()).unwrap();
    assert_eq!(program.evaluate(&Bindings::new()), Ok(Some(json!(true))));
}

#[test]
fn spans_point_into_the_source() {
    let fragment = Fragment::verbatim(SourceId(3), 100, "event.data.nothing > 1");
    let problems = compile(&fragment, &declared()).unwrap_err();
    let problem = problems.iter().next().unwrap();
    assert_eq!(problem.code, Code::UnknownField);
    assert_eq!(problem.primary.span.source, SourceId(3));
    assert_eq!(problem.primary.span.range(), 111..118);
}
