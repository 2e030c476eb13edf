//! The façade of the compiler: sources and a catalogue of actions in, a program and diagnostics out.
//!
//! Knows the order of the stages and which language a source is in; every check is a stage's own.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::base::source::{SourceId, Sources};
use crate::diagnostic::Diagnostics;
use crate::ir::{self, check::check_workflows};
use crate::model::action::Catalogue;
use crate::syntax::load::{Language, load};
use crate::syntax::workflow;

/// What came of a compilation.
#[derive(Clone, Debug)]
pub struct Compilation {
    /// `None` where there is an error.
    pub program: Option<ir::Program>,
    /// Errors and warnings, in the order of their places.
    pub diagnostics: Diagnostics,
}

/// Reads and checks every source by the end of its path: all problems of all files at once.
pub fn compile(sources: &Sources, catalogue: &Catalogue) -> Compilation {
    let mut diagnostics = Diagnostics::new();
    let mut workflows = Vec::new();
    for (id, source) in sources.iter() {
        if Language::of(&source.path) == Some(Language::Workflow) {
            let (tree, found) = workflow::parse(id, &source.text);
            diagnostics.extend(found);
            workflows.extend(tree);
        }
    }
    let (workflows, found) = check_workflows(&workflows, catalogue);
    diagnostics.extend(found);
    diagnostics.sort();
    let program = ir::Program { workflows, ..ir::Program::default() };
    Compilation { program: (!diagnostics.has_errors()).then_some(program), diagnostics }
}

/// Loads files and folders and compiles them. A file that could not be read says only that.
pub fn load_and_compile(paths: &[PathBuf], catalogue: &Catalogue) -> (Sources, Compilation) {
    let (sources, mut diagnostics) = load(paths);
    let unread: BTreeSet<SourceId> = diagnostics.iter().map(|problem| problem.primary.span.source).collect();
    let compiled = compile(&sources, catalogue);
    for problem in compiled.diagnostics.iter().filter(|problem| !unread.contains(&problem.primary.span.source)) {
        diagnostics.push(problem.clone());
    }
    diagnostics.sort();
    let program = compiled.program.filter(|_| !diagnostics.has_errors());
    (sources, Compilation { program, diagnostics })
}
