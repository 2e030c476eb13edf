//! A settings file as a tree that knows where each part was written.

use crate::base::fragment::Fragment;
use crate::base::span::{Span, Spanned};

/// A part of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub span: Span,
    pub content: Content,
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
