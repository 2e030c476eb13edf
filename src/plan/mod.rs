//! A workflow compiled: steps in a directed acyclic graph, named by the digest of their canonical text.
//!
//! `build` makes plans and is the only way to one; `render` shows them, `diff` tells what
//! differs between two versions. petgraph stays in here.
//! What it must not know: events, rules, runs, how a step is performed.

mod build;
mod callees;
mod canonical;
mod condition;
pub mod diff;
mod expand;
mod frame;
pub mod graph;
mod order;
pub mod render;
mod rest;

use std::sync::Arc;
use std::time::Duration;

use crate::base::digest::Digest;
use crate::base::id::{StepName, WorkflowName};
use crate::expression::Program;

pub use crate::ir::template::Template;
pub use crate::ir::{ForEach, Retry, Undo};
use crate::model::action::ActionSignature;
use crate::model::schema::Object;
pub use build::{build, warnings};
pub use callees::{Callees, rounds};
pub use frame::{Border, Frame};
pub use graph::{Graph, StepIndex};

/// One workflow, ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub workflow: WorkflowName,
    pub summary: String,
    pub inputs: Object,
    /// The workflow's steps.
    pub steps: Graph,
    /// What runs after a failure, once everything undoable is undone.
    pub on_failure: Graph,
    /// What the run returns, by name.
    pub outputs: Vec<(String, Template)>,
    pub digest: Digest,
    /// The text it was made from: enough to make it again, also after the file has changed.
    pub source: PlanSource,
}

impl Plan {
    /// What the plan does, as JSON on one line with sorted keys: what `digest` is the digest of.
    ///
    /// Not part of it: summaries and comments, the order of steps in the file, and everything else that changes nothing.
    pub fn canonical_text(&self) -> String {
        canonical::text(self)
    }

    /// The first step whose action cannot do without a target.
    pub fn needs_target(&self) -> Option<&StepName> {
        self.steps.iter().find(|(_, step)| step.action.needs_target).map(|(_, step)| &step.name)
    }
}

/// The texts that a plan is made from, kept with every run of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PlanSource {
    pub path: String,
    pub text: Arc<str>,
    /// Of every workflow that is called, also by those that are called, by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub called: Vec<CalledSource>,
}

/// The text of a workflow that is called.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CalledSource {
    pub path: String,
    pub text: Arc<str>,
}

impl PlanSource {
    /// A workflow that calls no other.
    pub fn alone(path: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self { path: path.into(), text: text.into(), called: Vec::new() }
    }
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    pub name: StepName,
    /// Where the names of its expressions are looked up.
    pub frame: Frame,
    /// `Some`: nothing is performed, a call begins or ends here.
    pub border: Option<Border>,
    /// What its author says of it; may be empty.
    pub docs: String,
    pub action: Arc<ActionSignature>,
    /// `None`: always.
    pub condition: Option<Program>,
    /// Always a `Template::Object` or `Literal` object.
    pub with: Template,
    /// `None`: one attempt.
    pub retry: Option<Retry>,
    /// For one attempt.
    pub timeout: Option<Duration>,
    pub undo: Option<Undo>,
    pub for_each: Option<ForEach>,
}

impl Step {
    /// The workflow in whose text the step stands, and its name there; of a call it is the entry that counts.
    pub fn origin(&self) -> Option<(&WorkflowName, &str)> {
        let name = match self.border {
            None => Some(self.name.as_str()),
            Some(Border::Entry) => Frame::call_of(self.name.as_str()),
            Some(Border::Return) => None,
        };
        Some((&self.frame.workflow, self.frame.written(name?)?))
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
