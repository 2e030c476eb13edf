//! `homeostat records`: lists what was measured, and draws the curve of one record.

use std::path::PathBuf;

use serde_json::Value as Json;

use super::client::Connection;
use super::curve::Curve;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::input;
use super::output::{Format, cell, complain, list, print, print_json, rate, table};
use crate::diagnostic::Code;
use crate::model::record::Trial;

/// Which records to list, or which one to show.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    listed: Listed,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the newest record of a target: its figures and its curve of latency against rate.
    Show(Show),
    /// Write records as lines of JSON, the oldest first, for `records import`.
    Export(Listing),
    /// Take in records that were exported; those that are known already stay as they are.
    Import(Import),
}

/// Which records to write.
#[derive(Debug, clap::Args)]
struct Listing {
    /// Only those of this target.
    #[arg(long)]
    target: Option<String>,
    /// Only those of this deployment.
    #[arg(long)]
    signature: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Where records come from.
#[derive(Debug, clap::Args)]
struct Import {
    /// Lines of JSON; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    connection: Connection,
}

/// The most records that an engine lists at once.
const MOST: usize = 1_000;

/// Which record to show.
#[derive(Debug, clap::Args)]
struct Show {
    /// The target's name.
    target: String,
    /// That of this deployment; without it, the newest.
    #[arg(long)]
    signature: Option<String>,
    /// Write the curve as a picture, too.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// Which records to list.
#[derive(Debug, clap::Args)]
struct Listed {
    /// Only those of this target.
    #[arg(long)]
    target: Option<String>,
    /// Only those of this deployment.
    #[arg(long)]
    signature: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(args: &Args) -> Exit {
    conclude(match &args.command {
        None => list_records(&args.listed),
        Some(Command::Show(show)) => show_record(show),
        Some(Command::Export(listing)) => export(listing),
        Some(Command::Import(import)) => take_in(import),
    })
}

fn export(args: &Listing) -> Result<Exit, Failure> {
    let mut query = vec![("limit", MOST.to_string())];
    for (name, value) in [("target", &args.target), ("signature", &args.signature)] {
        query.extend(value.clone().map(|value| (name, value)));
    }
    let answer = args.connection.get(&["v1", "records"], query)?;
    let records = list(&answer, "records");
    if records.len() >= MOST {
        complain(&format!("only the newest {MOST} records are written; choose with `--target` or `--signature`\n"));
    }
    if records.is_empty() {
        return Ok(Exit::Done);
    }
    let lines: Vec<String> = records.iter().rev().map(|record| format!("{record}\n")).collect();
    print(&lines.concat())
}

fn take_in(args: &Import) -> Result<Exit, Failure> {
    let text = input::read(&args.file)?;
    let (mut new, mut known) = (0, 0);
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let record: Json = serde_json::from_str(line).map_err(|error| {
            Failure::usage(format!("{}:{}: this is no record: {error}", args.file.display(), index + 1))
                .help("each line must be one record as `homeostat records export` writes it")
        })?;
        let answer = args.connection.post(&["v1", "records"], "application/json", record.to_string().into_bytes());
        let answer = answer.map_err(|mut failure| {
            failure.notes.push(format!("{}:{}; {new} records were taken in before", args.file.display(), index + 1));
            failure
        })?;
        match answer.get("result").and_then(Json::as_str) {
            Some("known") => known += 1,
            _ => new += 1,
        }
    }
    if args.connection.format == Format::Json {
        return print_json(&serde_json::json!({ "new": new, "known": known }));
    }
    print(&format!("{new} new, {known} known already\n"))
}

fn show_record(args: &Show) -> Result<Exit, Failure> {
    let mut query = vec![("limit", "1".to_owned()), ("target", args.target.clone())];
    query.extend(args.signature.clone().map(|signature| ("signature", signature)));
    let answer = args.connection.get(&["v1", "records"], query)?;
    let Some(record) = list(&answer, "records").first() else {
        let of = args.signature.as_ref().map(|signature| format!(" of `{signature}`")).unwrap_or_default();
        return Err(Failure::usage(format!("`{}` has no record{of}", args.target))
            .help("`homeostat records` lists what was measured"));
    };
    if let Some(path) = &args.svg {
        let trials = trials(record)?;
        let title = format!("{}, {}", cell(record, "target"), cell(record, "signature"));
        std::fs::write(path, curve(record, &trials).svg(&title))
            .map_err(|error| Failure::usage(format!("`{}` cannot be written: {error}", path.display())))?;
        complain(&format!("wrote {}\n", path.display()));
    }
    if args.connection.format == Format::Json {
        return print_json(record);
    }
    print(&show(record)?)
}

fn trials(record: &Json) -> Result<Vec<Trial>, Failure> {
    serde_json::from_value(record.get("curve").cloned().unwrap_or_default()).map_err(|error| {
        Failure::new(Exit::Internal, Code::Internal, format!("the record's curve cannot be read: {error}"))
            .help("this command and the engine should be of the same version")
    })
}

fn curve<'a>(record: &Json, trials: &'a [Trial]) -> Curve<'a> {
    let objective = record.get("conditions").and_then(|conditions| conditions.get("p99_ms")).and_then(Json::as_f64);
    Curve::new(trials, record.get("max_rps").and_then(Json::as_f64), objective)
}

/// One record as people read it.
pub fn show(record: &Json) -> Result<String, Failure> {
    let trials = trials(record)?;
    let conditions = record.get("conditions").cloned().unwrap_or_default();
    let percent = conditions.get("error_rate").and_then(Json::as_f64).unwrap_or_default() * 100.0;
    let stopped = record.get("stopped").and_then(Json::as_str);
    let stopped = stopped.map(|why| format!(", stopped by `{why}`")).unwrap_or_default();
    let mut text = String::new();
    for (name, value) in [
        ("target", cell(record, "target")),
        ("signature", cell(record, "signature")),
        ("maximum", format!("{} requests/s", rate(record, "max_rps"))),
        ("interval", between(record)),
        ("verdict", format!("{}{stopped}", cell(record, "verdict"))),
        ("objective", format!("p99 ≤ {} ms, errors ≤ {percent} %", cell(&conditions, "p99_ms"))),
        ("endpoint", format!("{}, live traffic: {}", cell(&conditions, "endpoint"), cell(&conditions, "live_traffic"))),
        ("recorded", format!("{} by run {}", cell(record, "recorded_at"), cell(record, "run"))),
        ("trials", format!("{}, {} requests", trials.len(), cell(record, "requests"))),
    ] {
        text.push_str(&format!("{name:<11}{value}\n"));
    }
    Ok(format!("{text}\n{}", curve(record, &trials).text()))
}

fn between(record: &Json) -> String {
    let bounds: Vec<_> = list(record, "interval_rps").iter().filter_map(Json::as_f64).collect();
    match bounds.as_slice() {
        [low, high] => format!("{low:.1}–{high:.1}"),
        _ => "–".to_owned(),
    }
}

fn list_records(args: &Listed) -> Result<Exit, Failure> {
    let mut query = vec![("limit", args.limit.to_string())];
    for (name, value) in [("target", &args.target), ("signature", &args.signature)] {
        query.extend(value.clone().map(|value| (name, value)));
    }
    let answer = args.connection.get(&["v1", "records"], query)?;
    if args.connection.format == Format::Json {
        return print_json(&answer);
    }
    print(&describe(&answer))
}

/// Records as people read them.
pub fn describe(answer: &Json) -> String {
    let records = list(answer, "records");
    if records.is_empty() {
        return "no records\n".to_owned();
    }
    let mut rows = table(["TARGET", "SIGNATURE", "MAX/S", "BETWEEN", "VERDICT", "TRIALS", "REQUESTS", "RECORDED"]);
    for record in records {
        rows.add_row([
            cell(record, "target"),
            cell(record, "signature"),
            rate(record, "max_rps"),
            between(record),
            cell(record, "verdict"),
            list(record, "curve").len().to_string(),
            cell(record, "requests"),
            cell(record, "recorded_at"),
        ]);
    }
    format!("{rows}\n")
}
