//! A value with holes: JSON in which `${ … }` stands for expressions.

use serde_json::Value as Json;

use crate::expression::{Bindings, EvaluationError, Program};
use crate::model::schema::JsonMap;

pub use crate::syntax::interpolation::{Piece, split};

/// What a step's `with`, a rule's arguments or an output is made from.
#[derive(Clone, Debug)]
pub enum Template {
    /// No expression within.
    Literal(Json),
    /// `${ … }` alone: the value keeps its type. An optional that holds nothing leaves its key or item out.
    Expression(Program),
    /// `${ … }` within text.
    Text(Vec<Part>),
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
}

/// A piece of interpolated text.
#[derive(Clone, Debug)]
pub enum Part {
    Text(String),
    Expression(Program),
}

impl Template {
    /// The value; `None` where it is an optional that holds nothing.
    ///
    /// # Errors
    /// The first expression that fails, or one within text whose value is no scalar.
    pub fn evaluate(&self, bindings: &Bindings<'_>) -> Result<Option<Json>, EvaluationError> {
        match self {
            Self::Literal(value) => Ok(Some(value.clone())),
            Self::Expression(program) => program.evaluate(bindings),
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(piece) => text.push_str(piece),
                        Part::Expression(program) => text.push_str(&scalar_text(program, bindings)?),
                    }
                }
                Ok(Some(Json::String(text)))
            }
            Self::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.extend(item.evaluate(bindings)?);
                }
                Ok(Some(Json::Array(list)))
            }
            Self::Object(entries) => {
                let mut map = JsonMap::new();
                for (key, entry) in entries {
                    if let Some(value) = entry.evaluate(bindings)? {
                        map.insert(key.clone(), value);
                    }
                }
                Ok(Some(Json::Object(map)))
            }
        }
    }

    /// Every expression within, in the order they are written.
    pub fn programs(&self) -> Vec<&Program> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Expression(program) => vec![program],
            Self::Text(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    Part::Expression(program) => Some(program),
                    Part::Text(_) => None,
                })
                .collect(),
            Self::List(items) => items.iter().flat_map(Self::programs).collect(),
            Self::Object(entries) => entries.iter().flat_map(|(_, entry)| entry.programs()).collect(),
        }
    }
}

fn scalar_text(program: &Program, bindings: &Bindings<'_>) -> Result<String, EvaluationError> {
    match program.evaluate(bindings)? {
        Some(Json::String(text)) => Ok(text),
        Some(value @ (Json::Bool(_) | Json::Number(_))) => Ok(value.to_string()),
        _ => Err(EvaluationError {
            message: format!(
                "`${{{}}}` stands within text, but its value is no text, number or boolean",
                program.text()
            ),
            span: None,
        }),
    }
}
