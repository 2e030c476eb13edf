//! A checked, compiled expression, as others hold it.

use std::sync::Arc;

use serde_json::Value as Json;

use super::ast::{Expr, ExprKind, Literal};
use super::check::Checked;
use super::environment::{Bindings, TypeEnv};
use super::evaluate::Frame;
use super::fault::{Budget, Fault};
use super::node::Node;
use super::types::Type;
use super::value::Value;
use crate::base::span::Span;
use crate::model::schema::Shape;

/// A use of `root.name` in an expression, where `root` is one of its variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `None`: the root is used as a whole, or indexed with something that is no constant.
    pub name: Option<String>,
    pub span: Span,
}

/// Why an evaluation gave no value. Worded for people; journaled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvaluationError {
    pub message: String,
    /// Where in the source, when it is known.
    pub span: Option<Span>,
}

/// A checked, compiled expression. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Program {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    text: String,
    expr: Expr,
    kind: Type,
    node: Node,
    /// By the ids of the tree's nodes.
    types: Vec<Type>,
}

impl Program {
    pub(super) fn new(text: &str, expr: Expr, checked: &Checked) -> Self {
        let node = super::compile::compile(&expr, checked);
        let kind = checked.type_of(&expr).clone();
        Self { inner: Arc::new(Inner { text: text.to_owned(), expr, kind, node, types: checked.types().to_vec() }) }
    }

    /// What comes of a part that has no variables but those of its own macros, computed alone; `None` where it has some.
    ///
    /// # Errors
    /// As [`Self::evaluate`]: the part fails whenever it is reached.
    pub fn evaluate_part(&self, part: &Expr) -> Option<Result<(), EvaluationError>> {
        let (checked, problems) = super::check::check(part, &TypeEnv::new());
        let program = problems.is_empty().then(|| Self::new(&self.inner.text, part.clone(), &checked))?;
        Some(program.evaluate_value(&Bindings::new()).map(|_| ()))
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// The syntax tree.
    pub fn expr(&self) -> &Expr {
        &self.inner.expr
    }

    /// The type of the result, as far as it is known.
    pub fn type_of(&self) -> &Type {
        &self.inner.kind
    }

    /// The type of a node of [`Self::expr`], as far as it is known.
    pub fn type_at(&self, expr: &Expr) -> &Type {
        self.inner.types.get(expr.id.0 as usize).unwrap_or(&Type::Dyn)
    }

    /// Uses of `root.name`, in the order they are written: `root.name`, `root.?name`, `root["name"]`, `has(root.name)`.
    pub fn references(&self, root: &str) -> Vec<Reference> {
        let mut found = Vec::new();
        gather(self.expr(), root, &mut found);
        found.sort_by_key(|reference| (reference.span.start, reference.span.end));
        found
    }

    /// The shape of the result as far as it is known; an optional's is that of its content.
    pub fn shape(&self) -> Shape {
        self.inner.kind.shape()
    }

    /// Whether the result is an optional, which may hold nothing.
    pub fn is_optional(&self) -> bool {
        matches!(self.inner.kind, Type::Optional(_))
    }

    /// Whether the result is null whatever the data.
    pub fn is_null(&self) -> bool {
        self.inner.kind == Type::Null
    }

    /// Whether the result may be null: it was declared so, or it is null.
    pub fn is_nullable(&self) -> bool {
        match &self.inner.kind {
            Type::Optional(content) => matches!(**content, Type::Nullable(_) | Type::Null),
            other => matches!(other, Type::Nullable(_) | Type::Null),
        }
    }

    /// The value as JSON; `None` for an optional that holds nothing. Durations are strings like `1h30m`, times RFC 3339.
    ///
    /// # Errors
    /// No such field, no such overload, division by zero, the cost budget spent, …
    pub fn evaluate(&self, bindings: &Bindings<'_>) -> Result<Option<Json>, EvaluationError> {
        let value = self.evaluate_value(bindings)?;
        value.to_json().map_err(|message| self.unfit(message))
    }

    /// A result as JSON for people: as [`Self::evaluate`] gives it, but for a double that is not finite, which is text.
    ///
    /// # Errors
    /// Such a double within a list or map.
    pub fn json(&self, value: &Value<'_>) -> Result<Option<Json>, EvaluationError> {
        match value {
            Value::Double(double) if double.is_nan() => Ok(Some(Json::from("NaN"))),
            Value::Double(double) if double.is_infinite() => {
                Ok(Some(Json::from(if *double > 0.0 { "Infinity" } else { "-Infinity" })))
            }
            other => other.to_json().map_err(|message| self.unfit(message)),
        }
    }

    fn unfit(&self, message: String) -> EvaluationError {
        EvaluationError { message, span: Some(self.expr().span) }
    }

    /// The value with its type.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn evaluate_value<'a>(&'a self, bindings: &'a Bindings<'_>) -> Result<Value<'a>, EvaluationError> {
        self.run(bindings, Node::evaluate)
    }

    /// The value of a condition.
    ///
    /// # Errors
    /// As [`Self::evaluate`], and a value that is no boolean.
    pub fn evaluate_bool(&self, bindings: &Bindings<'_>) -> Result<bool, EvaluationError> {
        self.run(bindings, |node, frame| node.truth(frame, Fault::not_bool).map_err(|fault| fault.at(node.span)))
    }

    fn run<'a, T>(
        &'a self,
        bindings: &'a Bindings<'_>,
        compute: impl Fn(&'a Node, &mut Frame<'_, 'a>) -> Result<T, Fault>,
    ) -> Result<T, EvaluationError> {
        let node = &self.inner.node;
        let compute = |locals: &mut [Value<'a>]| compute(node, &mut Frame::new(bindings, locals, Budget::new()));
        let result = match node.locals {
            0 => compute(&mut []),
            1..=4 => compute(&mut [const { Value::Null }; 4]),
            many => compute(&mut vec![Value::Null; many as usize]),
        };
        result.map_err(|fault| {
            let (message, span) = fault.into_parts();
            EvaluationError { message, span }
        })
    }
}

/// Finds uses of `root` where no macro's variable of that name hides it.
fn gather(expr: &Expr, root: &str, found: &mut Vec<Reference>) {
    let is_root = |of: &Expr| matches!(&of.kind, ExprKind::Name { name, .. } if name == root);
    match &expr.kind {
        ExprKind::Name { .. } if is_root(expr) => found.push(Reference { name: None, span: expr.span }),
        ExprKind::Select { operand, field, .. } | ExprKind::Has { operand, field } if is_root(operand) => {
            let span = operand.span.to(field.span);
            found.push(Reference { name: Some(field.node.clone()), span });
        }
        ExprKind::Index { operand, key, .. } if is_root(operand) => {
            let name = match &key.kind {
                ExprKind::Literal(Literal::String(name)) => Some(name.clone()),
                _ => None,
            };
            found.push(Reference { name, span: expr.span });
            gather(key, root, found);
        }
        ExprKind::Comprehension(it) => {
            gather(&it.range, root, found);
            let hidden = it.first.node == root || it.second.as_ref().is_some_and(|second| second.node == root);
            if !hidden {
                it.filter.iter().chain([&it.body]).for_each(|inner| gather(inner, root, found));
            }
        }
        ExprKind::Bind { name, value, body } | ExprKind::OptionalMap { operand: value, name, body, .. } => {
            gather(value, root, found);
            if name.node != root {
                gather(body, root, found);
            }
        }
        _ => expr.children().into_iter().for_each(|child| gather(child, root, found)),
    }
}
