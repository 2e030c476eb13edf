//! What a load test sends, from the tree of settings: every template and expression is checked where it stands.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, Method};

use super::keys::{Kind, REQUEST};
use super::tree::{Content, Node};
use super::values::{Request, Value, parse};
use crate::base::fragment::Fragment;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::{Type, TypeEnv, compile};
use crate::model::load::{Body, Piece, RequestSettings, Template, response_shape, trial_shape};
use crate::model::schema::Shape;
use crate::syntax::interpolation::{self, Broken};

/// Most requests of one load test.
const MOST: usize = 100;

/// Largest weight.
const HEAVIEST: u64 = 1_000_000;

/// Headers that the sender writes itself, or that say how a connection is used.
const OURS: [&str; 10] = [
    "host",
    "homeostat-run",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "upgrade",
    "te",
    "trailer",
];

/// Reads `measure.requests`.
///
/// # Errors
/// It is no list of requests. What is wrong within one is among the diagnostics, and then [`Value::Unknown`] is the result.
pub(super) fn requests(node: &Node, diagnostics: &mut Diagnostics) -> Result<Value, String> {
    let Content::List(items) = &node.content else {
        return Err(format!("it must be a list of `{{ method, path, … }}`, but it is {}", node.describe()));
    };
    if items.is_empty() || items.len() > MOST {
        return Err(format!("it must hold 1 to {MOST} requests, but it holds {}", items.len()));
    }
    let before = diagnostics.iter().count();
    let mut reader = Reader { diagnostics, row: None };
    let requests: Vec<_> = items.iter().filter_map(|item| reader.request(item)).collect();
    Ok(if diagnostics.iter().count() > before { Value::Unknown } else { Value::Requests(requests) })
}

/// Reads `measure.command`.
///
/// # Errors
/// It is no list of texts. What is wrong within one is among the diagnostics, and then [`Value::Unknown`] is the result.
pub(super) fn command(node: &Node, diagnostics: &mut Diagnostics) -> Result<Value, String> {
    let Content::List(items) = &node.content else {
        return Err(format!("it must be a list of a program and its arguments, but it is {}", node.describe()));
    };
    let env = TypeEnv::new().with("trial", Shape::Object(trial_shape()));
    let before = diagnostics.iter().count();
    let mut words = Vec::new();
    for item in items {
        let Content::Scalar(word) = &item.content else {
            return Err(format!("each entry must be a text, but one is {}", item.describe()));
        };
        words.push(template(word, &env, diagnostics).0);
    }
    match words.first().map(|program| program.0.as_slice()) {
        Some([Piece::Text(program)]) if !program.is_empty() => {}
        _ => return Err("its first entry must be a program, as it is called".to_owned()),
    }
    Ok(if diagnostics.iter().count() > before { Value::Unknown } else { Value::Command(words) })
}

/// Reads a `success`; `None` where it is wrong, which has been told.
pub(super) fn success(text: &Fragment, diagnostics: &mut Diagnostics) -> Option<String> {
    let env = TypeEnv::new().with("response", Shape::Object(response_shape()));
    match compile(text, &env) {
        Ok(program) if matches!(program.type_of(), Type::Bool | Type::Dyn) => Some(text.text.clone()),
        Ok(program) => {
            let message = format!("a `success` needs a `bool`, but this is of type `{}`", program.type_of());
            let span = text.span(0..text.text.len());
            diagnostics.push(
                Diagnostic::error(Code::WrongType, span, message)
                    .help("compare it with something, as in `response.status == 200`"),
            );
            None
        }
        Err(problems) => {
            diagnostics.extend(problems);
            None
        }
    }
}

/// Cuts a text at its expressions and checks each; also where the first of them stands.
fn template(text: &Fragment, env: &TypeEnv, diagnostics: &mut Diagnostics) -> (Template, Option<Span>) {
    let pieces = interpolation::split(text).unwrap_or_else(|Broken { problems, pieces }| {
        problems.into_iter().for_each(|problem| diagnostics.push(problem));
        pieces
    });
    let mut first = None;
    let pieces = pieces.into_iter().map(|piece| match piece {
        interpolation::Piece::Text(text) => Piece::Text(text),
        interpolation::Piece::Expression(fragment) => {
            first.get_or_insert(fragment.span(0..fragment.text.len()));
            if let Err(problems) = compile(&fragment, env) {
                diagnostics.extend(problems);
            }
            Piece::Expression(fragment.text)
        }
    });
    (Template(pieces.collect()), first)
}

/// Reads one entry after the other.
struct Reader<'a> {
    diagnostics: &'a mut Diagnostics,
    /// Where the entry first looks at a row.
    row: Option<Span>,
}

/// One entry as it was written.
#[derive(Default)]
struct Written<'a> {
    method: Option<&'a Fragment>,
    path: Option<&'a Fragment>,
    weight: Option<(u64, Span)>,
    headers: Vec<(String, Template)>,
    body: Option<&'a Fragment>,
    grpc: Option<&'a Fragment>,
    message: Option<&'a Fragment>,
    success: Option<&'a Fragment>,
}

impl Reader<'_> {
    fn wrong(&mut self, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(Code::BadSetting, span, message));
    }

    fn wrong_so(&mut self, span: Span, message: impl Into<String>, help: &str) {
        self.diagnostics.push(Diagnostic::error(Code::BadSetting, span, message).help(help));
    }

    fn request(&mut self, item: &Node) -> Option<Request> {
        let Content::Map(entries) = &item.content else {
            let message = format!("a request must be `{{ method, path, … }}`, but it is {}", item.describe());
            self.wrong_so(item.span, message, "write `{ path: /items }`");
            return None;
        };
        self.row = None;
        let written = self.written(entries);
        let whole = |text: &Fragment| text.span(0..text.text.len());
        let grpc = written.grpc.map(|method| self.grpc(method, &written));
        let method = match (grpc.is_some(), written.method) {
            (true, _) => "POST".to_owned(),
            (false, None) => "GET".to_owned(),
            (false, Some(text)) => self.method(text),
        };
        let path = match &grpc {
            Some((path, _)) => Some(path.clone()),
            None => written.path.map(|text| self.path(text)),
        };
        let body = match (grpc, written.body) {
            (Some((_, body)), _) => body,
            (None, Some(text)) => Body::Text(self.template(text)),
            (None, None) => Body::Nothing,
        };
        if let (Some(message), None) = (written.message, written.grpc) {
            self.wrong_so(
                whole(message),
                "`message` is for `grpc` alone",
                "write `body` for what other requests carry",
            );
        }
        let weight = match written.weight {
            Some((weight, span)) if weight > HEAVIEST => {
                self.wrong(span, format!("a weight may be up to {HEAVIEST}"));
                1
            }
            Some((weight, _)) => u32::try_from(weight).unwrap_or(1),
            None => 1,
        };
        let success = written.success.and_then(|text| success(text, self.diagnostics));
        Some(Request {
            settings: RequestSettings { method, path, weight, headers: written.headers, body, success },
            span: item.span,
            method: written.grpc.or(written.method).map_or(item.span, whole),
            row: self.row,
        })
    }

    fn written<'a>(&mut self, entries: &'a [(Spanned<String>, Node)]) -> Written<'a> {
        let mut written = Written::default();
        for (name, value) in entries {
            let text = match &value.content {
                Content::Null => continue,
                Content::Scalar(text) => Some(text),
                _ => None,
            };
            match (name.node.as_str(), text) {
                ("headers", _) => written.headers = self.headers(value),
                ("method", Some(_)) => written.method = text,
                ("path", Some(_)) => written.path = text,
                ("body", Some(_)) => written.body = text,
                ("grpc", Some(_)) => written.grpc = text,
                ("message", Some(_)) => written.message = text,
                ("success", Some(_)) => written.success = text,
                ("weight", Some(text)) => match parse(Kind::Count, &text.text) {
                    Ok(Value::Count(weight)) => written.weight = Some((weight, value.span)),
                    Ok(_) => {}
                    Err(problem) => self.wrong(value.span, format!("`weight` of a request is wrong: {problem}")),
                },
                (known, None) if REQUEST.iter().any(|key| key.path == known) => {
                    self.wrong(
                        value.span,
                        format!("`{known}` of a request must be a single value, but it is {}", value.describe()),
                    );
                }
                (unknown, _) => self.unknown(name.span, unknown),
            }
        }
        written
    }

    fn unknown(&mut self, span: Span, name: &str) {
        let known: Vec<&str> = REQUEST.iter().filter_map(|key| key.path.split('.').next()).collect();
        let listed: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
        let diagnostic = Diagnostic::error(Code::UnknownSetting, span, format!("a request has no `{name}`"));
        self.diagnostics
            .push(diagnostic.help(format!("what may stand here: {}", listed.join(", "))).suggest(name, known));
    }

    fn template(&mut self, text: &Fragment) -> Template {
        let env = TypeEnv::new().with("data", Shape::Any);
        let (template, row) = template(text, &env, self.diagnostics);
        self.row = self.row.or(row);
        template
    }

    fn method(&mut self, text: &Fragment) -> String {
        let method = text.text.trim().to_ascii_uppercase();
        let refused = matches!(method.as_str(), "CONNECT" | "TRACE");
        if refused || Method::from_bytes(method.as_bytes()).is_err() {
            let message = format!("`{}` is no method that a load test can send", text.text);
            self.wrong_so(text.span(0..text.text.len()), message, "write one like `GET` or `POST`");
        }
        method
    }

    fn path(&mut self, text: &Fragment) -> Template {
        if !text.text.starts_with('/') || text.text.starts_with("//") {
            let message = "a path begins with one `/`; the host is that of the endpoint";
            self.wrong_so(text.span(0..text.text.len()), message, "write it like `/items?page=1`");
        } else if text.text.contains('#') {
            self.wrong(text.span(0..text.text.len()), "a path holds no `#`: what follows it is not sent");
        }
        self.template(text)
    }

    fn headers(&mut self, node: &Node) -> Vec<(String, Template)> {
        let Content::Map(entries) = &node.content else {
            self.wrong(node.span, format!("`headers` of a request must be a mapping, but it is {}", node.describe()));
            return Vec::new();
        };
        let mut known = BTreeSet::new();
        let mut headers = Vec::new();
        for (name, value) in entries {
            let lower = name.node.to_ascii_lowercase();
            if HeaderName::from_bytes(lower.as_bytes()).is_err() {
                self.wrong(name.span, format!("`{}` is no name of a header", name.node));
            } else if OURS.contains(&lower.as_str()) {
                self.wrong(name.span, format!("the header `{lower}` is written by the load test itself"));
            } else if !known.insert(lower.clone()) {
                self.wrong(name.span, format!("the header `{lower}` is given twice"));
            }
            match &value.content {
                Content::Scalar(text) => headers.push((lower, self.template(text))),
                _ => {
                    self.wrong(value.span, format!("a header must be a text, but it is {}", value.describe()));
                }
            }
        }
        headers
    }

    /// The path and the message of a call.
    fn grpc(&mut self, method: &Fragment, written: &Written<'_>) -> (Template, Body) {
        let whole = |text: &Fragment| text.span(0..text.text.len());
        for (name, given) in [("method", written.method), ("path", written.path), ("body", written.body)] {
            if let Some(given) = given {
                self.wrong(whole(given), format!("a request with `grpc` has no `{name}`"));
            }
        }
        let word =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
        let is_method = method.text.split_once('/').is_some_and(|(service, name)| word(service) && word(name));
        if !is_method {
            let message = format!("`{}` is no method of gRPC", method.text);
            self.wrong_so(whole(method), message, "write `package.Service/Method`");
        }
        let message = match written.message {
            None => Vec::new(),
            Some(text) => STANDARD.decode(text.text.trim()).unwrap_or_else(|error| {
                self.wrong(whole(text), format!("`message` is not Base64: {error}"));
                Vec::new()
            }),
        };
        (Template(vec![Piece::Text(format!("/{}", method.text))]), Body::Grpc(message))
    }
}

#[cfg(test)]
mod tests;
