//! `homeostat detectors`: lists the sources of events that the engine watches, with what they fail at.

use clap::{Args, Subcommand};

use super::client::Connection;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{Format, cell, list, print, print_json, table};

/// What to do with detectors.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List detectors by name, with when they last saw and told something.
    List(ListArgs),
}

/// How to list detectors.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    connection: Connection,
}

pub fn run(command: &Command) -> Exit {
    let Command::List(args) = command;
    conclude(list_detectors(&args.connection))
}

fn list_detectors(connection: &Connection) -> Result<Exit, Failure> {
    let answer = connection.get(&["v1", "detectors"], Vec::new())?;
    if connection.format == Format::Json {
        return print_json(&answer);
    }
    let detectors = list(&answer, "detectors");
    if detectors.is_empty() {
        return print("no detectors; list them under `detectors` in the configuration\n");
    }
    let mut rows = table(["DETECTOR", "SAW", "TOLD", "FAILURES", "ERROR"]);
    for detector in detectors {
        rows.add_row(["name", "succeeded_at", "told_at", "failures", "failing"].map(|field| cell(detector, field)));
    }
    print(&format!("{rows}\n"))
}
