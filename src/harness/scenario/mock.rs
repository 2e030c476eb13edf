//! `mock`: what stands in for actions.

use std::time::Duration;

use serde_json::Value as Json;

use super::data::conforms;
use super::keys;
use super::parse::Known;
use crate::base::clock::Timestamp;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};
use crate::harness::world::actions::{MEASURE, measurement};
use crate::harness::world::mocks::{Answer, Mock, MockedOutcome, Subject};
use crate::model::action::ActionSignature;
use crate::model::schema::JsonMap;
use crate::plan::Step;
use crate::runtime::effect::{ActionError, FailureKind};
use crate::syntax::fields::Walk;
use crate::syntax::yaml::{Key, Kind, Node};

const REAL: &str = "real";
const NEVER_ENDS: &str = "never_ends";

const KINDS: &[(&str, FailureKind)] = &[
    ("transient", FailureKind::Transient),
    ("permanent", FailureKind::Permanent),
    ("timed_out", FailureKind::TimedOut),
    ("halted", FailureKind::Halted),
    ("cancelled", FailureKind::Cancelled),
    ("lease_lost", FailureKind::LeaseLost),
];

/// Reads `mock`; what is wrong is told and left out.
pub(super) fn read(node: Option<&Node>, walk: &mut Walk, known: Known<'_>) -> Vec<Mock> {
    let Some(node) = node.filter(|node| !node.is_null()) else { return Vec::new() };
    let Some(entries) = node.as_map() else {
        walk.wrong_kind(node, "`mock`", "a mapping from steps or actions", "write `mock: { STEP: { output: { … } } }`");
        return Vec::new();
    };
    entries.iter().filter_map(|(key, value)| read_mock(key, value, walk, known)).collect()
}

fn read_mock(key: &Key, value: &Node, walk: &mut Walk, known: Known<'_>) -> Option<Mock> {
    let (subject, steps) = subject(key, walk, known)?;
    let signatures: Vec<&ActionSignature> = match &subject {
        Subject::Action(name) => known.catalogue.get(name).map(AsRef::as_ref).into_iter().collect(),
        Subject::Step { .. } => steps.iter().map(|step| step.action.as_ref()).collect(),
    };
    let outcomes: Vec<_> = match &value.kind {
        Kind::Seq(items) => items.iter().filter_map(|item| outcome(item, &signatures, &steps, walk)).collect(),
        _ => outcome(value, &signatures, &steps, walk).into_iter().collect(),
    };
    if outcomes.is_empty() && value.as_seq().is_some_and(<[Node]>::is_empty) {
        walk.error(Code::BadScenario, value.span, "the mock has no outcome", "write at least one, or delete it");
    }
    (!outcomes.is_empty()).then_some(Mock { subject, outcomes })
}

/// What a key names, and the steps that it stands in for.
fn subject<'a>(key: &Key, walk: &mut Walk, known: Known<'a>) -> Option<(Subject, Vec<&'a Step>)> {
    if known.catalogue.get(&key.name).is_some() {
        let steps = known.steps().filter(|step| step.action.name == key.name);
        return Some((Subject::Action(key.name.clone()), steps.collect()));
    }
    let (workflow, step) = match key.name.split_once('.') {
        Some((workflow, step)) if known.plan(workflow).is_some() => (Some(workflow), step),
        _ => (None, key.name.as_str()),
    };
    let of_workflow = workflow.and_then(|name| known.plan(name)).map(Known::steps_of);
    let steps: Vec<_> = match of_workflow {
        Some(steps) => steps.collect(),
        None => known.steps().collect(),
    };
    let named: Vec<&Step> = steps.iter().copied().filter(|known| known.name.as_str() == step).collect();
    if named.is_empty() {
        let message = format!("there is no step, and no action, `{}`", key.name);
        let names = steps.iter().map(|step| step.name.as_str().to_owned());
        let names: Vec<String> = match workflow {
            Some(workflow) => names.map(|name| format!("{workflow}.{name}")).collect(),
            None => names.chain(known.catalogue.iter().map(|action| action.name.to_string())).collect(),
        };
        let problem = Diagnostic::error(Code::BadScenario, key.span, message)
            .help("name a step, `WORKFLOW.STEP`, or an action")
            .suggest(&key.name, names.iter().map(String::as_str));
        walk.diagnostics.push(problem);
        return None;
    }
    if super::when::is_border(&key.name, key.span, &named, walk) {
        return None;
    }
    Some((Subject::Step { workflow: workflow.map(Into::into), step: step.into() }, named))
}

fn outcome(node: &Node, signatures: &[&ActionSignature], steps: &[&Step], walk: &mut Walk) -> Option<MockedOutcome> {
    let mut outcome =
        MockedOutcome { answer: Answer::Real, after: Duration::ZERO, item: None, attempt: None, undo: false };
    match node.as_str() {
        Some(REAL) => return Some(outcome),
        Some(NEVER_ENDS) => return Some(MockedOutcome { answer: Answer::Never, ..outcome }),
        Some(other) => {
            let problem = Diagnostic::error(Code::BadScenario, node.span, format!("`{other}` is no outcome"));
            let problem = problem.help("write `real`, `never_ends`, `{ output: { … } }` or `{ fails: … }`");
            walk.diagnostics.push(problem.suggest(other, [REAL, NEVER_ENDS]));
            return None;
        }
        None => {}
    }
    let mut answers: Vec<(Span, Answer)> = Vec::new();
    for (key, value) in walk.mapping(node, "an outcome", keys::OUTCOME, "write `{ output: { … } }` or `{ fails: … }`")
    {
        match key.name.as_str() {
            "output" => {
                let undo = node.get("undo").and_then(Node::as_bool) == Some(true);
                let said = output(value, signatures, undo, walk).unwrap_or_default();
                answers.push((key.span, Answer::Output(said)));
            }
            "fails" => {
                let error = failure(value, walk).unwrap_or_else(|| ActionError::permanent(""));
                answers.push((key.span, Answer::Fails(error)));
            }
            "never_ends" => match value.as_bool() {
                Some(true) => answers.push((key.span, Answer::Never)),
                _ => walk.wrong_kind(value, "`never_ends`", "`true`", ""),
            },
            "after" => outcome.after = walk.duration(value, "`after`").map_or(Duration::ZERO, |after| after.node),
            "item" => match value.as_int().and_then(|item| usize::try_from(item).ok()) {
                Some(item) => outcome.item = Some(item),
                None => walk.wrong_kind(value, "`item`", "a whole number from 0 on", ""),
            },
            "attempt" => outcome.attempt = walk.count(value, "`attempt`", 1_000).map(|attempt| attempt.node),
            "undo" => match value.as_bool() {
                Some(undo) => outcome.undo = undo,
                None => walk.wrong_kind(value, "`undo`", "`true` or `false`", ""),
            },
            _ => {}
        }
    }
    if let [(first, _), (second, _), ..] = answers.as_slice() {
        let problem = Diagnostic::error(Code::BadScenario, *second, "an outcome is one of these, not both");
        walk.diagnostics.push(problem.also(*first, "the other one"));
    }
    if let Some((_, answer)) = answers.into_iter().next() {
        outcome.answer = answer;
    }
    is_ever_asked(node, &outcome, steps, walk);
    Some(outcome)
}

/// Tells of an outcome for what none of the steps ever is: it would never be taken.
fn is_ever_asked(node: &Node, outcome: &MockedOutcome, steps: &[&Step], walk: &mut Walk) {
    let Some(first) = steps.first() else { return };
    let attempts = |step: &&Step| step.retry.as_ref().map_or(1, |retry| retry.attempts);
    let most = steps.iter().map(attempts).max().unwrap_or(1);
    let name = &first.name;
    let mut never = |key: &str, message: String, help: &str| {
        let span = node.entry(key).map_or(node.span, |(key, value)| key.span.to(value.span));
        walk.error(Code::BadScenario, span, message, help);
    };
    if outcome.item.is_some() && steps.iter().all(|step| step.for_each.is_none()) {
        never("item", format!("step `{name}` has no items"), "only a step with `for_each` has some: delete `item`");
    }
    if outcome.attempt.is_some_and(|attempt| attempt > most) {
        let message = format!("step `{name}` makes no more than {most} attempt{}", if most == 1 { "" } else { "s" });
        never("attempt", message, "the step's `retry` says how many there are");
    }
    if outcome.undo && steps.iter().all(|step| step.undo.is_none()) {
        never("undo", format!("step `{name}` is never undone"), "only a step with `undo` is: delete this outcome");
    }
}

fn failure(node: &Node, walk: &mut Walk) -> Option<ActionError> {
    if node.as_map().is_none() {
        return Some(ActionError::permanent(walk.text(node, "`fails`")?.node));
    }
    walk.mapping(node, "a failure", keys::FAILURE, "");
    let message = match node.get("message") {
        Some(message) => walk.text(message, "`message`")?.node,
        None => "the mock failed".to_owned(),
    };
    let kind = match node.get("kind") {
        None => FailureKind::Permanent,
        Some(node) => {
            let kind = walk.text(node, "`kind`")?;
            let Some((_, found)) = KINDS.iter().find(|(name, _)| *name == kind.node) else {
                let names = KINDS.iter().map(|(name, _)| *name);
                let list: Vec<_> = names.clone().map(|name| format!("`{name}`")).collect();
                let problem =
                    Diagnostic::error(Code::BadScenario, kind.span, format!("`{}` is no kind of failure", kind.node))
                        .help(format!("kinds are {}", list.join(", ")));
                walk.diagnostics.push(problem.suggest(&kind.node, names));
                return None;
            };
            *found
        }
    };
    Some(ActionError::new(kind, message))
}

/// An output as the action declares it; a measurement may be told in part.
fn output(node: &Node, signatures: &[&ActionSignature], undo: bool, walk: &mut Walk) -> Option<Json> {
    let said = if node.is_null() { Json::Object(JsonMap::new()) } else { node.to_json() };
    let before = walk.diagnostics.iter().count();
    for signature in signatures.iter().filter(|_| !undo) {
        let now = Timestamp(0);
        let mut whole = if signature.name == MEASURE { measurement(said.clone(), now, now) } else { said.clone() };
        let whose = format!(" of `{}`", signature.name);
        conforms(&mut whole, &signature.output, ("output", &whose), node, walk);
    }
    (walk.diagnostics.iter().count() == before).then_some(said)
}
