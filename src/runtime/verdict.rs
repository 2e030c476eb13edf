//! What an event comes to, rule by rule: the router's answer, then the clauses in their order, up to the run that a rule
//! starts and the events that it emits. Pure: what clauses remember is a value, and nothing is performed.
//!
//! Whoever serves a target makes the verdicts durable; whoever explains an event shows them. So both say the same.
//! What it must not know: stores, tasks, runs that wait.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::clauses::{Admission, Emission, Held, Memory};
use super::dead;
use super::ports::RuleResult;
use super::program::Program;
use crate::base::clock::Timestamp;
use crate::base::id::{RuleName, WorkflowName};
use crate::model::event::Event;
use crate::model::schema::{JsonMap, Shape};
use crate::plan::Plan;
use crate::router::{Busy, Match, Routed, Rule};

/// How things stand when an event is held against the rules.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    pub program: &'a Program,
    /// The target as rules see it; `None` for an event without a subject.
    pub target: Option<&'a Json>,
    pub now: Timestamp,
    /// The run that has the target.
    pub holder: Option<Holder>,
    /// Whether the target is under a load test.
    pub during_test: bool,
}

/// A run that has the target.
#[derive(Clone, Debug)]
pub struct Holder {
    /// What people know it by: its id.
    pub run: String,
    pub workflow: WorkflowName,
    pub inputs: Json,
}

/// What one rule makes of an event.
#[derive(Clone, Debug)]
pub struct Verdict<'a> {
    pub rule: &'a Rule,
    pub result: RuleResult,
    /// What is to be said of the result, for people.
    pub note: Option<String>,
    /// What the rule's clauses made of a match; `None` without one.
    pub admission: Option<Admission>,
    /// What a match gives the workflow that the rule runs, now or once its clauses let it through.
    pub arguments: Option<Json>,
    /// The run that is to be made.
    pub start: Option<Start>,
    /// The events that are to be emitted.
    pub emitted: Vec<Event>,
}

/// A run that is to be made.
#[derive(Clone, Debug)]
pub struct Start {
    pub plan: Arc<Plan>,
    pub inputs: Json,
    /// It stops the run that has the target.
    pub supersedes: bool,
}

/// What the event comes to with the rules that match it or cannot be evaluated, in the order in which rules run. Of those
/// that do not match nothing is said: they may be thousands. `memories` are those of the target.
pub fn judge<'a>(
    situation: &Situation<'a>,
    event: &Event,
    accepted_at: Timestamp,
    memories: &mut BTreeMap<RuleName, Memory>,
) -> Vec<Verdict<'a>> {
    let routed = situation.program.router.route(event, situation.target, situation.now);
    verdicts(routed, situation, event, accepted_at, memories)
}

/// The same for every rule on the event's type, with those that do not match.
pub fn judge_all<'a>(
    situation: &Situation<'a>,
    event: &Event,
    accepted_at: Timestamp,
    memories: &mut BTreeMap<RuleName, Memory>,
) -> Vec<Verdict<'a>> {
    let routed = situation.program.router.route_all(event, situation.target, situation.now);
    verdicts(routed, situation, event, accepted_at, memories)
}

fn verdicts<'a>(
    routed: Vec<Routed<'a>>,
    situation: &Situation<'a>,
    event: &Event,
    accepted_at: Timestamp,
    memories: &mut BTreeMap<RuleName, Memory>,
) -> Vec<Verdict<'a>> {
    let verdicts = routed.into_iter().map(|routed| {
        let rule = routed.rule;
        let result = match &routed.result {
            Match::Matched => RuleResult::Matched,
            Match::NoMatch | Match::NoTarget => RuleResult::NoMatch,
            Match::Error(_) => RuleResult::Error,
        };
        let note = routed.result.note();
        let arguments = routed.arguments.clone();
        let mut verdict = Verdict { rule, result, note, admission: None, arguments, start: None, emitted: Vec::new() };
        if result == RuleResult::Matched {
            let held = Held {
                due: accepted_at,
                event: event.clone(),
                arguments: routed.arguments,
                emissions: routed.emissions.iter().map(Emission::from).collect(),
            };
            admit(situation, accepted_at, &held, memories, &mut verdict);
        }
        verdict
    });
    verdicts.collect()
}

/// What a match comes to that its rule's `debounce` has held and the clauses behind it let through.
pub(super) fn release<'a>(situation: &Situation<'a>, rule: &'a Rule, held: &Held) -> Verdict<'a> {
    let (result, admission) = (RuleResult::Matched, Some(Admission::Pass));
    let arguments = held.arguments.clone();
    let mut verdict = Verdict { rule, result, note: None, admission, arguments, start: None, emitted: Vec::new() };
    pass(situation, held, &mut verdict);
    verdict
}

/// Whether the rule's clauses remember anything.
pub(super) fn has_memory(rule: &Rule) -> bool {
    rule.threshold.is_some() || rule.debounce.is_some() || rule.throttle.is_some()
}

/// Threshold, debounce and throttle.
fn admit(
    situation: &Situation<'_>,
    at: Timestamp,
    held: &Held,
    memories: &mut BTreeMap<RuleName, Memory>,
    verdict: &mut Verdict<'_>,
) {
    let rule = verdict.rule;
    let admission = if has_memory(rule) {
        memories.entry(rule.name.clone()).or_default().admit(rule, at, |due| Held { due, ..held.clone() })
    } else {
        Admission::Pass
    };
    verdict.admission = Some(admission);
    match admission {
        Admission::Pass => pass(situation, held, verdict),
        Admission::BelowThreshold { count } => {
            verdict.result = RuleResult::BelowThreshold;
            let wanted = rule.threshold.map_or(0, |threshold| threshold.count);
            verdict.note = Some(format!("{count} of {wanted}"));
        }
        Admission::Debounced { due } => {
            verdict.result = RuleResult::Debounced;
            verdict.note = Some(format!("until {due}, unless another one comes"));
        }
        Admission::Throttled { count } => {
            verdict.result = RuleResult::Throttled;
            verdict.note = Some(format!("{count} dropped so far"));
        }
    }
}

/// Busy, run and emit.
fn pass(situation: &Situation<'_>, held: &Held, verdict: &mut Verdict<'_>) {
    if let Some(invocation) = &verdict.rule.run {
        let inputs = held.arguments.clone().unwrap_or_else(|| JsonMap::new().into());
        match situation.program.plans.get(&invocation.workflow) {
            Some(plan) => start(situation, Arc::clone(plan), inputs, verdict),
            None => {
                verdict.result = RuleResult::Error;
                verdict.note = Some(format!("there is no workflow `{}`", invocation.workflow));
            }
        }
    }
    if verdict.result == RuleResult::Matched {
        emit(situation, held, verdict);
    }
}

fn start(situation: &Situation<'_>, plan: Arc<Plan>, inputs: Json, verdict: &mut Verdict<'_>) {
    let mut supersedes = false;
    if let Some(holder) = &situation.holder {
        let same = holder.workflow == plan.workflow && holder.inputs == inputs;
        let busy = match verdict.rule.busy {
            Busy::Drop => Some(format!("run {} holds the target", holder.run)),
            // Stopping a run to do the same again would only lose time.
            Busy::Supersede if same => Some(format!("run {} does just that already", holder.run)),
            Busy::Supersede => {
                supersedes = true;
                None
            }
            Busy::Queue | Busy::Coalesce => None,
        };
        if busy.is_some() {
            verdict.result = RuleResult::Busy;
            verdict.note = busy;
            return;
        }
    }
    verdict.start = Some(Start { plan, inputs, supersedes });
}

fn emit(situation: &Situation<'_>, held: &Held, verdict: &mut Verdict<'_>) {
    let (cause, rule, now) = (&held.event, verdict.rule, situation.now);
    for (number, Emission { kind, data, after_ms }) in held.emissions.iter().enumerate() {
        let chain = cause.chain.saturating_add(1);
        let mut data = data.clone();
        let declared = situation.program.events.get(kind).cloned().unwrap_or_default();
        // What does not fit is emitted as it is, and becomes a dead letter.
        let _ = Shape::Object(declared).conform("data", &mut data);
        let mut emitted = Event {
            id: format!("{}/{}/{number}", cause.id, rule.name),
            source: format!("homeostat/rules/{}", rule.name),
            kind: kind.clone(),
            subject: cause.subject.clone(),
            time: now,
            data,
            priority: cause.priority,
            deliver_at: (*after_ms > 0).then(|| now.after(std::time::Duration::from_millis(*after_ms))),
            during_test: situation.during_test,
            chain,
            extensions: JsonMap::new(),
        };
        if let Some(why) = dead::why(situation.program, &emitted) {
            verdict.note = Some(format!("`{kind}` goes to the dead letters: {why}"));
            emitted.deliver_at = None;
        }
        verdict.emitted.push(emitted);
    }
}

impl RuleResult {
    /// As it is stored and counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::NoMatch => "no_match",
            Self::Error => "error",
            Self::BelowThreshold => "below_threshold",
            Self::Debounced => "debounced",
            Self::Throttled => "throttled",
            Self::Busy => "busy",
        }
    }
}
