//! What is listed under `detectors`: what each watches, when it tells it, and the event that it sends.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::HeaderName;
use serde_json::{Value as Json, json};

use super::{Builder, Given, Scope, default_value, duration, text};
use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::base::span::{Span, Spanned};
use crate::config::detectors::Declared;
use crate::config::keys;
use crate::config::keys::detector::{DETECTOR, OWN, reads, required};
use crate::config::show::Setting;
use crate::config::values::{Data, Value, host, secret_name};
use crate::config::{TargetTable, check};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::{Type, TypeEnv, compile};
use crate::model::detector::{
    AlertmanagerSettings, DEPLOYMENT_CHANGE, DataTemplate, DetectorSettings, FileFormat, FileSettings, HttpSettings,
    KubernetesSettings, OciSettings, PrometheusSettings, Watched, alertmanager_names, file_names, http_names,
    kubernetes_names, oci_names, prometheus_names,
};
use crate::model::load::{Piece, Template};
use crate::model::network::AllowedHosts;
use crate::model::schema::{Object, Shape};
use crate::syntax::interpolation::{self, Broken};

/// What is watched of an answer or a file where nothing is said of it.
const BODY: &str = "body";

/// What is watched of a Deployment where nothing is said of it.
const IMAGES: &str = "deployment.spec.template.spec.containers.map(c, c.image).join(\",\")";

/// Which alerts are told where nothing is said of it.
const FIRING: &str = "alert.status == \"firing\"";

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
    /// Where relative paths start.
    folder: &'a Path,
    diagnostics: &'a mut Diagnostics,
}

/// When a detector looks, and when it tells.
struct Pace {
    every: Duration,
    timeout: Duration,
    lasting: Duration,
    repeat: Option<Duration>,
    max_backoff: Duration,
    tells_first: bool,
}

impl Builder<'_> {
    /// `None`: something that it needs is missing or wrong, which has been told.
    pub(super) fn detector(
        &mut self,
        name: &Spanned<String>,
        targets: &TargetTable,
        network: &Given<AllowedHosts>,
        folder: &Path,
        diagnostics: &mut Diagnostics,
    ) -> Option<Declared> {
        let scope = Scope { prefix: vec!["detectors", &name.node] };
        let mut making = Making { scope, name, network, folder, diagnostics };
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
        let (watched, seen) = self.watched(&mut making, &kind.value);
        let target = self.target_of(&making.scope, targets, making.diagnostics);
        let target_label = self.own(&making, &kind.value, "target_label").map(text);
        if let (Some(label), Some(_)) = (target_label.as_ref().and_then(|label| label.span), &target) {
            let message = "what the events are about is given in two ways";
            let wrong = Diagnostic::error(Code::BadSetting, label, message);
            making.diagnostics.push(wrong.help("give one of `target` and `target_label`"));
        }
        let event = self.optional(&making.scope, "event").map(text);
        let event = event.unwrap_or_else(|| Given::fixed(DEPLOYMENT_CHANGE.to_owned()));
        let data = match self.optional(&making.scope, "data").map(|given| given.value) {
            Some(Value::Data(data)) => data,
            Some(_) => return None,
            None if event.value == DEPLOYMENT_CHANGE && kind.value != "alertmanager" => signature(),
            None => Data::default(),
        };
        let mut holes = BTreeMap::new();
        let env = env(&seen);
        let template = carried("data".to_owned(), &data.json, &data, &env, &mut holes, making.diagnostics);
        let pace = self.pace(&mut making, &kind.value);
        let detector = DetectorSettings {
            name: name.node.as_str().into(),
            event: event.value.clone(),
            target,
            target_label: target_label.map(|label| label.value),
            data: template,
            watched: watched?,
            every: pace.every,
            timeout: pace.timeout,
            lasting: pace.lasting,
            repeat: pace.repeat,
            max_backoff: pace.max_backoff,
            per_minute: usize::try_from(self.count(&making.scope, "per_minute").value).unwrap_or(usize::MAX),
            tells_first: pace.tells_first,
        };
        Some(Declared { detector, event_place: event.span.unwrap_or(name.span), data, holes })
    }

    /// A setting that only some kinds read.
    fn own(&mut self, making: &Making<'_>, kind: &str, path: &'static str) -> Option<Given<Value>> {
        if reads(kind, path) { self.optional(&making.scope, path) } else { None }
    }

    /// When it looks, and when it tells. A setting that the kind does not read is as it is by default.
    fn pace(&mut self, making: &mut Making<'_>, kind: &str) -> Pace {
        let mut of = |path: &'static str| {
            if reads(kind, path) {
                duration(self.required(&making.scope, path))
            } else {
                let key = keys::find(DETECTOR, path);
                duration(Given::fixed(key.map_or(Value::Unknown, |key| default_value(&key))))
            }
        };
        let (every, timeout, max_backoff) = (of("every"), of("timeout"), of("max_backoff"));
        let shortest = Given::fixed(SHORTEST);
        let why = "what comes more often needs a source of its own";
        check::at_least("every", &every, &shortest, why, making.diagnostics);
        check::at_least("max_backoff", &max_backoff, &shortest, "that is the first pause", making.diagnostics);
        let lasting = self.own(making, kind, "for").map(|given| duration(given).value);
        let repeat = self.own(making, kind, "repeat").map(|given| duration(given).value);
        let first = if reads(kind, "first") { Some(self.text(&making.scope, "first").value) } else { None };
        Pace {
            timeout: timeout.value,
            lasting: lasting.unwrap_or_default(),
            repeat,
            // Nobody is spared where a file is looked at less often.
            max_backoff: if reads(kind, "max_backoff") { max_backoff.value } else { every.value },
            every: every.value,
            tells_first: first.as_deref() != Some("skip"),
        }
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

    /// What it watches, and what expressions of `data` see of it: also where something else is wrong.
    fn watched(&mut self, making: &mut Making<'_>, kind: &str) -> (Option<Watched>, Object) {
        match kind {
            "http" => {
                let (url, headers) = (self.url(making), self.headers(making));
                let (value, names) = self.value(making, http_names(), BODY);
                let watched = url.zip(value).map(|(url, value)| Watched::Http(HttpSettings { url, headers, value }));
                (watched, names)
            }
            "oci" => (self.registry(making).map(Watched::Oci), with_value(oci_names(), Shape::String)),
            "prometheus" => {
                let names = prometheus_names();
                let (url, headers) = (self.url(making), self.headers(making));
                let query = self.optional(&making.scope, "query").map(|given| text(given).value);
                let when = self.expression(making, "when", &names, Some(&Type::Bool), "");
                let watched = url.zip(query).zip(when).map(|((url, query), (when, _))| {
                    Watched::Prometheus(PrometheusSettings { url, headers, query, when })
                });
                (watched, names)
            }
            "alertmanager" => {
                let names = alertmanager_names();
                let when = self.expression(making, "when", &names, Some(&Type::Bool), FIRING);
                (when.map(|(when, _)| Watched::Alertmanager(AlertmanagerSettings { when })), names)
            }
            "file" => {
                let path = self.optional(&making.scope, "path").map(|given| making.folder.join(text(given).value));
                let format = match self.text(&making.scope, "format").value.as_str() {
                    "json" => FileFormat::Json,
                    "yaml" => FileFormat::Yaml,
                    _ => FileFormat::Text,
                };
                let (value, names) = self.value(making, file_names(), BODY);
                let watched = path.zip(value).map(|(path, value)| Watched::File(FileSettings { path, format, value }));
                (watched, names)
            }
            "kubernetes" => self.cluster(making),
            _ => (None, Object::default()),
        }
    }

    fn cluster(&mut self, making: &mut Making<'_>) -> (Option<Watched>, Object) {
        if !cfg!(feature = "kubernetes") {
            let message = "this program was built without the feature `kubernetes`";
            let wrong = Diagnostic::error(Code::BadSetting, making.name.span, message);
            making.diagnostics.push(wrong.help("build it with `--features kubernetes`"));
        }
        let (url, headers) = (self.url(making), self.headers(making));
        let namespace = self.optional(&making.scope, "namespace").map(text);
        let namespace = namespace.and_then(|given| namespace_of(making, given));
        let selector = self.optional(&making.scope, "selector").map(|given| text(given).value);
        let (value, names) = self.value(making, kubernetes_names(), IMAGES);
        let watched = url.zip(namespace).zip(value).map(|((url, namespace), value)| {
            Watched::Kubernetes(KubernetesSettings { url, headers, namespace, selector, value })
        });
        (watched, names)
    }

    /// The expression whose value is watched, and its names with that value.
    fn value(&mut self, making: &mut Making<'_>, names: Object, default: &str) -> (Option<String>, Object) {
        let (value, shape) = self.expression(making, "value", &names, None, default).unzip();
        (value, with_value(names, shape.unwrap_or(Shape::Any)))
    }

    fn registry(&mut self, making: &mut Making<'_>) -> Option<OciSettings> {
        let image = self.optional(&making.scope, "image").map(text);
        let tls = self.text(&making.scope, "tls").value != "off";
        let username = self.optional(&making.scope, "username").map(text);
        let password = self.optional(&making.scope, "password").map(text);
        if let (Some(Given { span: Some(span), .. }), None) | (None, Some(Given { span: Some(span), .. })) =
            (&username, &password)
        {
            let message = "`username` and `password` belong together";
            making.diagnostics.push(Diagnostic::error(Code::BadSetting, *span, message).help("give both or none"));
        }
        let image = image?;
        let Some((registry, repository, tag)) = image_parts(&image.value) else {
            let span = image.span.unwrap_or(making.name.span);
            let message = format!("`{}` names no tag in a registry", image.value);
            let help = "write registry, repository and tag, like `registry.example/shop/checkout:stable`";
            making.diagnostics.push(Diagnostic::error(Code::BadSetting, span, message).help(help));
            return None;
        };
        let (registry, repository, tag) = (registry.to_owned(), repository.to_owned(), tag.to_owned());
        let url = image.map(|_| format!("https://{registry}/"));
        check::reachable("image", &url, making.network, making.diagnostics);
        let password = password.and_then(|given| secret_name(&given.value).map(str::to_owned));
        Some(OciSettings { registry, repository, tag, tls, username: username.map(|given| given.value), password })
    }

    fn url(&mut self, making: &mut Making<'_>) -> Option<String> {
        let url = self.optional(&making.scope, "url").map(text)?;
        check::reachable("url", &url, making.network, making.diagnostics);
        Some(url.value)
    }

    /// An expression, or `default` where none is given, and the shape of its value.
    fn expression(
        &mut self,
        making: &mut Making<'_>,
        path: &'static str,
        names: &Object,
        wanted: Option<&Type>,
        default: &str,
    ) -> Option<(String, Shape)> {
        let written = match self.optional(&making.scope, path).map(|given| given.value) {
            Some(Value::Expression(written)) => written,
            None if !default.is_empty() => Fragment::verbatim(SourceId(0), 0, default),
            _ => return None,
        };
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

fn namespace_of(making: &mut Making<'_>, given: Given<String>) -> Option<String> {
    let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !given.value.is_empty() && given.value.len() <= 63 && given.value.chars().all(is_label) {
        return Some(given.value);
    }
    let message = format!("`{}` is no name of a namespace", given.value);
    let wrong = Diagnostic::error(Code::BadSetting, given.span.unwrap_or(making.name.span), message);
    making.diagnostics.push(wrong.help("it has up to 63 lower-case letters, digits and `-`"));
    None
}

/// Registry, repository and tag of an image's name.
fn image_parts(image: &str) -> Option<(&str, &str, &str)> {
    let (registry, rest) = image.split_once('/')?;
    let (repository, tag) = rest.rsplit_once(':')?;
    let word = |text: &str, more: &[char]| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(&c))
    };
    let is_host = word(registry, &['.', '-', ':', '[', ']']) && host(&format!("https://{registry}/")).is_some();
    let is_path = repository.split('/').all(|part| word(part, &['.', '_', '-']) && !part.starts_with('.'));
    (is_host && is_path && word(tag, &['.', '_', '-'])).then_some((registry, repository, tag))
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
            let nowhere = || Fragment::verbatim(SourceId(0), 0, text.as_str());
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
