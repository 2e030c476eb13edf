//! What holds for every text and every message, right or wrong: each function takes anything and panics where it does not
//! hold.
//!
//! The property tests feed it right files that were damaged, the fuzz targets (`fuzz/`) whatever they come up with.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use homeostat::action;
use homeostat::api::cloud_event;
use homeostat::app::program::{assemble, check_shipped};
use homeostat::base::clock::Timestamp;
use homeostat::base::fragment::Fragment;
use homeostat::base::source::{SourceId, Sources};
use homeostat::compile::{self, Compilation, plan_of};
use homeostat::diagnostic::render::{summary, to_github, to_json, to_people, to_sarif};
use homeostat::diagnostic::{Code, Diagnostics, Severity};
use homeostat::expression::{Bindings, Program, Type, TypeEnv};
use homeostat::harness::scenario::{self, Known};
use homeostat::model::action::Catalogue;
use homeostat::model::event::Event;
use homeostat::model::schema::{Field, Object, Shape};
use homeostat::plan::Plan;
use homeostat::plan::render::{Format, render};
use homeostat::router::Router;
use homeostat::runtime;
use homeostat::syntax::{rules, yaml};
use serde_json::{Value as Json, json};

/// A workflow that rules may run, and rules that run it. Small: they are compiled with every text that is tried.
const WORKFLOW: &str = "workflow: deployment_change
inputs: { signature: string, factor: double? }
steps: { rest: { uses: state.stable } }
";
const RULES: &str = "event DEPLOYMENT_CHANGE { signature: string }
rule changed { on DEPLOYMENT_CHANGE run deployment_change(signature: event.data.signature) }
";

/// Made once: a fuzzer tries thousands of texts a second.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(action::catalogue);
static SHIPPED: LazyLock<Arc<runtime::program::Program>> =
    LazyLock::new(|| assemble(check_shipped()).expect("what ships is right"));

/// Every place lies in its text, between characters, and what is said can be shown in every form.
pub(super) fn diagnostics_can_be_shown(diagnostics: &Diagnostics, sources: &Sources) {
    for problem in diagnostics.iter() {
        for label in std::iter::once(&problem.primary).chain(&problem.secondary) {
            let text = &sources.get(label.span.source).expect("a problem of a source that there is").text;
            assert!(text.get(label.span.range()).is_some(), "no place in the text: {problem:?}");
        }
        assert!(!problem.message.is_empty() && !problem.message.contains('\n'), "{problem:?}");
    }
    for colour in [false, true] {
        assert_eq!(to_people(diagnostics, sources, colour).is_empty(), diagnostics.is_empty());
    }
    serde_json::from_str::<Json>(&to_sarif(diagnostics, sources)).expect("JSON");
    assert_eq!(to_github(diagnostics, sources).is_empty(), diagnostics.is_empty());
    let told: Vec<Json> = serde_json::from_str(&to_json(diagnostics, sources)).expect("JSON");
    assert_eq!(told.is_empty(), diagnostics.is_empty());
    assert_eq!(summary(diagnostics, 1).starts_with("no problems"), diagnostics.is_empty());
}

/// An expression is refused with problems, or gives a value of its type, or an error; the same each time.
///
/// `data` is what the name `any` holds; all other names hold data as declared.
pub(super) fn expression(text: &str, data: &Json) {
    let mut sources = Sources::new();
    let id = sources.add("expression", text);
    let program = match homeostat::expression::compile(&Fragment::verbatim(id, 0, text), &names()) {
        Ok(program) => program,
        Err(problems) => {
            assert!(problems.has_errors(), "refused without a reason");
            return diagnostics_can_be_shown(&problems, &sources);
        }
    };
    for root in ["event", "any"] {
        for reference in program.references(root) {
            assert!(text.get(reference.span.range()).is_some(), "{reference:?}");
        }
    }
    let event = event_view();
    let target = json!({ "phase": "stable", "rate_rps": null, "since": "2026-01-31T12:00:00Z", "limits": [1.5, 2.0] });
    let bindings = Bindings::new().with("event", &event).with("target", &target).with("any", data);
    let first = program.evaluate(&bindings);
    assert_eq!(first, program.evaluate(&bindings), "evaluated twice");
    match first {
        Ok(value) => check_type(&program, value.as_ref()),
        Err(error) => {
            assert!(!error.message.is_empty());
            assert!(error.span.is_none_or(|span| text.get(span.range()).is_some()), "{error:?}");
        }
    }
}

fn names() -> TypeEnv {
    let data = Object::new(vec![
        Field::required("signature", Shape::String, ""),
        Field::required("p99_ms", Shape::Double, ""),
        Field::required("count", Shape::Int, ""),
        Field::required("urgent", Shape::Bool, ""),
        Field::required("window", Shape::Duration, ""),
        Field::optional("region", Shape::String, ""),
        Field::optional("missing", Shape::Int, ""),
        Field::required("tags", Shape::List(Box::new(Shape::String)), ""),
        Field::required("labels", Shape::Map(Box::new(Shape::Int)), ""),
    ]);
    let target = Object::new(vec![
        Field::required("phase", Shape::String, ""),
        Field::nullable("rate_rps", Shape::Double, ""),
        Field::required("since", Shape::Timestamp, ""),
        Field::required("limits", Shape::List(Box::new(Shape::Double)), ""),
    ]);
    TypeEnv::new()
        .with("event", Shape::Object(Event::shape(data)))
        .with("target", Shape::Object(target))
        .with("any", Shape::Any)
}

fn event_view() -> Json {
    json!({
        "id": "1", "source": "/test", "type": "T", "subject": "checkout", "time": "2026-01-31T12:00:00.5Z",
        "priority": 5, "during_test": false,
        "data": {
            "signature": "sha256:été", "p99_ms": 250.5, "count": -3, "urgent": true, "window": "1h30m",
            "region": "eu", "tags": ["a", "", "ü"], "labels": { "x": 1, "y z": 2 },
        },
    })
}

/// The value is of the type that the checker told.
fn check_type(program: &Program, value: Option<&Json>) {
    let kind = program.type_of();
    match value {
        Some(value) => assert!(fits(value, kind), "{value} is no {kind}: {}", program.text()),
        None => assert!(may_be_nothing(kind), "nothing is no {kind}: {}", program.text()),
    }
}

fn may_be_nothing(kind: &Type) -> bool {
    match kind {
        Type::Optional(_) | Type::Dyn | Type::Variable(_) => true,
        Type::Nullable(inner) => may_be_nothing(inner),
        _ => false,
    }
}

/// Whether a result, which is JSON by then, may come of the type.
fn fits(value: &Json, kind: &Type) -> bool {
    match kind {
        Type::Null => value.is_null(),
        Type::Bool => value.is_boolean(),
        Type::Int => value.is_i64(),
        Type::Uint => value.is_u64(),
        Type::Double => value.is_f64(),
        Type::String | Type::Bytes | Type::Duration | Type::Timestamp | Type::Type(_) => value.is_string(),
        Type::List(item) => value.as_array().is_some_and(|items| items.iter().all(|value| fits(value, item))),
        Type::Map(_, item) => value.as_object().is_some_and(|map| map.values().all(|value| fits(value, item))),
        Type::Object(object) => value.as_object().is_some_and(|map| {
            object.fields.iter().all(|field| match map.get(&field.name) {
                None => field.optional,
                Some(Json::Null) => field.nullable || field.shape == Shape::Any,
                Some(value) => fits(value, &Type::of_shape(&field.shape)),
            })
        }),
        Type::Optional(inner) => fits(value, inner),
        Type::Nullable(inner) => value.is_null() || fits(value, inner),
        Type::Dyn | Type::Error | Type::Opaque(..) | Type::Variable(_) | Type::Parameter(_) => true,
    }
}

/// A rules file is a program or has problems, and what is a program routes whatever event there is. What has a form can
/// be formatted, once and for all.
pub(super) fn rules(text: &str) {
    formatted("damaged.rules", text, rules::format::format);
    let compilation = compiled(&[("damaged.rules", text), ("deployment_change.yaml", WORKFLOW)]);
    let Some(program) = compilation.program else { return };
    let types: Vec<String> = program.events.iter().map(|event| event.name.clone()).collect();
    let router = Router::new(program.into());
    for kind in types {
        let event = Event {
            id: "1".to_owned(),
            source: "/test".to_owned(),
            kind,
            subject: None,
            time: Timestamp(0),
            data: json!({ "signature": "a", "p99_ms": 1.0 }),
            priority: homeostat::model::event::Priority::default(),
            deliver_at: None,
            during_test: false,
            chain: 0,
            extensions: serde_json::Map::new(),
        };
        for routed in router.route(&event, None, Timestamp(0)) {
            assert_eq!(routed.rule.on, event.kind);
        }
    }
}

fn formatted(path: &str, text: &str, format: fn(SourceId, &str) -> Result<String, Diagnostics>) {
    let mut sources = Sources::new();
    let id = sources.add(path, text);
    match format(id, text) {
        Ok(once) => assert_eq!(format(id, &once).expect("what was formatted has a form"), once, "formatted twice"),
        Err(problems) => {
            // Of YAML, some that is hardly ever written stays as it is.
            let is_left = path.ends_with("yaml") || problems.iter().all(|problem| problem.code != Code::Internal);
            assert!(problems.has_errors() && is_left, "{text}");
            diagnostics_can_be_shown(&problems, &sources);
        }
    }
}

/// A workflow is a plan or has problems. A plan can be drawn, and its text gives the same plan again. What has a
/// form can be formatted, once and for all.
pub(super) fn workflow(text: &str) {
    formatted("damaged.yaml", text, yaml::format::format);
    let compilation = compiled(&[("damaged.yaml", text), ("deployment_change.rules", RULES)]);
    for plan in &compilation.plans {
        drawn(plan);
        if !compilation.diagnostics.has_errors() {
            let again = plan_of(&plan.source, &CATALOGUE).expect("a text that made a plan makes one again");
            assert_eq!(again.digest, plan.digest);
        }
    }
}

fn drawn(plan: &Plan) {
    serde_json::from_str::<Json>(&plan.canonical_text()).expect("JSON");
    serde_json::from_str::<Json>(&render(plan, Format::Json)).expect("JSON");
    for format in [Format::Text, Format::Mermaid, Format::Dot] {
        assert!(!render(plan, format).is_empty());
    }
}

fn compiled(files: &[(&str, &str)]) -> Compilation {
    let mut sources = Sources::new();
    for (path, text) in files {
        sources.add(*path, *text);
    }
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    let compilation = compile::compile(sources, Diagnostics::new(), &CATALOGUE);
    diagnostics_can_be_shown(&compilation.diagnostics, &compilation.sources);
    assert_eq!(compilation.program.is_some(), compilation.diagnostics.count(Severity::Error) == 0);
    // What is said of a file is bounded by what stands in it.
    assert!(compilation.diagnostics.iter().count() <= bytes, "more problems than bytes");
    compilation
}

/// A scenario file for the program that ships gives scenarios, of which each has a name of its own, or has problems.
/// Read again, it is the same.
pub(super) fn scenario(text: &str) {
    let mut sources = Sources::new();
    let id = sources.add("damaged.test.yaml", text);
    let known = Known { program: &SHIPPED, catalogue: &CATALOGUE };
    let (scenarios, diagnostics) = scenario::parse(id, &sources, known);
    assert!(!scenarios.is_empty() || !diagnostics.is_empty(), "left out without a reason");
    let names: BTreeSet<&str> = scenarios.iter().map(|scenario| scenario.name.node.as_str()).collect();
    assert!(names.len() == scenarios.len() || !diagnostics.is_empty(), "two of a name");
    for scenario in &scenarios {
        assert!(scenario.when.is_sorted_by_key(|planned| planned.at));
        let places = scenario.when.iter().map(|planned| planned.span).chain([scenario.name.span]);
        assert!(places.into_iter().all(|span| text.get(span.range()).is_some()), "{:?}", scenario.name);
    }
    let (again, problems) = scenario::parse(id, &sources, known);
    assert_eq!(format!("{again:?} {problems:?}"), format!("{scenarios:?} {diagnostics:?}"), "read twice");
    diagnostics_can_be_shown(&diagnostics, &sources);
}

/// An HTTP message, header lines, an empty line and a body, is refused or holds events. An event that was taken is taken
/// again as it is, when it is sent in structured form.
pub(super) fn event(message: &[u8]) {
    let (headers, body) = parts(message);
    let now = Timestamp(1_800_000_000_000);
    let events = match cloud_event::read(&headers, body, now) {
        Ok(events) => events,
        Err(problem) => {
            assert!(problem.status >= 400 && !problem.title.is_empty(), "{problem:?}");
            return;
        }
    };
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", http::HeaderValue::from_static("application/cloudevents+json"));
    for event in events {
        let stored = serde_json::to_string(&event).expect("JSON");
        assert_eq!(serde_json::from_str::<Event>(&stored).expect("an event"), event);
        let again = cloud_event::read(&headers, structured(&event).to_string().as_bytes(), now).expect("taken before");
        assert_eq!(again, [event]);
    }
}

/// The event as a client would send it.
fn structured(event: &Event) -> Json {
    let mut sent = json!({
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.kind,
        "subject": event.subject,
        "time": event.time.to_string(),
        "deliverat": event.deliver_at.map(|time| time.to_string()),
        "priority": event.priority.level(),
        "data": event.data,
    });
    if let Some(attributes) = sent.as_object_mut() {
        attributes.extend(event.extensions.clone());
    }
    sent
}

fn parts(message: &[u8]) -> (http::HeaderMap, &[u8]) {
    let mut headers = http::HeaderMap::new();
    let mut rest = message;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        rest = &after[1..];
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = http::HeaderName::from_bytes(&line[..colon]);
        let value = http::HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, rest)
}
