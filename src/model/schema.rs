//! The shape of declared data: what an event carries, what a workflow and an action take and give.
//!
//! [`Shape::conform`] is the one place where outside data is held against its declaration and brought into canonical
//! form: a number declared `double` is written with a fraction, so that an expression sees a double.

use std::fmt;

use serde_json::Value as Json;

use crate::base::clock::Timestamp;
use crate::base::literal::{format_duration, parse_duration};

/// A JSON value.
pub type JsonMap = serde_json::Map<String, Json>;

/// What a value must look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Anything, also null.
    Any,
    Bool,
    Int,
    Double,
    String,
    /// In JSON a string like `1h30m`.
    Duration,
    /// In JSON an RFC 3339 string.
    Timestamp,
    List(Box<Shape>),
    /// A map from any string.
    Map(Box<Shape>),
    Object(Object),
}

/// Named fields. A field that is not listed is refused unless the object is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    pub fields: Vec<Field>,
    pub open: bool,
}

/// One named field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub shape: Shape,
    /// Whether the field may be missing. A missing field is absent, never null.
    pub optional: bool,
    /// Whether null is a value of the field: it is there, but unknown.
    pub nullable: bool,
    pub docs: String,
}

impl Field {
    pub fn required(name: &str, shape: Shape, docs: &str) -> Self {
        Self { name: name.to_owned(), shape, optional: false, nullable: false, docs: docs.to_owned() }
    }

    pub fn optional(name: &str, shape: Shape, docs: &str) -> Self {
        Self { optional: true, ..Self::required(name, shape, docs) }
    }

    pub fn nullable(name: &str, shape: Shape, docs: &str) -> Self {
        Self { nullable: true, ..Self::required(name, shape, docs) }
    }
}

impl Object {
    pub fn new(fields: Vec<Field>) -> Self {
        Self { fields, open: false }
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// One way in which data is not of its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where, like `data.tags[2].name`.
    pub path: String,
    pub problem: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.path, self.problem)
    }
}

impl Shape {
    /// Holds `value` against the shape, and brings numbers, durations and times into canonical form.
    ///
    /// # Errors
    /// Every mismatch, each with its path below `path`.
    pub fn conform(&self, path: &str, value: &mut Json) -> Result<(), Vec<Mismatch>> {
        let mut found = Vec::new();
        self.walk(path, value, &mut found);
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    fn walk(&self, path: &str, value: &mut Json, found: &mut Vec<Mismatch>) {
        let mut wrong = |value: &Json| {
            let problem = format!("must be {self}, but it is {}", describe(value));
            found.push(Mismatch { path: path.to_owned(), problem });
        };
        match (self, &mut *value) {
            (Self::Any, _) | (Self::Bool, Json::Bool(_)) | (Self::String, Json::String(_)) => {}
            (Self::Int, Json::Number(number)) => match whole(number) {
                Some(int) => *value = Json::from(int),
                None => wrong(value),
            },
            (Self::Double, Json::Number(number)) => match number.as_f64() {
                Some(double) if !number.is_f64() => *value = Json::from(double),
                Some(_) => {}
                None => wrong(value),
            },
            (Self::Duration, Json::String(text)) => match parse_duration(text) {
                Ok(duration) => *value = Json::from(format_duration(duration)),
                Err(_) => wrong(value),
            },
            (Self::Timestamp, Json::String(text)) => match Timestamp::parse(text) {
                Some(_) => {}
                None => wrong(value),
            },
            (Self::List(item), Json::Array(items)) => {
                for (index, value) in items.iter_mut().enumerate() {
                    item.walk(&format!("{path}[{index}]"), value, found);
                }
            }
            (Self::Map(shape), Json::Object(entries)) => {
                for (key, value) in entries.iter_mut() {
                    shape.walk(&format!("{path}.{key}"), value, found);
                }
            }
            (Self::Object(object), Json::Object(entries)) => object.walk(path, entries, found),
            _ => wrong(value),
        }
    }
}

impl Object {
    fn walk(&self, path: &str, entries: &mut JsonMap, found: &mut Vec<Mismatch>) {
        for field in &self.fields {
            let path = format!("{path}.{}", field.name);
            match entries.get_mut(&field.name) {
                None if field.optional => {}
                None => found.push(Mismatch { path, problem: "is missing".to_owned() }),
                Some(Json::Null) if field.nullable => {}
                Some(value) => field.shape.walk(&path, value, found),
            }
        }
        if !self.open {
            for key in entries.keys().filter(|key| self.field(key).is_none()) {
                let names = self.fields.iter().map(|field| field.name.as_str());
                let hint = crate::base::suggest::nearest(key, names)
                    .map(|name| format!("; did you mean `{name}`?"))
                    .unwrap_or_default();
                found.push(Mismatch { path: format!("{path}.{key}"), problem: format!("is not declared{hint}") });
            }
        }
    }
}

/// The whole number that a JSON number stands for, also when written `3.0`.
fn whole(number: &serde_json::Number) -> Option<i64> {
    /// Up to here every whole double is exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_i64().or_else(|| {
        let double = number.as_f64()?;
        // The bounds make the cast exact.
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        (double.fract() == 0.0 && double.abs() <= EXACT).then_some(double as i64)
    })
}

/// A JSON value in the words of an error message.
pub fn describe(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => format!("the boolean {value}"),
        Json::Number(value) => format!("the number {value}"),
        Json::String(value) if value.chars().count() <= 40 => format!("the string {value:?}"),
        Json::String(_) => "a string".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
    }
}

/// As rules and workflows write it.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Duration => f.write_str("duration"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Map(item) => write!(f, "map<{item}>"),
            Self::Object(_) => f.write_str("object"),
        }
    }
}
