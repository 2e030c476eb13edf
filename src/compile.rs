//! The façade of the compiler: sources and a catalogue of actions in, a program and diagnostics out.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::source::Sources;
use crate::diagnostic::Diagnostics;
use crate::ir::Program;
use crate::plan::{Plan, PlanSource};
use crate::syntax::load::load;

/// What came of compiling.
#[derive(Clone, Debug)]
pub struct Compilation {
    pub sources: Sources,
    /// `None` where a file is too wrong to make anything of.
    pub program: Option<Program>,
    pub plans: Vec<Arc<Plan>>,
    pub diagnostics: Diagnostics,
}

/// Files and folders, compiled together.
pub fn load_and_compile(paths: &[PathBuf]) -> Compilation {
    let (sources, diagnostics) = load(paths);
    compile_sources(sources, diagnostics)
}

/// Sources, compiled together; `diagnostics` is what is known of them already.
pub fn compile_sources(sources: Sources, diagnostics: Diagnostics) -> Compilation {
    Compilation { sources, program: Some(Program::default()), plans: Vec::new(), diagnostics }
}

/// One workflow's plan from its text.
pub fn plan_of(_source: &PlanSource) -> Result<Plan, Diagnostics> {
    Err(Diagnostics::new())
}
