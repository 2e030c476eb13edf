//! What stands behind `uses` becomes the signature of an action, or of a workflow that is called.

use std::sync::Arc;

use super::call::{self, Callable};
use crate::base::span::Spanned;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::action::{ActionSignature, Catalogue};
use crate::syntax::workflow::ast;

/// Most workflows that a help lists.
const MAX_LISTED: usize = 12;

/// The action that a `uses` names, or what a call sees of the workflow that it names; one that does not exist is reported.
pub(super) fn used(
    uses: &Spanned<String>,
    catalogue: &Catalogue,
    callable: &Callable,
    found: &mut Diagnostics,
) -> Option<Arc<ActionSignature>> {
    let Some(name) = call::called(&uses.node) else {
        let is_workflow = callable.contains_key(&uses.node) && catalogue.get(&uses.node).is_none();
        let meant = if is_workflow { Some(uses.node.as_str()) } else { unnamed(&uses.node).then_some("NAME") };
        if let Some(meant) = meant {
            let message = format!("there is no action `{}`", uses.node);
            let help = format!("a workflow is called as `{}{meant}`", call::PREFIX);
            found.push(Diagnostic::error(Code::UnknownAction, uses.span, message).help(help));
            return None;
        }
        return action(uses, catalogue, found);
    };
    if let Some(workflow) = callable.get(name) {
        return Some(Arc::clone(workflow));
    }
    let message = format!("there is no workflow `{name}`");
    let diagnostic = Diagnostic::error(Code::UnknownWorkflow, uses.span, message);
    let near = crate::base::suggest::nearest(name, callable.keys().map(String::as_str));
    found.push(match near {
        Some(near) => diagnostic.help(format!("did you mean `{}{near}`?", call::PREFIX)),
        None => {
            let mut names: Vec<String> = callable.keys().map(|name| format!("`{name}`")).collect();
            names.sort();
            let more = if names.len() > MAX_LISTED { ", …" } else { "" };
            names.truncate(MAX_LISTED);
            let list = names.join(", ");
            diagnostic.help(format!("the workflows of these files are {list}{more}: name the file of this one, too"))
        }
    });
    None
}

/// Whether the word begins a call, and the name is missing.
fn unnamed(uses: &str) -> bool {
    uses == call::PREFIX || uses == call::PREFIX.trim_end_matches('.')
}

/// The action that a `uses` names; one that does not exist is reported.
pub(super) fn action(
    uses: &Spanned<String>,
    catalogue: &Catalogue,
    found: &mut Diagnostics,
) -> Option<Arc<ActionSignature>> {
    if let Some(action) = catalogue.get(&uses.node) {
        return Some(Arc::clone(action));
    }
    if call::called(&uses.node).is_some() {
        let message = format!("`undo` takes an action, and `{}` is a workflow", uses.node);
        let help = "name one action that takes the step back";
        found.push(Diagnostic::error(Code::BadCall, uses.span, message).help(help));
        return None;
    }
    let message = format!("there is no action `{}`", uses.node);
    let diagnostic = Diagnostic::error(Code::UnknownAction, uses.span, message);
    let names = || catalogue.iter().map(|action| action.name.as_ref());
    found.push(match crate::base::suggest::nearest(&uses.node, names()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => {
            let family = uses.node.split('.').next().unwrap_or_default();
            let of_family: Vec<String> =
                names().filter(|name| name.split('.').next() == Some(family)).map(|name| format!("`{name}`")).collect();
            let all: Vec<String> = names().map(|name| format!("`{name}`")).collect();
            diagnostic.help(if of_family.is_empty() {
                format!("actions are {}", all.join(", "))
            } else {
                format!("actions of `{family}` are {}", of_family.join(", "))
            })
        }
    });
    None
}

/// What stands beside a call and says how an action is performed: there is none, but steps that say it themselves.
pub(super) fn keys_of_call(step: &ast::Step, callee: &str, found: &mut Diagnostics) {
    let theirs = |key: &str| format!("write `{key}` at the steps of `{callee}` that it is meant for");
    let keys = [
        ("retry", step.retry.map(|retry| retry.span), theirs("retry")),
        ("timeout", step.timeout.as_ref().map(|timeout| timeout.span), theirs("timeout")),
        ("undo", step.undo.as_ref().map(ast::Undo::span), "its steps are undone, each by its own `undo`".to_owned()),
        ("for_each", step.for_each.as_ref().map(|items| items.span), theirs("for_each")),
    ];
    for (key, place, help) in keys {
        if let Some(span) = place {
            let message = format!("a step that calls a workflow cannot have `{key}`");
            found.push(Diagnostic::error(Code::BadCall, span, message).help(help));
        }
    }
}
