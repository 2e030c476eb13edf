//! What the checker knows of a value before it exists.

use std::fmt;
use std::sync::Arc;

use crate::model::schema::{Field, Object, Shape};

/// A type. `Dyn` is whatever is known only at run time; it fits everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    Dyn,
    /// Of what has been reported already: it fits everywhere, so that one mistake is reported once.
    Error,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    List(Arc<Type>),
    Map(Arc<Type>, Arc<Type>),
    /// A map from text with declared fields.
    Object(Arc<Object>),
    Optional(Arc<Type>),
    /// A type itself, as a value.
    Type(Arc<Type>),
    /// A value, or null.
    Nullable(Arc<Type>),
    /// A type that only functions know, with its parameters.
    Opaque(Arc<str>, Arc<[Type]>),
    /// What inference has to find out.
    Variable(u32),
    /// The parameter of a declared function; becomes a variable at each call.
    Parameter(u32),
}

impl Type {
    pub(super) fn list(item: Self) -> Self {
        Self::List(Arc::new(item))
    }

    pub(super) fn map(key: Self, value: Self) -> Self {
        Self::Map(Arc::new(key), Arc::new(value))
    }

    pub(super) fn optional(content: Self) -> Self {
        Self::Optional(Arc::new(content))
    }

    pub(super) fn type_of(content: Self) -> Self {
        Self::Type(Arc::new(content))
    }

    pub(super) fn opaque(name: &str) -> Self {
        Self::Opaque(name.into(), Arc::new([]))
    }

    /// A value of this type, or null.
    pub(super) fn nullable(self) -> Self {
        match self {
            Self::Dyn | Self::Error | Self::Null | Self::Nullable(_) => self,
            other => Self::Nullable(Arc::new(other)),
        }
    }

    /// The type without its null.
    pub(super) fn without_null(&self) -> &Self {
        match self {
            Self::Nullable(inner) => inner,
            other => other,
        }
    }

    /// The type of data that was declared.
    pub fn of_shape(shape: &Shape) -> Self {
        match shape {
            Shape::Any => Self::Dyn,
            Shape::Bool => Self::Bool,
            Shape::Int => Self::Int,
            Shape::Double => Self::Double,
            Shape::String => Self::String,
            Shape::Duration => Self::Duration,
            Shape::Timestamp => Self::Timestamp,
            Shape::List(item) => Self::list(Self::of_shape(item)),
            Shape::Map(item) => Self::map(Self::String, Self::of_shape(item)),
            Shape::Object(object) => Self::Object(Arc::new(object.clone())),
        }
    }

    /// The type of a declared field.
    pub(super) fn of_field(field: &Field) -> Self {
        let inner = Self::of_shape(&field.shape);
        if field.nullable { inner.nullable() } else { inner }
    }

    /// The shape of such a value as JSON, as far as it is known.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Bool => Shape::Bool,
            Self::Int | Self::Uint => Shape::Int,
            Self::Double => Shape::Double,
            Self::String | Self::Bytes | Self::Type(_) => Shape::String,
            Self::Duration => Shape::Duration,
            Self::Timestamp => Shape::Timestamp,
            Self::List(item) => Shape::List(Box::new(item.item_shape())),
            Self::Map(_, value) => Shape::Map(Box::new(value.item_shape())),
            Self::Object(object) => Shape::Object(object.as_ref().clone()),
            Self::Optional(content) | Self::Nullable(content) => content.shape(),
            Self::Opaque(name, _) if matches!(&**name, "net.IP" | "net.CIDR") => Shape::String,
            _ => Shape::Any,
        }
    }

    /// A shape cannot say that the items of a list may be null: then it says nothing.
    fn item_shape(&self) -> Shape {
        match self {
            Self::Nullable(_) => Shape::Any,
            other => other.shape(),
        }
    }

    /// Whether something in it is known only at run time.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Dyn | Self::Error | Self::Variable(_) | Self::Parameter(_) => true,
            Self::List(inner) | Self::Optional(inner) | Self::Type(inner) | Self::Nullable(inner) => inner.is_open(),
            Self::Map(key, value) => key.is_open() || value.is_open(),
            Self::Opaque(_, parameters) => parameters.iter().any(Self::is_open),
            _ => false,
        }
    }

    /// Whether data of this type holds durations or times, which lie in JSON as text.
    pub fn holds_time(&self) -> bool {
        match self {
            Self::Duration | Self::Timestamp => true,
            Self::List(inner) | Self::Optional(inner) | Self::Nullable(inner) | Self::Map(_, inner) => {
                inner.holds_time()
            }
            Self::Object(object) => object.fields.iter().any(|field| shape_holds_time(&field.shape)),
            _ => false,
        }
    }
}

fn shape_holds_time(shape: &Shape) -> bool {
    match shape {
        Shape::Duration | Shape::Timestamp => true,
        Shape::List(inner) | Shape::Map(inner) => shape_holds_time(inner),
        Shape::Object(object) => object.fields.iter().any(|field| shape_holds_time(&field.shape)),
        _ => false,
    }
}

/// As the language definition writes types.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn | Self::Error | Self::Variable(_) | Self::Parameter(_) => f.write_str("dyn"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Duration => f.write_str("duration"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::List(item) => write!(f, "list({item})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Object(_) => f.write_str("object"),
            Self::Optional(content) => write!(f, "optional_type({content})"),
            Self::Type(content) => write!(f, "type({content})"),
            Self::Nullable(content) => write!(f, "{content} or null"),
            Self::Opaque(name, parameters) => {
                f.write_str(name)?;
                for (index, parameter) in parameters.iter().enumerate() {
                    f.write_str(if index == 0 { "(" } else { ", " })?;
                    parameter.fmt(f)?;
                }
                f.write_str(if parameters.is_empty() { "" } else { ")" })
            }
        }
    }
}
