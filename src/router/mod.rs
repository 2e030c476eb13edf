//! Which rules an event matches, and what each match asks for.
//!
//! Rules are found by the event's type in an index that is made from them once; what is behind the index may become
//! finer without its callers noticing. Routing is pure: event, target and time in, one answer for each rule out.
//! What it must not know: stores, runs, and what clauses remember (`threshold`, `debounce`, `throttle`, `busy`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use crate::base::clock::Timestamp;
use crate::expression::{Bindings, EvaluationError, Part, Program};
use crate::ir;
use crate::ir::template::Template;
use crate::model::event::Event;
use crate::model::schema::Object;

pub use crate::ir::{Busy, Rule};

/// The rules of a program, found by event type.
#[derive(Clone, Debug)]
pub struct Router {
    program: Arc<ir::Program>,
    by_type: HashMap<String, Vec<Entry>>,
}

/// A rule's place in the program, and what is known of it beforehand.
#[derive(Clone, Copy, Debug)]
struct Entry {
    rule: usize,
    needs_target: bool,
}

/// What one rule makes of an event.
#[derive(Clone, Debug)]
pub struct Routed<'a> {
    pub rule: &'a ir::Rule,
    pub result: Match,
    /// For the workflow that the rule runs; an object. `None` without a match and for a rule that runs nothing.
    pub arguments: Option<Json>,
    /// What the rule emits; empty without a match.
    pub emissions: Vec<Emitted<'a>>,
}

/// Whether a rule's `when` holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    Matched,
    /// `when` is false.
    NoMatch,
    /// The rule speaks of `target`, and the event has none.
    NoTarget,
    /// `when`, an argument of `run` or a field of `emit` cannot be evaluated. Counts as no match.
    Error(EvaluationError),
}

/// An event to be emitted, its data evaluated but not held against its declaration yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted<'a> {
    pub event: &'a str,
    pub data: Json,
    pub after: Duration,
}

impl Match {
    /// Why it is no match, for people; `None` where there is nothing to add.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Matched | Self::NoMatch => None,
            Self::NoTarget => Some("the rule uses `target`, but the event has no subject".to_owned()),
            Self::Error(error) => Some(error.message.clone()),
        }
    }
}

impl Router {
    pub fn new(program: Arc<ir::Program>) -> Self {
        let mut by_type: HashMap<String, Vec<Entry>> = HashMap::new();
        for (rule, at) in program.rules.iter().zip(0..) {
            let entry = Entry { rule: at, needs_target: uses_target(rule) };
            by_type.entry(rule.on.clone()).or_default().push(entry);
        }
        Self { program, by_type }
    }

    pub fn program(&self) -> &Arc<ir::Program> {
        &self.program
    }

    /// The rule of that name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.program.rules.iter().find(|rule| rule.name.as_str() == name)
    }

    /// What each rule on the event's type makes of it, in the order in which rules run.
    ///
    /// `target` is a snapshot in the form of [`crate::model::target::TargetSettings::view`]; `None` for an event without
    /// subject.
    pub fn route(&self, event: &Event, target: Option<&Json>, now: Timestamp) -> Vec<Routed<'_>> {
        let Some(entries) = self.by_type.get(&event.kind) else { return Vec::new() };
        let view = View::of(event, now);
        let bindings = view.bindings(target);
        entries
            .iter()
            .filter_map(|entry| Some((self.program.rules.get(entry.rule)?, entry.needs_target)))
            .map(|(rule, needs_target)| {
                if needs_target && target.is_none() {
                    return Routed::without_match(rule, Match::NoTarget);
                }
                match demands(rule, &bindings) {
                    Ok(Some((arguments, emissions))) => Routed { rule, result: Match::Matched, arguments, emissions },
                    Ok(None) => Routed::without_match(rule, Match::NoMatch),
                    Err(error) => Routed::without_match(rule, Match::Error(error)),
                }
            })
            .collect()
    }
}

/// Whether a rule's `when` holds at the start of a run that had to wait.
///
/// # Errors
/// Whatever `when` cannot be evaluated for; counts as no match.
pub fn recheck(rule: &ir::Rule, event: &Event, target: Option<&Json>, now: Timestamp) -> Result<bool, EvaluationError> {
    let view = View::of(event, now);
    rule.when.as_ref().map_or(Ok(true), |when| when.evaluate_bool(&view.bindings(target)))
}

/// The parts of a rule's `when` with their values; empty for a rule without one. What the event carries was declared as
/// `data`.
pub fn trace(rule: &ir::Rule, data: &Object, event: &Event, target: Option<&Json>, now: Timestamp) -> Vec<Part> {
    let view = View::of(event, now);
    let env = ir::scope::rule(data.clone(), &ir::scope::target());
    rule.when.as_ref().map(|when| when.trace(&env, &view.bindings(target))).unwrap_or_default()
}

/// What the names in a rule hold, but for `target`.
struct View {
    event: Json,
    now: Json,
}

impl View {
    fn of(event: &Event, now: Timestamp) -> Self {
        Self { event: event.view(), now: Json::String(now.to_string()) }
    }

    fn bindings<'a>(&'a self, target: Option<&'a Json>) -> Bindings<'a> {
        let bindings = Bindings::new().with("event", &self.event).with("now", &self.now);
        match target {
            Some(target) => bindings.with("target", target),
            None => bindings,
        }
    }
}

impl<'a> Routed<'a> {
    fn without_match(rule: &'a ir::Rule, result: Match) -> Self {
        Self { rule, result, arguments: None, emissions: Vec::new() }
    }
}

type Demands<'a> = (Option<Json>, Vec<Emitted<'a>>);

/// What the rule asks for; `None` where `when` is false.
fn demands<'a>(rule: &'a ir::Rule, bindings: &Bindings<'_>) -> Result<Option<Demands<'a>>, EvaluationError> {
    if let Some(when) = &rule.when
        && !when.evaluate_bool(bindings)?
    {
        return Ok(None);
    }
    let object = |template: &Template| {
        template.evaluate(bindings).map(|value| value.unwrap_or_else(|| Json::Object(serde_json::Map::new())))
    };
    let arguments = rule.run.as_ref().map(|run| object(&run.arguments)).transpose()?;
    let emissions = rule
        .emit
        .iter()
        .map(|emit| Ok(Emitted { event: &emit.event, data: object(&emit.arguments)?, after: emit.after }))
        .collect::<Result<_, EvaluationError>>()?;
    Ok(Some((arguments, emissions)))
}

fn uses_target(rule: &ir::Rule) -> bool {
    let templates = rule.run.iter().map(|run| &run.arguments).chain(rule.emit.iter().map(|emit| &emit.arguments));
    let programs: Vec<&Program> = rule.when.iter().chain(templates.flat_map(Template::programs)).collect();
    programs.into_iter().any(|program| !program.references("target").is_empty())
}

#[cfg(test)]
mod tests;
