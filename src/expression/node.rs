//! A compiled expression: names resolved, constants computed, what can be decided before running decided.

use std::collections::HashSet;

use regex::Regex;

use super::ast::{BinaryOperator, ComprehensionKind};
use super::functions::Function;
use super::path::Path;
use super::types::Type;
use super::value::Value;
use crate::base::span::Span;

/// One step of an evaluation.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    /// Nodes below, itself included: what a turn of a macro around it costs.
    pub(super) weight: u32,
    /// How many variables of macros are in force at most at a time within it, those of the macros around not counted.
    pub(super) locals: u32,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Constant(Value<'static>),
    /// A binding, by name.
    Variable(Box<str>),
    /// A variable of a macro, by its place among those in force.
    Local(usize),
    Path(Path),
    /// Data that is held against a constant where it lies.
    Compare {
        path: Path,
        operator: BinaryOperator,
        constant: Value<'static>,
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
    /// `startsWith` and its like with a part that is a literal.
    TextTest {
        text: Box<Node>,
        test: fn(&str, &str) -> bool,
        part: Box<str>,
        function: &'static str,
    },
    /// `in` with a list of texts that are literals.
    OneOf(Box<Node>, Texts),
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

/// Texts among which one is looked for.
#[derive(Debug)]
pub(super) enum Texts {
    /// Quicker searched from end to end.
    Few(Box<[Box<str>]>),
    Many(HashSet<Box<str>>),
}

impl Texts {
    pub(super) fn new(texts: Vec<Box<str>>) -> Self {
        if texts.len() <= 8 { Self::Few(texts.into()) } else { Self::Many(texts.into_iter().collect()) }
    }

    pub(super) fn contain(&self, text: &str) -> bool {
        match self {
            Self::Few(texts) => texts.iter().any(|other| **other == *text),
            Self::Many(texts) => texts.contains(text),
        }
    }
}

impl NodeKind {
    pub(super) fn children(&self) -> Vec<&Node> {
        match self {
            Self::Constant(_)
            | Self::Variable(_)
            | Self::Local(_)
            | Self::Path(_)
            | Self::Compare { .. }
            | Self::Fail(_) => Vec::new(),
            Self::Index { operand, key, .. } => vec![operand, key],
            Self::Select { operand, .. }
            | Self::Has { operand, .. }
            | Self::Not(operand)
            | Self::Negate(operand)
            | Self::Matches(operand, _)
            | Self::TextTest { text: operand, .. }
            | Self::OneOf(operand, _)
            | Self::Convert(operand, _) => vec![operand],
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

    /// How many variables it puts in force itself.
    pub(super) fn own_locals(&self) -> u32 {
        match self {
            Self::Comprehension(it) => 1 + u32::from(it.two_variables),
            Self::Bind(_) | Self::OptionalMap { .. } => 1,
            _ => 0,
        }
    }
}
