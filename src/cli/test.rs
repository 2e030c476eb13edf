//! `homeostat test`: the authors' own tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};

use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output;
use super::paths::configured_in;
use super::telemetry::{self, LogArgs};
use crate::app::program::{StoredPlans, assemble, check};
use crate::config::{Log, LogFormat};
use crate::diagnostic::Code;
use crate::diagnostic::render::summary;
use crate::harness::report;
use crate::harness::session::{self, Options, Report};
use crate::harness::snapshots::Mode;
use crate::harness::world::Laws;

/// Play the scenarios of rules and workflows, and compare plans with those that were kept
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files and folders: rules and workflows, which are one program together, and their scenarios (`*.test.yaml`). For
    /// files of scenarios alone it is the configured `program`, where they stand below `homeostat.yaml`, else what is in
    /// their folder
    #[arg(default_value = ".", value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Only scenarios and plans whose name holds this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// Keep every plan as it is now, and delete kept plans that no workflow has
    #[arg(long, conflicts_with = "check")]
    update: bool,

    /// Write nothing: a plan that was not kept is a failure. So it is wherever `CI` is set
    #[arg(long)]
    check: bool,

    /// Fail below this coverage of rules, steps and branches together, in percent
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    min_coverage: Option<f64>,

    /// `text` for people, `json` for programs, `junit` for what shows tests
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How the report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
    Junit,
}

fn percent(text: &str) -> Result<f64, String> {
    text.trim_end_matches('%')
        .parse()
        .ok()
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| "write a number from 0 to 100".to_owned())
}

/// Tests, reports, and says by the exit code what came of it.
pub fn run(args: &Args, log: &LogArgs) -> Exit {
    // The report tells what happened; what the engine logs meanwhile is for those who ask for it.
    let quiet = Log { level: "off".to_owned(), format: LogFormat::Text };
    if let Err(failure) = telemetry::start(log, Some(&quiet)) {
        return failure.report();
    }
    let programs = program_paths(&args.paths, Path::new(""));
    let compilation = check(&programs);
    let nothing = compilation.diagnostics.iter().any(|problem| problem.code == Code::NothingFound);
    if compilation.diagnostics.has_errors() {
        let report = Report::refused(compilation.diagnostics, compilation.sources);
        let is_usage = nothing || programs.iter().any(|path| !path.exists());
        return conclude(refuse(args, &report, if is_usage { Exit::Usage } else { Exit::Findings }));
    }
    output::complain(&output::problems(&compilation.diagnostics, &compilation.sources));
    let Ok(program) = assemble(compilation) else { return Exit::Findings };
    let mode = match (args.update, args.check || is_ci(std::env::var("CI").ok().as_deref())) {
        (true, _) => Mode::Update,
        (_, true) => Mode::Check,
        _ => Mode::KeepNew,
    };
    let laws = Laws { program, planner: Arc::new(StoredPlans) };
    let filter = args.filter.as_deref();
    // Drawn on a terminal only.
    let bar = ProgressBar::new_spinner();
    bar.set_style(
        ProgressStyle::with_template("{spinner} {pos} {wide_msg}").unwrap_or(ProgressStyle::default_spinner()),
    );
    let report = session::test(&Options { paths: &args.paths, laws, filter, mode }, |case| {
        bar.inc(1);
        bar.set_message(case.name.clone());
    });
    bar.finish_and_clear();
    if report.problems.has_errors() {
        return conclude(refuse(args, &report, Exit::Usage));
    }
    conclude(tell(args, &report))
}

/// Tells why nothing was played, in the form that was asked for.
fn refuse(args: &Args, report: &Report, exit: Exit) -> Result<Exit, Failure> {
    match args.format {
        Format::Text => {
            let problems = output::problems(&report.problems, &report.sources);
            let summary = summary(&report.problems, report.sources.iter().count());
            output::complain(&format!("{problems}{summary}\n"));
        }
        Format::Json | Format::Junit => print(args.format, report)?,
    }
    Ok(exit)
}

fn print(format: Format, report: &Report) -> Result<(), Failure> {
    match format {
        Format::Text => {
            let colour = std::io::IsTerminal::is_terminal(&std::io::stdout());
            output::print(&report::to_people(report, colour))?
        }
        Format::Json => output::print_json(&report::to_json(report))?,
        Format::Junit => {
            let text = report::to_junit(report).map_err(|error| Failure::new(Exit::Internal, Code::Internal, error))?;
            output::print(&text)?
        }
    };
    Ok(())
}

fn tell(args: &Args, report: &Report) -> Result<Exit, Failure> {
    print(args.format, report)?;
    if report.cases.is_empty() && report.snapshots.is_empty() {
        let (message, help) = match &args.filter {
            Some(filter) => (format!("no scenario and no plan has `{filter}` in its name"), "leave `--filter` out"),
            None => ("there are no scenarios".to_owned(), "write one into a file that ends in `.test.yaml`"),
        };
        return Err(Failure::usage(message).help(help));
    }
    if !report.is_right() {
        return Ok(Exit::Findings);
    }
    let covered = report.coverage.total().percent();
    match args.min_coverage {
        Some(least) if covered < least => {
            let message = format!("{covered:.1}% of rules, steps and branches are covered, which is below {least}%");
            Err(Failure::new(Exit::Findings, Code::CoverageLow, message))
        }
        _ => Ok(Exit::Done),
    }
}

/// The files and folders that are the program. Scenarios alone are about the program that is configured `here`, if they
/// stand below its configuration; else each file of scenarios stands for the folder it is in.
fn program_paths(paths: &[PathBuf], here: &Path) -> Vec<PathBuf> {
    let is_scenarios = |path: &Path| session::is_scenarios(&path.to_string_lossy()) && !path.is_dir();
    let root = std::path::absolute(here.join(".")).ok();
    let is_below = |path: &PathBuf| {
        let (path, root) = (path.canonicalize().ok(), root.as_ref().and_then(|root| root.canonicalize().ok()));
        path.zip(root).is_some_and(|(path, root)| path.starts_with(root))
    };
    if paths.iter().all(|path| is_scenarios(path) && is_below(path))
        && let Some(program) = configured_in(here)
    {
        return program;
    }
    let folder = |path: &PathBuf| match path.parent().filter(|_| is_scenarios(path)) {
        Some(folder) if folder.as_os_str().is_empty() => Path::new(".").to_owned(),
        Some(folder) => folder.to_owned(),
        None => path.clone(),
    };
    let mut seen = BTreeSet::new();
    paths.iter().map(folder).filter(|path| seen.insert(path.clone())).collect()
}

fn is_ci(variable: Option<&str>) -> bool {
    variable.is_some_and(|value| !matches!(value, "" | "0" | "false"))
}

#[cfg(test)]
mod tests;
