//! The YAML tree of `syntax` as the plain tree that settings are read from.

use serde_json::Value as Json;

use super::tree::{Content, Node};
use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::Diagnostics;
use crate::syntax::yaml::{self, Kind};

/// Reads a text; `None` where it is no YAML at all, which the diagnostics then say.
pub(super) fn read(source: SourceId, text: &str, diagnostics: &mut Diagnostics) -> Option<Node> {
    let (root, problems) = yaml::parse(source, text);
    diagnostics.extend(problems);
    root.as_ref().map(plain)
}

/// Recursion is bounded by the parser's limit on nesting.
pub(super) fn plain(node: &yaml::Node) -> Node {
    let content = match &node.kind {
        Kind::Null => Content::Null,
        Kind::Seq(items) => Content::List(items.iter().map(plain).collect()),
        Kind::Map(entries) => Content::Map(
            entries.iter().map(|(key, value)| (Spanned::new(key.name.clone(), key.span), plain(value))).collect(),
        ),
        _ => Content::Scalar(node.scalar().cloned().unwrap_or_else(|| {
            let Span { source, start, .. } = node.span;
            Fragment::verbatim(source, start as usize, "")
        })),
    };
    let scalar = if matches!(content, Content::Scalar(_)) { node.to_json() } else { Json::Null };
    Node { span: node.span, content, scalar, is_cut: node.is_cut() }
}
