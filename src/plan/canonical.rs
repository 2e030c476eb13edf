//! A plan as JSON: one form that holds what a plan does and nothing else, which its digest is made of.
//!
//! Templates stand in it as they are written, with `${ … }`. Keys are sorted, so that neither the order of keys in a
//! file nor that of independent steps matters.

use serde_json::{Value as Json, json};

use super::graph::{Graph, StepIndex};
use super::{ForEach, Plan, Retry, Step, Undo};
use crate::base::literal::format_duration;
use crate::ir::template::{Part, Template};
use crate::model::action::Effect;
use crate::model::schema::{JsonMap, Object, Shape};

/// Grows when this form changes, since every digest changes with it.
const FORMAT: u32 = 1;

/// The canonical text of a plan.
pub(super) fn text(plan: &Plan) -> String {
    let steps_of = |graph: &Graph| -> JsonMap {
        graph.iter().map(|(index, named)| (named.name.to_string(), Json::Object(step(graph, index, named)))).collect()
    };
    let document = json!({
        "format": FORMAT,
        "workflow": plan.workflow,
        "inputs": fields(&plan.inputs, false),
        "steps": steps_of(&plan.steps),
        "on_failure": steps_of(&plan.on_failure),
        "outputs": outputs(plan),
    });
    sorted(document).to_string()
}

/// One step, without its name and comments.
pub(super) fn step(graph: &Graph, index: StepIndex, step: &Step) -> JsonMap {
    let mut map = JsonMap::new();
    map.insert("action".to_owned(), json!(step.action.name));
    map.insert("version".to_owned(), json!(step.action.version));
    map.insert("effect".to_owned(), json!(effect(step.action.effect)));
    let mut after: Vec<(String, &str)> = graph
        .dependencies(index)
        .into_iter()
        .filter_map(|(before, why)| Some((graph.step(before)?.name.to_string(), why.as_str())))
        .collect();
    after.sort_unstable();
    let after: JsonMap = after.into_iter().map(|(name, why)| (name, json!(why))).collect();
    map.insert("after".to_owned(), Json::Object(after));
    map.insert("with".to_owned(), written(&step.with));
    let mut put = |key: &str, value: Option<Json>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value);
        }
    };
    put("call", step.border.map(|border| json!(border.as_str())));
    put("if", step.condition.as_ref().map(|program| json!(program.text().trim())));
    put("for_each", step.for_each.as_ref().map(for_each));
    put("retry", step.retry.map(retry));
    put("timeout", step.timeout.map(|timeout| json!(format_duration(timeout))));
    put("undo", step.undo.as_ref().map(undo));
    put("proposes", step.action.proposes.map(|phase| json!(phase.as_str())));
    map
}

/// What the run returns.
pub(super) fn outputs(plan: &Plan) -> Json {
    Json::Object(plan.outputs.iter().map(|(name, template)| (name.clone(), written(template))).collect())
}

/// Declared fields; with their comments where those are wanted.
pub(super) fn fields(object: &Object, docs: bool) -> Json {
    let map = object.fields.iter().map(|field| {
        let mut entry = json!({ "type": shape(&field.shape), "optional": field.optional, "nullable": field.nullable });
        if let (true, Some(entry)) = (docs && !field.docs.is_empty(), entry.as_object_mut()) {
            entry.insert("docs".to_owned(), json!(field.docs));
        }
        (field.name.clone(), entry)
    });
    Json::Object(map.collect())
}

fn shape(shape: &Shape) -> Json {
    match shape {
        Shape::List(item) => json!({ "list": self::shape(item) }),
        Shape::Map(value) => json!({ "map": self::shape(value) }),
        Shape::Object(object) => json!({ "object": fields(object, false), "open": object.open }),
        scalar => json!(scalar.to_string()),
    }
}

/// An effect in a word.
pub(super) fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "none",
        Effect::Idempotent => "idempotent",
        Effect::AtMostOnce => "at_most_once",
    }
}

fn retry(retry: Retry) -> Json {
    json!({
        "attempts": retry.attempts,
        "backoff": format_duration(retry.backoff),
        "max_backoff": format_duration(retry.max_backoff),
    })
}

fn for_each(each: &ForEach) -> Json {
    json!({ "items": written(&each.items), "concurrency": each.concurrency })
}

fn undo(undo: &Undo) -> Json {
    match undo {
        Undo::Previous => json!("previous"),
        Undo::Action { action, with } => {
            json!({ "action": action.name, "version": action.version, "with": written(with) })
        }
    }
}

/// A template as its author writes it.
pub(super) fn written(template: &Template) -> Json {
    match template {
        Template::Literal(value) => literal(value),
        Template::Expression(program) => json!(format!("${{{}}}", program.text().trim())),
        Template::Text(parts) => {
            let mut text = String::new();
            for part in parts {
                match part {
                    Part::Text(piece) => text.push_str(&escaped(piece)),
                    Part::Expression(program) => text.push_str(&format!("${{{}}}", program.text().trim())),
                }
            }
            json!(text)
        }
        Template::List(items) => Json::Array(items.iter().map(written).collect()),
        Template::Object(entries) => {
            Json::Object(entries.iter().map(|(key, entry)| (key.clone(), written(entry))).collect())
        }
    }
}

fn literal(value: &Json) -> Json {
    match value {
        Json::String(text) => json!(escaped(text)),
        Json::Array(items) => Json::Array(items.iter().map(literal).collect()),
        Json::Object(entries) => {
            Json::Object(entries.iter().map(|(key, entry)| (key.clone(), literal(entry))).collect())
        }
        other => other.clone(),
    }
}

fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

/// The same value with the keys of every object sorted, whatever order the map type keeps.
pub(super) fn sorted(value: Json) -> Json {
    match value {
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        Json::Object(entries) => {
            let mut entries: Vec<(String, Json)> = entries.into_iter().collect();
            entries.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
            Json::Object(entries.into_iter().map(|(key, entry)| (key, sorted(entry))).collect())
        }
        other => other,
    }
}
