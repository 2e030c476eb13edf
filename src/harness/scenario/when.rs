//! `when`: what is done to the engine, and when.

use std::time::Duration;

use serde_json::Value as Json;

use super::data::conforms;
use super::given::target_of;
use super::parse::Known;
use super::{Deed, Planned};
use crate::base::id::{StepName, TargetName, WorkflowName};
use crate::base::literal::parse_duration;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic};
use crate::harness::world::Setting;
use crate::harness::world::life::{CrashPoint, Side};
use crate::model::event::{Event, Priority};
use crate::model::schema::{JsonMap, Object};
use crate::runtime::wait::Decision;
use crate::syntax::fields::Walk;
use crate::syntax::yaml::Node;

pub(super) const DEEDS: &[&str] =
    &["event", "run", "crash", "halt", "unhalt", "pause", "resume", "approve", "reject", "cancel", "retry"];
pub(super) const EVENT_KEYS: &[&str] =
    &["at", "event", "subject", "data", "priority", "id", "source", "times", "every"];
pub(super) const RUN_KEYS: &[&str] = &["at", "run", "target", "inputs"];
pub(super) const DECISION_KEYS: &[&str] = &["at", "approve", "reject", "by", "note"];
pub(super) const RETRY_KEYS: &[&str] = &["at", "retry", "from_failed_step"];
pub(super) const CRASH_KEYS: &[&str] = &["at", "crash", "down"];

/// Most that is done in one scenario, `times` counted out.
const MAX_DEEDS: usize = 10_000;

/// Reads `when`; what is wrong is told and left out.
pub(super) fn read(node: &Node, walk: &mut Walk, known: Known<'_>, setting: &Setting) -> Vec<Planned> {
    let Some(items) = node.as_seq() else {
        walk.wrong_kind(node, "`when`", "a list", "write `- { at: 0s, event: TYPE, data: { … } }`");
        return Vec::new();
    };
    let mut reader = Reader { walk, known, setting, at: Duration::ZERO, sent: 0, planned: Vec::new() };
    for item in items {
        reader.entry(item);
        if reader.planned.len() > MAX_DEEDS {
            let message = format!("more than {MAX_DEEDS} things are done from here on, each of `times` counted");
            reader.walk.error(Code::TooLarge, item.span, message, "make several scenarios of it, or fewer `times`");
            break;
        }
    }
    let mut planned = reader.planned;
    planned.sort_by_key(|planned| planned.at);
    planned
}

struct Reader<'r, 'a> {
    walk: &'r mut Walk,
    known: Known<'a>,
    setting: &'r Setting,
    /// The moment of the entry before.
    at: Duration,
    /// How many events there are so far.
    sent: usize,
    planned: Vec<Planned>,
}

impl Reader<'_, '_> {
    fn entry(&mut self, node: &Node) {
        let Some(entries) = node.as_map() else {
            self.walk.wrong_kind(node, "an entry of `when`", "a mapping", "write `{ at: 0s, event: TYPE }`");
            return;
        };
        if let Some(at) = node.get("at") {
            // Zero is a moment, though no duration that anything else could take.
            match at.scalar().and_then(|text| parse_duration(&text.text).ok()) {
                Some(moment) => self.at = moment,
                None => self.walk.wrong_kind(at, "`at`", "a duration from the start", "write it like `0s` or `30m`"),
            }
        }
        let deeds: Vec<_> = entries.iter().filter(|(key, _)| DEEDS.contains(&key.name.as_str())).collect();
        let [(key, value)] = deeds.as_slice() else {
            let list: Vec<_> = DEEDS.iter().map(|deed| format!("`{deed}`")).collect();
            let message = match deeds.as_slice() {
                [] => "the entry does not say what is done",
                _ => "the entry says more than one thing that is done",
            };
            self.walk.error(Code::BadScenario, node.span, message, &format!("give one of {}", list.join(", ")));
            return;
        };
        match key.name.as_str() {
            "event" => self.event(node, value),
            "run" => self.run(node, value),
            "crash" => self.crash(node, value),
            "approve" | "reject" => self.decide(node, value, key.name == "approve"),
            "cancel" => {
                self.walk.mapping(node, "`cancel`", &["at", "cancel"], "");
                let Some(workflow) = self.workflow(value, "`cancel`") else { return };
                self.plan(Duration::ZERO, Deed::Cancel(workflow), node.span);
            }
            "retry" => {
                self.walk.mapping(node, "`retry`", RETRY_KEYS, "");
                let Some(workflow) = self.workflow(value, "`retry`") else { return };
                let flag = node.get("from_failed_step");
                let from_failed_step = flag.and_then(Node::as_bool);
                if let (Some(flag), None) = (flag, from_failed_step) {
                    self.walk.wrong_kind(flag, "`from_failed_step`", "true or false", "");
                }
                let from_failed_step = from_failed_step.unwrap_or(false);
                self.plan(Duration::ZERO, Deed::Retry { workflow, from_failed_step }, node.span);
            }
            deed => {
                self.walk.mapping(node, &format!("`{deed}`"), &["at", deed], "");
                let target = match value.as_str() {
                    Some("all") if deed.ends_with("halt") => None,
                    _ => {
                        let name = self.walk.text(value, &format!("`{deed}`"));
                        let Some(name) = name else { return };
                        let Some(found) = target_of(Some(&name), value, self.setting, self.walk) else { return };
                        Some(found.name.clone())
                    }
                };
                let what = match (deed, target) {
                    ("halt", target) => Deed::Halt(target),
                    ("unhalt", target) => Deed::Unhalt(target),
                    ("pause", Some(target)) => Deed::Pause(target),
                    (_, Some(target)) => Deed::Resume(target),
                    (_, None) => return,
                };
                self.plan(Duration::ZERO, what, node.span);
            }
        }
    }

    fn plan(&mut self, later: Duration, what: Deed, span: Span) {
        self.planned.push(Planned { at: self.at + later, what, span });
    }

    fn event(&mut self, node: &Node, kind: &Node) {
        self.walk.mapping(node, "an event", EVENT_KEYS, "");
        let Some(kind) = self.walk.text(kind, "`event`") else { return };
        let Some(declared) = self.known.program.events.get(&kind.node) else {
            let message = format!("no rules file declares an event `{}`", kind.node);
            let problem = Diagnostic::error(Code::UnknownEvent, kind.span, message);
            let names = self.known.program.events.keys().map(String::as_str);
            self.walk.diagnostics.push(problem.suggest(&kind.node, names));
            return;
        };
        let Some(data) = self.conforming(node, "data", declared) else { return };
        let subject = match node.get("subject") {
            // An event about nothing: said, not forgotten.
            Some(subject) if subject.as_str() == Some("none") => None,
            subject => {
                let name = subject.and_then(|subject| self.walk.text(subject, "`subject`"));
                let Some(found) = target_of(name.as_ref(), node, self.setting, self.walk) else { return };
                Some(found.name.clone())
            }
        };
        let level = node.get("priority").map(|level| {
            let found = level.as_int().and_then(|level| u8::try_from(level).ok()).and_then(Priority::new);
            if found.is_none() {
                self.walk.wrong_kind(level, "`priority`", "a whole number from 0 to 9", "");
            }
            found
        });
        let id = node.get("id").and_then(|id| self.walk.text(id, "`id`"));
        let source = node.get("source").and_then(|source| self.walk.text(source, "`source`"));
        let times = node.get("times").and_then(|times| self.walk.count(times, "`times`", 1_000));
        let every = node.get("every").and_then(|every| self.walk.duration(every, "`every`"));
        let times = times.map_or(1, |times| times.node);
        let every = every.map_or(Duration::ZERO, |every| every.node);
        for time in 0..times {
            self.sent += 1;
            let id = match (&id, times) {
                (Some(id), 1) => id.node.clone(),
                (Some(id), _) => format!("{}-{}", id.node, time + 1),
                (None, _) => format!("event-{}", self.sent),
            };
            let later = every * time;
            let event = Event {
                id,
                source: source.as_ref().map_or_else(|| "test".to_owned(), |source| source.node.clone()),
                kind: kind.node.clone(),
                subject: subject.clone(),
                time: self.setting.start.after(self.at + later),
                data: data.clone(),
                priority: level.flatten().unwrap_or_default(),
                deliver_at: None,
                during_test: false,
                chain: 0,
                extensions: JsonMap::new(),
            };
            self.plan(later, Deed::Send(Box::new(event)), node.span);
        }
    }

    fn run(&mut self, node: &Node, workflow: &Node) {
        self.walk.mapping(node, "`run`", RUN_KEYS, "");
        let Some(workflow) = self.walk.text(workflow, "`run`") else { return };
        let Some(plan) = self.known.plan(&workflow.node) else {
            let message = format!("there is no workflow `{}`", workflow.node);
            let problem = Diagnostic::error(Code::UnknownWorkflow, workflow.span, message);
            self.walk.diagnostics.push(problem.suggest(&workflow.node, self.known.workflows()));
            return;
        };
        let Some(inputs) = self.conforming(node, "inputs", &plan.inputs) else { return };
        let target = match node.get("target") {
            Some(target) if target.as_str() == Some("none") => None,
            target => {
                let name: Option<Spanned<String>> = target.and_then(|target| self.walk.text(target, "`target`"));
                let Some(found) = target_of(name.as_ref(), node, self.setting, self.walk) else { return };
                Some(TargetName::from(found.name.as_str()))
            }
        };
        let workflow = WorkflowName::from(workflow.node);
        self.plan(Duration::ZERO, Deed::Run { workflow, target, inputs }, node.span);
    }

    fn decide(&mut self, node: &Node, step: &Node, approved: bool) {
        self.walk.mapping(node, "a decision", DECISION_KEYS, "");
        let Some(step) = self.walk.text(step, "a step") else { return };
        let mut text = |key: &str| {
            let value = node.get(key)?;
            self.walk.text(value, &format!("`{key}`")).map(|text| text.node)
        };
        let decision = Decision { approved, by: text("by"), note: text("note") };
        if step_is_performed(&step, self.known, self.walk) {
            self.plan(Duration::ZERO, Deed::Decide { step: StepName::from(step.node), decision }, node.span);
        }
    }

    /// A workflow that exists; if it does not, that is told.
    fn workflow(&mut self, node: &Node, what: &str) -> Option<WorkflowName> {
        let workflow = self.walk.text(node, what)?;
        if self.known.plan(&workflow.node).is_none() {
            let message = format!("there is no workflow `{}`", workflow.node);
            let problem = Diagnostic::error(Code::UnknownWorkflow, workflow.span, message);
            self.walk.diagnostics.push(problem.suggest(&workflow.node, self.known.workflows()));
            return None;
        }
        Some(WorkflowName::from(workflow.node))
    }

    fn crash(&mut self, node: &Node, crash: &Node) {
        const HELP: &str = "write `crash: now`, `crash: { before: STEP }` or `crash: { after: STEP }`";
        self.walk.mapping(node, "`crash`", CRASH_KEYS, "");
        let down = node.get("down").and_then(|down| self.walk.duration(down, "`down`"));
        let down = down.map_or(Duration::ZERO, |down| down.node);
        if crash.as_str() == Some("now") {
            self.plan(Duration::ZERO, Deed::Crash { point: None, down }, node.span);
            return;
        }
        let entries = self.walk.mapping(crash, "`crash`", &["before", "after"], HELP);
        let [(key, step)] = entries else {
            if crash.as_map().is_some() {
                self.walk.error(Code::BadScenario, crash.span, "a crash is on one side of one step", HELP);
            }
            return;
        };
        let side = if key.name == "before" { Side::Before } else { Side::After };
        let Some(step) = self.walk.text(step, "a step") else { return };
        if step_is_performed(&step, self.known, self.walk) {
            let point = Some(CrashPoint { step: StepName::from(step.node), side });
            self.plan(Duration::ZERO, Deed::Crash { point, down }, node.span);
        }
    }

    /// What stands under `key`, held against its declaration.
    fn conforming(&mut self, node: &Node, key: &str, declared: &Object) -> Option<Json> {
        let said = node.get(key).filter(|said| !said.is_null());
        let mut value = said.map_or_else(|| Json::Object(JsonMap::new()), Node::to_json);
        conforms(&mut value, declared, (key, ""), said.unwrap_or(node), self.walk).then_some(value)
    }
}

/// Whether any workflow performs the step; if not, that is told.
pub(super) fn step_is_performed(step: &Spanned<String>, known: Known<'_>, walk: &mut Walk) -> bool {
    let named: Vec<_> = known.steps().filter(|known| known.name.as_str() == step.node).collect();
    step_exists(step, known, walk) && !is_border(&step.node, step.span, &named, walk)
}

/// Whether none of these steps is ever performed, because each is a call; that is told.
pub(super) fn is_border(name: &str, span: Span, named: &[&crate::plan::Step], walk: &mut Walk) -> bool {
    let Some(first) = named.first().filter(|_| named.iter().all(|step| step.border.is_some())) else { return false };
    let message = format!("`{name}` calls `{}`: nothing is performed but the steps of that", first.action.name);
    let call = name.strip_suffix("/in").unwrap_or(name);
    let help = format!("name one of them, like `{call}/STEP`");
    walk.diagnostics.push(Diagnostic::error(Code::BadScenario, span, message).help(help));
    true
}

/// Whether any workflow has the step; if not, that is told.
pub(super) fn step_exists(step: &Spanned<String>, known: Known<'_>, walk: &mut Walk) -> bool {
    let found = known.steps().any(|known| known.name.as_str() == step.node);
    if !found {
        let problem =
            Diagnostic::error(Code::UnknownStep, step.span, format!("no workflow has a step `{}`", step.node));
        walk.diagnostics.push(problem.suggest(&step.node, known.steps().map(|step| step.name.as_str())));
    }
    found
}
