//! `homeostat.yaml` and the environment become the settings that everything else is given.
//!
//! text ─▶ tree ─▶ values by path ─▶ [`Config`], with every problem at once and the origin of every value.
//! What it must not know: what any setting does.

mod build;
mod check;
mod collect;
pub mod detectors;
pub mod keys;
mod overrides;
mod requests;
pub mod schedules;
mod sending;
pub mod show;
mod tree;
mod values;
pub mod webhooks;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::base::id::TargetName;
use crate::base::source::Sources;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::network::AllowedHosts;
use crate::model::target::TargetSettings;
use detectors::Declared;
use schedules::Scheduled;
pub use sending::{Given, Sending, sending};
use show::Setting;
use webhooks::Subscribed;

/// The file that is read where none is named, if it is there.
pub const DEFAULT_FILE: &str = "homeostat.yaml";

/// Largest file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Everything that is configured, checked, defaults filled in.
#[derive(Clone, Debug)]
pub struct Config {
    /// The SQLite file.
    pub store: PathBuf,
    pub listen: SocketAddr,
    pub program: Program,
    /// Whether a change in its files brings them into force.
    pub watch: bool,
    /// Whether to wait for the end of an engine that has the store.
    pub standby: bool,
    pub network: AllowedHosts,
    pub targets: TargetTable,
    /// In the order of the file.
    pub schedules: Vec<Scheduled>,
    /// In the order of the file.
    pub webhooks: Vec<Subscribed>,
    /// In the order of the file.
    pub detectors: Vec<Declared>,
    pub secrets: Secrets,
    pub events: Events,
    pub retention: Retention,
    pub encryption: Encryption,
    pub log: Log,
    /// The levels of lints: each lint's name with `allow`, `warn` or `deny`.
    pub lint: BTreeMap<String, String>,
    /// Every value with where it comes from.
    pub settings: Vec<Setting>,
}

/// Which rules and workflows are in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// Those that ship.
    Shipped,
    /// Files and folders.
    Paths(Vec<PathBuf>),
}

/// How events are taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// So many may wait to be handled.
    pub waiting: usize,
    /// How long a repeated event is known.
    pub dedup: Duration,
}

/// Where secrets are looked up besides the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// Lines `NAME=VALUE`.
    pub file: Option<PathBuf>,
    /// One file a secret.
    pub folder: Option<PathBuf>,
}

/// How long what is over is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub events: Duration,
    pub dead_letters: Duration,
    pub runs: Duration,
    pub records: Duration,
}

/// How what is stored is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all: for debugging.
    Off,
    KeyFile {
        path: PathBuf,
        /// Whether a missing file is made at the start: only the default one is.
        create: bool,
    },
    /// The variable that holds the key.
    KeyVariable(String),
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A level or directives, as `tracing_subscriber::EnvFilter` takes them.
    pub level: String,
    pub format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

impl Config {
    /// Listens elsewhere than was configured.
    ///
    /// # Errors
    /// Why the address is refused.
    pub fn listen_on(&mut self, address: SocketAddr) -> Result<(), String> {
        if !address.ip().is_loopback() {
            return Err(check::why_not_loopback(address));
        }
        self.listen = address;
        Ok(())
    }
}

/// The configured targets.
#[derive(Clone, Debug, Default)]
pub struct TargetTable {
    listed: BTreeMap<TargetName, Arc<TargetSettings>>,
    /// What a target that is not listed gets; `None` refuses it.
    template: Option<TargetSettings>,
}

impl TargetTable {
    pub fn new(listed: impl IntoIterator<Item = TargetSettings>, template: Option<TargetSettings>) -> Self {
        let listed = listed.into_iter().map(|target| (target.name.clone(), Arc::new(target))).collect();
        Self { listed, template }
    }

    /// The settings of a target: its own, or the defaults where there are any; `None` for an unknown one.
    pub fn settings(&self, name: &TargetName) -> Option<Arc<TargetSettings>> {
        let template =
            || self.template.as_ref().map(|template| TargetSettings { name: name.clone(), ..template.clone() });
        self.listed.get(name).cloned().or_else(|| template().map(Arc::new))
    }

    /// What a target that is not listed gets; `None` where such a target is refused.
    pub fn template(&self) -> Option<&TargetSettings> {
        self.template.as_ref()
    }

    /// The targets that are listed, by name.
    pub fn names(&self) -> Vec<TargetName> {
        self.listed.keys().cloned().collect()
    }
}

/// What came of reading settings. `sources` is what the diagnostics point into.
#[derive(Debug)]
pub struct Loaded {
    /// `None` where there is an error among the diagnostics.
    pub config: Option<Config>,
    /// The files and folders that `program` names, with where it does: also where something else is wrong.
    pub program: Vec<Spanned<PathBuf>>,
    /// The levels of lints, as far as they are right: also where something else is wrong.
    pub lint: BTreeMap<String, String>,
    /// The schedules that are right: also where something else is wrong.
    pub schedules: Vec<Scheduled>,
    /// The same of webhooks.
    pub webhooks: Vec<Subscribed>,
    /// The same of detectors.
    pub detectors: Vec<Declared>,
    pub diagnostics: Diagnostics,
    pub sources: Sources,
}

/// Reads `file`, or [`DEFAULT_FILE`] where it exists, or nothing but defaults; then the process's environment.
pub fn load(file: Option<&Path>) -> Loaded {
    let environment: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .collect();
    let default = Path::new(DEFAULT_FILE);
    match file.or_else(|| default.exists().then_some(default)) {
        Some(path) => match read_file(path) {
            Ok(text) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                read(&path.display().to_string(), &text, folder, &environment)
            }
            Err((code, message)) => {
                let mut sources = Sources::new();
                let source = sources.add(path.display().to_string(), "");
                let mut diagnostics = Diagnostics::new();
                diagnostics.push(Diagnostic::error(code, Span::new(source, 0, 0), message));
                Loaded {
                    config: None,
                    program: Vec::new(),
                    lint: BTreeMap::new(),
                    schedules: Vec::new(),
                    webhooks: Vec::new(),
                    detectors: Vec::new(),
                    diagnostics,
                    sources,
                }
            }
        },
        None => read("(defaults)", "", Path::new(""), &environment),
    }
}

/// Reads settings from a text. Relative paths start at `folder`; `path` is what the text is called.
pub fn read(path: &str, text: &str, folder: &Path, environment: &[(String, String)]) -> Loaded {
    let mut sources = Sources::new();
    let source = sources.add(path, text);
    let mut collected = collect::Collected::default();
    if let Some(root) = yaml::read(source, text, &mut collected.diagnostics) {
        collected.tree(&root);
    }
    overrides::apply(&mut collected, environment, &mut sources);
    let config = build::config(&mut collected, folder, &sources);
    let program = match collected.found.remove(["program".to_owned()].as_slice()) {
        Some(collect::Found { value: values::Value::Texts(paths), .. }) => paths,
        _ => Vec::new(),
    };
    let program = program.into_iter().map(|path| Spanned::new(folder.join(&path.node), path.span)).collect();
    let mut diagnostics = collected.diagnostics;
    diagnostics.sort();
    let (lint, schedules, webhooks) = (config.lint.clone(), config.schedules.clone(), config.webhooks.clone());
    let detectors = config.detectors.clone();
    let config = (!diagnostics.has_errors()).then_some(config);
    Loaded { config, program, lint, schedules, webhooks, detectors, diagnostics, sources }
}

/// The keys of the configuration that say something about targets.
pub const ABOUT_TARGETS: &[&str] = &["targets", "defaults", "network"];

/// Reads a part of a configuration that stands in another file: [`ABOUT_TARGETS`] alone.
pub fn read_targets(node: &crate::syntax::yaml::Node, sources: &Sources) -> (TargetTable, Diagnostics) {
    let mut collected = collect::Collected::default();
    collected.tree(&yaml::plain(node));
    let config = build::config(&mut collected, Path::new(""), sources);
    (config.targets, collected.diagnostics)
}

fn read_file(path: &Path) -> Result<String, (Code, String)> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| (Code::NotReadable, format!("`{shown}` cannot be read: {error}"));
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    if meta.len() > MAX_FILE {
        return Err((Code::TooLarge, format!("`{shown}` is larger than {MAX_FILE} bytes")));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    // Some editors begin a file with a mark that says it is UTF-8.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).map(<[u8]>::to_vec).unwrap_or(bytes);
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        (Code::NotUtf8, format!("`{shown}` is not UTF-8: the first wrong byte is number {place}"))
    })
}
