//! Rules and workflows become what an engine runs by.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::AppError;
use crate::action;
use crate::base::digest::Digest;
use crate::base::source::Sources;
use crate::compile::{self, Compilation};
use crate::config;
use crate::diagnostic::Diagnostics;
use crate::model::action::Catalogue;
use crate::plan::{Plan, PlanSource};
use crate::router::Router;
use crate::runtime::ports::Planner;
pub use crate::runtime::program::Program;
use crate::shipped;

/// The configured program.
///
/// # Errors
/// It does not check; what is wrong travels along.
pub fn load(program: &config::Program) -> Result<Arc<Program>, AppError> {
    match program {
        config::Program::Paths(paths) => assemble(check(paths)),
        config::Program::Shipped => assemble(check_shipped()),
    }
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
    tracing::info!(rules = program.rules.len(), workflows = plans.len(), digest = digest.short(), "program loaded");
    let events = program.events.iter().map(|event| (event.name.clone(), event.data.clone())).collect();
    let program = Program { events, router: Router::new(Arc::new(program)), plans, digest };
    Ok(Arc::new(program))
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
