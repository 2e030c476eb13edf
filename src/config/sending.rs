//! What `homeostat measure` sends: a file of settings, and options that go over it.
//!
//! The file holds what may stand under `measure` of a target, as far as it says what is sent; options are read as if they
//! stood in one, so that both are checked, and complained of, alike.

use std::path::Path;

use serde_json::Value as Json;

use super::collect::Collected;
use super::tree::{Content, Node};
use super::{build, keys, read_file, yaml};
use crate::base::fragment::Fragment;
use crate::base::source::Sources;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::load::LoadSettings;

/// The settings of `measure` that say what is sent.
const SENT: [&str; 9] =
    ["requests", "data", "success", "allow_unsafe", "arrivals", "seed", "connections", "http", "tls"];

/// Stands for the endpoint, which is not looked at.
const ENDPOINT: &str = "http://127.0.0.1/";

/// What came of reading. `sources` is what the diagnostics point into.
#[derive(Debug)]
pub struct Sending {
    /// `None` where there is an error among the diagnostics.
    pub load: Option<LoadSettings>,
    pub diagnostics: Diagnostics,
    pub sources: Sources,
}

/// One option, as if it stood in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// As it is called on the command line.
    pub option: &'static str,
    /// Where it would stand. Below `requests` it is about the one request that options tell of.
    pub path: Vec<String>,
    pub text: String,
}

/// Reads `file` and then `options`. Relative paths in the file start at its folder.
pub fn sending(file: Option<&Path>, options: &[Given]) -> Sending {
    let mut sources = Sources::new();
    let mut collected = Collected::default();
    let nowhere = Span::new(sources.add("(options)", ENDPOINT), 0, ENDPOINT.len());
    let mut entries = vec![entry("endpoint", scalar(nowhere, ENDPOINT))];
    if let Some(path) = file {
        entries.extend(read(path, &mut sources, &mut collected.diagnostics));
    }
    let mut request = Vec::new();
    let mut rest = Vec::new();
    for given in options {
        let source = sources.add(given.option, given.text.as_str());
        let node = scalar(Span::new(source, 0, given.text.len()), &given.text);
        match given.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["requests", "headers", name] => header(&mut request, name, node),
            ["requests", name] => request.push(entry(name, node)),
            _ => rest.push((&given.path, node)),
        }
    }
    if let Some(span) = request.first().map(|(_, node)| node.span) {
        let item = Node { span, content: Content::Map(request), scalar: Json::Null, is_cut: false };
        entries.push(entry(
            "requests",
            Node { span, content: Content::List(vec![item]), scalar: Json::Null, is_cut: false },
        ));
    }
    collected.tree(&within("defaults", within("measure", map(nowhere, entries))));
    for (path, node) in rest {
        let path: Vec<String> =
            ["defaults", "measure"].map(str::to_owned).into_iter().chain(path.iter().cloned()).collect();
        let segments: Vec<_> = path.iter().map(String::as_str).collect();
        if let Some(key) = keys::place(&segments).key {
            collected.value(path, key, &node);
        }
    }
    let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
    let config = build::config(&mut collected, folder, &sources);
    let mut diagnostics = collected.diagnostics;
    diagnostics.sort();
    let measure = config.targets.template().and_then(|template| template.measure.clone());
    let load = measure.map(|measure| measure.load).filter(|_| !diagnostics.has_errors());
    Sending { load, diagnostics, sources }
}

/// The entries of the file that say what is sent; of any other it is told that it does not.
fn read(path: &Path, sources: &mut Sources, diagnostics: &mut Diagnostics) -> Vec<(Spanned<String>, Node)> {
    let shown = path.display().to_string();
    let text = match read_file(path) {
        Ok(text) => text,
        Err((code, message)) => {
            let source = sources.add(shown, "");
            diagnostics.push(Diagnostic::error(code, Span::new(source, 0, 0), message));
            return Vec::new();
        }
    };
    let source = sources.add(shown, text.as_str());
    let Some(root) = yaml::read(source, &text, diagnostics) else { return Vec::new() };
    let Content::Map(entries) = root.content else {
        let message = format!("what is sent must be a mapping, but it is {}", root.describe());
        diagnostics
            .push(Diagnostic::error(Code::BadSetting, root.span, message).help("write `requests: [{ path: / }]`"));
        return Vec::new();
    };
    let (sent, other): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(name, _)| SENT.contains(&name.node.as_str()));
    for (name, _) in other {
        let message = format!("`{}` does not say what is sent", name.node);
        let listed: Vec<_> = SENT.iter().map(|name| format!("`{name}`")).collect();
        let diagnostic = Diagnostic::error(Code::UnknownSetting, name.span, message);
        diagnostics
            .push(diagnostic.help(format!("what may stand here: {}", listed.join(", "))).suggest(&name.node, SENT));
    }
    sent
}

fn header(request: &mut Vec<(Spanned<String>, Node)>, name: &str, value: Node) {
    let given = request.iter_mut().find(|(key, _)| key.node == "headers");
    match given.map(|(_, node)| &mut node.content) {
        Some(Content::Map(headers)) => headers.push(entry(name, value)),
        _ => request.push(entry("headers", map(value.span, vec![entry(name, value)]))),
    }
}

/// The key stands where the value does: an option has no place of its own for it.
fn entry(name: &str, node: Node) -> (Spanned<String>, Node) {
    (Spanned::new(name.to_owned(), node.span), node)
}

fn scalar(span: Span, text: &str) -> Node {
    Node {
        span,
        content: Content::Scalar(Fragment::verbatim(span.source, 0, text)),
        scalar: Json::from(text),
        is_cut: false,
    }
}

fn map(span: Span, entries: Vec<(Spanned<String>, Node)>) -> Node {
    Node { span, content: Content::Map(entries), scalar: Json::Null, is_cut: false }
}

fn within(name: &str, node: Node) -> Node {
    map(node.span, vec![entry(name, node)])
}

#[cfg(test)]
mod tests;
