//! A settings file as a tree that knows where each part was written.

use serde_json::Value as Json;

use crate::base::fragment::Fragment;
use crate::base::span::{Span, Spanned};

/// A part of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub span: Span,
    pub content: Content,
    /// What YAML takes a scalar for: `5` is a number, `'5'` is none. Null for what is no scalar.
    pub scalar: Json,
    /// Whether some of it could not be read: what is missing is no default.
    pub is_cut: bool,
}

/// What stands there.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Null,
    Scalar(Fragment),
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// The value without its places. Recursion is bounded by the parser's limit on nesting.
    pub(super) fn to_json(&self) -> Json {
        match &self.content {
            Content::Null | Content::Scalar(_) => self.scalar.clone(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(entries) => entries.iter().map(|(name, value)| (name.node.clone(), value.to_json())).collect(),
        }
    }

    /// What it is, in the words of an error message.
    pub(super) fn describe(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Scalar(_) => "a single value",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}
