//! `homeostat webhooks`: lists the subscribers that events are posted to, or shows what one did not get.

use clap::{Args, Subcommand};
use serde_json::Value as Json;

use super::client::Connection;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{Format, cell, list, print, print_json, table};
use crate::diagnostic::Code;

/// What to do with webhooks.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List webhooks by name, with how far each has come.
    List(ListArgs),
    /// Show a webhook with the events that were given up.
    Show(ShowArgs),
}

/// How to list webhooks.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    connection: Connection,
}

/// Which webhook.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The webhook's name.
    webhook: String,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(command: &Command) -> Exit {
    conclude(match command {
        Command::List(args) => list_webhooks(&args.connection),
        Command::Show(args) => show(args),
    })
}

fn list_webhooks(connection: &Connection) -> Result<Exit, Failure> {
    let answer = connection.get(&["v1", "webhooks"], Vec::new())?;
    if connection.format == Format::Json {
        return print_json(&answer);
    }
    let webhooks = list(&answer, "webhooks");
    if webhooks.is_empty() {
        return print("no webhooks; list them under `webhooks` in the configuration\n");
    }
    let mut rows = table(["WEBHOOK", "POSITION", "BEHIND", "GIVEN UP", "FAILING SINCE", "TRIES", "ERROR"]);
    for webhook in webhooks {
        let failing = webhook.get("failing").cloned().unwrap_or_default();
        rows.add_row([
            cell(webhook, "name"),
            cell(webhook, "position"),
            cell(webhook, "behind"),
            list(webhook, "given_up").len().to_string(),
            cell(&failing, "since"),
            cell(&failing, "tries"),
            cell(&failing, "error"),
        ]);
    }
    print(&format!("{rows}\n"))
}

fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    let answer = args.connection.get(&["v1", "webhooks"], Vec::new())?;
    let found = list(&answer, "webhooks").iter().find(|webhook| cell(webhook, "name") == args.webhook);
    let webhook = found.ok_or_else(|| {
        Failure::new(Exit::Usage, Code::NotFound, format!("there is no webhook `{}`", args.webhook))
            .help("`homeostat webhooks list` lists them")
    })?;
    match args.connection.format {
        Format::Json => print_json(webhook),
        Format::Text => print(&describe(webhook)),
    }
}

/// A webhook as people read it.
fn describe(webhook: &Json) -> String {
    let mut text = format!("webhook {}\n", cell(webhook, "name"));
    let failing = webhook.get("failing").cloned().unwrap_or_default();
    for (name, value) in [
        ("position", cell(webhook, "position")),
        ("behind", cell(webhook, "behind")),
        ("fails at", cell(&failing, "event")),
        ("since", cell(&failing, "since")),
        ("tries", cell(&failing, "tries")),
        ("error", cell(&failing, "error")),
        ("next try", cell(&failing, "next_try_at")),
    ] {
        if value != "–" {
            text.push_str(&format!("  {name:<9} {value}\n"));
        }
    }
    let given_up = list(webhook, "given_up");
    if given_up.is_empty() {
        text.push_str("  nothing was given up\n");
        return text;
    }
    let mut rows = table(["GIVEN UP", "AT", "TRIES", "ERROR"]);
    for event in given_up {
        rows.add_row([cell(event, "event"), cell(event, "at"), cell(event, "tries"), cell(event, "error")]);
    }
    text.push_str(&format!("\n{rows}\n"));
    text
}
