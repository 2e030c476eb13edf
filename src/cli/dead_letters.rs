//! `homeostat dead-letters`: lists events that could not be handled, shows one, has them handled once more, or drops them.

use clap::{Args, Subcommand};
use serde_json::Value as Json;

use super::client::Connection;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{Format, cell, list, print, print_json, table};

/// Most dead letters of one answer.
const PAGE: u64 = 1000;

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List events that could not be handled, the newest first.
    List(ListArgs),
    /// Show one, with its event.
    Show(ShowArgs),
    /// Handle them once more, after what kept them from it was mended.
    Redrive(WhichArgs),
    /// Drop them: nothing comes of them any more.
    Drop(WhichArgs),
}

/// Which dead letters to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those with a lower number.
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// At most this many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
    #[command(flatten)]
    connection: Connection,
}

/// Which dead letter to show.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The event's number.
    number: u64,
    #[command(flatten)]
    connection: Connection,
}

/// Which dead letters it is about.
#[derive(Debug, Args)]
pub struct WhichArgs {
    /// The events' numbers.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    numbers: Vec<u64>,
    /// All there are.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(command: &Command) -> Exit {
    conclude(match command {
        Command::List(args) => list_letters(args),
        Command::Show(args) => show(args),
        Command::Redrive(args) => each(args, Decision::Redrive),
        Command::Drop(args) => each(args, Decision::Drop),
    })
}

/// What a person decides about a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Redrive,
    Drop,
}

fn page(connection: &Connection, before: Option<u64>, limit: u64) -> Result<Json, Failure> {
    let mut query = vec![("limit", limit.to_string())];
    query.extend(before.map(|before| ("before", before.to_string())));
    connection.get(&["v1", "dead-letters"], query)
}

fn list_letters(args: &ListArgs) -> Result<Exit, Failure> {
    let answer = page(&args.connection, args.before, args.limit)?;
    if args.connection.format == Format::Json {
        return print_json(&answer);
    }
    print(&describe(&answer))
}

/// Dead letters as people read them.
pub fn describe(answer: &Json) -> String {
    let letters = list(answer, "dead_letters");
    if letters.is_empty() {
        return "no dead letters\n".to_owned();
    }
    let mut rows = table(["NUMBER", "TYPE", "SUBJECT", "SINCE", "ATTEMPTS", "REASON"]);
    for letter in letters {
        let event = letter.get("event").cloned().unwrap_or_default();
        rows.add_row([
            cell(letter, "sequence"),
            cell(&event, "type"),
            cell(&event, "subject"),
            cell(letter, "dead_at"),
            cell(letter, "attempts"),
            cell(letter, "reason"),
        ]);
    }
    let mut text = format!("{rows}\n");
    if let Some(next) = answer.get("next").and_then(Json::as_u64) {
        text.push_str(&format!("\nmore: homeostat dead-letters list --before {next}\n"));
    }
    text
}

fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    let answer = args.connection.get(&["v1", "dead-letters", &args.number.to_string()], Vec::new())?;
    if args.connection.format == Format::Json {
        return print_json(&answer);
    }
    let event = answer.get("event").cloned().unwrap_or_default();
    let body = serde_json::to_string_pretty(&event)
        .map_err(|error| Failure::new(Exit::Internal, crate::diagnostic::Code::Internal, error.to_string()))?;
    print(&format!(
        "event {} could not be handled: {}\naccepted {}, put aside {} after {} attempts\n\n{body}\n",
        cell(&answer, "sequence"),
        cell(&answer, "reason"),
        cell(&answer, "accepted_at"),
        cell(&answer, "dead_at"),
        cell(&answer, "attempts"),
    ))
}

/// One after the other. What one is refused for is told, and the others are tried all the same.
fn each(args: &WhichArgs, decision: Decision) -> Result<Exit, Failure> {
    let numbers = if args.all { all(&args.connection)? } else { args.numbers.clone() };
    let mut done = Vec::new();
    let mut worst = Exit::Done;
    for number in numbers {
        match decide(&args.connection, number, decision) {
            Ok(()) => done.push(number),
            Err(failure) if args.all || args.numbers.len() > 1 => worst = failure.report(),
            Err(failure) => return Err(failure),
        }
    }
    let what = match decision {
        Decision::Redrive => "redriven",
        Decision::Drop => "dropped",
    };
    match args.connection.format {
        Format::Json => print_json(&serde_json::json!({ what: done }))?,
        Format::Text => {
            let lines: Vec<_> = done.iter().map(|number| format!("{what}  {number}\n")).collect();
            print(if lines.is_empty() { "nothing to do\n".to_owned() } else { lines.concat() }.as_str())?
        }
    };
    Ok(worst)
}

fn decide(connection: &Connection, number: u64, decision: Decision) -> Result<(), Failure> {
    let number = number.to_string();
    match decision {
        Decision::Redrive => connection.order(reqwest::Method::POST, &["v1", "dead-letters", &number, "redrive"]),
        Decision::Drop => connection.order(reqwest::Method::DELETE, &["v1", "dead-letters", &number]),
    }
}

/// The numbers of all dead letters, the oldest first.
fn all(connection: &Connection) -> Result<Vec<u64>, Failure> {
    let (mut numbers, mut before) = (Vec::new(), None);
    loop {
        let answer = page(connection, before, PAGE)?;
        numbers.extend(list(&answer, "dead_letters").iter().filter_map(|letter| letter.get("sequence")?.as_u64()));
        before = answer.get("next").and_then(Json::as_u64);
        if before.is_none() {
            numbers.reverse();
            return Ok(numbers);
        }
    }
}
