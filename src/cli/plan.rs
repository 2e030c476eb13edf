//! `homeostat plan`: the compiled form of a workflow.

mod changes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;

use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output;
use crate::app::called::check_with_called;
use crate::app::program;
use crate::base::suggest::nearest;
use crate::compile::Compilation;
use crate::diagnostic::{Code, Diagnostics};
use crate::plan::Plan;
use crate::plan::render::{self, render};

/// Which workflow to show, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The workflow's file, or its name in `workflows/` here or among those that ship; with `--diff` also a folder.
    #[arg(value_name = "WORKFLOW")]
    pub workflow: String,
    /// How it is printed. The same file always gives the same bytes.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Tell what has changed in meaning since OLD instead: a file, a folder of rules and workflows, or a plan that was
    /// saved with `--format json`. Ends with 1 where something has.
    #[arg(long, value_name = "OLD")]
    pub diff: Option<PathBuf>,
}

/// The forms of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document with sorted keys.
    Json,
    /// A Mermaid flowchart.
    Mermaid,
    /// A Graphviz digraph.
    Dot,
    /// A picture in one file, for light and dark pages.
    Svg,
}

impl From<Format> for render::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
            Format::Mermaid => Self::Mermaid,
            Format::Dot => Self::Dot,
            Format::Svg => Self::Svg,
        }
    }
}

/// Where named workflows are looked for, before those that ship.
const FOLDER: &str = "workflows";

pub fn run(args: &Args) -> Exit {
    conclude(match &args.diff {
        Some(old) => changes::show(old, &args.workflow, args.format),
        None => show(&args.workflow, args.format),
    })
}

fn show(workflow: &str, format: Format) -> Result<Exit, Failure> {
    let path = Path::new(workflow);
    let found = if is_path(workflow) { by_path(path)? } else { by_name(workflow, Path::new(FOLDER))? };
    match found {
        Found::Plan(plan, warnings) => {
            output::complain(&warnings);
            output::print(&render(&plan, format.into()))
        }
        Found::Problems(problems) => {
            output::complain(&problems);
            Ok(Exit::Findings)
        }
    }
}

#[derive(Debug)]
enum Found {
    /// The plan, and what is odd about its file.
    Plan(Arc<Plan>, String),
    Problems(String),
}

/// Whether the word can only be meant as a path.
fn is_path(word: &str) -> bool {
    word.contains(['/', '\\', '.']) || Path::new(word).is_file()
}

/// # Errors
/// The path does not hold exactly one workflow.
fn by_path(path: &Path) -> Result<Found, Failure> {
    let compilation = check_with_called(path);
    let told = output::problems(&compilation.diagnostics, &compilation.sources);
    if compilation.diagnostics.has_errors() && path.exists() {
        return Ok(Found::Problems(told));
    }
    let own = compilation.sources.iter().next().map(|(_, source)| source.path.clone());
    let is_meant = |plan: &Arc<Plan>| path.is_dir() || own.as_ref() == Some(&plan.source.path);
    let mut plans = compilation.plans.into_iter().filter(is_meant);
    match (plans.next(), plans.next()) {
        (Some(plan), None) => Ok(Found::Plan(plan, told)),
        _ if !path.exists() => {
            let message = format!("cannot read `{}`: it does not exist", path.display());
            Err(Failure::new(Exit::Usage, Code::NotReadable, message).help("check the path"))
        }
        _ => Err(Failure::usage(format!("`{}` is not one workflow", path.display()))
            .help("name the file of a workflow: it ends in `.yaml` or `.yml`")),
    }
}

/// # Errors
/// There is no workflow of that name.
fn by_name(name: &str, folder: &Path) -> Result<Found, Failure> {
    let here = folder.is_dir().then(|| program::check(&[PathBuf::from(folder)]));
    let shipped = program::check_shipped();
    let mut names: Vec<String> = Vec::new();
    for compilation in here.iter().chain([&shipped]) {
        if let Some(plan) = compilation.plans.iter().find(|plan| plan.workflow.as_str() == name) {
            return Ok(Found::Plan(Arc::clone(plan), problems_of(&plan.source.path, compilation)));
        }
        names.extend(compilation.plans.iter().map(|plan| plan.workflow.to_string()));
    }
    // It may be one of those that have errors: then these say why it was not found.
    if let Some(broken) = here.filter(|compilation| compilation.diagnostics.has_errors()) {
        return Ok(Found::Problems(output::problems(&broken.diagnostics, &broken.sources)));
    }
    names.sort();
    names.dedup();
    let failure = Failure::new(Exit::Usage, Code::UnknownWorkflow, format!("there is no workflow `{name}`"));
    Err(match nearest(name, names.iter().map(String::as_str)) {
        Some(known) => failure.help(format!("did you mean `{known}`?")),
        None => failure.help(format!("name a file, or one of {}", names.join(", "))),
    })
}

/// What there is to say of one file.
fn problems_of(path: &str, compilation: &Compilation) -> String {
    let mut kept = Diagnostics::new();
    for problem in compilation.diagnostics.iter() {
        if compilation.sources.get(problem.primary.span.source).is_some_and(|source| source.path == path) {
            kept.push(problem.clone());
        }
    }
    output::problems(&kept, &compilation.sources)
}

#[cfg(test)]
mod tests;
