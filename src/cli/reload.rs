//! `homeostat reload`: a running engine reads its rules and workflows again.

use serde_json::Value as Json;

use super::client::Connection;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{Format, cell, list, print, print_json};

/// Which engine.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    connection: Connection,
}

pub fn run(args: &Args) -> Exit {
    conclude(reload(args))
}

fn reload(args: &Args) -> Result<Exit, Failure> {
    let answer = args.connection.post(&["v1", "reload"], "application/json", Vec::new())?;
    if args.connection.format == Format::Json {
        return print_json(&answer);
    }
    print(&describe(&answer))
}

/// What came of it, for people.
pub fn describe(answer: &Json) -> String {
    let changes = list(answer, "changes");
    let mut text = match changes.len() {
        0 => "in force, with nothing changed in meaning\n".to_owned(),
        1 => "in force, with one change\n".to_owned(),
        count => format!("in force, with {count} changes\n"),
    };
    for change in changes {
        let path: Vec<_> = list(change, "path").iter().filter_map(Json::as_str).collect();
        let place = format!("{} {} {}", cell(change, "in"), cell(change, "name"), path.join("."));
        text.push_str(&format!("{:<8} {}\n", cell(change, "change"), place.trim_end()));
    }
    text
}
