//! Rules and workflows become what an engine runs by.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::AppError;
use crate::action;
use crate::base::digest::Digest;
use crate::base::source::Sources;
use crate::compile::{self, Compilation};
use crate::config;
use crate::config::detectors::Declared;
use crate::config::schedules::Scheduled;
use crate::config::show::Origin;
use crate::config::webhooks::Subscribed;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lint::{self, Linted};
use crate::model::action::Catalogue;
use crate::model::schema::Object;
use crate::model::target::TargetSettings;
use crate::plan::diff::Outline;
use crate::plan::{Plan, PlanSource};
use crate::router::Router;
use crate::runtime::ports::Planner;
pub use crate::runtime::program::Program;
use crate::shipped;
use crate::syntax::load::load as load_files;

/// The configured program.
///
/// # Errors
/// It does not check; what is wrong travels along.
pub fn load(program: &config::Program) -> Result<Arc<Program>, AppError> {
    assemble(compile(program))
}

/// Compiles what is configured.
pub(super) fn compile(program: &config::Program) -> Compilation {
    match program {
        config::Program::Paths(paths) => check(paths),
        config::Program::Shipped => check_shipped(),
    }
}

/// What is wrong with the events of schedules under rules that check; their places are those of the configuration.
pub fn check_schedules(schedules: &[Scheduled], compilation: &Compilation) -> Vec<Diagnostic> {
    let Some(events) = declared(compilation) else { return Vec::new() };
    schedules.iter().flat_map(|scheduled| scheduled.misfits(&events)).collect()
}

/// What webhooks want that rules which check do not declare.
pub fn check_webhooks(webhooks: &[Subscribed], compilation: &Compilation) -> Vec<Diagnostic> {
    let Some(events) = declared(compilation) else { return Vec::new() };
    webhooks.iter().flat_map(|subscribed| subscribed.misfits(&events)).collect()
}

/// What is wrong with the events of detectors under rules that check; their places are those of the configuration.
pub fn check_detectors(detectors: &[Declared], compilation: &Compilation) -> Vec<Diagnostic> {
    let Some(events) = declared(compilation) else { return Vec::new() };
    detectors.iter().flat_map(|detector| detector.misfits(&events)).collect()
}

/// What events of each declared type carry; `None` where the rules do not check.
fn declared(compilation: &Compilation) -> Option<BTreeMap<String, Object>> {
    let program = compilation.program.as_ref()?;
    Some(program.events.iter().map(|event| (event.name.clone(), event.data.clone())).collect())
}

/// What it means, to be compared with another version; nothing where it has errors.
pub(crate) fn outline(compilation: &Compilation) -> Outline {
    let plans = || compilation.plans.iter().map(AsRef::as_ref);
    compilation.program.as_ref().map(|program| Outline::of_program(program, plans())).unwrap_or_default()
}

/// The signatures of the actions that ship.
pub fn catalogue() -> Catalogue {
    action::catalogue()
}

/// Compiles files and folders against the actions that ship.
pub fn check(paths: &[PathBuf]) -> Compilation {
    compile::load_and_compile(paths, &action::catalogue())
}

/// Compiles the rules and workflows that ship.
pub fn check_shipped() -> Compilation {
    let mut sources = Sources::new();
    for file in shipped::FILES {
        sources.add(format!("(shipped)/{}", file.name), file.text);
    }
    compile::compile(sources, Diagnostics::new(), &action::catalogue())
}

/// Compiles and lints files and folders against the actions that ship. Without any there is nothing to say.
pub fn lint(paths: &[PathBuf], options: &lint::Options) -> Linted {
    let (sources, diagnostics) =
        if paths.is_empty() { (Sources::new(), Diagnostics::new()) } else { load_files(paths) };
    lint::lint(sources, diagnostics, &action::catalogue(), options)
}

/// The same, with all mended that can be mended for certain. Nothing is written.
///
/// # Errors
/// A fix did what it must not.
pub fn lint_and_fix(paths: &[PathBuf], options: &lint::Options) -> Result<lint::fix::Fixed, Box<lint::fix::FixError>> {
    let (sources, diagnostics) = load_files(paths);
    lint::fix::fix(sources, &diagnostics, &action::catalogue(), options)
}

/// What lints need to know of the configuration.
pub fn lint_targets(config: &config::Config) -> Vec<lint::Target> {
    const LIMITS: [&str; 3] = ["measure.limits.max_rate", "measure.limits.time", "measure.limits.requests"];
    let of = |name: &str, path: &str, settings: &TargetSettings| {
        let is_default = |key: &&str| {
            let setting = config.settings.iter().find(|setting| setting.path == format!("{path}.{key}"));
            setting.is_none_or(|setting| matches!(setting.source, Origin::Default { .. }))
        };
        lint::Target {
            name: name.to_owned(),
            is_measured: settings.measure.is_some(),
            missing_limits: LIMITS.into_iter().filter(is_default).collect(),
            time: settings.measure.as_ref().map_or(Duration::ZERO, |measure| measure.limits.time),
        }
    };
    let listed = config.targets.names().into_iter().filter_map(|name| {
        let settings = config.targets.settings(&name)?;
        Some(of(name.as_str(), &format!("targets.{name}"), &settings))
    });
    let template = config.targets.template().map(|settings| of("defaults", "defaults", settings));
    listed.chain(template).collect()
}

/// What a compilation without errors runs as.
///
/// # Errors
/// The compilation has errors.
pub fn assemble(compilation: Compilation) -> Result<Arc<Program>, AppError> {
    let Compilation { sources, program, plans, diagnostics, .. } = compilation;
    let Some(program) = program.filter(|_| !diagnostics.has_errors()) else {
        return Err(AppError::Program { diagnostics, sources });
    };
    let plans: BTreeMap<_, _> = plans.into_iter().map(|plan| (plan.workflow.clone(), plan)).collect();
    let parts = plans.values().map(|plan| &plan.digest).chain(program.rules.iter().map(|rule| &rule.digest));
    let digest = Digest::of(parts.map(Digest::as_str).collect::<Vec<_>>().join("\n"));
    let events = program.events.iter().map(|event| (event.name.clone(), event.data.clone())).collect();
    let (rules, workflows) = (program.rules.len(), plans.len());
    let router = Router::new(Arc::new(program));
    let unindexed = router.unindexed().len();
    tracing::info!(rules, unindexed, workflows, digest = digest.short(), "program loaded");
    Ok(Arc::new(Program { events, router, plans, digest }))
}

/// Makes plans again from the texts that were stored with their runs.
#[derive(Debug)]
pub struct StoredPlans;

impl Planner for StoredPlans {
    fn plan(&self, source: &PlanSource) -> Result<Plan, String> {
        compile::plan_of(source, &action::catalogue()).map_err(|diagnostics| {
            let messages: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect();
            messages.join("; ")
        })
    }
}
