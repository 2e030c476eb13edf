//! The tree of a rules file: what was written, every node with its place. Names are not resolved, expressions not read.

use std::time::Duration;

use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::base::span::{Span, Spanned};

/// A rules file.
#[derive(Clone, Debug)]
pub struct File {
    pub source: SourceId,
    pub items: Vec<Item>,
    /// Comments outside expressions, in the order they stand; without the slashes.
    pub comments: Vec<Spanned<String>>,
}

/// What a file declares.
#[derive(Clone, Debug)]
pub enum Item {
    Event(Event),
    Rule(Rule),
}

/// `event NAME { field: type }`.
#[derive(Clone, Debug)]
pub struct Event {
    pub docs: Option<Docs>,
    /// Empty where it is missing or no name.
    pub name: Spanned<String>,
    pub fields: Vec<Field>,
    /// Whether every field could be read.
    pub is_whole: bool,
    pub span: Span,
}

/// Lines of documentation, joined by line ends, without the slashes and the blank behind them.
pub type Docs = Spanned<String>;

/// `name: type` or `name?: type`.
#[derive(Clone, Debug)]
pub struct Field {
    pub docs: Option<Docs>,
    pub name: Spanned<String>,
    pub optional: bool,
    pub kind: Spanned<Type>,
    pub span: Span,
}

/// A type as it is written.
#[derive(Clone, Debug)]
pub enum Type {
    /// `string`, `int`, …: not yet held against the names that exist.
    Named(String),
    List(Box<Spanned<Type>>),
    /// From strings to this.
    Map(Box<Spanned<Type>>),
    Object(Vec<Field>),
}

/// `rule NAME { clause … }`.
#[derive(Clone, Debug)]
pub struct Rule {
    pub docs: Option<Docs>,
    /// Empty where it is missing or no name.
    pub name: Spanned<String>,
    /// In the order they are written, repeated ones too.
    pub clauses: Vec<Clause>,
    /// The rule's text without comments and without the blanks that mean nothing: the same for rules that differ only
    /// in these.
    pub canonical: String,
    pub span: Span,
}

/// One clause.
#[derive(Clone, Debug)]
pub struct Clause {
    pub kind: ClauseKind,
    /// Of the clause's word.
    pub word: Span,
    pub span: Span,
}

/// What a clause says.
#[derive(Clone, Debug)]
pub enum ClauseKind {
    On(Spanned<String>),
    When(Fragment),
    Priority(Spanned<i64>),
    Threshold {
        count: Spanned<u32>,
        within: Spanned<Duration>,
    },
    Debounce(Spanned<Duration>),
    Throttle {
        count: Spanned<u32>,
        per: Spanned<Duration>,
    },
    /// Not yet held against the modes that exist.
    Busy(Spanned<String>),
    Run(Call),
    Emit {
        call: Call,
        after: Option<Spanned<Duration>>,
    },
    /// Of a `when` only this could be read; what is wrong behind it was said already.
    CutWhen {
        read: Fragment,
        /// Whether another clause may stand in what was not read.
        swallows: bool,
    },
    /// What was said of it already. `None`: it may have been meant to be any clause.
    Bad(Option<ClauseWord>),
}

/// The word that a clause starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClauseWord {
    On,
    When,
    Priority,
    Threshold,
    Debounce,
    Throttle,
    Busy,
    Run,
    Emit,
}

/// `NAME(argument: value, …)`.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: Spanned<String>,
    pub arguments: Vec<Argument>,
    pub span: Span,
}

/// `name: value`.
#[derive(Clone, Debug)]
pub struct Argument {
    pub name: Spanned<String>,
    pub value: Fragment,
}

impl Item {
    /// Of the whole item, its documentation not included.
    pub fn span(&self) -> Span {
        match self {
            Self::Event(event) => event.span,
            Self::Rule(rule) => rule.span,
        }
    }

    /// Where its name stands.
    pub fn name(&self) -> Span {
        match self {
            Self::Event(event) => event.name.span,
            Self::Rule(rule) => rule.name.span,
        }
    }
}

impl ClauseWord {
    /// Every clause, in the order in which clauses apply.
    pub const ALL: [Self; 9] = [
        Self::On,
        Self::When,
        Self::Priority,
        Self::Threshold,
        Self::Debounce,
        Self::Throttle,
        Self::Busy,
        Self::Run,
        Self::Emit,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::When => "when",
            Self::Priority => "priority",
            Self::Threshold => "threshold",
            Self::Debounce => "debounce",
            Self::Throttle => "throttle",
            Self::Busy => "busy",
            Self::Run => "run",
            Self::Emit => "emit",
        }
    }

    /// The clause that starts with `word`.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

impl ClauseKind {
    /// The word that the clause starts with; `None` for a bad clause that may have been meant to be any.
    pub fn word(&self) -> Option<ClauseWord> {
        Some(match self {
            Self::On(_) => ClauseWord::On,
            Self::When(_) | Self::CutWhen { .. } => ClauseWord::When,
            Self::Priority(_) => ClauseWord::Priority,
            Self::Threshold { .. } => ClauseWord::Threshold,
            Self::Debounce(_) => ClauseWord::Debounce,
            Self::Throttle { .. } => ClauseWord::Throttle,
            Self::Busy(_) => ClauseWord::Busy,
            Self::Run(_) => ClauseWord::Run,
            Self::Emit { .. } => ClauseWord::Emit,
            Self::Bad(word) => return *word,
        })
    }
}
