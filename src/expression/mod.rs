//! Expressions: the Common Expression Language, from text to value.
//!
//! `parse` (pest pairs to a spanned tree) ─▶ `check` (types, names, overloads) ─▶ `compile` (a [`Program`]) ─▶ `evaluate`.
//! What it must not know: events, rules, steps, YAML. Whoever uses it says which names exist ([`TypeEnv`]) and what they
//! hold ([`Bindings`]).

use serde_json::Value as Json;

use crate::base::fragment::Fragment;
use crate::base::span::Span;
use crate::diagnostic::Diagnostics;
use crate::model::schema::Shape;

/// The names an expression may use, with their shapes.
#[derive(Clone, Debug, Default)]
pub struct TypeEnv {
    variables: Vec<(String, Shape)>,
}

impl TypeEnv {
    pub fn new() -> Self {
        Self::default()
    }

    /// The same names and one more.
    #[must_use]
    pub fn with(mut self, name: &str, shape: Shape) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), shape));
        self
    }
}

/// What the names hold during one evaluation. Borrows: nothing is converted before it is looked at.
#[derive(Clone, Debug, Default)]
pub struct Bindings<'a> {
    variables: Vec<(&'a str, &'a Json)>,
}

impl<'a> Bindings<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    /// The same bindings and one more.
    #[must_use]
    pub fn with(mut self, name: &'a str, value: &'a Json) -> Self {
        self.variables.push((name, value));
        self
    }
}

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

/// A checked, compiled expression.
#[derive(Clone, Debug)]
pub struct Program {
    text: String,
}

/// Parses, checks and compiles; all problems at once.
///
/// # Errors
/// Whatever is wrong with the expression. Warnings travel with neither result: there are none yet.
pub fn compile(fragment: &Fragment, _env: &TypeEnv) -> Result<Program, Diagnostics> {
    Ok(Program { text: fragment.text.clone() })
}

impl Program {
    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Uses of `root.name`, in the order they are written: `root.name`, `root.?name`, `root["name"]`, `has(root.name)`.
    pub fn references(&self, _root: &str) -> Vec<Reference> {
        Vec::new()
    }

    /// The shape of the result as far as it is known; an optional's is that of its content.
    pub fn shape(&self) -> Shape {
        Shape::Any
    }

    /// Whether the result is an optional, which may hold nothing.
    pub fn is_optional(&self) -> bool {
        false
    }

    /// The value as JSON; `None` for an optional that holds nothing. Durations are strings like `1h30m`, times RFC 3339.
    ///
    /// # Errors
    /// No such field, no such overload, division by zero, the cost budget spent, …
    pub fn evaluate(&self, _bindings: &Bindings<'_>) -> Result<Option<Json>, EvaluationError> {
        Err(EvaluationError { message: "not built yet".to_owned(), span: None })
    }

    /// The value of a condition.
    ///
    /// # Errors
    /// As [`Self::evaluate`], and a value that is no boolean.
    pub fn evaluate_bool(&self, bindings: &Bindings<'_>) -> Result<bool, EvaluationError> {
        match self.evaluate(bindings)? {
            Some(Json::Bool(value)) => Ok(value),
            _ => Err(EvaluationError { message: "the condition is not a boolean".to_owned(), span: None }),
        }
    }
}
