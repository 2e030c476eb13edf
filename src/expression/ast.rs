//! The syntax tree of an expression: what was written, with macros expanded and every node's place.
//!
//! No name is resolved here and no type is known. Its depth is limited by the parser, so that whoever walks it may
//! recurse.

use std::cmp::Ordering;

use crate::base::span::{Span, Spanned};

/// Names a node of one tree; counted from 0 in the order in which nodes were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub u32);

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub id: ExprId,
    pub kind: ExprKind,
    pub span: Span,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    Literal(Literal),
    /// A variable, a type's name, or the first word of a dotted name. `absolute`: written with a leading dot.
    Name {
        name: String,
        absolute: bool,
    },
    /// `operand.field`, or `operand.?field`.
    Select {
        operand: Box<Expr>,
        field: Spanned<String>,
        optional: bool,
    },
    /// `has(operand.field)`.
    Has {
        operand: Box<Expr>,
        field: Spanned<String>,
    },
    /// `operand[key]`, or `operand[?key]`.
    Index {
        operand: Box<Expr>,
        key: Box<Expr>,
        optional: bool,
    },
    /// `function(arguments)`, or `receiver.function(arguments)`. The receiver may be a namespace, as in `math.least`.
    Call {
        receiver: Option<Box<Expr>>,
        function: Spanned<String>,
        arguments: Vec<Expr>,
    },
    Unary {
        operator: UnaryOperator,
        operand: Box<Expr>,
    },
    Binary {
        operator: BinaryOperator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `a && b && …`: at least two.
    And(Vec<Expr>),
    /// `a || b || …`: at least two.
    Or(Vec<Expr>),
    /// `condition ? then : otherwise`.
    Conditional {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    List(Vec<Element>),
    Map(Vec<Entry>),
    Comprehension(Box<Comprehension>),
    /// `cel.bind(name, value, body)`.
    Bind {
        name: Spanned<String>,
        value: Box<Expr>,
        body: Box<Expr>,
    },
    /// `operand.optMap(name, body)`; with `flat`, `optFlatMap`.
    OptionalMap {
        operand: Box<Expr>,
        name: Spanned<String>,
        body: Box<Expr>,
        flat: bool,
    },
}

/// A value that is written as such.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
    Bytes(Vec<u8>),
}

/// An element of a list; an `optional` one is left out when it holds nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    pub value: Expr,
    pub optional: bool,
}

/// An entry of a map; an `optional` one is left out when its value holds nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: Expr,
    pub value: Expr,
    pub optional: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOperator {
    Not,
    Negate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOperator {
    Multiply,
    Divide,
    Modulo,
    Add,
    Subtract,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}

/// A macro that walks a list or the keys of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Comprehension {
    pub kind: ComprehensionKind,
    pub range: Expr,
    /// The element of a list or the key of a map; with `second`, the index or key.
    pub first: Spanned<String>,
    /// The element or value, in the macros with two variables.
    pub second: Option<Spanned<String>>,
    /// Only for these the body is evaluated (`map`, `transformList`, `transformMap`).
    pub filter: Option<Expr>,
    pub body: Expr,
    /// Where the macro's name stands.
    pub name: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComprehensionKind {
    All,
    Exists,
    ExistsOne,
    /// The elements for which the body holds.
    Filter,
    /// The bodies' values, as a list: `map`, `transformList`.
    Map,
    /// The bodies' values under their keys: `transformMap`.
    TransformMap,
    /// The bodies are maps whose entries are gathered: `transformMapEntry`.
    TransformMapEntry,
    /// The elements in the order of the bodies' values: `sortBy`.
    SortBy,
}

impl ComprehensionKind {
    /// Whether it says yes or no.
    pub fn is_predicate(self) -> bool {
        matches!(self, Self::All | Self::Exists | Self::ExistsOne)
    }
}

impl UnaryOperator {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Not => "!",
            Self::Negate => "-",
        }
    }
}

impl BinaryOperator {
    /// Whether it holds for two values of this order; `false` for what does not ask for one.
    pub fn admits(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterEqual => order.is_ge(),
            _ => false,
        }
    }

    /// Whether it says yes or no of two values.
    pub fn is_relation(self) -> bool {
        !matches!(self, Self::Multiply | Self::Divide | Self::Modulo | Self::Add | Self::Subtract)
    }

    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
        }
    }
}

impl Expr {
    /// The nodes below, in the order they are written.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Literal(_) | ExprKind::Name { .. } => Vec::new(),
            ExprKind::Select { operand, .. } | ExprKind::Has { operand, .. } | ExprKind::Unary { operand, .. } => {
                vec![operand]
            }
            ExprKind::Index { operand, key, .. } => vec![operand, key],
            ExprKind::Call { receiver, arguments, .. } => receiver.as_deref().into_iter().chain(arguments).collect(),
            ExprKind::Binary { left, right, .. } => vec![left, right],
            ExprKind::And(operands) | ExprKind::Or(operands) => operands.iter().collect(),
            ExprKind::Conditional { condition, then, otherwise } => vec![condition, then, otherwise],
            ExprKind::List(elements) => elements.iter().map(|element| &element.value).collect(),
            ExprKind::Map(entries) => entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect(),
            ExprKind::Comprehension(it) => {
                std::iter::once(&it.range).chain(&it.filter).chain(std::iter::once(&it.body)).collect()
            }
            ExprKind::Bind { value, body, .. } => vec![value, body],
            ExprKind::OptionalMap { operand, body, .. } => vec![operand, body],
        }
    }

    /// The name, where the node is a plain name without a leading dot.
    pub fn plain_name(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name { name, absolute: false } => Some(name),
            _ => None,
        }
    }

    /// The words of a dotted name (`a.b.c`), outermost first, and whether it starts with a dot.
    pub fn path(&self) -> Option<(Vec<&str>, bool)> {
        match &self.kind {
            ExprKind::Name { name, absolute } => Some((vec![name], *absolute)),
            ExprKind::Select { operand, field, optional: false } => {
                let (mut words, absolute) = operand.path()?;
                words.push(&field.node);
                Some((words, absolute))
            }
            _ => None,
        }
    }
}
