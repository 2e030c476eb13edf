//! A tree of settings and the environment become values by path; what is wrong with any is said, and the rest is kept.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::{self, Key, Kind, List, Place};
use super::requests;
use super::tree::{Content, Node};
use super::values::{Agent, Data, Value, parse, split_list};
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// A setting that was given.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub value: Value,
    pub span: Span,
}

/// Everything that was given.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// By path.
    pub found: BTreeMap<Vec<String>, Found>,
    /// The paths of what was given and is wrong, and of groups of which some could not be read.
    pub lost: BTreeSet<Vec<String>>,
    /// What is listed under names of one's own, in the order of the file.
    items: Vec<(List, Spanned<String>)>,
    /// Where `defaults` stands, also when nothing stands below it.
    pub defaults: Option<Span>,
    pub diagnostics: Diagnostics,
}

impl Collected {
    /// The names of what is listed, in the order of the file.
    pub(super) fn items(&self, list: List) -> Vec<Spanned<String>> {
        self.items.iter().filter(|(of, _)| *of == list).map(|(_, name)| name.clone()).collect()
    }

    /// Takes in the file's tree.
    pub(super) fn tree(&mut self, root: &Node) {
        self.node(&mut Vec::new(), root);
    }

    fn node(&mut self, path: &mut Vec<String>, node: &Node) {
        let segments: Vec<_> = path.iter().map(String::as_str).collect();
        let place = keys::place(&segments);
        if node.is_cut {
            self.lost.insert(path.clone());
        }
        match (&node.content, place.key) {
            (Content::Map(entries), _) if place.is_group => {
                for (name, child) in entries {
                    self.entry(path, &place, name, child);
                }
            }
            (Content::Null, None) if place.is_group => {}
            (_, Some(key)) => self.value(path.clone(), key, node),
            (_, None) => {
                let expected = if path.is_empty() { "the file".to_owned() } else { format!("`{}`", path.join(".")) };
                let message = format!("{expected} must be a mapping, but it is {}", node.describe());
                let help = match segments.as_slice() {
                    [list] if let Some(list) = List::of(list) => format!("write `{}`", list.example()),
                    ["lint"] => "write `lint: { NAME: allow }`".to_owned(),
                    _ if place.children.is_empty() => "write names and what they are, like `team: payments`".to_owned(),
                    _ => format!("what may stand in it: {}", listed(&place.children)),
                };
                self.diagnostics.push(Diagnostic::error(Code::BadSetting, node.span, message).help(help));
                self.lost.insert(path.clone());
            }
        }
    }

    fn entry(&mut self, path: &mut Vec<String>, above: &Place, name: &Spanned<String>, child: &Node) {
        path.push(name.node.clone());
        let segments: Vec<_> = path.iter().map(String::as_str).collect();
        let place = keys::place(&segments);
        match segments.as_slice() {
            [list, item] if let Some(list) = List::of(list) => match item_name(list, item) {
                Ok(()) => self.items.push((list, name.clone())),
                Err(problem) => {
                    let help = "it stands in URLs and in the names of variables: call it like `check-out.eu`";
                    self.diagnostics.push(Diagnostic::error(Code::BadSetting, name.span, problem).help(help));
                }
            },
            ["defaults"] => self.defaults = Some(name.span),
            _ => {}
        }
        if place.key.is_some() || place.is_group {
            self.node(path, child);
        } else {
            self.diagnostics.push(unknown(&path.join("."), name, above, place.later));
        }
        path.pop();
    }

    /// Reads one value and keeps it.
    pub(super) fn value(&mut self, path: Vec<String>, key: Key, node: &Node) {
        let value = match (key.kind, &node.content) {
            (_, Content::Null) if node.is_cut => return,
            (Kind::TextList, _) => texts(node),
            (Kind::Agents, _) => self.agents(node),
            (Kind::Data, Content::Map(_)) => Ok(Value::Data(Data::read(node))),
            (Kind::Requests, _) => requests::requests(node, &mut self.diagnostics),
            (Kind::Command, _) => requests::command(node, &mut self.diagnostics),
            (Kind::Success, Content::Scalar(text)) => {
                requests::success(text, &mut self.diagnostics).map_or(Ok(Value::Unknown), |text| Ok(Value::Text(text)))
            }
            (Kind::Expression, Content::Scalar(text)) if !text.text.trim().is_empty() => {
                Ok(Value::Expression(text.clone()))
            }
            (Kind::Header, Content::Scalar(text)) if !text.text.trim().is_empty() => Ok(Value::Header(text.clone())),
            (kind, Content::Scalar(text)) => parse(kind, &text.text),
            // Nothing written is nothing said; what could not be read has been told.
            (_, Content::Null) => return,
            (kind, _) => Err(format!("it must be {kind}, but it is {}", node.describe())),
        };
        match value {
            Ok(Value::Unknown) => {
                self.lost.insert(path);
            }
            Ok(value) => {
                self.found.insert(path, Found { value, span: node.span });
            }
            Err(problem) => {
                let message = format!("`{}` is wrong: {problem}", path.join("."));
                self.diagnostics.push(Diagnostic::error(Code::BadSetting, node.span, message).help(help(key)));
                self.lost.insert(path);
            }
        }
    }

    fn agents(&mut self, node: &Node) -> Result<Value, String> {
        let Content::List(items) = &node.content else {
            return Err(format!("it must be a list of `{{ id, push }}`, but it is {}", node.describe()));
        };
        let mut agents = Vec::new();
        for item in items {
            match agent(item) {
                Ok(agent) => agents.push(agent),
                Err(diagnostic) => self.diagnostics.push(*diagnostic),
            }
        }
        Ok(Value::Agents(agents))
    }
}

/// Names of what is listed appear in URLs, labels, ids of events and environment variables.
fn item_name(list: List, name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > 200 || !name.chars().all(allowed) {
        let item = list.item();
        return Err(format!("`{name}` is no name for a {item}: up to 200 letters, digits, `_`, `-` and `.`"));
    }
    Ok(())
}

fn unknown(path: &str, name: &Spanned<String>, above: &Place, later: bool) -> Diagnostic {
    if later {
        let message = format!("the setting `{path}` is not available in this version");
        return Diagnostic::error(Code::UnknownSetting, name.span, message).help("delete it: nothing would read it");
    }
    let diagnostic = Diagnostic::error(Code::UnknownSetting, name.span, format!("there is no setting `{path}`"));
    if keys::place(&path.split('.').collect::<Vec<_>>()).key.is_some() {
        let nested = name.node.split('.').rev().fold("…".to_owned(), |below, name| match below.as_str() {
            "…" => format!("{name}: …"),
            _ => format!("{name}: {{ {below} }}"),
        });
        return diagnostic.help(format!("settings stand within each other: write `{nested}`"));
    }
    let diagnostic = diagnostic.help(format!("what may stand here: {}", listed(&above.children)));
    diagnostic.suggest(&name.node, above.children.iter().copied())
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn help(key: Key) -> String {
    match key.default {
        keys::Fallback::Is(text) => format!("it takes {}; the default is `{text}`", key.kind),
        _ => format!("it takes {}", key.kind),
    }
}

fn texts(node: &Node) -> Result<Value, String> {
    match &node.content {
        Content::Null => Ok(Value::Texts(Vec::new())),
        Content::Scalar(text) => Ok(Value::Texts(split_list(&text.text, node.span))),
        Content::List(items) => items
            .iter()
            .map(|item| match &item.content {
                Content::Scalar(text) if !text.text.is_empty() => Ok(Spanned::new(text.text.clone(), item.span)),
                _ => Err(format!("each entry must be a text, but one is {}", item.describe())),
            })
            .collect::<Result<_, _>>()
            .map(Value::Texts),
        Content::Map(_) => Err("it must be a list of texts, but it is a mapping".to_owned()),
    }
}

fn agent(node: &Node) -> Result<Agent, Box<Diagnostic>> {
    let help = "write `{ id: NAME, push: \"http://host/path\" }`";
    let wrong = |span, message: String| Box::new(Diagnostic::error(Code::BadSetting, span, message).help(help));
    let Content::Map(entries) = &node.content else {
        return Err(wrong(node.span, format!("an agent must be `{{ id, push }}`, but it is {}", node.describe())));
    };
    let (mut id, mut push) = (None, None);
    for (name, value) in entries {
        let slot = match name.node.as_str() {
            "id" => &mut id,
            "push" => &mut push,
            other => {
                let unknown = Diagnostic::error(Code::UnknownSetting, name.span, format!("an agent has no `{other}`"));
                let known = keys::AGENT.iter().map(|key| key.path);
                return Err(Box::new(unknown.help("what may stand here: `id`, `push`").suggest(other, known)));
            }
        };
        match &value.content {
            Content::Scalar(text) if !text.text.trim().is_empty() => {
                *slot = Some(Spanned::new(text.text.clone(), value.span));
            }
            _ => return Err(wrong(value.span, format!("`{}` of an agent must be a text", name.node))),
        }
    }
    match (id, push) {
        (Some(id), Some(push)) => match parse(Kind::Url, &push.node) {
            Ok(_) => Ok(Agent { id, push }),
            Err(problem) => Err(wrong(push.span, format!("`push` of agent `{}` is wrong: {problem}", id.node))),
        },
        (None, _) => Err(wrong(node.span, "an agent lacks its `id`".to_owned())),
        (_, None) => Err(wrong(node.span, "an agent lacks `push`: the URL that its commands are posted to".to_owned())),
    }
}
