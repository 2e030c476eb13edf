//! Where the names of a step's expressions are looked up: in the workflow itself, or within a call.
//!
//! A workflow that is called stands in the plan of who calls it, step by step. A call `ease` becomes its border,
//! `ease/in` and `ease`, and what is between: the step `lower` of the workflow that is called is `ease/lower`. No step can
//! be called `in`, and no name holds a `/`, so that all of these are names of their own.

use std::sync::Arc;

use crate::base::id::{StepName, WorkflowName};

/// Between the names of a call and of a step within it.
const SEPARATOR: char = '/';
/// The step that a call begins with: expressions keep the word for themselves.
const ENTRY: &str = "in";

/// The workflow whose text a step stands in, within a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the names of its steps begin with in the plan; empty for the plan's own.
    prefix: Arc<str>,
    pub workflow: WorkflowName,
}

/// What a step is for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// It takes what the call gives: the `inputs` of the steps within.
    Entry,
    /// It gives what the workflow that is called returns.
    Return,
}

impl Border {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Return => "return",
        }
    }
}

impl Frame {
    /// The plan's own.
    pub fn outermost(workflow: WorkflowName) -> Self {
        Self { prefix: "".into(), workflow }
    }

    /// That of what the step `call` calls.
    pub(super) fn within(&self, call: &StepName, workflow: WorkflowName) -> Self {
        Self { prefix: format!("{}{call}{SEPARATOR}", self.prefix).into(), workflow }
    }

    /// What a step of this text is called in the plan.
    pub fn name(&self, step: &str) -> StepName {
        format!("{}{step}", self.prefix).into()
    }

    /// The step with which the call begins that this is within; `None` for the plan's own.
    pub fn entry(&self) -> Option<StepName> {
        (!self.prefix.is_empty()).then(|| self.name(ENTRY))
    }

    /// What a step of the plan is called in this text; `None` for one that stands in another, and for a border's entry.
    pub fn written<'n>(&self, name: &'n str) -> Option<&'n str> {
        let rest = name.strip_prefix(&*self.prefix)?;
        (!rest.contains(SEPARATOR) && rest != ENTRY).then_some(rest)
    }

    /// The step with which a call of that name begins.
    pub fn entry_of(call: &str) -> String {
        format!("{call}{SEPARATOR}{ENTRY}")
    }

    /// What the call is called that begins with this step.
    pub(super) fn call_of(entry: &str) -> Option<&str> {
        entry.strip_suffix(ENTRY)?.strip_suffix(SEPARATOR)
    }

    /// How the call is called in the plan that this is within; empty for the plan's own.
    pub fn call(&self) -> &str {
        self.prefix.strip_suffix(SEPARATOR).unwrap_or_default()
    }
}
