//! Scenario files: YAML becomes scenarios that are checked against the program they test, all problems at once.
//!
//! What it must not know: how a scenario is played, or what came of it.

mod data;
mod given;
pub mod keys;
mod merge;
mod mock;
mod parse;
mod then;
mod when;

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::Value as Json;

use crate::base::clock::Timestamp;
use crate::base::id::{StepName, TargetName, WorkflowName};
use crate::base::source::SourceId;
use crate::base::span::{Span, Spanned};
use crate::model::event::Event;
use crate::runtime::wait::Decision;
use crate::syntax::yaml::Node;

pub use parse::{Known, parse};

use super::world::Setting;
use super::world::life::CrashPoint;

/// One story: what is so, what happens, and what must come of it.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub source: SourceId,
    pub name: Spanned<String>,
    pub setting: Setting,
    /// In the order of their moments.
    pub when: Vec<Planned>,
    /// How long after the last moment of `when` the world goes on at most.
    pub lasts: Duration,
    pub then: Then,
}

/// Something that is done to the engine.
#[derive(Clone, Debug)]
pub struct Planned {
    /// From the start of the scenario.
    pub at: Duration,
    pub what: Deed,
    pub span: Span,
}

/// What is done.
#[derive(Clone, Debug)]
pub enum Deed {
    Send(Box<Event>),
    /// A person starts a workflow.
    Run {
        workflow: WorkflowName,
        target: Option<TargetName>,
        inputs: Json,
    },
    /// The engine is killed, and another starts `down` later.
    Crash {
        point: Option<CrashPoint>,
        down: Duration,
    },
    /// `None` stands for all targets.
    Halt(Option<TargetName>),
    Unhalt(Option<TargetName>),
    Pause(TargetName),
    Resume(TargetName),
    /// A person decides what the newest run waits for in this step.
    Decide {
        step: StepName,
        decision: Decision,
    },
    /// A person cancels the newest run of a workflow that is not over.
    Cancel(WorkflowName),
    /// A person starts the newest run of a workflow again that is over.
    Retry {
        workflow: WorkflowName,
        from_failed_step: bool,
    },
}

/// What must have come of it. Each part is compared as it is written; one that is not written is not looked at.
#[derive(Clone, Debug, Default)]
pub struct Then {
    pub runs: Option<Node>,
    pub dispatched: Option<Node>,
    pub phases: Option<Node>,
    pub targets: Option<Node>,
    pub records: Option<Node>,
    pub emitted: Option<Node>,
    pub events: Option<Node>,
    pub refused: Option<Node>,
    pub never: Vec<Never>,
}

/// Something that must not have happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Never {
    pub what: Forbidden,
    pub span: Span,
}

/// What is forbidden.
#[derive(Clone, Debug, PartialEq)]
pub enum Forbidden {
    /// That the workflow ran.
    Run(String),
    /// That the step was performed.
    Step(String),
    /// That a step with the action was performed.
    Action(String),
    /// That an event of the type was emitted.
    Emitted(String),
    /// That any target was in the phase.
    Phase(String),
    /// That any target was told a higher total.
    Above(f64),
}

impl Scenario {
    /// When the world begins.
    pub fn start(&self) -> Timestamp {
        self.setting.start
    }
}
