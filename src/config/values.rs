//! The text of one setting becomes its value, by the kind its key has.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use serde_json::Value as Json;

use super::keys::Kind;
use super::tree::{Content, Node};
use crate::base::fragment::Fragment;
use crate::base::literal::{Percentage, Rate, format_duration, parse_duration};
use crate::base::source::SourceId;
use crate::base::span::{Span, Spanned};
use crate::model::load::{RequestSettings, Template};
use crate::model::schedule;

/// A value of some kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Address(SocketAddr),
    Duration(Duration),
    Rate(f64),
    /// As a fraction.
    Share(f64),
    Count(u64),
    Texts(Vec<Spanned<String>>),
    Agents(Vec<Agent>),
    Data(Data),
    Requests(Vec<Request>),
    Command(Vec<Template>),
    Expression(Fragment),
    Header(Fragment),
    /// Something was given, and what is wrong with it has been told.
    Unknown,
}

/// One entry of `agents`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Agent {
    pub id: Spanned<String>,
    pub push: Spanned<String>,
}

/// What an event carries, with where each part of it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Data {
    pub json: Json,
    /// By path, like `data.workers[0].busy`; that of the whole is `data`.
    pub places: BTreeMap<String, Span>,
    /// The texts in it, by path.
    pub texts: BTreeMap<String, Fragment>,
}

impl Data {
    pub(super) fn read(node: &Node) -> Self {
        let mut data = Self { json: node.to_json(), ..Self::default() };
        data.note("data".to_owned(), node);
        data
    }

    /// Recursion is bounded by the parser's limit on nesting.
    fn note(&mut self, path: String, node: &Node) {
        match &node.content {
            Content::List(items) => {
                items.iter().enumerate().for_each(|(at, item)| self.note(format!("{path}[{at}]"), item));
            }
            Content::Map(entries) => {
                entries.iter().for_each(|(name, value)| self.note(format!("{path}.{}", name.node), value));
            }
            Content::Scalar(text) => {
                self.texts.insert(path.clone(), text.clone());
            }
            Content::Null => {}
        }
        self.places.insert(path, node.span);
    }

    /// Where a part stands, or the nearest around it that was written.
    pub(super) fn place(&self, path: &str) -> Option<Span> {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return Some(*place);
            }
            path = path.get(..path.rfind(['.', '['])?)?;
        }
    }
}

/// One entry of `requests`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub settings: RequestSettings,
    /// The whole entry.
    pub span: Span,
    /// Where its method stands, or else the entry.
    pub method: Span,
    /// Where it first looks at a row of data.
    pub row: Option<Span>,
}

impl Request {
    /// What tells it from others; headers and bodies may hold what is nobody's business.
    fn show(&self) -> String {
        let RequestSettings { method, path, weight, .. } = &self.settings;
        let path = path.as_ref().map_or_else(String::new, |path| format!(" {path}"));
        let weight = if *weight == 1 { String::new() } else { format!(" ×{weight}") };
        format!("{method}{path}{weight}")
    }
}

impl Value {
    /// As it would be written.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Expression(text) => text.text.clone(),
            // It may hold a secret that should not stand there.
            Self::Header(_) => "***".to_owned(),
            Self::Address(address) => address.to_string(),
            Self::Duration(duration) => format_duration(*duration),
            Self::Rate(rate) => Rate(*rate).to_string(),
            Self::Share(share) => Percentage(*share).to_string(),
            Self::Count(count) => count.to_string(),
            Self::Texts(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| text.node.as_str()).collect();
                format!("[{}]", texts.join(", "))
            }
            Self::Unknown => String::new(),
            Self::Data(data) => data.json.to_string(),
            Self::Requests(requests) => {
                format!("[{}]", requests.iter().map(Request::show).collect::<Vec<_>>().join(", "))
            }
            Self::Command(words) => {
                format!("[{}]", words.iter().map(Template::to_string).collect::<Vec<_>>().join(", "))
            }
            Self::Agents(agents) => {
                let agents: Vec<_> = agents
                    .iter()
                    .map(|agent| format!("{{ id: {}, push: {} }}", agent.id.node, mask_url(&agent.push.node)))
                    .collect();
                format!("[{}]", agents.join(", "))
            }
        }
    }
}

/// Reads what a scalar of that kind says.
///
/// # Errors
/// Why it cannot be read, in one line that says what is expected.
pub(super) fn parse(kind: Kind, text: &str) -> Result<Value, String> {
    let text = text.trim();
    match kind {
        Kind::Text | Kind::Path | Kind::Store | Kind::Success | Kind::Expression | Kind::Header if text.is_empty() => {
            Err("it is empty".to_owned())
        }
        Kind::Text | Kind::Path | Kind::Success => Ok(Value::Text(text.to_owned())),
        Kind::Expression => Ok(Value::Expression(Fragment::verbatim(SourceId(0), 0, text))),
        Kind::Header => Ok(Value::Header(Fragment::verbatim(SourceId(0), 0, text))),
        Kind::Store => store(text),
        Kind::Url => url(text).map(|()| Value::Text(text.to_owned())),
        Kind::Address => text.parse().map(Value::Address).map_err(|_| {
            format!("`{text}` is no address: write an IP address and a port, like `127.0.0.1:7400` or `[::1]:7400`")
        }),
        Kind::Duration => match parse_duration(text) {
            Ok(duration) if duration.is_zero() => Err(format!("`{text}` must be longer than nothing")),
            Ok(duration) => Ok(Value::Duration(duration)),
            Err(error) => Err(error.to_string()),
        },
        Kind::Rate => text.parse().map(|Rate(rate)| Value::Rate(rate)).map_err(|error| error.to_string()),
        Kind::Percentage => {
            text.parse().map(|Percentage(share)| Value::Share(share)).map_err(|error| error.to_string())
        }
        Kind::Count => match text.replace('_', "").parse() {
            Ok(0) | Err(_) => Err(format!("`{text}` is no whole number above 0")),
            Ok(count) => Ok(Value::Count(count)),
        },
        Kind::Choice(words) => {
            if words.contains(&text) {
                return Ok(Value::Text(text.to_owned()));
            }
            let hint = crate::base::suggest::nearest(text, words.iter().copied())
                .map(|word| format!("; did you mean `{word}`?"))
                .unwrap_or_default();
            Err(format!("`{text}` is not {kind}{hint}"))
        }
        Kind::Off if text == "off" => Ok(Value::Text(text.to_owned())),
        Kind::Off => Err(format!("`{text}` is neither `off` nor a mapping with `key_file` or `key_env`")),
        Kind::Cron => schedule::pattern(text).map(|_| Value::Text(text.to_owned())),
        Kind::TimeZone => schedule::zone(text).map(|_| Value::Text(text.to_owned())),
        // What is written here may be the secret itself: it is not repeated.
        Kind::Secret => match secret_name(text) {
            Some(_) => Ok(Value::Text(text.to_owned())),
            None => {
                Err("a secret does not stand in the configuration, its name does: letters, digits and `_`".to_owned())
            }
        },
        Kind::TextList | Kind::Agents | Kind::Requests | Kind::Command | Kind::Data => {
            Err(format!("it must be {kind}"))
        }
    }
}

fn store(text: &str) -> Result<Value, String> {
    match text.split_once(':') {
        Some(("sqlite", rest)) => match rest.strip_prefix("//") {
            Some(path) if !path.is_empty() && !path.contains(['?', '#']) => Ok(Value::Text(text.to_owned())),
            _ => {
                Err(format!("`{text}` names no file: write `sqlite://` and a path, like `sqlite://data/homeostat.db`"))
            }
        },
        Some(("postgres" | "postgresql", _)) => {
            Err("PostgreSQL is not available in this version; use `sqlite://PATH`".to_owned())
        }
        _ => Err(format!("`{}` is no store: write `sqlite://` and a path", mask_url(text))),
    }
}

/// The name in `${secret.NAME}`.
pub(super) fn secret_name(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?.trim().strip_prefix("secret.")?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some(name)
}

/// Whether it is a URL that requests can be sent to.
fn url(text: &str) -> Result<(), String> {
    let shown = mask_url(text);
    let uri: Uri = text.parse().map_err(|error| format!("`{shown}` is no URL: {error}"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(()),
        _ => Err(format!(
            "`{shown}` is no URL to send requests to: it must start with `http://` or `https://` and a host"
        )),
    }
}

/// The host of a URL that [`parse`] took, without the brackets of an IPv6 address.
pub(super) fn host(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    uri.host().map(|host| host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

/// A URL with its password, if it has one, made unreadable.
pub(super) fn mask_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}{path}"),
        None => url.to_owned(),
    }
}

/// A scalar where a list of texts is expected: commas separate, as in environment variables.
pub(super) fn split_list(text: &str, span: Span) -> Vec<Spanned<String>> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| Spanned::new(part.to_owned(), span))
        .collect()
}
