//! `homeostat run`: one run of a workflow, here and now, without an engine elsewhere.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value as Json};

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::{Failure, conclude, within_runtime};
use super::output::{self, Format, cell, list};
use super::runs::describe;
use super::signals::stop_on_signal;
use super::telemetry::{self, LogArgs};
use crate::app::called::check_with_called;
use crate::app::{self, Order, program};
use crate::diagnostic::Code;
use crate::plan::Plan;

/// What to run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The workflow's file.
    workflow: PathBuf,
    /// An input, like `--input signature=sha256:1f2e` or `--input factor=0.8`; text that is no JSON is taken as it is.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = input)]
    inputs: Vec<(String, Json)>,
    /// The target the run holds; it must be configured.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    #[command(flatten)]
    file: FileArgs,
    /// How the run is printed at its end.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn input(text: &str) -> Result<(String, Json), String> {
    let (name, value) = text.split_once('=').ok_or("write `NAME=VALUE`")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Json::from(value));
    Ok((name.to_owned(), value))
}

pub fn run(args: &Args, log: &LogArgs) -> Exit {
    let config = match args.file.load() {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let compilation = check_with_called(&args.workflow);
    let own = compilation.sources.iter().next().map(|(_, source)| source.path.clone());
    let problems = output::problems(&compilation.diagnostics, &compilation.sources);
    output::complain(&problems);
    let Ok(program) = program::assemble(compilation) else { return Exit::Findings };
    conclude(perform(args, log, (program, own), config))
}

fn perform(
    args: &Args,
    log: &LogArgs,
    (program, own): (Arc<crate::app::program::Program>, Option<String>),
    config: crate::config::Config,
) -> Result<Exit, Failure> {
    // People watch the run itself; what is logged is for those who ask for it.
    let quiet = LogArgs { log_level: log.log_level.clone().or_else(|| Some("warn".to_owned())), ..log.clone() };
    telemetry::start(&quiet, None)?;
    let is_meant = |plan: &&Arc<Plan>| args.workflow.is_dir() || own.as_ref() == Some(&plan.source.path);
    let mut workflows = program.plans.values().filter(is_meant).map(|plan| plan.workflow.clone());
    let (Some(workflow), None) = (workflows.next(), workflows.next()) else {
        return Err(Failure::usage(format!("`{}` is not one workflow", args.workflow.display()))
            .help("name the file of the workflow to run"));
    };
    if args.target.is_none()
        && let Some(step) = program.plans.get(&workflow).and_then(|plan| plan.needs_target())
    {
        return Err(Failure::usage(format!("step `{step}` needs a target, and none is given"))
            .help("name a configured one: `--target NAME`"));
    }
    let inputs: Map<String, Json> = args.inputs.iter().cloned().collect();
    let target = args.target.as_deref().map(Into::into);
    let order = Order { program, config, workflow, target, inputs: inputs.into() };
    let mut live = Live::new();
    let view = within_runtime(async {
        let stop = stop_on_signal()?;
        app::run_once(order, stop, |view| live.show(view)).await.map_err(super::serve::failure)
    })?;
    live.end();
    let view = view?;
    match args.format {
        Format::Text => output::print(&describe(&view))?,
        Format::Json => output::print_json(&view)?,
    };
    match view.get("status").and_then(Json::as_str) {
        Some("succeeded") => Ok(Exit::Done),
        _ => Err(Failure::new(Exit::Findings, Code::RunFailed, cell(&view, "error"))),
    }
}

/// The run on a terminal while it runs; nothing in a pipe.
struct Live {
    bar: Option<ProgressBar>,
    settled: Vec<String>,
}

impl Live {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        Self { bar, settled: Vec::new() }
    }

    fn show(&mut self, view: &Json) {
        let Some(bar) = &self.bar else { return };
        for step in list(view, "steps") {
            let item = step.get("item").and_then(Json::as_u64).map(|item| format!("[{item}]")).unwrap_or_default();
            let (name, status) = (format!("{}{item}", cell(step, "step")), cell(step, "status"));
            if status == "running" {
                bar.set_message(name);
            } else if !self.settled.contains(&name) {
                bar.println(format!("{status:>10}  {name}"));
                self.settled.push(name);
            }
        }
        if let Some(progress) = view.get("progress").filter(|progress| !progress.is_null()) {
            bar.set_message(progress.to_string());
        }
        bar.tick();
    }

    fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
