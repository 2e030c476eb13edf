//! The events that steps name, and what they are to carry, are held against those that are declared.
//!
//! A workflow is checked without the rules files it is used with, so that it can be planned and stored alone; this is done
//! where both are there. A type or a value that an expression gives is looked at when the step runs.

use serde_json::Value as Json;

use super::EventType;
use crate::base::span::Span;
use crate::base::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::action::Catalogue;
use crate::syntax::workflow::ast;
use crate::syntax::yaml::Node;

/// Every type that is written out under `with` and that no rules file declares, and what of `data` does not fit its type.
pub fn check(workflows: &[ast::Workflow], events: &[EventType], catalogue: &Catalogue) -> Diagnostics {
    let mut found = Diagnostics::new();
    for step in workflows.iter().flat_map(|workflow| workflow.steps.iter().chain(&workflow.on_failure)) {
        let action = step.uses.as_ref().and_then(|uses| catalogue.get(&uses.node)).filter(|it| it.names_event);
        let (Some(action), Some(with)) = (action, &step.with) else { continue };
        let Some(node) = with.get("type") else { continue };
        let Some(name) = node.as_str().filter(|name| !name.contains("${")) else { continue };
        if let Some(event) = events.iter().find(|event| event.name == name) {
            // A wait says what it looks for, an event says all that it carries.
            let is_whole = !action.waits;
            match with.get("data") {
                Some(data) => carried(event, data, is_whole, &mut found),
                None if is_whole && !with.is_cut() => missing(event, &[], node.span, &mut found),
                None => {}
            }
            continue;
        }
        let near = nearest(name, events.iter().map(|event| event.name.as_str()));
        let help = "declare it in a rules file: `event NAME { field: type }`";
        let message = format!("there is no event `{name}`");
        found.push(Diagnostic::error(Code::UnknownEvent, node.span, message).help(help).did_you_mean(near));
    }
    found
}

/// What is written out under `data` and is not as the event declares it.
fn carried(event: &EventType, data: &Node, is_whole: bool, found: &mut Diagnostics) {
    let Some(entries) = data.as_map() else { return };
    for (key, value) in entries {
        let Some(field) = event.data.field(&key.name) else {
            if !event.data.open {
                let message = format!("the event `{}` has no field `{}`", event.name, key.name);
                let names: Vec<&str> = event.data.fields.iter().map(|field| field.name.as_str()).collect();
                let help = match names.as_slice() {
                    [] => "it carries nothing".to_owned(),
                    names => format!("its fields are `{}`", names.join("`, `")),
                };
                let near = nearest(&key.name, names);
                let problem = Diagnostic::error(Code::UnknownInput, key.span, message).help(help);
                found.push(problem.did_you_mean(near));
            }
            continue;
        };
        let mut json = value.to_json();
        if value.is_cut() || has_expression(&json) || (field.nullable && json.is_null()) {
            continue;
        }
        for mismatch in field.shape.conform(&field.name, &mut json).err().unwrap_or_default() {
            let problem = Diagnostic::error(Code::WrongType, value.span, mismatch.to_string());
            found.push(problem.help(format!("`{}` carries `{}: {}`", event.name, field.name, field.shape)));
        }
    }
    if is_whole && !data.is_cut() {
        let given: Vec<&str> = entries.iter().map(|(key, _)| key.name.as_str()).collect();
        missing(event, &given, data.span, found);
    }
}

/// The fields that an event needs and that are not given; one that a misspelt key was meant to be is told with it.
fn missing(event: &EventType, given: &[&str], place: Span, found: &mut Diagnostics) {
    for field in event.data.fields.iter().filter(|field| !field.optional && !given.contains(&field.name.as_str())) {
        let is_declared = |name: &&&str| event.data.field(name).is_some();
        let mut unknown = given.iter().filter(|name| !is_declared(name));
        if unknown.any(|name| nearest(name, [field.name.as_str()]).is_some()) {
            continue;
        }
        let message = format!("the event `{}` needs `{}`, which is not given", event.name, field.name);
        let help = format!("add `{}: …` under `data`, of type `{}`", field.name, field.shape);
        found.push(Diagnostic::error(Code::MissingInput, place, message).help(help));
    }
}

/// Whether a text in it holds an expression. Recursion is bounded by the parser's limit on nesting.
fn has_expression(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains("${"),
        Json::Array(items) => items.iter().any(has_expression),
        Json::Object(entries) => entries.values().any(has_expression),
        _ => false,
    }
}
