//! The events that steps name are held against those that are declared.
//!
//! A workflow is checked without the rules files it is used with, so that it can be planned and stored alone; this is done
//! where both are there. A type that an expression gives is looked at when the step runs.

use super::EventType;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::action::Catalogue;
use crate::syntax::workflow::ast;

/// Every type that is written out under `with` and that no rules file declares.
pub fn check(workflows: &[ast::Workflow], events: &[EventType], catalogue: &Catalogue) -> Diagnostics {
    let mut found = Diagnostics::new();
    for step in workflows.iter().flat_map(|workflow| workflow.steps.iter().chain(&workflow.on_failure)) {
        let names_event =
            step.uses.as_ref().and_then(|uses| catalogue.get(&uses.node)).is_some_and(|it| it.names_event);
        let Some(node) = step.with.as_ref().filter(|_| names_event).and_then(|with| with.get("type")) else { continue };
        let Some(name) = node.as_str().filter(|name| !name.contains("${")) else { continue };
        if events.iter().any(|event| event.name == name) {
            continue;
        }
        let near = crate::base::suggest::nearest(name, events.iter().map(|event| event.name.as_str()));
        let help = "declare it in a rules file: `event NAME { field: type }`";
        let message = format!("there is no event `{name}`");
        found.push(Diagnostic::error(Code::UnknownEvent, node.span, message).help(help).did_you_mean(near));
    }
    found
}
