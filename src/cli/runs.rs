//! `homeostat runs`: lists runs, and shows one with its steps.

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use super::client::Connection;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{Format, cell, list, print, print_json, standstill, table};

/// What to do with runs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List runs, the newest first.
    List(ListArgs),
    /// Show a run with its steps.
    Show(ShowArgs),
    /// Show step by step what happened in a run, with its values.
    Replay(ReplayArgs),
    /// Approve what a run waits for.
    Approve(DecideArgs),
    /// Reject what a run waits for.
    Reject(DecideArgs),
    /// Stop a run for good; what it did is undone.
    Cancel(ShowArgs),
    /// Start a run again that is over and did not succeed.
    Retry(RetryArgs),
    /// Let a parked run go on, where that is possible again.
    Resume(ShowArgs),
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

/// Which run to show step by step.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The run's id.
    run: String,
    /// Only what happened in this step.
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// What to decide.
#[derive(Debug, Args)]
pub struct DecideArgs {
    /// The run's id.
    run: String,
    /// The step that waits, or one item of it as `step[0]`; the only one where nothing is said.
    step: Option<String>,
    /// Who decides.
    #[arg(long, env = "USER", hide_env_values = true, value_name = "NAME")]
    by: Option<String>,
    /// What you say about it.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Which run to start again, and how.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// The run's id.
    run: String,
    /// Keep what steps returned that succeeded and were not undone; the plan is that of the run.
    #[arg(long)]
    from_failed_step: bool,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(command: &Command) -> Exit {
    conclude(match command {
        Command::List(args) => list_runs(args),
        Command::Show(args) => show(args),
        Command::Replay(args) => replay(args),
        Command::Approve(args) => decide(args, "approve"),
        Command::Reject(args) => decide(args, "reject"),
        Command::Cancel(args) => order(&args.connection, &args.run, "cancel", &json!({})),
        Command::Retry(args) => {
            order(&args.connection, &args.run, "retry", &json!({ "from_failed_step": args.from_failed_step }))
        }
        Command::Resume(args) => order(&args.connection, &args.run, "resume", &json!({})),
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

fn replay(args: &ReplayArgs) -> Result<Exit, Failure> {
    let mut run = args.connection.get(&["v1", "runs", &args.run, "journal"], Vec::new())?;
    if let (Some(step), Some(entries)) = (&args.step, run.get_mut("entries").and_then(Json::as_array_mut)) {
        entries.retain(|entry| entry.get("step").and_then(Json::as_str) == Some(step));
    }
    match args.connection.format {
        Format::Json => print_json(&run),
        Format::Text => print(&story(&run)),
    }
}

/// Everything that happened in a run, as people read it: a line for what happened, and below it each value.
pub fn story(run: &Json) -> String {
    let (id, workflow) = (cell(run, "id"), cell(run, "workflow"));
    let mut text = format!("run {id} of {workflow}, made at {}\n", cell(run, "created_at"));
    for entry in list(run, "entries") {
        let after = entry.get("after_ms").and_then(Json::as_i64).unwrap_or_default();
        let step = match (entry.get("step").and_then(Json::as_str), entry.get("item").and_then(Json::as_u64)) {
            (Some(step), Some(item)) => format!("{step}[{item}]  "),
            (Some(step), None) => format!("{step}  "),
            _ => String::new(),
        };
        let attempt = entry.get("attempt").and_then(Json::as_u64).filter(|attempt| *attempt > 1);
        let attempt = attempt.map(|attempt| format!(" (attempt {attempt})")).unwrap_or_default();
        let what = cell(entry, "what").replace('_', " ");
        text.push_str(&format!("\n+{}.{:03} s  {step}{what}{attempt}\n", after / 1_000, after % 1_000));
        for name in ["value", "undo", "target", "wait"] {
            if let Some(value) = entry.get(name).filter(|value| !value.is_null()) {
                text.push_str(&format!("    {name:<6} {}\n", without_nulls(value)));
            }
        }
        if let Some(error) = entry.get("error").filter(|error| !error.is_null()) {
            text.push_str(&format!("    error  {} ({})\n", cell(error, "message"), cell(error, "kind")));
        }
        if let Some(until) = entry.get("until").and_then(Json::as_str) {
            text.push_str(&format!("    until  {until}\n"));
        }
    }
    text
}

/// A value on one line, without the fields that hold nothing.
fn without_nulls(value: &Json) -> Json {
    match value {
        Json::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        other => other.clone(),
    }
}

fn decide(args: &DecideArgs, what: &str) -> Result<Exit, Failure> {
    let DecideArgs { run, step, by, note, connection } = args;
    order(connection, run, what, &json!({ "step": step, "by": by, "note": note }))
}

/// Asks something of a run and prints it as it is then.
fn order(connection: &Connection, run: &str, what: &str, body: &Json) -> Result<Exit, Failure> {
    let run = connection.post(&["v1", "runs", run, what], "application/json", body.to_string().into_bytes())?;
    match connection.format {
        Format::Json => print_json(&run),
        Format::Text => print(&describe(&run)),
    }
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
        ("retry of", cell(run, "retry_of")),
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
    text.push_str(&standstill(run));
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
