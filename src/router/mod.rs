//! Which rules an event matches, and what each match asks for.
//!
//! Rules are found in an index that is made from them once: by the event's type, and by what their conditions need it to
//! hold. `condition` says what a condition needs, `test` what a test makes of each kind of value, `index` who waits at which
//! path; `waits`, `ranges` and `affixes` find those who wait for one value. Only rules that are not ruled out are evaluated.
//! Routing is pure: event, target and time in, an answer for each rule that matches or fails out.
//! What it must not know: stores, runs, and what clauses remember (`threshold`, `debounce`, `throttle`, `busy`).

mod affixes;
mod condition;
mod index;
mod ranges;
mod test;
mod waits;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use crate::base::clock::Timestamp;
use crate::expression::value::MapValue;
use crate::expression::{Bindings, EvaluationError, Part, Program, Value};
use crate::ir;
use crate::ir::template::Template;
use crate::model::event::Event;
use crate::model::schema::Object;
use condition::Need;
use index::Index;

pub use crate::ir::{Busy, Rule};

/// The rules of a program, found by event type and condition.
#[derive(Clone, Debug)]
pub struct Router {
    program: Arc<ir::Program>,
    by_type: HashMap<String, Rules>,
}

/// The rules on one event type, in the order in which they run.
#[derive(Clone, Debug, Default)]
struct Rules {
    entries: Vec<Entry>,
    index: Index,
    reads: Reads,
}

/// What rules ask of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Anything of it.
    pub target: bool,
    /// Its record, or it as a whole.
    pub record: bool,
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
        let mut by_type: HashMap<String, Rules> = HashMap::new();
        for (rule, at) in program.rules.iter().zip(0..) {
            let reads = reads(rule);
            let rules = by_type.entry(rule.on.clone()).or_default();
            rules.entries.push(Entry { rule: at, needs_target: reads.target });
            rules.reads.target |= reads.target;
            rules.reads.record |= reads.record;
        }
        for rules in by_type.values_mut() {
            let whens = rules.entries.iter().map(|entry| program.rules.get(entry.rule).and_then(|it| it.when.as_ref()));
            let needs: Vec<_> = (0..).zip(whens.map(|when| when.map_or(Need::Unknown, condition::need))).collect();
            rules.index = Index::new(&needs);
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

    /// The rules with a condition that is evaluated for every event of their type, because nothing in it can be looked for.
    pub fn unindexed(&self) -> Vec<&Rule> {
        let mut places: Vec<usize> = self.by_type.values().flat_map(Rules::unindexed).collect();
        places.sort_unstable();
        let rules = places.into_iter().filter_map(|place| self.program.rules.get(place));
        rules.filter(|rule| rule.when.is_some()).collect()
    }

    /// What the rules on an event type ask of a target: what need not be told to [`Self::route`] need not be found out.
    pub fn reads(&self, kind: &str) -> Reads {
        self.by_type.get(kind).map(|rules| rules.reads).unwrap_or_default()
    }

    /// What the rules that match the event ask for, and which rules cannot be evaluated, in the order in which rules run.
    ///
    /// `target` is a snapshot in the form of [`crate::model::target::TargetSettings::view`]; `None` for an event without
    /// subject.
    pub fn route(&self, event: &Event, target: Option<&Json>, now: Timestamp) -> Vec<Routed<'_>> {
        let Some(rules) = self.by_type.get(&event.kind) else { return Vec::new() };
        let mut woken = Vec::new();
        rules.index.wake(event, target, &mut woken);
        if woken.is_empty() {
            return Vec::new();
        }
        let view = View::of(event, now);
        let bindings = view.bindings(target);
        let entries = woken.into_iter().filter_map(|number| rules.entries.get(number as usize));
        let routed = entries.filter_map(|entry| self.ask(*entry, &bindings, target.is_some()));
        routed.filter(|routed| matches!(routed.result, Match::Matched | Match::Error(_))).collect()
    }

    /// What every rule on the event's type makes of it: [`Self::route`], and the others.
    pub fn route_all(&self, event: &Event, target: Option<&Json>, now: Timestamp) -> Vec<Routed<'_>> {
        let mut routed = self.route(event, target, now).into_iter().peekable();
        let entries = self.by_type.get(&event.kind).map(|rules| rules.entries.as_slice()).unwrap_or_default();
        let rules = entries.iter().filter_map(|entry| Some((self.program.rules.get(entry.rule)?, entry.needs_target)));
        rules
            .map(|(rule, needs_target)| match routed.next_if(|routed| std::ptr::eq(routed.rule, rule)) {
                Some(routed) => routed,
                None if needs_target && target.is_none() => Routed::without_match(rule, Match::NoTarget),
                None => Routed::without_match(rule, Match::NoMatch),
            })
            .collect()
    }

    fn ask(&self, entry: Entry, bindings: &Bindings<'_>, has_target: bool) -> Option<Routed<'_>> {
        let rule = self.program.rules.get(entry.rule)?;
        if entry.needs_target && !has_target {
            return Some(Routed::without_match(rule, Match::NoTarget));
        }
        Some(match demands(rule, bindings) {
            Ok(Some((arguments, emissions))) => Routed { rule, result: Match::Matched, arguments, emissions },
            Ok(None) => Routed::without_match(rule, Match::NoMatch),
            Err(error) => Routed::without_match(rule, Match::Error(error)),
        })
    }
}

impl Rules {
    fn unindexed(&self) -> impl Iterator<Item = usize> {
        let entries = self.index.always().iter().filter_map(|number| self.entries.get(*number as usize));
        entries.map(|entry| entry.rule)
    }
}

/// Whether something in the condition can be looked for, so that it need not be evaluated for every event of its type.
pub fn is_indexed(when: &Program) -> bool {
    Index::new(&[(0, condition::need(when))]).always().is_empty()
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

/// What the names in a rule hold, but for `target`. What the event carries is not copied.
struct View<'e> {
    event: Value<'e>,
    now: Json,
}

impl<'e> View<'e> {
    fn of(event: &'e Event, now: Timestamp) -> Self {
        // As `Event::view` has it, in the order of a JSON object.
        let fields = vec![
            ("data", Value::from_json(&event.data)),
            ("during_test", Value::Bool(event.during_test)),
            ("id", Value::Str(&event.id)),
            ("priority", Value::Int(event.priority.level().into())),
            ("source", Value::Str(&event.source)),
            ("subject", event.subject.as_ref().map_or(Value::Null, |subject| Value::Str(subject.as_str()))),
            ("time", Value::text(event.time.to_string())),
            ("type", Value::Str(&event.kind)),
        ];
        let fields = fields.into_iter().map(|(name, value)| (Value::Str(name), value)).collect();
        // The names are texts and differ.
        let event = Value::Map(Arc::new(MapValue::new(fields).unwrap_or_default()));
        Self { event, now: Json::String(now.to_string()) }
    }

    fn bindings<'a>(&'a self, target: Option<&'a Json>) -> Bindings<'a> {
        let bindings = Bindings::new().with_value("event", self.event.clone()).with("now", &self.now);
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

fn reads(rule: &ir::Rule) -> Reads {
    let templates = rule.run.iter().map(|run| &run.arguments).chain(rule.emit.iter().map(|emit| &emit.arguments));
    let programs: Vec<&Program> = rule.when.iter().chain(templates.flat_map(Template::programs)).collect();
    let references: Vec<_> = programs.into_iter().flat_map(|program| program.references("target")).collect();
    let reads_record = |name: &Option<String>| name.as_ref().is_none_or(|name| name == "record");
    Reads { target: !references.is_empty(), record: references.iter().any(|reference| reads_record(&reference.name)) }
}

#[cfg(test)]
mod index_tests;
#[cfg(test)]
mod tests;
