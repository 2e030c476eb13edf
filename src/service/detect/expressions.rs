//! The expressions of a detector, compiled: what is watched, when it counts, and what an event carries.
//!
//! The configuration has checked them; this is their second reading.
//! What it must not know: where the names come from that they see.

use serde_json::Value as Json;

use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::expression::{Bindings, Program, TypeEnv, compile};
use crate::model::detector::DataTemplate;
use crate::model::load::{Piece, Template};
use crate::model::schema::{JsonMap, Object, Shape};

/// An expression over what was seen.
#[derive(Clone, Debug)]
pub(super) struct Expression(Program);

impl Expression {
    pub(super) fn new(text: &str, env: &TypeEnv) -> Result<Self, String> {
        compile(&Fragment::verbatim(SourceId(0), 0, text), env).map(Self).map_err(|problems| {
            let why = problems.iter().next().map_or_else(String::new, |problem| problem.message.clone());
            format!("`{text}`: {why}")
        })
    }

    /// Whether it looks at a name.
    pub(super) fn uses(&self, name: &str) -> bool {
        !self.0.references(name).is_empty()
    }

    /// Its value; one that is not there is an error, and so is null.
    pub(super) fn value(&self, names: &JsonMap) -> Result<Json, String> {
        match self.0.evaluate(&bindings(names)) {
            Ok(Some(Json::Null)) => Err(format!("`{}` is null", self.0.text())),
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(format!("`{}` has no value", self.0.text())),
            Err(error) => Err(format!("`{}` fails: {error}", self.0.text())),
        }
    }
}

/// Names with their shapes, as an expression may use them.
pub(super) fn env(names: &Object) -> TypeEnv {
    names.fields.iter().fold(TypeEnv::new(), |env, field| env.with(&field.name, field.shape.clone()))
}

fn bindings(names: &JsonMap) -> Bindings<'_> {
    names.iter().fold(Bindings::new(), |bindings, (name, value)| bindings.with(name, value))
}

/// What an event carries, ready to be made.
#[derive(Clone, Debug)]
pub(super) enum Carried {
    Fixed(Json),
    Alone(Box<Expression>),
    Text(Vec<Part>),
    List(Vec<Carried>),
    Map(Vec<(String, Carried)>),
}

/// A piece of a text.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Text(String),
    Value(Box<Expression>),
}

impl Carried {
    pub(super) fn new(template: &DataTemplate, env: &TypeEnv) -> Result<Self, String> {
        Ok(match template {
            DataTemplate::Fixed(json) => Self::Fixed(json.clone()),
            DataTemplate::Text(Template(pieces)) => match pieces.as_slice() {
                [Piece::Expression(text)] => Self::Alone(Box::new(Expression::new(text, env)?)),
                pieces => Self::Text(pieces.iter().map(|piece| Part::new(piece, env)).collect::<Result<_, _>>()?),
            },
            DataTemplate::List(items) => {
                Self::List(items.iter().map(|item| Self::new(item, env)).collect::<Result<_, _>>()?)
            }
            DataTemplate::Map(entries) => Self::Map(
                entries
                    .iter()
                    .map(|(name, item)| Ok((name.clone(), Self::new(item, env)?)))
                    .collect::<Result<_, String>>()?,
            ),
        })
    }

    /// Recursion is bounded by that of the configuration.
    pub(super) fn make(&self, names: &JsonMap) -> Result<Json, String> {
        Ok(match self {
            Self::Fixed(json) => json.clone(),
            Self::Alone(expression) => expression.value(names)?,
            Self::Text(parts) => {
                Json::String(parts.iter().map(|part| part.make(names)).collect::<Result<Vec<_>, _>>()?.concat())
            }
            Self::List(items) => items.iter().map(|item| item.make(names)).collect::<Result<_, _>>()?,
            Self::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(name, item)| Ok((name.clone(), item.make(names)?)))
                    .collect::<Result<_, String>>()?,
            ),
        })
    }
}

impl Part {
    fn new(piece: &Piece, env: &TypeEnv) -> Result<Self, String> {
        Ok(match piece {
            Piece::Text(text) => Self::Text(text.clone()),
            Piece::Expression(text) => Self::Value(Box::new(Expression::new(text, env)?)),
        })
    }

    fn make(&self, names: &JsonMap) -> Result<String, String> {
        let expression = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::Value(expression) => expression,
        };
        match expression.value(names)? {
            Json::String(text) => Ok(text),
            value @ (Json::Number(_) | Json::Bool(_)) => Ok(value.to_string()),
            _ => Err(format!("`{}` is a list or a mapping, which is no text", expression.0.text())),
        }
    }
}

/// The names that an event's data sees where a value is watched.
pub(super) fn with_value(mut names: Object, shape: Shape) -> Object {
    names.fields.push(crate::model::schema::Field::required("value", shape, "what is watched"));
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_expression_alone_keeps_its_type_and_within_text_there_is_text() {
        let env = TypeEnv::new().with("value", Shape::Any);
        let hole = |text: &str| Piece::Expression(text.to_owned());
        let template = DataTemplate::Map(vec![
            ("n".to_owned(), DataTemplate::Text(Template(vec![hole("value.n + 1")]))),
            ("text".to_owned(), DataTemplate::Text(Template(vec![Piece::Text("v".to_owned()), hole("value.n")]))),
            ("fixed".to_owned(), DataTemplate::List(vec![DataTemplate::Fixed(json!(null))])),
        ]);
        let carried = Carried::new(&template, &env).unwrap();
        let names = |value: Json| JsonMap::from_iter([("value".to_owned(), value)]);
        let made = carried.make(&names(json!({ "n": 5 }))).unwrap();
        assert_eq!(made, json!({ "n": 6, "text": "v5", "fixed": [null] }));
        assert!(carried.make(&names(json!({}))).unwrap_err().contains("value.n + 1"));
        let list = Carried::new(&DataTemplate::Text(Template(vec![Piece::Text("v".to_owned()), hole("value")])), &env);
        assert!(list.unwrap().make(&names(json!([]))).unwrap_err().contains("no text"));
    }
}
