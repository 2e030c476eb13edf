//! The façade of the compiler: sources and a catalogue of actions in, a program and diagnostics out.
//!
//! Text ─▶ syntax trees ─▶ checked program ─▶ plans. Every stage reports all that it finds; a stage that has nothing to
//! work on is left out. The router is made from the program by whoever routes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::source::{SourceId, Sources};
use crate::diagnostic::{Code, Diagnostics};
use crate::ir::{self, Program};
use crate::model::action::Catalogue;
use crate::plan::{self, Plan, PlanSource};
use crate::syntax::load::{Language, load};
use crate::syntax::{rules, workflow};

/// What came of compiling.
#[derive(Clone, Debug)]
pub struct Compilation {
    pub sources: Sources,
    /// `None` where there are errors.
    pub program: Option<Program>,
    /// One for every workflow that is right, by place.
    pub plans: Vec<Arc<Plan>>,
    /// In the order of their places.
    pub diagnostics: Diagnostics,
}

/// Files and folders, compiled together.
pub fn load_and_compile(paths: &[PathBuf], catalogue: &Catalogue) -> Compilation {
    let (sources, diagnostics) = load(paths);
    compile(sources, diagnostics, catalogue)
}

/// Sources, compiled together; `diagnostics` is what is known of them already.
pub fn compile(sources: Sources, mut diagnostics: Diagnostics, catalogue: &Catalogue) -> Compilation {
    let mut rule_files = Vec::new();
    let mut workflow_trees = Vec::new();
    // A file that could not be read says only that.
    let unread: BTreeSet<SourceId> = diagnostics.iter().map(|problem| problem.primary.span.source).collect();
    let mut is_complete = unread.is_empty();
    for (id, source) in sources.iter().filter(|(id, _)| !unread.contains(id)) {
        match Language::of(&source.path) {
            Some(Language::Rules) => {
                let (file, found) = rules::parse(id, &source.text);
                diagnostics.extend(found);
                rule_files.push(file);
            }
            Some(Language::Workflow) => {
                let (tree, found) = workflow::parse(id, &source.text);
                diagnostics.extend(found);
                is_complete &= tree.as_ref().is_some_and(|tree| tree.name.is_some());
                workflow_trees.extend(tree);
            }
            None => {}
        }
    }
    let (workflows, found) = ir::check::check_workflows(&workflow_trees, catalogue);
    diagnostics.extend(found);
    // A rule may run a workflow that has errors of its own: they are told once, at the workflow.
    let declared = |name: &str| {
        let named = |tree: &&workflow::ast::Workflow| tree.name.as_ref().is_some_and(|known| known.node == name);
        workflow_trees.iter().find(named).map(|tree| tree.inputs.clone())
    };
    let names: Vec<&str> =
        workflow_trees.iter().filter_map(|tree| tree.name.as_ref()).map(|name| name.node.as_str()).collect();
    let (events, rules, found) = ir::rules::check(&rule_files, &declared, &names);
    for problem in found.iter() {
        // A workflow that seems to be missing may stand in a file that could not be read.
        if is_complete || problem.code != Code::UnknownWorkflow {
            diagnostics.push(problem.clone());
        }
    }

    let mut plans = Vec::new();
    for workflow in &workflows {
        let source = sources.get(workflow.source);
        let source = source.map(|source| PlanSource { path: source.path.clone(), text: Arc::clone(&source.text) });
        match source.map(|source| plan::build(workflow, source)) {
            Some(Ok(plan)) => {
                diagnostics.extend(plan::warnings(workflow));
                plans.push(Arc::new(plan));
            }
            Some(Err(found)) => diagnostics.extend(found),
            None => {}
        }
    }
    diagnostics.sort();
    let program = (!diagnostics.has_errors()).then_some(Program { events, rules, workflows });
    Compilation { sources, program, plans, diagnostics }
}

/// One workflow's plan, made again from its text.
///
/// # Errors
/// What is wrong with the text, by this version and this catalogue.
pub fn plan_of(source: &PlanSource, catalogue: &Catalogue) -> Result<Plan, Diagnostics> {
    let mut sources = Sources::new();
    let id = sources.add(source.path.clone(), Arc::clone(&source.text));
    let (tree, mut diagnostics) = workflow::parse(id, &source.text);
    let trees: Vec<_> = tree.into_iter().collect();
    let (workflows, found) = ir::check::check_workflows(&trees, catalogue);
    diagnostics.extend(found);
    match workflows.first() {
        Some(workflow) if !diagnostics.has_errors() => plan::build(workflow, source.clone()),
        _ => Err(diagnostics),
    }
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
