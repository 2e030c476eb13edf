//! `homeostat halt` and `unhalt`: the brake.

use serde_json::{Value as Json, json};

use super::client::Connection;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{Format, list, print, print_json};

/// What to halt.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target; all, if absent.
    target: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Halt,
    Unhalt,
}

pub fn run(args: &Args, order: Order) -> Exit {
    conclude(send(args, order))
}

fn send(args: &Args, order: Order) -> Result<Exit, Failure> {
    let path = match order {
        Order::Halt => "halt",
        Order::Unhalt => "unhalt",
    };
    let body = match &args.target {
        Some(target) => json!({ "target": target }),
        None => json!({}),
    };
    let answer = args.connection.post(&["v1", path], "application/json", body.to_string().into_bytes())?;
    match args.connection.format {
        Format::Json => print_json(&answer),
        Format::Text => print(&describe(&answer)),
    }
}

/// What is halted, as people read it.
pub fn describe(answer: &Json) -> String {
    let targets: Vec<_> = list(answer, "targets").iter().filter_map(Json::as_str).collect();
    match (answer.get("all").and_then(Json::as_bool), targets.as_slice()) {
        (Some(true), []) => "everything is halted\n".to_owned(),
        (Some(true), targets) => format!("everything is halted; on their own also: {}\n", targets.join(", ")),
        (_, []) => "nothing is halted\n".to_owned(),
        (_, targets) => format!("halted: {}\n", targets.join(", ")),
    }
}
