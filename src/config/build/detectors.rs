//! What is listed under `detectors`: what each watches, when it tells it, and the event that it sends.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderName;
use serde_json::{Value as Json, json};

use super::{Builder, Given, Scope, duration, text};
use crate::base::fragment::Fragment;
use crate::base::span::{Span, Spanned};
use crate::config::detectors::Declared;
use crate::config::keys::detector::{OWN, reads, required};
use crate::config::show::Setting;
use crate::config::values::{Data, Value, secret_name};
use crate::config::{TargetTable, check};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::{Type, TypeEnv, compile};
use crate::model::detector::{DEPLOYMENT_CHANGE, DataTemplate, DetectorSettings, HttpSettings, Watched, http_names};
use crate::model::load::{Piece, Template};
use crate::model::network::AllowedHosts;
use crate::model::schema::{Object, Shape};
use crate::syntax::interpolation::{self, Broken};

/// What comes more often belongs to a source of its own.
const SHORTEST: Duration = Duration::from_secs(1);

/// Headers that the client writes itself, or that say how a connection is used.
const OURS: [&str; 8] =
    ["host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer"];

/// Headers that hold a secret whenever they are sent.
const SECRET: [&str; 6] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "private-token"];

/// What a detector is made of, and where problems go.
struct Making<'a> {
    scope: Scope<'a>,
    name: &'a Spanned<String>,
    network: &'a Given<AllowedHosts>,
    diagnostics: &'a mut Diagnostics,
}

impl Builder<'_> {
    /// `None`: something that it needs is missing or wrong, which has been told.
    pub(super) fn detector(
        &mut self,
        name: &Spanned<String>,
        targets: &TargetTable,
        network: &Given<AllowedHosts>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Declared> {
        let scope = Scope { prefix: vec!["detectors", &name.node] };
        let mut making = Making { scope, name, network, diagnostics };
        let kind = self.optional(&making.scope, "kind").map(text);
        let Some(kind) = kind else {
            let message = format!("`detectors.{}` lacks `kind`", name.node);
            let help = "say what it watches, as in `kind: http`";
            making.diagnostics.push(Diagnostic::error(Code::BadSetting, name.span, message).help(help));
            return None;
        };
        if !kind.is_known {
            return None;
        }
        self.foreign(&mut making, &kind.value);
        self.missing(&mut making, &kind.value);
        let (watched, seen) = self.watched(&mut making, &kind.value).unzip();
        let target = self.target_of(&making.scope, targets, making.diagnostics);
        let event = self.text(&making.scope, "event");
        let data = match self.optional(&making.scope, "data").map(|given| given.value) {
            Some(Value::Data(data)) => data,
            Some(_) => return None,
            None if event.value == DEPLOYMENT_CHANGE => signature(),
            None => Data::default(),
        };
        let mut holes = BTreeMap::new();
        let env = env(&seen.unwrap_or_default());
        let template = carried("data".to_owned(), &data.json, &data, &env, &mut holes, making.diagnostics);
        let shortest = Given::fixed(SHORTEST);
        let every = self.duration(&making.scope, "every");
        check::at_least(
            "every",
            &every,
            &shortest,
            "what comes more often needs a source of its own",
            making.diagnostics,
        );
        let max_backoff = self.duration(&making.scope, "max_backoff");
        check::at_least("max_backoff", &max_backoff, &shortest, "that is the first pause", making.diagnostics);
        let optional = |given: Option<Given<Value>>| given.map(|given| duration(given).value);
        let detector = DetectorSettings {
            name: name.node.as_str().into(),
            event: event.value.clone(),
            target,
            target_label: None,
            data: template,
            every: every.value,
            timeout: self.duration(&making.scope, "timeout").value,
            lasting: optional(self.optional(&making.scope, "for")).unwrap_or_default(),
            repeat: optional(self.optional(&making.scope, "repeat")),
            max_backoff: max_backoff.value,
            per_minute: usize::try_from(self.count(&making.scope, "per_minute").value).unwrap_or(usize::MAX),
            tells_first: self.text(&making.scope, "first").value != "skip",
            watched: watched?,
        };
        Some(Declared { detector, event_place: event.span.unwrap_or(name.span), data, holes })
    }

    /// Tells of settings that detectors of the kind do not read.
    fn foreign(&self, making: &mut Making<'_>, kind: &str) {
        for (path, kinds) in OWN.iter().filter(|(path, _)| !reads(kind, path)) {
            let prefix = making.scope.prefix.iter().chain([path]);
            let Some((_, found)) = self.below(prefix).next() else { continue };
            let kinds: Vec<_> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
            let message = format!("`{path}` is read by {}, and the detector is of kind `{kind}`", kinds.join(", "));
            making.diagnostics.push(Diagnostic::error(Code::BadSetting, found.span, message).help("leave it out"));
        }
    }

    fn missing(&self, making: &mut Making<'_>, kind: &str) {
        let path = |key: &str| -> Vec<String> {
            making.scope.prefix.iter().copied().chain([key]).map(str::to_owned).collect()
        };
        let missing = required(kind).iter().filter(|key| self.given(&path(key)).is_none());
        let missing: Vec<_> = missing.map(|key| format!("`{key}`")).collect();
        if !missing.is_empty() {
            let message = format!("`detectors.{}` lacks {}", making.name.node, missing.join(" and "));
            let help = format!("a detector of kind `{kind}` cannot do without");
            making.diagnostics.push(Diagnostic::error(Code::BadSetting, making.name.span, message).help(help));
        }
    }

    /// What it watches, and what expressions of `data` see of it.
    fn watched(&mut self, making: &mut Making<'_>, kind: &str) -> Option<(Watched, Object)> {
        match kind {
            "http" => {
                let names = http_names();
                let url = self.url(making);
                let headers = self.headers(making);
                let value = self.expression(making, "value", &names, None);
                let (value, shape) = value?;
                Some((Watched::Http(HttpSettings { url: url?, headers, value }), with_value(names, shape)))
            }
            _ => None,
        }
    }

    fn url(&mut self, making: &mut Making<'_>) -> Option<String> {
        let url = self.optional(&making.scope, "url").map(text)?;
        check::reachable("url", &url, making.network, making.diagnostics);
        Some(url.value)
    }

    /// An expression, and the shape of its value.
    fn expression(
        &mut self,
        making: &mut Making<'_>,
        path: &'static str,
        names: &Object,
        wanted: Option<&Type>,
    ) -> Option<(String, Shape)> {
        let Value::Expression(written) = self.required(&making.scope, path).value else { return None };
        match compile(&written, &env(names)) {
            Ok(program) if wanted.is_none_or(|wanted| [wanted, &Type::Dyn].contains(&program.type_of())) => {
                Some((written.text, program.shape()))
            }
            Ok(program) => {
                let wanted = wanted.map(ToString::to_string).unwrap_or_default();
                let message = format!("`{path}` needs a `{wanted}`, but this is of type `{}`", program.type_of());
                making.diagnostics.push(Diagnostic::error(Code::WrongType, whole(&written), message));
                None
            }
            Err(problems) => {
                making.diagnostics.extend(problems);
                None
            }
        }
    }

    fn headers(&mut self, making: &mut Making<'_>) -> Vec<(String, Template)> {
        let mut headers: BTreeMap<String, Template> = BTreeMap::new();
        let mut shown = Vec::new();
        let prefix = making.scope.prefix.clone();
        for (path, found) in self.below(prefix.iter().chain(&["headers"])) {
            let (Some(name), Value::Header(written)) = (path.last(), &found.value) else { continue };
            let mut wrong = |span: Span, message: String, help: &str| {
                making.diagnostics.push(Diagnostic::error(Code::BadSetting, span, message).help(help));
            };
            let lower = name.to_ascii_lowercase();
            if HeaderName::from_bytes(lower.as_bytes()).is_err() || OURS.contains(&lower.as_str()) {
                let help = "headers of the connection itself are written by the client; leave it out";
                wrong(found.span, format!("`{name}` is no header that can be sent along"), help);
            }
            let template = header(written, making.diagnostics);
            let is_secret = template.0.iter().any(|piece| matches!(piece, Piece::Expression(_)));
            if !is_secret && SECRET.contains(&lower.as_str()) {
                let help = "write it as `${secret.NAME}`; docs/webhooks.md tells where secrets are looked up";
                let message = format!("the header `{lower}` holds a secret, which does not stand in the configuration");
                making.diagnostics.push(Diagnostic::error(Code::BadSetting, found.span, message).help(help));
            }
            // What names no secret may be one.
            let value = if is_secret { written.text.clone() } else { "***".to_owned() };
            shown.push(Setting { path: path.join("."), value: Some(value), source: self.origin(found.span) });
            headers.insert(lower, template);
        }
        self.settings.extend(shown);
        headers.into_iter().collect()
    }
}

/// What a `DEPLOYMENT_CHANGE` carries where nothing is said of it.
fn signature() -> Data {
    Data { json: json!({ "signature": "${string(value)}" }), ..Data::default() }
}

fn env(names: &Object) -> TypeEnv {
    names.fields.iter().fold(TypeEnv::new(), |env, field| env.with(&field.name, field.shape.clone()))
}

fn with_value(mut names: Object, shape: Shape) -> Object {
    names.fields.push(crate::model::schema::Field::required("value", shape, "what is watched"));
    names
}

fn whole(text: &Fragment) -> Span {
    text.span(0..text.text.len())
}

/// A text cut at its expressions.
fn split(written: &Fragment, diagnostics: &mut Diagnostics) -> Vec<interpolation::Piece> {
    interpolation::split(written).unwrap_or_else(|Broken { problems, pieces }| {
        problems.into_iter().for_each(|problem| diagnostics.push(problem));
        pieces
    })
}

/// A header: text with secrets in it, and no other expressions.
fn header(written: &Fragment, diagnostics: &mut Diagnostics) -> Template {
    let pieces = split(written, diagnostics).into_iter().map(|piece| match piece {
        interpolation::Piece::Text(text) => Piece::Text(text),
        interpolation::Piece::Expression(expression) => {
            if secret_name(&format!("${{{}}}", expression.text)).is_none() {
                let message = "a header holds no expressions, only secrets";
                let wrong = Diagnostic::error(Code::BadSetting, whole(&expression), message);
                diagnostics.push(wrong.help("write `${secret.NAME}`; `$${` writes the characters themselves"));
            }
            Piece::Expression(expression.text.trim().to_owned())
        }
    });
    Template(pieces.collect())
}

/// What an event carries; `holes` gets the shape of what each expression gives. Recursion is bounded by the parser's limit on
/// nesting.
fn carried(
    path: String,
    json: &Json,
    data: &Data,
    env: &TypeEnv,
    holes: &mut BTreeMap<String, Shape>,
    diagnostics: &mut Diagnostics,
) -> DataTemplate {
    match json {
        Json::String(text) if text.contains("${") => {
            let nowhere = || Fragment::verbatim(crate::base::source::SourceId(0), 0, text.as_str());
            let written = data.texts.get(&path).cloned().unwrap_or_else(nowhere);
            let pieces = split(&written, diagnostics);
            let is_alone = matches!(pieces.as_slice(), [interpolation::Piece::Expression(_)]);
            let mut shape = Shape::String;
            let pieces = pieces.into_iter().map(|piece| match piece {
                interpolation::Piece::Text(text) => Piece::Text(text),
                interpolation::Piece::Expression(expression) => {
                    match compile(&expression, env) {
                        Ok(program) if is_alone => shape = program.shape(),
                        Ok(_) => {}
                        Err(problems) => diagnostics.extend(problems),
                    }
                    Piece::Expression(expression.text)
                }
            });
            let template = Template(pieces.collect());
            if template.0.iter().any(|piece| matches!(piece, Piece::Expression(_))) {
                holes.insert(path, shape);
            }
            DataTemplate::Text(template)
        }
        Json::Array(items) => DataTemplate::List(
            items
                .iter()
                .enumerate()
                .map(|(at, item)| carried(format!("{path}[{at}]"), item, data, env, holes, diagnostics))
                .collect(),
        ),
        Json::Object(entries) => DataTemplate::Map(
            entries
                .iter()
                .map(|(name, item)| {
                    (name.clone(), carried(format!("{path}.{name}"), item, data, env, holes, diagnostics))
                })
                .collect(),
        ),
        Json::Null if path == "data" => DataTemplate::default(),
        fixed => DataTemplate::Fixed(fixed.clone()),
    }
}
