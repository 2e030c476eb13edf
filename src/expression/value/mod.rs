//! What an expression computes with. JSON that was bound is looked at where it lies; only results are made anew.
//!
//! Equality and order are those of the language definition: numbers compare across their types, values of different
//! kinds are unequal.

mod compare;
mod json;
mod map;
pub(super) mod time;

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value as Json;

use super::types::Type;
use crate::model::schema::JsonMap;
pub use map::{MapProblem, MapValue};
pub use time::{Duration, Timestamp};

/// A value. Cheap to clone: what is large is borrowed or shared.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    /// Text that lies in a binding or in the program.
    Str(&'a str),
    /// Text that was computed.
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    Duration(Duration),
    Timestamp(Timestamp),
    /// A list that lies in a binding.
    JsonList(&'a [Json]),
    List(Arc<[Value<'a>]>),
    /// A map that lies in a binding.
    JsonMap(&'a JsonMap),
    Map(Arc<MapValue<'a>>),
    /// `None`: it holds nothing.
    Optional(Option<Arc<Value<'a>>>),
    /// A type, by its name at run time.
    Type(&'static str),
    Ip(IpAddr),
    Cidr(Cidr),
}

/// An IP address and how many of its leading bits name the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    pub address: IpAddr,
    pub prefix: u8,
}

impl<'a> Value<'a> {
    /// Text that was computed.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// A list that was computed.
    pub fn list(items: impl Into<Arc<[Value<'a>]>>) -> Self {
        Self::List(items.into())
    }

    /// An optional that holds `value`.
    pub fn some(value: Self) -> Self {
        Self::Optional(Some(Arc::new(value)))
    }

    /// The text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The list, where it is one.
    pub fn as_list<'v>(&'v self) -> Option<ListRef<'v, 'a>> {
        match self {
            Self::JsonList(items) => Some(ListRef::Json(items)),
            Self::List(items) => Some(ListRef::Values(items)),
            _ => None,
        }
    }

    /// The map, where it is one.
    pub fn as_map<'v>(&'v self) -> Option<MapRef<'v, 'a>> {
        match self {
            Self::JsonMap(entries) => Some(MapRef::Json(entries)),
            Self::Map(entries) => Some(MapRef::Values(entries)),
            _ => None,
        }
    }

    /// The name of its type at run time, as `type(x)` gives it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Str(_) | Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Timestamp(_) => "google.protobuf.Timestamp",
            Self::JsonList(_) | Self::List(_) => "list",
            Self::JsonMap(_) | Self::Map(_) => "map",
            Self::Optional(_) => "optional_type",
            Self::Type(_) => "type",
            Self::Ip(_) => "net.IP",
            Self::Cidr(_) => "net.CIDR",
        }
    }

    /// Its type, as far down as a person wants to know it.
    pub fn kind(&self) -> Type {
        self.kind_down_to(4)
    }

    fn kind_down_to(&self, levels: u32) -> Type {
        let Some(levels) = levels.checked_sub(1) else { return Type::Dyn };
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Uint(_) => Type::Uint,
            Self::Double(_) => Type::Double,
            Self::Str(_) | Self::String(_) => Type::String,
            Self::Bytes(_) => Type::Bytes,
            Self::Duration(_) => Type::Duration,
            Self::Timestamp(_) => Type::Timestamp,
            Self::JsonList(_) | Self::List(_) => {
                let items = self.as_list().into_iter().flat_map(ListRef::iter);
                Type::list(common(items.map(|item| item.kind_down_to(levels))))
            }
            Self::JsonMap(_) | Self::Map(_) => {
                let entries = || self.as_map().into_iter().flat_map(MapRef::iter);
                let keys = common(entries().map(|(key, _)| key.kind_down_to(levels)));
                Type::map(keys, common(entries().map(|(_, value)| value.kind_down_to(levels))))
            }
            Self::Optional(content) => {
                Type::optional(content.as_ref().map_or(Type::Dyn, |content| content.kind_down_to(levels)))
            }
            Self::Type(_) => Type::type_of(Type::Dyn),
            Self::Ip(_) => Type::opaque("net.IP"),
            Self::Cidr(_) => Type::opaque("net.CIDR"),
        }
    }

    /// Whether it is the zero of its type: what `optional.ofNonZeroValue` leaves out.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(value) => !value,
            Self::Int(value) => *value == 0,
            Self::Uint(value) => *value == 0,
            Self::Double(value) => *value == 0.0,
            Self::Str(text) => text.is_empty(),
            Self::String(text) => text.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Duration(duration) => duration.nanoseconds() == 0,
            Self::Timestamp(timestamp) => *timestamp == Timestamp::EPOCH,
            Self::JsonList(items) => items.is_empty(),
            Self::List(items) => items.is_empty(),
            Self::JsonMap(entries) => entries.is_empty(),
            Self::Map(entries) => entries.is_empty(),
            Self::Optional(content) => content.is_none(),
            Self::Type(_) | Self::Ip(_) | Self::Cidr(_) => false,
        }
    }

    /// The same value, borrowing nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => Value::Int(value),
            Self::Uint(value) => Value::Uint(value),
            Self::Double(value) => Value::Double(value),
            Self::Str(text) => Value::text(text),
            Self::String(text) => Value::String(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Duration(duration) => Value::Duration(duration),
            Self::Timestamp(timestamp) => Value::Timestamp(timestamp),
            Self::JsonList(_) | Self::List(_) => {
                let items = self.as_list().into_iter().flat_map(|list| list.iter().map(Value::into_owned));
                Value::List(items.collect())
            }
            Self::JsonMap(_) | Self::Map(_) => {
                let entries = self.as_map().into_iter().flat_map(|map| map.iter().collect::<Vec<_>>());
                let entries = entries.map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
                // The keys were unique before.
                Value::Map(Arc::new(MapValue::new(entries).unwrap_or_default()))
            }
            Self::Optional(content) => {
                Value::Optional(content.map(|content| Arc::new(content.as_ref().clone().into_owned())))
            }
            Self::Type(name) => Value::Type(name),
            Self::Ip(address) => Value::Ip(address),
            Self::Cidr(cidr) => Value::Cidr(cidr),
        }
    }
}

/// The one type that all are of.
fn common(kinds: impl Iterator<Item = Type>) -> Type {
    let joined = kinds.map(Some).reduce(|a, b| if a == b { a } else { None });
    joined.flatten().unwrap_or(Type::Dyn)
}

/// A list of either kind.
#[derive(Clone, Copy, Debug)]
pub enum ListRef<'v, 'a> {
    Json(&'a [Json]),
    Values(&'v [Value<'a>]),
}

impl<'v, 'a> ListRef<'v, 'a> {
    pub fn len(self) -> usize {
        match self {
            Self::Json(items) => items.len(),
            Self::Values(items) => items.len(),
        }
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    pub fn get(self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Json(items) => items.get(index).map(Value::from_json),
            Self::Values(items) => items.get(index).cloned(),
        }
    }

    pub fn iter(self) -> impl DoubleEndedIterator<Item = Value<'a>> + ExactSizeIterator + use<'v, 'a> {
        (0..self.len()).map(move |index| self.get(index).unwrap_or(Value::Null))
    }
}

/// A map of either kind.
#[derive(Clone, Copy, Debug)]
pub enum MapRef<'v, 'a> {
    Json(&'a JsonMap),
    Values(&'v MapValue<'a>),
}

impl<'v, 'a> MapRef<'v, 'a> {
    pub fn len(self) -> usize {
        match self {
            Self::Json(entries) => entries.len(),
            Self::Values(entries) => entries.len(),
        }
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value under `key`; numbers are found whatever their type.
    pub fn get(self, key: &Value<'_>) -> Option<Value<'a>> {
        match self {
            Self::Json(entries) => entries.get(key.as_str()?).map(Value::from_json),
            Self::Values(entries) => entries.get(key).cloned(),
        }
    }

    /// The value under a text.
    pub fn field(self, name: &str) -> Option<Value<'a>> {
        match self {
            Self::Json(entries) => entries.get(name).map(Value::from_json),
            Self::Values(entries) => entries.get(&Value::Str(name)).cloned(),
        }
    }

    /// Keys and values, in the order of the map.
    pub fn iter(self) -> Box<dyn Iterator<Item = (Value<'a>, Value<'a>)> + 'v>
    where
        'a: 'v,
    {
        match self {
            Self::Json(entries) => {
                Box::new(entries.iter().map(|(key, value)| (Value::Str(key), Value::from_json(value))))
            }
            Self::Values(map) => Box::new(map.entries().iter().cloned()),
        }
    }
}
