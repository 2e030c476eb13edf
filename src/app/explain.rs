//! An event becomes an explanation: which rules match and why, and what would come of it. Nothing is performed.
//!
//! The verdicts are the engine's own; here they are put beside the values that led to them.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::compose::Configured;
use crate::api::cloud_event;
use crate::api::problem::Problem;
use crate::base::clock::Timestamp;
use crate::base::id::{RuleName, TargetName};
use crate::base::literal::format_duration;
use crate::base::source::Sources;
use crate::config::TargetTable;
use crate::model::event::Event;
use crate::model::target::{Phase, TargetState};
use crate::router::{self, Rule};
use crate::runtime::clauses::{Admission, Memory};
use crate::runtime::examine::examine;
pub use crate::runtime::ports::RuleResult;
use crate::runtime::program::Program;
use crate::runtime::queue::WAKE;
use crate::runtime::verdict::{Holder, Situation, Verdict, judge_all};

/// How the event's target stands, as far as it is known; everything else is as at the first start.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    pub phase: Phase,
    pub signature: Option<String>,
    pub rate_rps: Option<f64>,
    /// What was measured of the signature.
    pub record: Option<Recorded>,
    /// The target is under a load test.
    pub during_test: bool,
    /// The run that has the target.
    pub running: Option<Running>,
    /// What clauses remember, by rule.
    pub rules: BTreeMap<RuleName, Counted>,
}

/// What is known of a deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    pub max_rps: f64,
    pub recorded_at: Timestamp,
}

/// A run that has the target.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    pub workflow: String,
    #[serde(default)]
    pub inputs: Json,
}

/// How many events count already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Counted {
    /// Towards `threshold`, within its time.
    pub matches: usize,
    /// Let through by `throttle`, within its time.
    pub passed: usize,
}

/// What would come of an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// As rules see it.
    pub event: Json,
    /// As rules see it; null for an event without a subject.
    pub target: Option<Json>,
    pub now: Timestamp,
    /// Why the engine would not take the event; then no rule is asked.
    pub refused: Vec<String>,
    /// Why the event would wait before any rule is asked.
    pub waits: Option<String>,
    /// Of every rule on the event's type, in the order in which rules run.
    pub rules: Vec<Explained>,
    /// How many rules are on other types.
    pub others: usize,
}

/// What one rule makes of the event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    pub rule: RuleName,
    /// Where it is written.
    pub path: String,
    pub line: usize,
    pub result: RuleResult,
    pub note: Option<String>,
    /// The condition and its parts; empty for a rule without one.
    pub when: Vec<Part>,
    pub clauses: Vec<Clause>,
    pub run: Option<Run>,
    pub emit: Vec<Emit>,
}

/// A part of a condition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// As it is written.
    pub text: String,
    /// 0 for the whole condition.
    pub depth: usize,
    /// Null where there is none.
    pub value: Option<Json>,
    pub error: Option<String>,
    /// It made the condition what it is.
    pub decisive: bool,
}

/// A clause and what it makes of a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Clause {
    pub clause: &'static str,
    /// As a rule says it.
    pub says: String,
    /// For people.
    pub outcome: String,
}

/// A run that the rule asks for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    pub workflow: String,
    /// Null without a match.
    pub inputs: Option<Json>,
    /// Whether this event makes it, now or once the target is free.
    pub starts: bool,
    /// It stops the run that has the target.
    pub supersedes: bool,
}

/// An event that would be emitted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Emit {
    #[serde(rename = "type")]
    pub kind: String,
    pub data: Json,
    pub deliver_at: Option<Timestamp>,
}

/// Reads an event as the HTTP interface does. What names no target, id or source gets one.
///
/// # Errors
/// What is wrong with it, in sentences.
pub fn read_event(event: Json, now: Timestamp) -> Result<Event, Vec<String>> {
    let Json::Object(mut event) = event else { return Err(vec!["the event must be a JSON object".to_owned()]) };
    for (name, value) in [("specversion", "1.0"), ("id", "explained"), ("source", "homeostat-cli")] {
        event.entry(name).or_insert_with(|| json!(value));
    }
    let structured = HeaderValue::from_static("application/cloudevents+json");
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, structured)]);
    let events = cloud_event::read(&headers, Json::Object(event).to_string().as_bytes(), now);
    let mut events = events.map_err(|problem| sentences(&problem))?;
    events.pop().ok_or_else(|| vec!["there is no event".to_owned()])
}

fn sentences(problem: &Problem) -> Vec<String> {
    if problem.errors.is_empty() {
        return vec![problem.detail.clone()];
    }
    let of = |attribute: &Option<String>| attribute.as_ref().map_or("the event".to_owned(), |name| format!("`{name}`"));
    problem.errors.iter().map(|error| format!("{} {}", of(&error.attribute), error.detail)).collect()
}

/// What would come of the event now.
pub fn explain(
    program: &Program,
    sources: &Sources,
    targets: &TargetTable,
    mut event: Event,
    state: &State,
    now: Timestamp,
) -> Explanation {
    let refusals = examine(program, &Configured(targets.clone()), 0, &mut event);
    let subject = event.subject.clone();
    event.during_test = subject.is_some() && state.during_test;
    let target = subject.as_ref().and_then(|subject| view(targets, subject, state, now));
    let rules = &program.router.program().rules;
    let mut explanation = Explanation {
        event: event.view(),
        target,
        now,
        refused: Vec::new(),
        waits: None,
        rules: Vec::new(),
        others: rules.iter().filter(|rule| rule.on != event.kind).count(),
    };
    if !refusals.is_empty() {
        let attribute = |name: &Option<String>| name.as_ref().map_or(String::new(), |name| format!("`{name}` "));
        explanation.refused =
            refusals.iter().map(|refusal| format!("{}{}", attribute(&refusal.attribute), refusal.message)).collect();
        return explanation;
    }
    explanation.waits = match event.deliver_at {
        Some(moment) if moment > now => Some(format!("it is not to be handled before {moment}")),
        _ if explanation.target.is_some() && state.phase == Phase::Paused && event.kind != WAKE => {
            Some(format!("the target is paused, so it waits for an event of type `{WAKE}`"))
        }
        _ => None,
    };
    let situation = Situation {
        program,
        target: explanation.target.as_ref(),
        now,
        holder: subject.as_ref().and_then(|_| holder(state)),
        during_test: event.during_test,
    };
    let mut memories: BTreeMap<RuleName, Memory> = state
        .rules
        .iter()
        .map(|(rule, counted)| (rule.clone(), Memory::of(counted.matches, counted.passed, now)))
        .collect();
    let verdicts = judge_all(&situation, &event, now, &mut memories);
    let explained = verdicts.iter().map(|verdict| explained(verdict, &situation, sources, &event)).collect();
    explanation.rules = explained;
    explanation
}

/// The target as rules see it; `None` for one that is not configured.
fn view(targets: &TargetTable, subject: &TargetName, state: &State, now: Timestamp) -> Option<Json> {
    let settings = targets.settings(subject)?;
    let of = TargetState {
        phase: state.phase,
        signature: state.signature.as_deref().map(Into::into),
        rate_rps: state.rate_rps,
        ..TargetState::unknown(subject.clone(), now)
    };
    let mut view = settings.view(&of, None);
    if let (Some(view), Some(record)) = (view.as_object_mut(), &state.record) {
        view.insert("record".to_owned(), json!(record));
    }
    Some(view)
}

/// An adjusting target is one that a run has, even if nothing is known of the run.
fn holder(state: &State) -> Option<Holder> {
    let run = "that is going on".to_owned();
    match &state.running {
        Some(Running { workflow, inputs }) => {
            Some(Holder { run, workflow: workflow.as_str().into(), inputs: inputs.clone() })
        }
        None if state.phase == Phase::Adjusting => Some(Holder { run, workflow: "".into(), inputs: Json::Null }),
        None => None,
    }
}

fn explained(verdict: &Verdict<'_>, situation: &Situation<'_>, sources: &Sources, event: &Event) -> Explained {
    let rule = verdict.rule;
    let source = sources.get(rule.span.source);
    let data = situation.program.events.get(&event.kind).cloned().unwrap_or_default();
    // A rule that speaks of a target that there is not was not asked at all; the note says so.
    let was_asked = verdict.result != RuleResult::NoMatch || verdict.note.is_none();
    let parts = was_asked.then(|| router::trace(rule, &data, event, situation.target, situation.now));
    let when = parts.into_iter().flatten().map(|part| {
        let source = sources.get(part.span.source);
        let text = source.and_then(|source| source.text.get(part.span.range())).unwrap_or_default();
        let (value, error) = match part.value {
            Ok(value) => (value, None),
            Err(error) => (None, Some(error.message)),
        };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Part { text, depth: part.depth, value, error, decisive: part.decisive }
    });
    let run = rule.run.as_ref().map(|run| Run {
        workflow: run.workflow.to_string(),
        inputs: verdict.arguments.clone(),
        starts: verdict.start.is_some(),
        supersedes: verdict.start.as_ref().is_some_and(|start| start.supersedes),
    });
    let emit = verdict.emitted.iter().map(|event| Emit {
        kind: event.kind.clone(),
        data: event.data.clone(),
        deliver_at: event.deliver_at,
    });
    Explained {
        rule: rule.name.clone(),
        path: source.map(|source| source.path.clone()).unwrap_or_default(),
        line: source.map_or(0, |source| source.line_column(rule.span.start as usize).0),
        result: verdict.result,
        note: verdict.note.clone(),
        when: when.collect(),
        clauses: clauses(rule, verdict, situation),
        run,
        emit: emit.collect(),
    }
}

/// The clauses between `when` and `run`, in their order, up to the one where a match ends.
fn clauses(rule: &Rule, verdict: &Verdict<'_>, situation: &Situation<'_>) -> Vec<Clause> {
    let Some(admission) = verdict.admission else { return Vec::new() };
    let mut list = Vec::new();
    if let Some(it) = rule.threshold {
        let says = format!("{} within {}", it.count, format_duration(it.within));
        let below = match admission {
            Admission::BelowThreshold { count } => Some(format!("{count} of {}: it goes no further", it.count)),
            _ => None,
        };
        let ends = below.is_some();
        let outcome = below.unwrap_or_else(|| "reached; the next one starts from none".to_owned());
        list.push(Clause { clause: "threshold", says, outcome });
        if ends {
            return list;
        }
    }
    if let (Some(quiet), Admission::Debounced { due }) = (rule.debounce, admission) {
        let outcome = format!("held until {due}, unless another one takes its place");
        list.push(Clause { clause: "debounce", says: format_duration(quiet), outcome });
        return list;
    }
    if let Some(it) = rule.throttle {
        let says = format!("{} per {}", it.count, format_duration(it.per));
        let dropped = matches!(admission, Admission::Throttled { .. });
        let outcome = if dropped { "too many: it is dropped" } else { "let through" };
        list.push(Clause { clause: "throttle", says, outcome: outcome.to_owned() });
        if dropped {
            return list;
        }
    }
    if rule.run.is_some() {
        let outcome = match (&situation.holder, &verdict.start) {
            (None, _) => "no run has the target".to_owned(),
            (Some(_), None) => verdict.note.clone().unwrap_or_default(),
            (Some(_), Some(start)) if start.supersedes => {
                "it takes the place of the run that has the target".to_owned()
            }
            (Some(_), Some(_)) if rule.busy == router::Busy::Coalesce => {
                "it waits its turn, in the place of a run of this rule that waits already".to_owned()
            }
            (Some(_), Some(_)) => "it waits its turn".to_owned(),
        };
        list.push(Clause { clause: "busy", says: rule.busy.as_str().to_owned(), outcome });
    }
    list
}
