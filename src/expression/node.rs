//! A compiled expression: names resolved, constants computed, what can be decided before running decided.

use regex::Regex;

use super::ast::{BinaryOperator, ComprehensionKind};
use super::functions::Function;
use super::types::Type;
use super::value::Value;
use crate::base::span::Span;

/// One step of an evaluation.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    /// Nodes below, itself included: what a turn of a macro around it costs.
    pub(super) weight: u32,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Constant(Value<'static>),
    /// A binding, by name.
    Variable(Box<str>),
    /// A variable of a macro, by its place among those in force.
    Local(usize),
    /// Fields of a binding, selected one after the other: the most common thing by far.
    Path {
        root: Box<str>,
        fields: Box<[Box<str>]>,
    },
    Select {
        operand: Box<Node>,
        field: Box<str>,
        optional: bool,
    },
    Has {
        operand: Box<Node>,
        field: Box<str>,
    },
    Index {
        operand: Box<Node>,
        key: Box<Node>,
        optional: bool,
    },
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Conditional(Box<[Node; 3]>),
    Binary(BinaryOperator, Box<[Node; 2]>),
    /// Values, and whether each is an optional that may be left out.
    List(Box<[(Node, bool)]>),
    Map(Box<[(Node, Node, bool)]>),
    Call {
        function: &'static Function,
        arguments: Box<[Node]>,
    },
    /// `matches` with a pattern that is a literal.
    Matches(Box<Node>, Box<Regex>),
    /// `a.or(b)` and, with `value`, `a.orValue(b)`: `b` is evaluated only where `a` holds nothing.
    OrElse {
        operands: Box<[Node; 2]>,
        value: bool,
    },
    Comprehension(Box<Comprehension>),
    /// A value, and what is computed with it as a local variable.
    Bind(Box<[Node; 2]>),
    OptionalMap {
        operands: Box<[Node; 2]>,
        flat: bool,
    },
    /// Declared durations and times lie in data as text.
    Convert(Box<Node>, Box<Type>),
    /// What can only fail. Checked expressions have none.
    Fail(String),
}

#[derive(Debug)]
pub(super) struct Comprehension {
    pub(super) kind: ComprehensionKind,
    pub(super) range: Node,
    pub(super) two_variables: bool,
    pub(super) filter: Option<Node>,
    pub(super) body: Node,
}

impl NodeKind {
    pub(super) fn children(&self) -> Vec<&Node> {
        match self {
            Self::Constant(_) | Self::Variable(_) | Self::Local(_) | Self::Path { .. } | Self::Fail(_) => Vec::new(),
            Self::Select { operand, .. } | Self::Has { operand, .. } => vec![operand],
            Self::Index { operand, key, .. } => vec![operand, key],
            Self::Not(operand) | Self::Negate(operand) | Self::Matches(operand, _) | Self::Convert(operand, _) => {
                vec![operand]
            }
            Self::And(operands) | Self::Or(operands) => operands.iter().collect(),
            Self::Conditional(operands) => operands.iter().collect(),
            Self::Binary(_, operands)
            | Self::Bind(operands)
            | Self::OrElse { operands, .. }
            | Self::OptionalMap { operands, .. } => operands.iter().collect(),
            Self::List(items) => items.iter().map(|(item, _)| item).collect(),
            Self::Map(entries) => entries.iter().flat_map(|(key, value, _)| [key, value]).collect(),
            Self::Call { arguments, .. } => arguments.iter().collect(),
            Self::Comprehension(it) => {
                std::iter::once(&it.range).chain(&it.filter).chain(std::iter::once(&it.body)).collect()
            }
        }
    }
}
