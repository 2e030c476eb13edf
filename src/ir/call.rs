//! Calls between workflows: trees become an order in which what is called comes before who calls it, and each workflow
//! becomes what a step that uses it sees: a signature like that of an action.
//!
//! What it must not know: how a call is performed, how a plan holds what it calls.

use std::collections::HashMap;
use std::sync::Arc;

use super::Object;
use super::template::Template;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::action::{ActionSignature, Effect};
use crate::model::schema::{Field, Shape};
use crate::syntax::workflow::ast;

/// What stands before the name of a workflow that a step uses.
pub const PREFIX: &str = "workflow.";

/// Most circles of calls that are told: nobody reads more.
const MAX_CIRCLES: usize = 16;

/// The workflow that a `uses` names.
pub fn called(uses: &str) -> Option<&str> {
    uses.strip_prefix(PREFIX).filter(|name| !name.is_empty())
}

/// What calls see of each workflow, by its name.
pub type Callable = HashMap<String, Arc<ActionSignature>>;

/// What a call sees of a workflow of which only the text is known: it may return anything.
pub fn sketch(workflow: &ast::Workflow) -> Option<ActionSignature> {
    let name = &workflow.name.as_ref()?.node;
    let mut signature = ActionSignature::pure(format!("{PREFIX}{name}"), "", Vec::new(), Vec::new());
    signature.inputs = workflow.inputs.clone();
    signature.output.open = true;
    Some(signature)
}

/// The signature of a checked workflow: what it takes, returns, and does by means of its steps.
pub(super) fn signature<'a>(
    workflow: &ast::Workflow,
    output: Vec<Field>,
    is_whole: bool,
    actions: impl IntoIterator<Item = &'a Arc<ActionSignature>>,
) -> Option<ActionSignature> {
    let sketch = sketch(workflow)?;
    let whole = ActionSignature { output: Object { fields: output, open: !is_whole }, ..sketch };
    Some(actions.into_iter().fold(whole, |so_far, action| ActionSignature {
        effect: stronger(so_far.effect, action.effect),
        proposes: so_far.proposes.or(action.proposes),
        needs_target: so_far.needs_target || action.needs_target,
        sets_rate: so_far.sets_rate || action.sets_rate,
        loads_target: so_far.loads_target || action.loads_target,
        waits: so_far.waits || action.waits,
        ..so_far
    }))
}

fn stronger(one: Effect, other: Effect) -> Effect {
    match (one, other) {
        (Effect::AtMostOnce, _) | (_, Effect::AtMostOnce) => Effect::AtMostOnce,
        (Effect::Idempotent, _) | (_, Effect::Idempotent) => Effect::Idempotent,
        (Effect::None, Effect::None) => Effect::None,
    }
}

/// What an output is, as far as its template says.
pub(super) fn field_of(name: &str, template: &Template, may_be_null: bool) -> Field {
    let (optional, nullable) = match template {
        Template::Expression(program) => (program.is_optional(), may_be_null || program.is_nullable()),
        Template::Literal(value) => (false, value.is_null()),
        _ => (false, false),
    };
    Field { optional, nullable, ..Field::required(name, shape_of(template), "") }
}

/// Depth is bounded by the reader's limit on nesting.
fn shape_of(template: &Template) -> Shape {
    match template {
        Template::Expression(program) => program.shape(),
        Template::Text(_) => Shape::String,
        Template::List(_) => Shape::List(Box::new(Shape::Any)),
        Template::Object(entries) => Shape::Object(Object::new(
            entries.iter().map(|(name, entry)| field_of(name, entry, nested_may_be_null(entry))).collect(),
        )),
        Template::Literal(value) => shape_of_literal(value),
    }
}

/// Within another value nobody has looked whether an expression may be null, and what is not known may be.
fn nested_may_be_null(template: &Template) -> bool {
    matches!(template, Template::Expression(_))
}

fn shape_of_literal(value: &serde_json::Value) -> Shape {
    use serde_json::Value as Json;
    match value {
        Json::Null => Shape::Any,
        Json::Bool(_) => Shape::Bool,
        Json::Number(number) if number.is_f64() => Shape::Double,
        Json::Number(_) => Shape::Int,
        Json::String(_) => Shape::String,
        Json::Array(_) => Shape::List(Box::new(Shape::Any)),
        Json::Object(entries) => Shape::Object(Object::new(
            entries
                .iter()
                .map(|(name, value)| Field {
                    nullable: value.is_null(),
                    ..Field::required(name, shape_of_literal(value), "")
                })
                .collect(),
        )),
    }
}

/// A step that calls another workflow of the same files.
#[derive(Clone, Copy, Debug)]
struct Call {
    callee: usize,
    span: Span,
}

/// The place of each workflow by its name. Of two of one name the first is called.
pub(super) fn by_name(workflows: &[ast::Workflow]) -> HashMap<&str, usize> {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (workflow, at) in workflows.iter().zip(0..) {
        if let Some(name) = &workflow.name {
            names.entry(name.node.as_str()).or_insert(at);
        }
    }
    names
}

/// The workflows in rounds: each calls only those of the rounds before it, but for calls that go in a circle, which are
/// reported (H0405).
pub(super) fn rounds(
    workflows: &[ast::Workflow],
    names: &HashMap<&str, usize>,
    found: &mut Diagnostics,
) -> Vec<Vec<usize>> {
    let mut open: Vec<Vec<Call>> = workflows
        .iter()
        .map(|workflow| {
            let mut calls: Vec<Call> = Vec::new();
            for uses in workflow.steps.iter().chain(&workflow.on_failure).filter_map(|step| step.uses.as_ref()) {
                let callee = called(&uses.node).and_then(|name| names.get(name)).copied();
                let Some(callee) = callee.filter(|callee| calls.iter().all(|known| known.callee != *callee)) else {
                    continue;
                };
                calls.push(Call { callee, span: uses.span });
            }
            calls
        })
        .collect();
    let mut left: Vec<usize> = (0..workflows.len()).collect();
    let mut done = vec![false; workflows.len()];
    let mut rounds = Vec::new();
    let mut circles = 0;
    while !left.is_empty() {
        let is_done = |at: usize| done.get(at).copied().unwrap_or(true);
        let is_ready = |at: &usize| open.get(*at).is_none_or(|calls| calls.iter().all(|call| is_done(call.callee)));
        let (ready, rest): (Vec<usize>, Vec<usize>) = left.iter().partition(|at| is_ready(at));
        if ready.is_empty() {
            let circle = circle(rest.first().copied().unwrap_or_default(), &open, &done);
            if circles == MAX_CIRCLES {
                rounds.push(rest);
                return rounds;
            }
            circles += 1;
            found.push(describe(workflows, &circle));
            for (caller, call) in &circle {
                if let Some(calls) = open.get_mut(*caller) {
                    calls.retain(|known| known.callee != call.callee);
                }
            }
            left = rest;
            continue;
        }
        for at in &ready {
            if let Some(done) = done.get_mut(*at) {
                *done = true;
            }
        }
        rounds.push(ready);
        left = rest;
    }
    rounds
}

/// A circle of calls that some way from `start` leads into: every workflow on it calls one that is not done.
fn circle(start: usize, open: &[Vec<Call>], done: &[bool]) -> Vec<(usize, Call)> {
    let mut way: Vec<(usize, Call)> = Vec::new();
    let mut at = start;
    loop {
        if let Some(first) = way.iter().position(|(known, _)| *known == at) {
            return way.split_off(first);
        }
        let is_open = |call: &&Call| done.get(call.callee) == Some(&false);
        let Some(call) = open.get(at).and_then(|calls| calls.iter().find(is_open)) else { return way };
        way.push((at, *call));
        at = call.callee;
    }
}

fn describe(workflows: &[ast::Workflow], circle: &[(usize, Call)]) -> Diagnostic {
    let name = |at: usize| {
        workflows.get(at).and_then(|workflow| workflow.name.as_ref()).map_or("?", |name| name.node.as_str())
    };
    // It begins with the workflow that stands first, whatever it was found by.
    let first = circle.iter().zip(0..).min_by_key(|((caller, _), _)| *caller).map_or(0, |(_, at)| at);
    let turned: Vec<(usize, Call)> = circle.iter().cycle().skip(first).take(circle.len()).copied().collect();
    let label = |(caller, call): &(usize, Call)| format!("`{}` calls `{}`", name(*caller), name(call.callee));
    let names: Vec<String> = turned.iter().map(|(_, call)| format!("`{}`", name(call.callee))).collect();
    let (message, span) = match turned.as_slice() {
        [(caller, call)] => (format!("workflow `{}` calls itself", name(*caller)), call.span),
        [(caller, call), ..] => (
            format!("workflows call each other: `{}` calls {}", name(*caller), names.join(", which calls ")),
            call.span,
        ),
        [] => ("workflows call each other".to_owned(), Span::new(crate::base::source::SourceId(0), 0, 0)),
    };
    let mut diagnostic = Diagnostic::error(Code::CallCycle, span, message);
    for (call, at) in turned.iter().zip(0..) {
        diagnostic = if at == 0 { diagnostic.label(label(call)) } else { diagnostic.also(call.1.span, label(call)) };
    }
    diagnostic.help(match turned.len() {
        1 => "what is called is part of the plan, and this one would have no end: remove the call",
        _ => "what is called is part of the plan, and this one would have no end: remove one of these calls",
    })
}
