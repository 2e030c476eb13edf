//! `homeostat backtest`: what recorded events would have come to by other rules and workflows.

use std::path::PathBuf;

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::{Failure, conclude, within_runtime};
use super::output::{self, Format};
use super::telemetry::{self, LogArgs};
use crate::app;
use crate::base::clock::Timestamp;
use crate::config::{Log, LogFormat};
use crate::harness::backtest::{Period, to_json, to_people};

/// Play the recorded events by other rules and workflows, and tell what would have come of them
///
/// The store may be in use by an engine. Nothing is sent, measured or written: an action that is asked for the same as before gets
/// the outcome of its journal, and time is skipped. Ends with 1 where something else would have come of an event.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The rules and workflows to try: files and folders, which are one program together
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,

    /// Compare only events that were accepted at or after this moment, like `2026-11-24T15:00:00Z`. Earlier ones are played all
    /// the same, so that targets stand as they stood
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Timestamp>,

    /// Compare only events that were accepted before this moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Timestamp>,

    #[command(flatten)]
    file: FileArgs,

    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "write a moment like `2026-11-24T15:00:00Z`".to_owned())
}

/// Plays, prints, and says by the exit code whether the same comes of every event.
pub fn run(args: &Args, log: &LogArgs) -> Exit {
    // What the played engine logs is not about anything that happens.
    let quiet = Log { level: "off".to_owned(), format: LogFormat::Text };
    if let Err(failure) = telemetry::start(log, Some(&quiet)) {
        return failure.report();
    }
    let config = match args.file.load() {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if args.from.zip(args.to).is_some_and(|(from, to)| from > to) {
        let failure = Failure::usage("the time span ends before it begins");
        return conclude(Err(failure.help("give `--from` an earlier time than `--to`")));
    }
    let period = Period { from: args.from, to: args.to };
    let played = within_runtime(async { app::backtest(&config, &args.rules, period).await });
    let report = match played {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => return conclude(Err(super::serve::failure(error))),
        Err(failure) => return failure.report(),
    };
    let printed = match args.format {
        Format::Text => output::print(&to_people(&report)),
        Format::Json => output::print_json(&to_json(&report)),
    };
    conclude(printed.map(|_| if report.is_same() { Exit::Done } else { Exit::Findings }))
}
