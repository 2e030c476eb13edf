//! The façade of the compiler: sources and a catalogue of actions in, a program and diagnostics out.
//!
//! Text ─▶ syntax trees ─▶ checked program ─▶ plans. Every stage reports all that it finds; a stage that has nothing to
//! work on is left out. The router is made from the program by whoever routes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::parallel;
use crate::base::source::{SourceId, Sources};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::ir::{self, Program};
use crate::model::action::Catalogue;
use crate::plan::{self, CalledSource, Callees, Plan, PlanSource};
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

/// Names that do not exist: the same one is told once, however often it is used.
const ONE_CAUSE: &[Code] = &[Code::UnknownStep, Code::UnknownAction, Code::UnknownEvent, Code::UnknownWorkflow];

/// Files and folders, compiled together.
pub fn load_and_compile(paths: &[PathBuf], catalogue: &Catalogue) -> Compilation {
    let (sources, diagnostics) = load(paths);
    compile(sources, diagnostics, catalogue)
}

/// Sources, compiled together; `diagnostics` is what is known of them already.
pub fn compile(sources: Sources, mut diagnostics: Diagnostics, catalogue: &Catalogue) -> Compilation {
    let trees = parse(&sources, &mut diagnostics);
    let program = check(&trees, catalogue, &mut diagnostics);
    let plans = plan(&program.workflows, &sources, &mut diagnostics);
    tell_once(&mut diagnostics);
    let program = (!diagnostics.has_errors()).then_some(program);
    Compilation { sources, program, plans, diagnostics }
}

/// What has one cause is told once, with all its places.
pub fn tell_once(diagnostics: &mut Diagnostics) {
    diagnostics.join_repeated(ONE_CAUSE);
}

/// The syntax trees of all files.
#[derive(Clone, Debug)]
pub struct Trees {
    pub rules: Vec<rules::ast::File>,
    pub workflows: Vec<workflow::ast::Workflow>,
    /// Whether every workflow's name is known: else one that is missing may stand in a file that could not be read.
    pub is_complete: bool,
}

/// The first stage: text to trees. A file that has a diagnostic already could not be read, and says only that.
pub fn parse(sources: &Sources, diagnostics: &mut Diagnostics) -> Trees {
    let unread: BTreeSet<SourceId> = diagnostics.iter().map(|problem| problem.primary.span.source).collect();
    let mut trees = Trees { rules: Vec::new(), workflows: Vec::new(), is_complete: unread.is_empty() };
    let readable: Vec<_> = sources.iter().filter(|(id, _)| !unread.contains(id)).collect();
    let parsed = parallel::map(&readable, |(id, source)| match Language::of(&source.path) {
        Some(Language::Rules) => {
            let (file, found) = rules::parse(*id, &source.text);
            (Some(Tree::Rules(file)), found)
        }
        Some(Language::Workflow) => {
            let (tree, found) = workflow::parse(*id, &source.text);
            (Some(Tree::Workflow(tree)), found)
        }
        None => (None, Diagnostics::new()),
    });
    for (tree, found) in parsed {
        diagnostics.extend(found);
        match tree {
            Some(Tree::Rules(file)) => trees.rules.push(file),
            Some(Tree::Workflow(tree)) => {
                trees.is_complete &= tree.as_ref().is_some_and(|tree| tree.name.is_some());
                trees.workflows.extend(tree);
            }
            None => {}
        }
    }
    trees
}

/// What came of one file.
enum Tree {
    Rules(rules::ast::File),
    Workflow(Option<workflow::ast::Workflow>),
}

/// The second stage: trees to what is right of the program.
pub fn check(trees: &Trees, catalogue: &Catalogue, diagnostics: &mut Diagnostics) -> Program {
    let (workflows, found) = ir::check::check_workflows(&trees.workflows, catalogue);
    let may_be_told = |problem: &&Diagnostic| trees.is_complete || problem.code != Code::UnknownWorkflow;
    found.iter().filter(may_be_told).for_each(|problem| diagnostics.push(problem.clone()));
    // A rule may run a workflow that has errors of its own: they are told once, at the workflow.
    // Of two workflows of one name, which is told, nobody knows which is meant.
    let mut declared = ir::rules::Workflows::new();
    for tree in &trees.workflows {
        if let Some(name) = &tree.name {
            declared.entry(name.node.as_str()).and_modify(|known| *known = None).or_insert(Some(&tree.inputs));
        }
    }
    let (events, rules, found) = ir::rules::check(&trees.rules, &declared);
    found.iter().filter(may_be_told).for_each(|problem| diagnostics.push(problem.clone()));
    // A workflow that is looked at alone may be used with rules that are not there.
    if trees.is_complete && !trees.rules.is_empty() {
        diagnostics.extend(ir::step_events::check(&trees.workflows, &events, catalogue));
    }
    Program { events, rules, workflows }
}

/// The third stage: a plan for every workflow that is right, by place.
pub fn plan(workflows: &[ir::Workflow], sources: &Sources, diagnostics: &mut Diagnostics) -> Vec<Arc<Plan>> {
    let mut callees = Callees::default();
    let mut plans = Vec::new();
    for round in plan::rounds(workflows) {
        let built = parallel::map(&round, |workflow| {
            Some(plan::build(workflow, &callees, source_of(workflow, &callees, sources)?))
        });
        for (workflow, built) in round.into_iter().zip(built) {
            match built {
                Some(Ok(plan)) => {
                    diagnostics.extend(plan::warnings(workflow));
                    plans.push((workflow.source, Arc::new(plan)));
                    callees.add(workflow);
                }
                Some(Err(found)) => diagnostics.extend(found),
                None => {}
            }
        }
    }
    plans.sort_by_key(|(source, _)| *source);
    plans.into_iter().map(|(_, plan)| plan).collect()
}

/// The text of a workflow, with the texts of all that it calls.
fn source_of(workflow: &ir::Workflow, callees: &Callees<'_>, sources: &Sources) -> Option<PlanSource> {
    let source = sources.get(workflow.source)?;
    let called = callees.sources(workflow).into_iter().filter_map(|id| sources.get(id));
    let called = called.map(|source| CalledSource { path: source.path.clone(), text: Arc::clone(&source.text) });
    Some(PlanSource { path: source.path.clone(), text: Arc::clone(&source.text), called: called.collect() })
}

/// One workflow's plan, made again from its text and those that it calls.
///
/// # Errors
/// What is wrong with the texts, by this version and this catalogue.
pub fn plan_of(source: &PlanSource, catalogue: &Catalogue) -> Result<Plan, Diagnostics> {
    let mut sources = Sources::new();
    let own = sources.add(source.path.clone(), Arc::clone(&source.text));
    for called in &source.called {
        sources.add(called.path.clone(), Arc::clone(&called.text));
    }
    let (mut diagnostics, mut trees) = (Diagnostics::new(), Vec::new());
    for (id, text) in sources.iter() {
        let (tree, found) = workflow::parse(id, &text.text);
        diagnostics.extend(found);
        trees.extend(tree);
    }
    let (workflows, found) = ir::check::check_workflows(&trees, catalogue);
    diagnostics.extend(found);
    let at = workflows.iter().position(|workflow| workflow.source == own).filter(|_| !diagnostics.has_errors());
    let plans = if at.is_some() { plan(&workflows, &sources, &mut diagnostics) } else { Vec::new() };
    let made = plans.into_iter().find(|plan| plan.source.path == source.path);
    match made {
        Some(made) if !diagnostics.has_errors() => Ok(Plan { source: source.clone(), ..Plan::clone(&made) }),
        _ => Err(diagnostics),
    }
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
