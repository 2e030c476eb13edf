//! A workflow as it was written: every key in its place, nothing resolved.

use std::time::Duration;

use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::base::span::{Span, Spanned};
use crate::model::schema::Object;
use crate::syntax::yaml::{Key, Node};

/// One file. What is missing or malformed has been reported and is left out.
#[derive(Clone, Debug)]
pub struct Workflow {
    pub source: SourceId,
    /// The whole mapping.
    pub span: Span,
    pub name: Option<Spanned<String>>,
    pub summary: Option<Spanned<String>>,
    pub inputs: Object,
    /// Values may hold `${ … }`.
    pub outputs: Vec<(Key, Node)>,
    pub steps: Vec<Step>,
    pub on_failure: Vec<Step>,
    /// Whether every step that was written is among `steps` and `on_failure`.
    pub is_whole: bool,
    /// Whether steps may stand in what could not be read: a name that is not known may be one of theirs.
    pub may_have_more_steps: bool,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    pub name: Spanned<String>,
    pub summary: Option<Spanned<String>>,
    pub uses: Option<Spanned<String>>,
    /// A mapping, whose values may hold `${ … }`; anything else has been reported.
    pub with: Option<Node>,
    pub condition: Option<Condition>,
    /// Whether an `if` stands there that is wrong, which has been told.
    pub condition_is_wrong: bool,
    pub needs: Vec<Spanned<String>>,
    pub retry: Option<Retry>,
    pub timeout: Option<Spanned<Duration>>,
    pub undo: Option<Undo>,
    /// A list, or `${ … }` that gives one.
    pub for_each: Option<Node>,
    pub concurrency: Option<Spanned<usize>>,
    /// Whether some of its keys, all of it, or its condition could not be read.
    pub is_cut: bool,
}

/// What stands behind `if:`.
#[derive(Clone, Debug)]
pub struct Condition {
    pub expression: Fragment,
    /// What YAML took for a comment behind an unquoted expression, from its `#` on.
    pub comment: Option<Span>,
}

/// `retry: { attempts, backoff, max_backoff }`.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The whole mapping.
    pub span: Span,
    pub attempts: u32,
    pub backoff: Option<Duration>,
    pub max_backoff: Option<Duration>,
}

/// `undo: previous`, or `undo: { uses, with }`.
#[derive(Clone, Debug)]
pub enum Undo {
    Previous(Span),
    Action { uses: Spanned<String>, with: Option<Node>, span: Span },
}

impl Undo {
    /// All that stands behind `undo:`.
    pub fn span(&self) -> Span {
        match self {
            Self::Previous(span) | Self::Action { span, .. } => *span,
        }
    }
}
