//! YAML as a tree of nodes that know where they were written.
//!
//! YAML 1.2, core schema, with fewer traps: only `true` and `false` are booleans; numbers with leading zeros or
//! underscores, and numbers that do not fit, stay text; one document; no tags but `!!str`; aliases are expanded within
//! limits. What cannot be read is cut out and told, and the rest is read all the same. What it must not know: which keys
//! mean what.

mod cut;
mod flow;
pub mod format;
mod line;
mod parse;
mod problem;
mod recover;
mod scalar;

use serde_json::Value as Json;

use crate::base::fragment::Fragment;
use crate::base::span::Span;
use crate::model::schema::JsonMap;
pub use parse::comments;
pub use recover::{MAX_BROKEN, parse};

/// Deepest nesting of lists and mappings, aliases expanded.
pub const MAX_DEPTH: usize = 64;
/// Most nodes of one file, aliases expanded.
pub const MAX_NODES: usize = 200_000;
/// Most bytes of text in one file's scalars, aliases expanded.
pub const MAX_TEXT: usize = 8 * 1024 * 1024;

/// A value and where it was written. What stands under an alias has the place of its anchor.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub span: Span,
    pub kind: Kind,
    /// What was written for a scalar that is no text.
    written: Option<Fragment>,
    is_cut: bool,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    /// Always finite.
    Float(f64),
    String(Fragment),
    Seq(Vec<Node>),
    /// In the order of the file; no key stands twice.
    Map(Vec<(Key, Node)>),
}

/// The key of an entry, as text whatever YAML takes it for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub name: String,
    pub span: Span,
}

impl Node {
    /// A mapping made of entries that were read elsewhere.
    pub fn mapping(span: Span, entries: Vec<(Key, Self)>) -> Self {
        Self { span, kind: Kind::Map(entries), written: None, is_cut: false }
    }

    /// The same, with entries of its own missing where `other` is.
    #[must_use]
    pub fn cut_like(mut self, other: &Self) -> Self {
        self.is_cut |= other.is_cut;
        self
    }

    /// Whether what was written here could not be read: all of a value, which is null then, or entries of a list or a
    /// mapping, which are missing. That has been told, so what is missing here must not be missed.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether that is so here or anywhere below.
    pub fn has_cuts(&self) -> bool {
        let below = match &self.kind {
            Kind::Seq(items) => items.iter().any(Self::has_cuts),
            Kind::Map(entries) => entries.iter().any(|(_, value)| value.has_cuts()),
            _ => false,
        };
        self.is_cut || below
    }

    /// The value under `key`; `None` also where the node is no mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The entry of `key` with the place of the key.
    pub fn entry(&self, key: &str) -> Option<(&Key, &Self)> {
        self.as_map()?.iter().find(|(known, _)| known.name == key).map(|(key, value)| (key, value))
    }

    pub fn as_map(&self) -> Option<&[(Key, Self)]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn as_seq(&self) -> Option<&[Self]> {
        match &self.kind {
            Kind::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The text of a string; `None` for a number or boolean, also where the text would be wanted.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(fragment) => Some(&fragment.text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_int(&self) -> Option<i64> {
        match self.kind {
            Kind::Int(value) => Some(value),
            _ => None,
        }
    }

    /// A number, whole or not.
    pub fn as_float(&self) -> Option<f64> {
        match self.kind {
            #[expect(clippy::cast_precision_loss, reason = "a double is what is asked for")]
            Kind::Int(value) => Some(value as f64),
            Kind::Float(value) => Some(value),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    /// The decoded text of any scalar, with its places; `None` for lists and mappings.
    pub fn scalar(&self) -> Option<&Fragment> {
        match &self.kind {
            Kind::String(fragment) => Some(fragment),
            _ => self.written.as_ref(),
        }
    }

    /// The value without its places.
    pub fn to_json(&self) -> Json {
        match &self.kind {
            Kind::Null => Json::Null,
            Kind::Bool(value) => Json::from(*value),
            Kind::Int(value) => Json::from(*value),
            Kind::Float(value) => Json::from(*value),
            Kind::String(fragment) => Json::from(fragment.text.clone()),
            Kind::Seq(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => Json::Object(
                entries.iter().map(|(key, value)| (key.name.clone(), value.to_json())).collect::<JsonMap>(),
            ),
        }
    }

    /// What it is, in the words of an error message: `the number 3`, `a list`.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "empty".to_owned(),
            Kind::Seq(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
            _ => crate::model::schema::describe(&self.to_json()),
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod recover_tests;
