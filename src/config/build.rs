//! Values by path become the configuration, with defaults where nothing was given.

mod detectors;
mod given;
mod measure;
mod schedules;
mod strategy;
mod webhooks;
#[cfg(test)]
pub(super) use strategy::OWN;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) use self::given::Given;
use self::given::{duration, rate, share, text, texts};
use super::check;
use super::collect::{Collected, Found};
use super::keys::{self, Fallback, Key, List};
use super::show::{Origin, Setting};
use super::values::{Value, mask_url, parse};
use super::{Config, Encryption, Events, Log, LogFormat, Program, Retention, Secrets, TargetTable};
use crate::base::source::Sources;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::network::AllowedHosts;
use crate::model::objective::Objective;
use crate::model::target::{DetectSettings, Mode, OnExpiry, PushAgent, RateSettings, TargetSettings};

/// Makes the configuration of what was given. Only good if no diagnostic is an error.
pub(super) fn config(collected: &mut Collected, folder: &Path, sources: &Sources) -> Config {
    let mut diagnostics = std::mem::take(&mut collected.diagnostics);
    let mut builder = Builder { found: &collected.found, lost: &collected.lost, sources, settings: Vec::new() };
    let config = builder.engine(collected, folder, &mut diagnostics);
    collected.diagnostics = diagnostics;
    config
}

struct Builder<'a> {
    found: &'a BTreeMap<Vec<String>, Found>,
    lost: &'a BTreeSet<Vec<String>>,
    sources: &'a Sources,
    settings: Vec<Setting>,
}

/// How events are taken in, with where it was given.
struct GivenEvents {
    waiting: usize,
    dedup: Given<Duration>,
}

/// The settings of one thing that is listed, or of `defaults`.
struct Scope<'a> {
    prefix: Vec<&'a str>,
}

impl Builder<'_> {
    fn engine(&mut self, collected: &Collected, folder: &Path, diagnostics: &mut Diagnostics) -> Config {
        let engine = Scope { prefix: Vec::new() };
        let store = self.text(&engine, "store");
        let store = folder.join(store.value.strip_prefix("sqlite://").unwrap_or_default());
        let listen = self.address("listen");
        check::listen(&listen, diagnostics);
        let program = self.optional(&engine, "program").map(texts).filter(|given| !given.value.is_empty());
        let program = match program {
            Some(paths) => Program::Paths(paths.value.iter().map(|path| folder.join(&path.node)).collect()),
            None => Program::Shipped,
        };
        let watch = self.text(&engine, "reload.watch").value == "on";
        let standby = self.text(&engine, "standby").value == "on";
        let network = check::network(texts(self.required(&engine, "network.allow")), diagnostics);
        let events = self.events(&engine);
        let retention = self.retention(&engine, &events, diagnostics);
        let secrets = self.secrets(&engine, folder);
        let encryption = self.encryption(&store, folder, diagnostics);
        let log = Log {
            level: check::log_level(self.text(&engine, "log.level"), diagnostics),
            format: match self.text(&engine, "log.format").value.as_str() {
                "json" => LogFormat::Json,
                _ => LogFormat::Text,
            },
        };
        let lint = self.lint();
        let template =
            collected.defaults.map(|_| self.target(&Scope { prefix: vec!["defaults"] }, &network, folder, diagnostics));
        let mut own = Vec::new();
        for name in &collected.items(List::Targets) {
            own.push(self.target(&Scope { prefix: vec!["targets", &name.node] }, &network, folder, diagnostics));
        }
        let targets = TargetTable::new(own, template);
        let schedules = collected.items(List::Schedules);
        let schedules = schedules.iter().filter_map(|name| self.schedule(name, &targets, diagnostics)).collect();
        let webhooks = collected.items(List::Webhooks);
        let webhooks = webhooks.iter().filter_map(|name| self.webhook(name, &network, diagnostics)).collect();
        let detectors = collected.items(List::Detectors);
        let detectors =
            detectors.iter().filter_map(|name| self.detector(name, &targets, &network, folder, diagnostics)).collect();
        let settings = std::mem::take(&mut self.settings);
        let network = network.value;
        let listen = listen.value;
        let events = Events { dedup: events.dedup.value, waiting: events.waiting };
        Config {
            store,
            listen,
            program,
            watch,
            standby,
            network,
            targets,
            schedules,
            webhooks,
            detectors,
            secrets,
            events,
            retention,
            encryption,
            log,
            lint,
            settings,
        }
    }

    fn events(&mut self, engine: &Scope<'_>) -> GivenEvents {
        let waiting = self.count(engine, "events.waiting");
        let dedup = self.duration(engine, "events.dedup");
        GivenEvents { waiting: usize::try_from(waiting.value).unwrap_or(usize::MAX), dedup }
    }

    fn secrets(&mut self, engine: &Scope<'_>, folder: &Path) -> Secrets {
        Secrets {
            file: self.optional(engine, "secrets.file").map(|given| folder.join(text(given).value)),
            folder: self.optional(engine, "secrets.folder").map(|given| folder.join(text(given).value)),
        }
    }

    fn retention(&mut self, engine: &Scope<'_>, given: &GivenEvents, diagnostics: &mut Diagnostics) -> Retention {
        let events = self.duration(engine, "retention.events");
        check::at_least(
            "retention.events",
            &events,
            &given.dedup,
            "that is `events.dedup`: a repetition could not be known",
            diagnostics,
        );
        Retention {
            events: events.value,
            dead_letters: self.duration(engine, "retention.dead_letters").value,
            runs: self.duration(engine, "retention.runs").value,
            records: self.duration(engine, "retention.records").value,
        }
    }

    fn lint(&mut self) -> BTreeMap<String, String> {
        let mut levels = BTreeMap::new();
        for (path, found) in self.found {
            let ([first, name], Value::Text(level)) = (path.as_slice(), &found.value) else { continue };
            if first == "lint" {
                let (value, source) = (Some(level.clone()), self.origin(found.span));
                self.settings.push(Setting { path: path.join("."), value, source });
                levels.insert(name.clone(), level.clone());
            }
        }
        levels
    }

    fn encryption(&mut self, store: &Path, folder: &Path, diagnostics: &mut Diagnostics) -> Encryption {
        let engine = Scope { prefix: Vec::new() };
        let off = self.optional(&engine, "encryption").map(text);
        let file = self.optional(&engine, "encryption.key_file").map(text);
        let variable = self.optional(&engine, "encryption.key_env").map(text);
        let given: Vec<_> = [&off, &file, &variable].into_iter().flatten().filter_map(|given| given.span).collect();
        if let [first, second, ..] = given.as_slice() {
            diagnostics.push(
                Diagnostic::error(Code::BadSetting, *second, "the key is given in two ways")
                    .also(*first, "the other way")
                    .help("give one of `key_file` and `key_env`"),
            );
        }
        match (off, file, variable) {
            (Some(_), ..) => Encryption::Off,
            (_, Some(file), _) => Encryption::KeyFile { path: folder.join(file.value), create: false },
            (_, _, Some(variable)) => Encryption::KeyVariable(variable.value),
            _ => Encryption::KeyFile { path: data_folder(store).join("homeostat.key"), create: true },
        }
    }

    fn target(
        &mut self,
        scope: &Scope<'_>,
        network: &Given<AllowedHosts>,
        folder: &Path,
        diagnostics: &mut Diagnostics,
    ) -> TargetSettings {
        let mode = self.text(scope, "mode");
        let labels = self.labels(scope);
        let p99 = self.duration(scope, "slo.p99");
        let errors = self.share(scope, "slo.errors");
        let floor = self.rate(scope, "rate.floor");
        let initial = self.rate_or(scope, "rate.initial", &floor);
        let ceiling = self.rate(scope, "rate.ceiling");
        check::rates(&floor, &initial, &ceiling, diagnostics);
        let interim = self.share(scope, "rate.interim");
        let max_step = self.optional(scope, "rate.max_step").map(share);
        let time_to_live = self.duration(scope, "rate.time_to_live");
        check::at_least(
            "rate.time_to_live",
            &time_to_live,
            &Given::fixed(Duration::from_secs(3)),
            "it is renewed at a third of it",
            diagnostics,
        );
        let on_expiry = self.text(scope, "rate.on_expiry");
        let strategy = self.strategy(scope, diagnostics);
        check::share("slo.errors", &errors, 0.0..=1.0, diagnostics);
        check::share("rate.interim", &interim, 0.000_001..=1.0, diagnostics);
        if let Some(max_step) = &max_step {
            check::share("rate.max_step", max_step, 0.001..=f64::MAX, diagnostics);
        }
        let measure = self.measure(scope, (&p99, &ceiling), network, folder, diagnostics);
        let push_agents = self.agents(scope, network, diagnostics);
        let detect = DetectSettings {
            latency: self.optional(scope, "detect.latency").map(|given| duration(given).value),
            idle: self.optional(scope, "detect.idle").map(|given| duration(given).value),
        };
        let name = scope.prefix.get(1).copied().unwrap_or_default();
        TargetSettings {
            name: name.into(),
            mode: match mode.value.as_str() {
                "enforce" => Mode::Enforce,
                "recommend" => Mode::Recommend,
                _ => Mode::Observe,
            },
            labels,
            slo: Objective { p99_ms: p99.value.as_secs_f64() * 1_000.0, error_rate: errors.value },
            rate: RateSettings {
                initial_rps: initial.value,
                floor_rps: floor.value,
                ceiling_rps: ceiling.value,
                interim: interim.value,
                max_step: max_step.map(|given| given.value),
                time_to_live: time_to_live.value,
                on_expiry: if on_expiry.value == "refuse" { OnExpiry::Refuse } else { OnExpiry::Floor },
            },
            strategy,
            measure,
            push_agents,
            detect,
        }
    }

    fn agents(
        &mut self,
        scope: &Scope<'_>,
        network: &Given<AllowedHosts>,
        diagnostics: &mut Diagnostics,
    ) -> Vec<PushAgent> {
        let given = self.required(scope, "agents");
        let Value::Agents(agents) = given.value else { return Vec::new() };
        if let (Some(span), Some(&"defaults"), false) = (given.span, scope.prefix.first(), agents.is_empty()) {
            let message = "`defaults.agents`: an agent belongs to one target";
            diagnostics
                .push(Diagnostic::error(Code::BadSetting, span, message).help("list it under `targets.NAME.agents`"));
        }
        let mut known: BTreeMap<&str, Span> = BTreeMap::new();
        for agent in &agents {
            if let Some(first) = known.insert(&agent.id.node, agent.id.span) {
                let message = format!("the agent `{}` is listed twice", agent.id.node);
                diagnostics.push(
                    Diagnostic::error(Code::BadSetting, agent.id.span, message)
                        .also(first, "first here")
                        .help("give each agent an id of its own"),
                );
            }
            let push = Given { span: Some(agent.push.span), ..Given::fixed(agent.push.node.clone()) };
            check::reachable("push", &push, network, diagnostics);
        }
        agents.into_iter().map(|agent| PushAgent { id: agent.id.node.as_str().into(), url: agent.push.node }).collect()
    }

    fn labels(&mut self, scope: &Scope<'_>) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        for prefix in [vec!["defaults"], scope.prefix.clone()] {
            for (path, found) in self.below(prefix.iter().chain(&["labels"])) {
                if let (Some(name), Value::Text(text)) = (path.last(), &found.value) {
                    labels.insert(name.clone(), (text.clone(), found.span));
                }
            }
        }
        for (name, (value, span)) in &labels {
            let path = [&scope.prefix.join("."), "labels", name].join(".");
            self.settings.push(Setting { path, value: Some(value.clone()), source: self.origin(*span) });
        }
        labels.into_iter().map(|(name, (value, _))| (name, value)).collect()
    }

    // ---- typed access: every value that is read here is shown by `config show` --------------------------------------

    fn text(&mut self, scope: &Scope<'_>, path: &'static str) -> Given<String> {
        text(self.required(scope, path))
    }

    fn address(&mut self, path: &'static str) -> Given<SocketAddr> {
        self.required(&Scope { prefix: Vec::new() }, path).map(|value| match value {
            Value::Address(address) => address,
            _ => SocketAddr::from(([127, 0, 0, 1], 0)),
        })
    }

    fn duration(&mut self, scope: &Scope<'_>, path: &'static str) -> Given<Duration> {
        duration(self.required(scope, path))
    }

    fn share(&mut self, scope: &Scope<'_>, path: &'static str) -> Given<f64> {
        share(self.required(scope, path))
    }

    fn rate(&mut self, scope: &Scope<'_>, path: &'static str) -> Given<f64> {
        rate(self.required(scope, path))
    }

    fn rate_or(&mut self, scope: &Scope<'_>, path: &'static str, other: &Given<f64>) -> Given<f64> {
        let shown = Value::Rate(other.value).show();
        self.lookup(scope, path, Some(shown)).map_or_else(|| other.clone(), rate)
    }

    fn count(&mut self, scope: &Scope<'_>, path: &'static str) -> Given<u64> {
        self.required(scope, path).map(|value| if let Value::Count(count) = value { count } else { 0 })
    }

    /// What was given, or the default of the table.
    fn required(&mut self, scope: &Scope<'_>, path: &'static str) -> Given<Value> {
        let default = || keys::find(scope.table(), path).map_or(Value::Texts(Vec::new()), |key| default_value(&key));
        self.lookup(scope, path, None).unwrap_or_else(|| Given::fixed(default()))
    }

    fn optional(&mut self, scope: &Scope<'_>, path: &'static str) -> Option<Given<Value>> {
        self.lookup(scope, path, None)
    }

    /// What was given: for the target, or for all targets. Takes a note of it, or of the default that will hold.
    fn lookup(&mut self, scope: &Scope<'_>, path: &'static str, derived: Option<String>) -> Option<Given<Value>> {
        let full = |prefix: &[&str]| -> Vec<String> {
            prefix.iter().copied().chain(path.split('.')).map(str::to_owned).collect()
        };
        let mut found = self.given(&full(&scope.prefix));
        if found.is_none() && scope.prefix.first() == Some(&"targets") {
            found = self.given(&full(&["defaults"]));
        }
        let shown = full(&scope.prefix).join(".");
        let setting = match found.as_ref().and_then(|given| Some((&given.value, given.span?))) {
            Some((value, span)) => {
                Setting { path: shown, value: Some(mask_url(&value.show())), source: self.origin(span) }
            }
            None => {
                let default = keys::find(scope.table(), path).map_or(Fallback::Required, |key| key.default);
                let (value, note) = match default {
                    Fallback::Is(text) => (Some(text.to_owned()), None),
                    Fallback::Says(words) => (derived, Some(words.to_owned())),
                    Fallback::Required => (None, Some("not given".to_owned())),
                };
                Setting { path: shown, value, source: Origin::Default { note } }
            }
        };
        self.settings.push(setting);
        found
    }

    /// Everything that was given below a path, in the order of paths.
    fn below<'p>(&self, path: impl Iterator<Item = &'p &'p str>) -> impl Iterator<Item = (&Vec<String>, &Found)> {
        let path: Vec<String> = path.map(|name| (*name).to_owned()).collect();
        let from = self.found.range(path.clone()..);
        from.take_while(move |(found, _)| found.starts_with(&path))
    }

    fn given(&self, path: &[String]) -> Option<Given<Value>> {
        match self.found.get(path) {
            Some(found) => Some(Given { value: found.value.clone(), span: Some(found.span), is_known: true }),
            None if (0..=path.len()).any(|most| path.get(..most).is_some_and(|path| self.lost.contains(path))) => {
                Some(Given { value: Value::Unknown, span: None, is_known: false })
            }
            None => None,
        }
    }

    fn origin(&self, span: Span) -> Origin {
        match self.sources.get(span.source) {
            Some(source) => match source.path.strip_prefix('$') {
                Some(variable) => Origin::Environment { variable: variable.to_owned() },
                None => Origin::File { path: source.path.clone(), line: source.line_column(span.start as usize).0 },
            },
            None => Origin::Default { note: None },
        }
    }
}

impl Scope<'_> {
    fn table(&self) -> &'static [Key] {
        match self.prefix.first() {
            None => keys::ENGINE,
            Some(list) => List::of(list).map_or(keys::TARGET, List::table),
        }
    }
}

/// The folder of the store's file.
fn data_folder(store: &Path) -> PathBuf {
    store.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The value of a default that is written in the table; the tables are tested to parse.
pub(super) fn default_value(key: &Key) -> Value {
    match (key.default, key.kind) {
        (Fallback::Is(_), keys::Kind::Agents) => Value::Agents(Vec::new()),
        (Fallback::Is(text), keys::Kind::TextList) => {
            let inner = text.trim_matches(['[', ']']);
            let nowhere = Span::new(crate::base::source::SourceId(0), 0, 0);
            let entries = inner.split(',').map(|entry| entry.trim().trim_matches('"').to_owned());
            Value::Texts(entries.filter(|entry| !entry.is_empty()).map(|entry| Spanned::new(entry, nowhere)).collect())
        }
        (Fallback::Is(text), kind) => parse(kind, text).unwrap_or(Value::Text(String::new())),
        _ => Value::Text(String::new()),
    }
}
