//! The schema of workflow files, from the tables of their keys and the signatures of actions.

use serde_json::{Map, Value as Json, json};

use super::{described, document, reference, shape, text};
use crate::model::action::{ActionSignature, Catalogue};
use crate::syntax::workflow::keys::{self, Key, MAX_ENTRIES, NOT_OF_CALLS, Takes};

const CALL: &str = "A workflow of the same program: its steps become part of this one.";

/// The schema of `*.yaml` workflows that use the actions of `catalogue`.
pub fn workflow(catalogue: &Catalogue) -> Json {
    let mut definitions = Map::new();
    let mut define = |name: &str, schema: Json| definitions.insert(name.to_owned(), schema);
    define("template", text::template());
    define("inputs", inputs());
    define("steps", steps());
    define("step", step(catalogue));
    define("retry", mapping(keys::RETRY));
    define("undo", undo(catalogue));
    for action in catalogue.iter() {
        define(&with_name(action), described(nullable_where_empty(action), action.docs));
    }
    let actions: Vec<Json> =
        catalogue.iter().map(|action| json!({ "const": action.name, "description": action.docs })).collect();
    define("action", json!({ "oneOf": actions }));
    define("call", described(json!({ "type": "string", "pattern": "^workflow\\.[A-Za-z_][A-Za-z0-9_]*$" }), CALL));
    let mut rest = mapping(keys::WORKFLOW);
    if let Some(rest) = rest.as_object_mut() {
        rest.insert("$defs".to_owned(), definitions.into());
    }
    document(
        "Homeostat workflow",
        "Steps that are done for one event, and what is undone when one of them fails.",
        rest,
    )
}

/// A mapping in which only the keys of this table stand.
fn mapping(table: &[Key]) -> Json {
    let properties: Map<String, Json> =
        table.iter().map(|key| (key.name.to_owned(), described(value(key.takes), key.docs))).collect();
    let required: Vec<&str> = table.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn value(takes: Takes) -> Json {
    match takes {
        Takes::Name => text::name(false),
        Takes::Text => text::filled(),
        Takes::Inputs => reference("inputs"),
        Takes::Outputs => json!({ "type": "object", "propertyNames": text::name(false) }),
        Takes::Steps => reference("steps"),
        Takes::Action => reference("action"),
        // What stands in it is said by the action.
        Takes::With => json!({ "type": ["object", "null"] }),
        Takes::Condition => text::condition(),
        Takes::Needs => json!({ "type": "array", "items": text::filled(), "maxItems": MAX_ENTRIES }),
        Takes::Items => text::items(),
        Takes::Count(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
        Takes::Duration => text::positive_duration(),
        Takes::Retry => reference("retry"),
        Takes::Undo => reference("undo"),
    }
}

fn inputs() -> Json {
    json!({
        "type": ["object", "null"],
        "propertyNames": text::name(true),
        "additionalProperties": { "anyOf": [text::type_name(), { "allOf": [reference("inputs"), { "type": "object" }] }] },
        "maxProperties": MAX_ENTRIES,
    })
}

fn steps() -> Json {
    json!({
        "type": "object",
        "propertyNames": text::name(false),
        "additionalProperties": reference("step"),
        "maxProperties": MAX_ENTRIES,
    })
}

fn step(catalogue: &Catalogue) -> Json {
    let mut step = mapping(keys::STEP);
    if let Some(step) = step.as_object_mut() {
        step.insert("dependentRequired".to_owned(), json!({ "concurrency": ["for_each"] }));
        let mut cases = by_action(catalogue);
        if let Some(cases) = cases.as_array_mut() {
            cases.push(of_call());
        }
        step.insert("allOf".to_owned(), cases);
        if let Some(uses) = step.get_mut("properties").and_then(|properties| properties.get_mut("uses")) {
            let docs = uses.get("description").cloned();
            *uses = json!({ "anyOf": [reference("action"), reference("call")], "description": docs });
        }
    }
    step
}

/// What a step has none of that calls a workflow.
fn of_call() -> Json {
    let none: Map<String, Json> = NOT_OF_CALLS.iter().map(|key| ((*key).to_owned(), Json::Bool(false))).collect();
    json!({
        "if": { "properties": { "uses": reference("call") }, "required": ["uses"] },
        "then": { "properties": none },
    })
}

fn undo(catalogue: &Catalogue) -> Json {
    let mut action = mapping(keys::UNDO);
    if let Some(action) = action.as_object_mut() {
        action.insert("allOf".to_owned(), by_action(catalogue));
    }
    json!({ "anyOf": [{ "const": "previous", "description": "What was before the step." }, action] })
}

/// What `with` takes, by what `uses` names.
fn by_action(catalogue: &Catalogue) -> Json {
    let cases = catalogue.iter().map(|action| {
        let mut then = json!({ "properties": { "with": reference(&with_name(action)) } });
        if let (Some(then), true) = (then.as_object_mut(), needs_input(action)) {
            then.insert("required".to_owned(), json!(["with"]));
        }
        json!({ "if": { "properties": { "uses": { "const": action.name } }, "required": ["uses"] }, "then": then })
    });
    cases.collect()
}

fn with_name(action: &ActionSignature) -> String {
    format!("with_{}", action.name)
}

fn needs_input(action: &ActionSignature) -> bool {
    !action.one_of.is_empty() || action.inputs.fields.iter().any(|field| !field.optional)
}

/// The inputs of an action. Where none of them is needed, nothing need stand behind `with`.
fn nullable_where_empty(action: &ActionSignature) -> Json {
    let mut inputs = shape::object(&action.inputs);
    let Some(object) = inputs.as_object_mut() else { return inputs };
    if !needs_input(action) {
        object.insert("type".to_owned(), json!(["object", "null"]));
    }
    if !action.one_of.is_empty() {
        let one: Vec<Json> = action.one_of.iter().map(|name| json!({ "required": [name] })).collect();
        object.insert("anyOf".to_owned(), one.into());
        object.insert("allOf".to_owned(), exclusions(action.one_of));
    }
    inputs
}

/// Of these inputs no two stand together. One that is an expression may give nothing, which is for the checker to find out.
fn exclusions(names: &[&str]) -> Json {
    let expression = json!({ "not": { "type": "string", "pattern": "\\$\\{" } });
    let pairs =
        names.iter().enumerate().flat_map(|(at, first)| names.iter().skip(at + 1).map(move |second| (first, second)));
    pairs
        .map(|(first, second)| {
            let given: Map<String, Json> =
                [first, second].into_iter().map(|name| ((*name).to_owned(), expression.clone())).collect();
            json!({ "not": { "required": [first, second], "properties": given } })
        })
        .collect()
}
