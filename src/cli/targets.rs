//! `homeostat targets`: lists targets, shows, pauses or resumes one.

use clap::{Args, Subcommand};
use serde_json::Value as Json;

use super::client::Connection;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{Format, cell, list, print, print_json, rate, standstill, table};

/// What to do with targets.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List targets by name.
    List(ListArgs),
    /// Show a target with its settings and agents.
    Show(TargetArgs),
    /// Pause a target at rest: its events wait until it is resumed.
    Pause(TargetArgs),
    /// Resume a paused target.
    Resume(TargetArgs),
}

/// How to list targets.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    connection: Connection,
}

/// Which target.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// The target's name.
    target: String,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(command: &Command) -> Exit {
    conclude(match command {
        Command::List(args) => list_targets(args),
        Command::Show(args) => {
            let answer = args.connection.get(&["v1", "targets", &args.target], Vec::new());
            answer.and_then(|target| show(&args.connection, &target))
        }
        Command::Pause(args) => order(args, "pause"),
        Command::Resume(args) => order(args, "resume"),
    })
}

fn order(args: &TargetArgs, what: &str) -> Result<Exit, Failure> {
    let path = ["v1", "targets", &args.target, what];
    let target = args.connection.post(&path, "application/json", Vec::new())?;
    match args.connection.format {
        Format::Json => print_json(&target),
        Format::Text => print(&format!("target {} is {}\n", cell(&target, "name"), cell(&target, "phase"))),
    }
}

fn list_targets(args: &ListArgs) -> Result<Exit, Failure> {
    let answer = args.connection.get(&["v1", "targets"], Vec::new())?;
    if args.connection.format == Format::Json {
        return print_json(&answer);
    }
    let targets = list(&answer, "targets");
    if targets.is_empty() {
        return print("no targets; list them under `targets` in the configuration\n");
    }
    let mut rows = table(["TARGET", "MODE", "PHASE", "SIGNATURE", "RATE/S", "VERIFIED/S", "AGENTS", "HALTED", "RUN"]);
    for target in targets {
        rows.add_row([
            cell(target, "name"),
            cell(target, "mode"),
            cell(target, "phase"),
            cell(target, "signature"),
            rate(target, "rate_rps"),
            rate(target, "verified_rps"),
            cell(target, "connected_agents"),
            cell(target, "halted"),
            cell(target, "run"),
        ]);
    }
    print(&format!("{rows}\n"))
}

fn show(connection: &Connection, target: &Json) -> Result<Exit, Failure> {
    if connection.format == Format::Json {
        return print_json(target);
    }
    print(&describe(target))
}

/// A target as people read it.
pub fn describe(target: &Json) -> String {
    let mut text = format!("target {}  {}\n", cell(target, "name"), cell(target, "phase"));
    let settings = target.get("settings").cloned().unwrap_or_default();
    let group = |name: &str| settings.get(name).cloned().unwrap_or_default();
    let (limits, slo, strategy, measure) = (group("rate"), group("slo"), group("strategy"), group("measure"));
    for (name, value) in [
        ("mode", cell(target, "mode")),
        ("reason", cell(target, "reason")),
        ("signature", cell(target, "signature")),
        ("rate", rate(target, "rate_rps")),
        ("verified", rate(target, "verified_rps")),
        ("halted", cell(target, "halted")),
        ("run", cell(target, "run")),
        ("floor", rate(&limits, "floor_rps")),
        ("ceiling", rate(&limits, "ceiling_rps")),
        ("p99 ms", cell(&slo, "p99_ms")),
        ("errors", cell(&slo, "error_rate")),
        ("strategy", cell(&strategy, "name")),
        ("endpoint", cell(&measure, "endpoint")),
    ] {
        if value != "–" {
            text.push_str(&format!("  {name:<9} {value}\n"));
        }
    }
    text.push_str(&standstill(target));
    let agents = list(target, "agents");
    if agents.is_empty() {
        text.push_str("  no agents\n");
        return text;
    }
    let mut rows = table(["AGENT", "CONNECTED", "RATE/S", "CONFIRMED", "PASSED/S", "REFUSED/S", "SEEN"]);
    for agent in agents {
        rows.add_row([
            cell(agent, "id"),
            cell(agent, "connected"),
            rate(agent, "rate_rps"),
            cell(agent, "confirmed"),
            rate(agent, "passed_rps"),
            rate(agent, "refused_rps"),
            cell(agent, "seen_at"),
        ]);
    }
    text.push_str(&format!("\n{rows}\n"));
    text
}
