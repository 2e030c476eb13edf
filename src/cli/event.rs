//! `homeostat event`: sends events, and shows what became of one.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::client::Connection;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::input::{read, shown};
use super::output::{Format, cell, list, print, print_json, table};

/// What to do with events.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send an event: from options, or whole CloudEvents from a file or standard input.
    Send(SendArgs),
    /// Show what became of an event.
    Show(ShowArgs),
}

/// What to send.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// What happened, as a rules file declares it. Without it a whole event is read from `--file` or standard input.
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "file")]
    kind: Option<String>,
    /// The target.
    #[arg(long, requires = "kind")]
    subject: Option<String>,
    /// What the type declares, as JSON; `@FILE` reads it from a file, `@-` from standard input.
    #[arg(long, value_name = "JSON", requires = "kind")]
    data: Option<String>,
    /// Who sends it.
    #[arg(long, default_value = "homeostat-cli", requires = "kind")]
    source: String,
    /// Unique within the source: an event that is sent twice under one id is taken once. A new one, if absent.
    #[arg(long, requires = "kind")]
    id: Option<String>,
    /// 0 is first, 9 is last.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=9), requires = "kind")]
    priority: Option<u8>,
    /// Not to be handled before this moment, like `2026-03-01T09:30:00Z`.
    #[arg(long, value_name = "TIME", requires = "kind")]
    deliver_at: Option<String>,
    /// A file with a CloudEvent in JSON, or a list of them; `-` for standard input.
    #[arg(long)]
    file: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// Which event to show.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The event's id.
    id: String,
    /// Who sent it.
    #[arg(long, default_value = "homeostat-cli")]
    source: String,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(command: &Command) -> Exit {
    conclude(match command {
        Command::Send(args) => send(args),
        Command::Show(args) => show(args),
    })
}

fn send(args: &SendArgs) -> Result<Exit, Failure> {
    let event = match &args.kind {
        Some(kind) => from_options(kind, args)?,
        None => whole(args)?,
    };
    let content_type =
        if event.is_array() { "application/cloudevents-batch+json" } else { "application/cloudevents+json" };
    let answer = args.connection.post(&["v1", "events"], content_type, event.to_string().into_bytes())?;
    if args.connection.format == Format::Json {
        return print_json(&answer);
    }
    let mut text = String::new();
    for receipt in answer.as_array().map_or(&[][..], Vec::as_slice) {
        let id = cell(receipt, "id");
        if receipt.get("duplicate").is_some() {
            text.push_str(&format!("duplicate  {id}  was taken before; nothing changes\n"));
        } else {
            text.push_str(&format!("accepted   {id}  as number {}\n", cell(receipt, "sequence")));
        }
    }
    print(&text)
}

fn from_options(kind: &str, args: &SendArgs) -> Result<Json, Failure> {
    let mut event = Map::new();
    let mut set = |name: &str, value: Json| event.insert(name.to_owned(), value);
    set("specversion", "1.0".into());
    set("id", args.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string()).into());
    set("source", args.source.clone().into());
    set("type", kind.into());
    if let Some(subject) = &args.subject {
        set("subject", subject.clone().into());
    }
    if let Some(priority) = args.priority {
        set("priority", priority.into());
    }
    if let Some(moment) = &args.deliver_at {
        set("deliverat", moment.clone().into());
    }
    if let Some(data) = &args.data {
        set("data", read_data(data)?);
    }
    Ok(Json::Object(event))
}

fn read_data(data: &str) -> Result<Json, Failure> {
    let (name, text) = match data.strip_prefix('@') {
        Some(file) => (shown(Path::new(file)), read(Path::new(file))?),
        None => ("`--data`".to_owned(), data.to_owned()),
    };
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("{name} is not JSON: {error}"))
            .help(r#"quote it for the shell, like --data '{"signature": "sha256:…"}'"#)
    })
}

/// A whole event, or a list of them.
fn whole(args: &SendArgs) -> Result<Json, Failure> {
    let path = match &args.file {
        Some(path) => path.clone(),
        None if std::io::stdin().is_terminal() => {
            return Err(Failure::usage("nothing to send")
                .help("give `--type` and what it needs, `--file FILE`, or a CloudEvent on standard input"));
        }
        None => PathBuf::from("-"),
    };
    let text = read(&path)?;
    let name = shown(&path);
    if text.trim().is_empty() {
        return Err(Failure::usage(format!("{name} is empty: there is nothing to send"))
            .help("give `--type` and what it needs, or a CloudEvent in JSON"));
    }
    let event: Json =
        serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{name} is not JSON: {error}")))?;
    match event {
        Json::Object(_) | Json::Array(_) => Ok(event),
        _ => Err(Failure::usage(format!("{name} holds neither an event nor a list of events"))),
    }
}

fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    let query = vec![("source", args.source.clone()), ("id", args.id.clone())];
    let answer = args.connection.get(&["v1", "events"], query)?;
    if args.connection.format == Format::Json {
        return print_json(&answer);
    }
    let event = answer.get("event").cloned().unwrap_or_default();
    let mut text = format!(
        "{} {} about {}\naccepted {} as number {}\n",
        cell(&event, "type"),
        cell(&event, "id"),
        cell(&event, "subject"),
        cell(&answer, "accepted_at"),
        cell(&answer, "sequence"),
    );
    match answer.get("outcome") {
        None | Some(Json::Null) => text.push_str("it waits\n"),
        Some(outcome) => {
            text.push_str(&format!("routed {}\n", cell(outcome, "routed_at")));
            if let Some(why) = outcome.get("dead").and_then(Json::as_str) {
                let attempts = cell(outcome, "attempts");
                text.push_str(&format!("put aside after {attempts} attempts: {why}\n"));
                if outcome.get("dropped").and_then(Json::as_bool) == Some(true) {
                    text.push_str("and dropped by a person\n");
                }
            }
            for run in list(outcome, "answered") {
                text.push_str(&format!("run {} waited for it\n", run.as_str().unwrap_or_default()));
            }
            let rules = list(outcome, "rules");
            if rules.is_empty() {
                text.push_str("no rule is on its type\n");
            } else {
                let mut rows = table(["RULE", "RESULT", "RUN", "NOTE"]);
                for rule in rules {
                    rows.add_row(["rule", "result", "run", "note"].map(|field| cell(rule, field)));
                }
                text.push_str(&format!("\n{rows}\n"));
            }
        }
    }
    print(&text)
}
