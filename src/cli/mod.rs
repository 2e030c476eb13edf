//! The command line: arguments in, output and an exit code out. One file a command.
//!
//! Data goes to standard output, everything else to standard error.

pub mod agent;
pub mod backtest;
pub mod backup;
pub mod client;
pub mod completions;
pub mod config;
pub mod curve;
pub mod dead_letters;
pub mod demo;
pub mod detectors;
pub mod eval;
pub mod event;
pub mod exit;
pub mod explain;
pub mod failure;
pub mod fmt;
pub mod halt;
pub mod init;
pub mod input;
pub mod keys;
pub mod lint;
pub mod lsp;
pub mod man;
pub mod measure;
pub mod output;
mod paths;
pub mod plan;
pub mod records;
pub mod reload;
pub mod report;
mod rewrite;
pub mod run;
pub mod runs;
pub mod schema;
pub mod serve;
mod signals;
pub mod simulate;
pub mod targets;
pub mod telemetry;
pub mod test;
#[cfg(test)]
mod tests;
pub mod validate;
pub mod webhooks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Exit;

/// Keeps every client of a service at the rate the service can bear.
#[derive(Debug, Parser)]
#[command(name = "homeostat", version, about, max_term_width = 120, infer_subcommands = true)]
#[command(after_long_help = exit::help())]
pub struct Cli {
    #[command(flatten)]
    pub log: telemetry::LogArgs,
    /// When to write in colour; `NO_COLOR` and `CLICOLOR_FORCE` are heeded where this says nothing else
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = telemetry::EVERYWHERE)]
    pub color: output::Color,
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the engine.
    Serve(serve::Args),
    /// Run a proxy beside a client that enforces the client's rate.
    Agent(agent::AgentArgs),
    /// Watch the main job on this machine: a service, two agents, the engine, four deployments.
    Demo(demo::Args),
    /// Show what a workflow compiles to.
    Plan(plan::Args),
    /// Find the highest rate that a URL bears, without an engine.
    Measure(measure::Args),
    /// Run one workflow here and now.
    Run(run::Args),
    /// Send an event, or see what became of one.
    #[command(subcommand)]
    Event(event::Command),
    /// See the events that could not be handled, handle them once more, or drop them.
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// List runs, or show one with its steps.
    #[command(subcommand)]
    Runs(runs::Command),
    /// List targets, show, pause or resume one.
    #[command(subcommand)]
    Targets(targets::Command),
    /// List the detectors that the configuration declares, with how they stand.
    #[command(subcommand)]
    Detectors(detectors::Command),
    /// List the subscribers that events are posted to, or show what one did not get.
    #[command(subcommand)]
    Webhooks(webhooks::Command),
    /// List what was measured, or show one record with its curve.
    Records(records::Args),
    /// Stop load tests and dispatches of a target, or of all, until they are unhalted.
    Halt(halt::Args),
    /// Take a halt back.
    Unhalt(halt::Args),
    /// Have a running engine read its rules and workflows again.
    Reload(reload::Args),
    /// See the configuration.
    #[command(subcommand)]
    Config(config::Command),
    /// Check rules and workflows together, and show every problem.
    Validate(validate::Args),
    /// Write rules files in the form in which all rules files are written.
    Fmt(fmt::Args),
    /// Find what is right and yet probably not meant, and mend what is certain.
    Lint(lint::Args),
    /// Evaluate an expression.
    Eval(eval::Args),
    /// Tell what a code means, list every code, or tell what rules make of an event.
    Explain(explain::Args),
    /// Tell an editor what is wrong, what things mean, and what may come next.
    Lsp(lsp::Args),
    /// Print a script that lets a shell complete commands and options.
    Completions(completions::Args),
    /// Print the manual page, or write the pages of all commands into a folder.
    Man(man::Args),
    /// Print the JSON Schema of workflows, scenarios or the configuration.
    Schema(schema::Args),
    /// Play the scenarios of rules and workflows, and compare plans with those that were kept.
    Test(test::Args),
    /// Play the recorded events by other rules and workflows, and tell what would have come of them.
    Backtest(backtest::Args),
    /// Try rules, workflows and a strategy on a simulated target, and draw what came of it.
    Simulate(simulate::Args),
    /// Make a folder with a configuration, rules and workflows that validate and run.
    Init(init::Args),
    /// Copy the store to a file; an engine may be at work on it.
    Backup(backup::Args),
    /// Make the store of a copy, where there is none.
    Restore(backup::Args),
    /// Make and identify the key that a store is sealed with.
    Keys(keys::Args),
}

/// Parses the process's arguments and does what they say.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no error.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            // Nobody is left to tell that nobody listens.
            let _ = error.print();
            return exit.into();
        }
    };
    run(cli).into()
}

/// Does what the arguments say.
pub fn run(cli: Cli) -> Exit {
    let Cli { log, color, command } = cli;
    color.choose();
    // The others know better when: after the configuration, or within a picture of their own.
    let starts_itself = matches!(
        command,
        Command::Serve(_)
            | Command::Agent(_)
            | Command::Demo(_)
            | Command::Run(_)
            | Command::Test(_)
            | Command::Backtest(_)
            | Command::Explain(_)
            | Command::Simulate(_)
    );
    if !starts_itself && let Err(failure) = telemetry::start(&log, None) {
        return failure.report();
    }
    match command {
        Command::Serve(args) => serve::run(&args, &log),
        Command::Agent(args) => agent::run(args, &log),
        Command::Demo(args) => demo::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Measure(args) => measure::run(&args),
        Command::Run(args) => run::run(&args, &log),
        Command::Event(command) => event::run(&command),
        Command::DeadLetters(command) => dead_letters::run(&command),
        Command::Runs(command) => runs::run(&command),
        Command::Targets(command) => targets::run(&command),
        Command::Detectors(command) => detectors::run(&command),
        Command::Webhooks(command) => webhooks::run(&command),
        Command::Records(args) => records::run(&args),
        Command::Halt(args) => halt::run(&args, halt::Order::Halt),
        Command::Unhalt(args) => halt::run(&args, halt::Order::Unhalt),
        Command::Reload(args) => reload::run(&args),
        Command::Config(command) => config::run(&command),
        Command::Validate(args) => validate::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Lint(args) => lint::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Explain(args) => explain::run(&args, &log),
        Command::Lsp(args) => lsp::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Test(args) => test::run(&args, &log),
        Command::Backtest(args) => backtest::run(&args, &log),
        Command::Simulate(args) => simulate::run(&args, &log),
        Command::Init(args) => init::run(&args),
        Command::Backup(args) => backup::run(&args, backup::Order::Backup),
        Command::Restore(args) => backup::run(&args, backup::Order::Restore),
        Command::Keys(args) => keys::run(&args),
    }
}
