//! The schema of `homeostat.yaml`, from the table of settings.

use serde_json::{Map, Value as Json, json};

use super::{described, document, reference, text};
use crate::config::keys::detector::{DETECTOR, KINDS, reads, required};
use crate::config::keys::{self, AGENT, ENGINE, Fallback, Key, Kind, List, REQUEST, SCHEDULE, TARGET, WEBHOOK};

/// The schema of `homeostat.yaml`.
pub fn config() -> Json {
    let mut rest = group(ENGINE, "");
    if let Some(rest) = rest.as_object_mut() {
        if let Some(properties) = rest.get_mut("properties").and_then(Json::as_object_mut) {
            for list in List::ALL {
                let items = json!({
                    "type": ["object", "null"],
                    "propertyNames": { "pattern": "^[A-Za-z0-9_.-]{1,200}$" },
                    "additionalProperties": reference(list.item()),
                });
                let docs = match list {
                    List::Targets => "What Homeostat looks after, by name.",
                    List::Schedules => "Events that come by themselves, by name.",
                    List::Webhooks => "Subscribers outside, by name: where events are posted.",
                    List::Detectors => "Sources of events that Homeostat watches itself, by name.",
                };
                properties.insert(list.key().to_owned(), described(items, docs));
            }
            let defaults = "Settings of every target that does not say otherwise. With `defaults`, targets that are not listed exist as well.";
            properties.insert("defaults".to_owned(), described(reference("target"), defaults));
        }
        rest.insert(
            "$defs".to_owned(),
            json!({
                "target": group(TARGET, ""), "schedule": schedule(), "webhook": webhook(), "detector": detector(), "agents": agents(),
                "requests": requests(),
            }),
        );
        // A target that says how it is measured says what, unless `defaults` does.
        rest.insert("if".to_owned(), json!({ "not": measured(&["defaults", "measure"]) }));
        rest.insert("then".to_owned(), json!({ "properties": { "targets": { "additionalProperties": endpoints() } } }));
    }
    document("Homeostat configuration", "`homeostat.yaml`: what runs, where, and which targets it looks after.", rest)
}

/// A schedule: one event type, and one way to say when.
fn schedule() -> Json {
    let mut schedule = group(SCHEDULE, "");
    if let Some(schedule) = schedule.as_object_mut() {
        let given = |key: &str| json!({ "properties": { key: { "type": "string" } }, "required": [key] });
        schedule.insert("type".to_owned(), "object".into());
        schedule.insert("required".to_owned(), json!(["event"]));
        schedule.insert("oneOf".to_owned(), json!([given("cron"), given("every")]));
        // An interval goes by no clock.
        schedule.insert("not".to_owned(), json!({ "allOf": [given("every"), given("time_zone")] }));
    }
    schedule
}

/// A webhook: where it is, and what it is signed with.
fn webhook() -> Json {
    let mut webhook = group(WEBHOOK, "");
    if let Some(webhook) = webhook.as_object_mut() {
        let given = json!({ "type": "string" });
        webhook.insert("type".to_owned(), "object".into());
        webhook.insert("required".to_owned(), json!(["url", "secret"]));
        webhook.insert("allOf".to_owned(), json!([{ "properties": { "url": given, "secret": given } }]));
    }
    webhook
}

/// A detector: its kind, what that cannot do without, and nothing that it does not read.
fn detector() -> Json {
    let mut detector = group(DETECTOR, "");
    let Some(entries) = detector.as_object_mut() else { return detector };
    let by_kind = KINDS.iter().map(|kind| {
        let names = DETECTOR.iter().map(|key| key.path.split('.').next().unwrap_or(key.path));
        let foreign =
            names.clone().filter(|name| !reads(kind, name)).map(|name| (name.to_owned(), json!({ "type": "null" })));
        let needed = required(kind).iter().map(|name| ((*name).to_owned(), json!({ "not": { "type": "null" } })));
        let properties: Map<String, Json> = foreign.chain(needed).collect();
        json!({
            "if": { "properties": { "kind": { "const": kind } } },
            "then": { "properties": properties, "required": required(kind) },
        })
    });
    entries.insert("type".to_owned(), "object".into());
    entries.insert("required".to_owned(), json!(["kind"]));
    let given = json!({ "properties": { "kind": { "not": { "type": "null" } } } });
    entries.insert("allOf".to_owned(), std::iter::once(given).chain(by_kind).collect());
    detector
}

/// A mapping in which `endpoint` is said below these keys.
fn measured(path: &[&str]) -> Json {
    let endpoint = json!({ "properties": { "endpoint": { "type": "string" } }, "required": ["endpoint"] });
    path.iter().rev().fold(endpoint, |inner, key| {
        let inner = json!({ "type": "object", "allOf": [inner] });
        json!({ "properties": { *key: inner }, "required": [key] })
    })
}

/// A target that says nothing of how it is measured, or of what is as well.
fn endpoints() -> Json {
    let nothing = json!({ "type": "null" });
    let empty = json!({ "type": "object", "additionalProperties": nothing });
    let silent = json!({ "type": "object", "additionalProperties": { "anyOf": [nothing, empty] } });
    let unsaid = json!({ "properties": { "measure": { "anyOf": [nothing, silent] } } });
    json!({ "anyOf": [unsaid, measured(&["measure"])] })
}

/// The mapping of all settings of `table` below `prefix`, which is empty or ends in a dot.
fn group(table: &'static [Key], prefix: &str) -> Json {
    let mut properties = Map::new();
    for key in table {
        let Some((name, _)) = key.path.strip_prefix(prefix).map(|rest| rest.split_once('.').unwrap_or((rest, "")))
        else {
            continue;
        };
        if name == "KEY" {
            let mut group = json!({ "type": ["object", "null"], "additionalProperties": setting(key) });
            // Where only some names are known, no other one is.
            let known = keys::place(&prefix.trim_end_matches('.').split('.').collect::<Vec<_>>()).children;
            if let Some(group) = group.as_object_mut().filter(|_| !known.is_empty()) {
                group.insert("propertyNames".to_owned(), json!({ "enum": known }));
            }
            return group;
        }
        if !properties.contains_key(name) {
            properties.insert(name.to_owned(), entry(table, &format!("{prefix}{name}")));
        }
    }
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

/// What stands at a path: a value, a mapping of settings below it, or either.
fn entry(table: &'static [Key], path: &str) -> Json {
    let key = table.iter().find(|key| key.path == path);
    let below = format!("{path}.");
    let has_below = table.iter().any(|key| key.path.starts_with(&below));
    match (key, has_below) {
        (Some(key), true) => described(json!({ "anyOf": [value(key.kind), group(table, &below)] }), &docs(key)),
        (Some(key), false) => match keys::most(path) {
            Some(most) => described(json!({ "anyOf": [text::percentage_up_to(most), { "type": "null" }] }), &docs(key)),
            None => setting(key),
        },
        (None, _) => group(table, &below),
    }
}

fn setting(key: &Key) -> Json {
    described(value(key.kind), &docs(key))
}

fn docs(key: &Key) -> String {
    match key.default {
        Fallback::Required => key.docs.to_owned(),
        default => format!("{} Default: {default}.", key.docs),
    }
}

/// A value of that kind. Nothing written is nothing said.
fn value(kind: Kind) -> Json {
    let scalar = match kind {
        // Whatever YAML takes it for, it is read as it is written.
        Kind::Text | Kind::Path => json!({ "type": ["string", "number", "boolean"] }),
        Kind::Store => json!({ "type": "string", "pattern": r"^\s*sqlite://[^?#]+$" }),
        Kind::Url => json!({ "type": "string", "pattern": "^\\s*https?://" }),
        Kind::Address => json!({ "type": "string", "pattern": r"^\s*[0-9\[].*:[0-9]+\s*$" }),
        Kind::Duration => text::positive_duration(),
        Kind::Rate => text::rate(),
        Kind::Percentage => text::percentage(),
        Kind::Count => {
            json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string", "pattern": "^[0-9_]*[1-9][0-9_]*$" }] })
        }
        Kind::Choice(words) => {
            // `true`, `2` and the like need no quotes: YAML's own value is read as it is written.
            let unquoted = words.iter().filter_map(|word| serde_json::from_str::<Json>(word).ok());
            let taken = words.iter().map(|word| json!(word)).chain(unquoted).chain([Json::Null]);
            return json!({ "enum": taken.collect::<Json>() });
        }
        Kind::Off => json!({ "const": "off" }),
        Kind::TextList => json!({ "anyOf": [{ "type": "array", "items": text::filled() }, { "type": "string" }] }),
        // Which patterns and zones there are is for the reader to judge.
        Kind::Cron | Kind::TimeZone | Kind::Header => text::filled(),
        Kind::Secret => json!({ "type": "string", "pattern": r"^\s*\$\{\s*secret\.[A-Za-z0-9_]+\s*\}\s*$" }),
        Kind::Data => json!({ "type": "object" }),
        Kind::Agents => return reference("agents"),
        Kind::Requests => return reference("requests"),
        Kind::Command => {
            json!({ "type": "array", "items": { "type": ["string", "number", "boolean"] }, "minItems": 1 })
        }
        Kind::Success | Kind::Expression => json!({ "type": ["string", "boolean"], "minLength": 1 }),
    };
    json!({ "anyOf": [scalar, { "type": "null" }] })
}

/// Agents of other makes.
fn agents() -> Json {
    let properties: Map<String, Json> = AGENT
        .iter()
        .map(|key| {
            let value = if key.kind == Kind::Url { value(key.kind) } else { text::filled() };
            (key.path.to_owned(), described(value, key.docs))
        })
        .collect();
    let required: Vec<&str> = AGENT.iter().map(|key| key.path).collect();
    json!({
        "type": "array",
        "items": { "type": "object", "properties": properties, "required": required, "additionalProperties": false },
    })
}

/// What a load test sends.
fn requests() -> Json {
    let mut request = group(REQUEST, "");
    if let Some(request) = request.as_object_mut() {
        request.insert("type".to_owned(), json!("object"));
    }
    json!({ "anyOf": [{ "type": "array", "items": request, "minItems": 1, "maxItems": 100 }, { "type": "null" }] })
}
