//! The schema of scenario files, from the tables of their keys.

use serde_json::{Map, Value as Json, json};

use super::{described, document, text};
use crate::harness::scenario::keys::{FILE, SCENARIO, Table, Takes};

/// The schema of `*.test.yaml`.
pub fn scenario() -> Json {
    let one = required(mapping(SCENARIO), &["scenario", "when", "then"]);
    let many = required(mapping(FILE), &["scenarios"]);
    document(
        "Homeostat scenarios",
        "Stories that `homeostat test` plays on the real engine: what is so, what happens, and what must come of it.",
        json!({ "oneOf": [one, many] }),
    )
}

fn mapping(table: Table) -> Json {
    let properties: Map<String, Json> =
        table.iter().map(|key| (key.name.to_owned(), described(value(key.takes), key.docs))).collect();
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

fn required(mut schema: Json, names: &[&str]) -> Json {
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("required".to_owned(), names.into());
        fields.insert("type".to_owned(), "object".into());
    }
    schema
}

fn value(takes: Takes) -> Json {
    match takes {
        Takes::Any => json!({}),
        Takes::Text => text::filled(),
        Takes::Texts => json!({ "type": "array", "items": text::filled() }),
        Takes::Word(words) => json!({ "enum": words }),
        Takes::WordOr(words, table) => json!({ "anyOf": [{ "enum": words }, mapping(table)] }),
        Takes::TextOr(table) => json!({ "anyOf": [text::filled(), mapping(table)] }),
        Takes::Bool => json!({ "type": "boolean" }),
        Takes::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Takes::Number => json!({ "type": "number" }),
        Takes::Figure => json!({ "type": ["number", "null"] }),
        Takes::Rate => json!({ "anyOf": [{ "type": "number", "minimum": 0 }, text::filled()] }),
        Takes::Duration => text::positive_duration(),
        Takes::Moment => json!({ "anyOf": [text::positive_duration(), { "const": "0s" }, { "const": "0ms" }] }),
        Takes::Mapping(table) => mapping(table),
        Takes::List(table) => {
            let item = if table == SCENARIO {
                required(mapping(table), &["scenario", "when", "then"])
            } else {
                mapping(table)
            };
            json!({ "type": "array", "items": item })
        }
        Takes::ListOfTextOr(table) => {
            json!({ "type": "array", "items": { "anyOf": [text::filled(), mapping(table)] } })
        }
        Takes::Named(inner) => json!({ "type": ["object", "null"], "additionalProperties": value(*inner) }),
        Takes::Outcomes(table) => {
            let one = json!({ "anyOf": [{ "enum": ["real", "never_ends"] }, mapping(table)] });
            json!({ "anyOf": [one, { "type": "array", "minItems": 1, "items": one }] })
        }
    }
}
