//! A checked tree becomes nodes that evaluate quickly.

use regex::Regex;

use super::ast::{BinaryOperator, Comprehension, ComprehensionKind, Expr, ExprKind, Literal, UnaryOperator};
use super::check::{Checked, Meaning};
use super::environment::Bindings;
use super::evaluate::Frame;
use super::fault::Budget;
use super::functions::{self, regex};
use super::node::{self, Node, NodeKind, Texts};
use super::path::Path;
use super::types::Type;
use super::value::{ListRef, Value};
use crate::base::span::Span;

/// Compiles a tree. What the checker could not find becomes a node that fails.
pub(super) fn compile(expr: &Expr, checked: &Checked) -> Node {
    Compiler { checked }.walk(expr, Use::Walked)
}

/// What becomes of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// It is compared, passed on or kept: durations and times within must be what they are declared to be.
    Whole,
    /// It is only walked into, or it is the result: what lies within may stay as it lies in the data.
    Walked,
}

struct Compiler<'c> {
    checked: &'c Checked,
}

impl Compiler<'_> {
    fn node(expr: &Expr, kind: NodeKind) -> Node {
        let children = kind.children();
        let weight = children.iter().fold(1_u32, |sum, child| sum.saturating_add(child.weight));
        let locals = children.iter().map(|child| child.locals).max().unwrap_or(0) + kind.own_locals();
        fold(Node { kind, weight, locals, span: expr.span })
    }

    fn whole(&self, expr: &Expr) -> Node {
        self.walk(expr, Use::Whole)
    }

    fn boxed(&self, expr: &Expr) -> Box<Node> {
        Box::new(self.whole(expr))
    }

    fn walk(&self, expr: &Expr, used: Use) -> Node {
        let kind = self.kind(expr, used);
        let reads_data = matches!(kind, NodeKind::Variable(_) | NodeKind::Local(_) | NodeKind::Path(_))
            || matches!(kind, NodeKind::Select { .. } | NodeKind::Index { .. });
        let node = Self::node(expr, kind);
        let of = self.checked.type_of(expr);
        let scalar = matches!(innermost(of), Type::Duration | Type::Timestamp);
        if reads_data && (scalar || used == Use::Whole && of.holds_time()) {
            return Self::node(expr, NodeKind::Convert(Box::new(node), Box::new(of.clone())));
        }
        node
    }

    fn kind(&self, expr: &Expr, used: Use) -> NodeKind {
        match self.checked.meaning(expr) {
            Some(Meaning::Local(place)) => return NodeKind::Local(*place),
            Some(Meaning::Variable(name)) => return NodeKind::Variable(name.as_str().into()),
            Some(Meaning::Type(name)) => return NodeKind::Constant(Value::Type(name)),
            Some(Meaning::Function(_)) | None => {}
        }
        match &expr.kind {
            ExprKind::Literal(literal) => NodeKind::Constant(constant(literal)),
            ExprKind::Name { name, .. } => NodeKind::Fail(format!("undeclared reference to `{name}`")),
            ExprKind::Select { operand, field, optional } => self.select(expr.span, operand, &field.node, *optional),
            ExprKind::Has { operand, field } => {
                NodeKind::Has { operand: Box::new(self.walk(operand, Use::Walked)), field: field.node.as_str().into() }
            }
            ExprKind::Index { operand, key, optional } => NodeKind::Index {
                operand: Box::new(self.walk(operand, Use::Walked)),
                key: self.boxed(key),
                optional: *optional,
            },
            ExprKind::Call { receiver, function, arguments } => {
                self.call(expr, receiver.as_deref(), &function.node, arguments)
            }
            ExprKind::Unary { operator: UnaryOperator::Not, operand } => NodeKind::Not(self.boxed(operand)),
            ExprKind::Unary { operator: UnaryOperator::Negate, operand } => NodeKind::Negate(self.boxed(operand)),
            ExprKind::Binary { operator, left, right } => {
                // A map is only looked into by `in`, a list is compared with.
                let right = match (operator, self.checked.type_of(right).without_null()) {
                    (BinaryOperator::In, Type::Map(..) | Type::Object(_)) => self.walk(right, Use::Walked),
                    _ => self.whole(right),
                };
                binary(*operator, self.whole(left), right)
            }
            ExprKind::And(operands) => NodeKind::And(operands.iter().map(|operand| self.whole(operand)).collect()),
            ExprKind::Or(operands) => NodeKind::Or(operands.iter().map(|operand| self.whole(operand)).collect()),
            ExprKind::Conditional { condition, then, otherwise } => NodeKind::Conditional(Box::new([
                self.whole(condition),
                self.walk(then, used),
                self.walk(otherwise, used),
            ])),
            ExprKind::List(elements) => {
                NodeKind::List(elements.iter().map(|element| (self.whole(&element.value), element.optional)).collect())
            }
            ExprKind::Map(entries) => NodeKind::Map(
                entries
                    .iter()
                    .map(|entry| (self.whole(&entry.key), self.whole(&entry.value), entry.optional))
                    .collect(),
            ),
            ExprKind::Comprehension(comprehension) => {
                NodeKind::Comprehension(Box::new(self.comprehension(comprehension)))
            }
            ExprKind::Bind { value, body, .. } => NodeKind::Bind(Box::new([self.whole(value), self.walk(body, used)])),
            ExprKind::OptionalMap { operand, body, flat, .. } => {
                NodeKind::OptionalMap { operands: Box::new([self.whole(operand), self.whole(body)]), flat: *flat }
            }
        }
    }

    fn select(&self, span: Span, operand: &Expr, field: &str, optional: bool) -> NodeKind {
        let operand = self.walk(operand, Use::Walked);
        match operand.kind {
            NodeKind::Variable(root) if !optional => NodeKind::Path(Path::new(root, field, span)),
            NodeKind::Path(path) if !optional => NodeKind::Path(path.then(field, span)),
            kind => {
                let operand = Box::new(Node { kind, ..operand });
                NodeKind::Select { operand, field: field.into(), optional }
            }
        }
    }

    fn comprehension(&self, comprehension: &Comprehension) -> node::Comprehension {
        // Where the items themselves come out, they must be whole; else each is converted where it is used.
        let range = match comprehension.kind {
            ComprehensionKind::Filter | ComprehensionKind::SortBy => Use::Whole,
            _ => Use::Walked,
        };
        node::Comprehension {
            kind: comprehension.kind,
            range: self.walk(&comprehension.range, range),
            two_variables: comprehension.second.is_some(),
            filter: comprehension.filter.as_ref().map(|filter| self.whole(filter)),
            body: self.whole(&comprehension.body),
        }
    }

    fn call(&self, expr: &Expr, receiver: Option<&Expr>, function: &str, arguments: &[Expr]) -> NodeKind {
        let (name, receiver) = match self.checked.meaning(expr) {
            Some(Meaning::Function(name)) => (name.as_str(), None),
            _ => (function, receiver),
        };
        let Some(found) = functions::find(name) else {
            return NodeKind::Fail(format!("there is no function `{name}`"));
        };
        let given: Vec<Node> = receiver.into_iter().chain(arguments).map(|argument| self.whole(argument)).collect();
        if !found.takes(receiver.is_some(), given.len()) {
            return NodeKind::Fail(format!("no such overload: `{name}` with {} arguments", given.len()));
        }
        match (name, <[Node; 2]>::try_from(given)) {
            ("or" | "orValue", Ok(operands)) => {
                NodeKind::OrElse { operands: Box::new(operands), value: name == "orValue" }
            }
            (_, Ok([text, part])) => match literal_part(name, &part) {
                Some(Part::Pattern(regex)) => NodeKind::Matches(Box::new(text), Box::new(regex)),
                Some(Part::Text(function, test, part)) => {
                    NodeKind::TextTest { text: Box::new(text), test, part, function }
                }
                None => NodeKind::Call { function: found, arguments: Box::new([text, part]) },
            },
            (_, Err(given)) => NodeKind::Call { function: found, arguments: given.into() },
        }
    }
}

/// What a text is searched for, where that is a literal.
enum Part {
    Pattern(Regex),
    Text(&'static str, fn(&str, &str) -> bool, Box<str>),
}

fn literal_part(function: &str, part: &Node) -> Option<Part> {
    let NodeKind::Constant(Value::String(part)) = &part.kind else { return None };
    let text = |name, test| Some(Part::Text(name, test, part.as_ref().into()));
    match function {
        "matches" => regex(part).ok().map(Part::Pattern),
        "startsWith" => text("startsWith", |text, part| text.starts_with(part)),
        "endsWith" => text("endsWith", |text, part| text.ends_with(part)),
        "contains" => text("contains", |text, part| text.contains(part)),
        _ => None,
    }
}

fn binary(operator: BinaryOperator, left: Node, right: Node) -> NodeKind {
    match (operator, left, right) {
        (
            BinaryOperator::Equal
            | BinaryOperator::NotEqual
            | BinaryOperator::Less
            | BinaryOperator::LessEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterEqual,
            Node { kind: NodeKind::Path(path), .. },
            Node { kind: NodeKind::Constant(constant), .. },
        ) => NodeKind::Compare { path, operator, constant },
        (BinaryOperator::In, item, Node { kind: NodeKind::Constant(list), weight, locals, span }) => {
            match list.as_list().and_then(texts) {
                Some(texts) => NodeKind::OneOf(Box::new(item), texts),
                None => {
                    let list = Node { kind: NodeKind::Constant(list), weight, locals, span };
                    NodeKind::Binary(BinaryOperator::In, Box::new([item, list]))
                }
            }
        }
        (operator, left, right) => NodeKind::Binary(operator, Box::new([left, right])),
    }
}

/// The items of a list where all are texts.
fn texts(list: ListRef<'_, '_>) -> Option<Texts> {
    let texts: Option<Vec<Box<str>>> = list.iter().map(|item| item.as_str().map(Box::from)).collect();
    texts.map(Texts::new)
}

/// The type below null and optional.
fn innermost(of: &Type) -> &Type {
    match of {
        Type::Nullable(inner) | Type::Optional(inner) => innermost(inner),
        other => other,
    }
}

fn constant(literal: &Literal) -> Value<'static> {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Int(value) => Value::Int(*value),
        Literal::Uint(value) => Value::Uint(*value),
        Literal::Double(value) => Value::Double(*value),
        Literal::String(text) => Value::text(text.as_str()),
        Literal::Bytes(bytes) => Value::Bytes(bytes.as_slice().into()),
    }
}

/// Computes what depends on nothing. What fails is left to fail when it runs.
fn fold(node: Node) -> Node {
    let computed = match &node.kind {
        NodeKind::Constant(_) | NodeKind::Comprehension(_) | NodeKind::Bind(_) | NodeKind::OptionalMap { .. } => None,
        kind => {
            let children = kind.children();
            let constant = children.iter().all(|child| matches!(child.kind, NodeKind::Constant(_)));
            let plain =
                !children.is_empty() || matches!(kind, NodeKind::List(_) | NodeKind::Map(_) | NodeKind::Call { .. });
            if constant && plain {
                let bindings = Bindings::new();
                let mut frame = Frame::new(&bindings, &mut [], Budget::for_constants());
                node.evaluate(&mut frame).ok().map(Value::into_owned)
            } else {
                None
            }
        }
    };
    match computed {
        Some(value) => Node { kind: NodeKind::Constant(value), ..node },
        None => node,
    }
}
