//! Syntax trees become a checked program: names resolved, expressions typed, inputs held against signatures.
//!
//! What it must not know: how steps are ordered (`plan`), which rule an event matches (`router`), how anything runs.

pub mod call;
pub mod check;
mod compose;
pub mod fit;
mod holes;
mod nulls;
pub mod rules;
pub mod scope;
pub mod step_events;
pub mod template;
mod uses;
mod workflow;

use std::time::Duration;

use crate::base::digest::Digest;
use crate::base::id::{RuleName, StepName, WorkflowName};
use crate::base::source::SourceId;
use crate::base::span::{Span, Spanned};
use crate::expression;
use crate::model::action::ActionSignature;
use crate::model::schema::Object;
use template::Template;

/// Everything that the checked files declare. Made only by the checker.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub events: Vec<EventType>,
    /// In the order in which matching rules run: by priority, then by file and place.
    pub rules: Vec<Rule>,
    pub workflows: Vec<Workflow>,
}

/// An event type that rules may name.
#[derive(Clone, Debug)]
pub struct EventType {
    pub name: String,
    pub docs: String,
    pub data: Object,
    pub span: Span,
}

/// A checked rule. Its clauses apply in the order of the fields.
#[derive(Clone, Debug)]
pub struct Rule {
    pub name: RuleName,
    pub docs: String,
    /// Lower runs first; 0 where none is given.
    pub priority: i64,
    pub on: String,
    /// `None`: always.
    pub when: Option<expression::Program>,
    pub threshold: Option<Threshold>,
    pub debounce: Option<Duration>,
    pub throttle: Option<Throttle>,
    pub busy: Busy,
    pub run: Option<Invocation>,
    pub emit: Vec<Emission>,
    /// Of the rule's text without comments: its clauses' state starts anew when it changes.
    pub digest: Digest,
    pub span: Span,
}

/// `threshold 3 within 1m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    pub count: u32,
    pub within: Duration,
}

/// `throttle 1 per 5m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    pub count: u32,
    pub per: Duration,
}

/// What happens to a match whose target is held by a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Busy {
    /// The new run waits its turn.
    #[default]
    Queue,
    /// As `queue`, but it replaces a run of the same rule that waits already.
    Coalesce,
    /// The current run is stopped and the new one takes its place.
    Supersede,
    /// The match is dropped.
    Drop,
}

impl Busy {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Queue, Self::Coalesce, Self::Supersede, Self::Drop];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Coalesce => "coalesce",
            Self::Supersede => "supersede",
            Self::Drop => "drop",
        }
    }
}

/// `run workflow(input: value)`.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub workflow: WorkflowName,
    pub arguments: Template,
}

/// `emit EVENT(field: value) after 30m`.
#[derive(Clone, Debug)]
pub struct Emission {
    pub event: String,
    pub arguments: Template,
    pub after: Duration,
}

/// A checked workflow. Whether its steps form a graph without cycles is for `plan` to find.
#[derive(Clone, Debug)]
pub struct Workflow {
    pub name: Spanned<WorkflowName>,
    pub summary: String,
    pub inputs: Object,
    pub steps: Vec<Step>,
    pub on_failure: Vec<Step>,
    pub outputs: Vec<(String, Template)>,
    pub source: SourceId,
}

/// A checked step: as `plan::Step`, with the places that edges and their diagnostics need.
#[derive(Clone, Debug)]
pub struct Step {
    pub name: Spanned<StepName>,
    pub docs: String,
    pub action: std::sync::Arc<ActionSignature>,
    /// The workflow that it calls; `action` is then what that takes and returns.
    pub calls: Option<WorkflowName>,
    pub condition: Option<expression::Program>,
    /// Whether an `if` stands there that is wrong, which has been told: nobody knows when the step runs.
    pub condition_is_wrong: bool,
    pub with: Template,
    pub retry: Option<Retry>,
    pub timeout: Option<Duration>,
    pub undo: Option<Undo>,
    pub for_each: Option<ForEach>,
    pub needs: Vec<Spanned<StepName>>,
    /// Steps that its expressions refer to, each once, with the first place.
    pub references: Vec<Spanned<StepName>>,
}

impl Step {
    /// The type of the event that the step names, where it is written out.
    pub fn named_event(&self) -> Option<&str> {
        let named = match &self.with {
            Template::Literal(with) => with.get("type"),
            Template::Object(entries) => entries.iter().find_map(|(key, entry)| match entry {
                Template::Literal(value) if key == "type" => Some(value),
                _ => None,
            }),
            _ => None,
        };
        named.filter(|_| self.action.names_event)?.as_str()
    }
}

/// `retry: { attempts, backoff, max_backoff }`: attempt n+1 follows after `backoff` times 2ⁿ⁻¹, at most `max_backoff`,
/// with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// All attempts, the first included; at least 1.
    pub attempts: u32,
    pub backoff: Duration,
    pub max_backoff: Duration,
}

/// `undo: previous`, or `undo: { uses, with }`.
#[derive(Clone, Debug)]
pub enum Undo {
    Previous,
    Action { action: std::sync::Arc<ActionSignature>, with: Template },
}

/// `for_each: …`, `concurrency: n`.
#[derive(Clone, Debug)]
pub struct ForEach {
    pub items: Template,
    /// How many at a time; at least 1.
    pub concurrency: usize,
}

#[cfg(test)]
mod workflow_tests;
