//! `homeostat runs`: lists runs, and shows one with its steps.

use clap::{Args, Subcommand};
use serde_json::Value as Json;

use super::client::Connection;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{Format, cell, list, print, print_json, table};

/// What to do with runs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List runs, the newest first.
    List(ListArgs),
    /// Show a run with its steps.
    Show(ShowArgs),
}

/// Which runs to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those of this target.
    #[arg(long)]
    target: Option<String>,
    /// Only those in this state.
    #[arg(long, value_parser = ["waiting", "running", "succeeded", "failed", "cancelled", "dropped", "parked"])]
    status: Option<String>,
    /// Only those older than this run.
    #[arg(long, value_name = "RUN")]
    before: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
    #[command(flatten)]
    connection: Connection,
}

/// Which run to show.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The run's id.
    run: String,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(command: &Command) -> Exit {
    conclude(match command {
        Command::List(args) => list_runs(args),
        Command::Show(args) => show(args),
    })
}

fn list_runs(args: &ListArgs) -> Result<Exit, Failure> {
    let mut query = vec![("limit", args.limit.to_string())];
    for (name, value) in [("target", &args.target), ("status", &args.status), ("before", &args.before)] {
        query.extend(value.clone().map(|value| (name, value)));
    }
    let answer = args.connection.get(&["v1", "runs"], query)?;
    if args.connection.format == Format::Json {
        return print_json(&answer);
    }
    let runs = list(&answer, "runs");
    if runs.is_empty() {
        return print("no runs\n");
    }
    let mut rows = table(["RUN", "WORKFLOW", "TARGET", "RULE", "STATUS", "CREATED", "ENDED"]);
    for run in runs {
        rows.add_row(
            ["id", "workflow", "target", "rule", "status", "created_at", "ended_at"].map(|field| cell(run, field)),
        );
    }
    let mut text = format!("{rows}\n");
    if let Some(next) = answer.get("next").and_then(Json::as_str) {
        text.push_str(&format!("\nmore: homeostat runs list --before {next}\n"));
    }
    print(&text)
}

fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    let run = args.connection.get(&["v1", "runs", &args.run], Vec::new())?;
    if args.connection.format == Format::Json {
        return print_json(&run);
    }
    print(&describe(&run))
}

/// A run as people read it.
pub fn describe(run: &Json) -> String {
    let mut text = format!("run {}  {}\n", cell(run, "id"), cell(run, "status"));
    let event = run.get("event").filter(|event| !event.is_null());
    let event = event.map(|event| format!("{} from {}", cell(event, "id"), cell(event, "source")));
    for (name, value) in [
        ("workflow", cell(run, "workflow")),
        ("target", cell(run, "target")),
        ("rule", cell(run, "rule")),
        ("event", event.unwrap_or_else(|| "–".to_owned())),
        ("inputs", cell(run, "inputs")),
        ("created", cell(run, "created_at")),
        ("started", cell(run, "started_at")),
        ("ended", cell(run, "ended_at")),
        ("stopped", cell(run, "stop")),
        ("phase", cell(run, "phase")),
        ("error", cell(run, "error")),
    ] {
        if value != "–" {
            text.push_str(&format!("  {name:<9} {value}\n"));
        }
    }
    let steps = list(run, "steps");
    if !steps.is_empty() {
        let mut rows = table(["STEP", "STATUS", "ATTEMPTS", "STARTED", "ENDED", "ERROR"]);
        for step in steps {
            let name = match step.get("item").and_then(Json::as_u64) {
                Some(item) => format!("{}[{item}]", cell(step, "step")),
                None => cell(step, "step"),
            };
            let error = step.get("error").map_or_else(|| "–".to_owned(), |error| cell(error, "message"));
            let mut row = vec![name];
            row.extend(["status", "attempts", "started_at", "ended_at"].map(|field| cell(step, field)));
            row.push(error);
            rows.add_row(row);
        }
        text.push_str(&format!("\n{rows}\n"));
    }
    if let Some(outputs) = run.get("outputs").and_then(Json::as_object).filter(|outputs| !outputs.is_empty()) {
        text.push_str("\noutputs\n");
        for (name, value) in outputs {
            text.push_str(&format!("  {name}: {value}\n"));
        }
    }
    if let Some(progress) = run.get("progress").filter(|progress| !progress.is_null()) {
        text.push_str(&format!("\nnow: {progress}\n"));
    }
    text
}
