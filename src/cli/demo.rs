//! `homeostat demo`: the main job on this machine, from a service that nobody has measured to agents that keep it safe.

use std::io::Write as _;

use super::exit::Exit;
use super::failure::{Failure, conclude, within_runtime};
use super::output::{self, Format};
use super::signals::stop_on_signal;
use crate::demo::{self, DemoError, Options};
use crate::diagnostic::Code;

/// How to run the demo.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Draws the service's capacity; the same seed draws the same [default: from the time].
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Leave everything running at the end, and print the addresses.
    #[arg(long)]
    keep: bool,
    /// How the report is written.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

pub fn run(args: &Args) -> Exit {
    let options = Options { seed: args.seed.unwrap_or_else(seed_of_now) };
    conclude(within_runtime(play(args, &options)).and_then(|result| result))
}

async fn play(args: &Args, options: &Options) -> Result<Exit, Failure> {
    let stop = stop_on_signal()?;
    let report = demo::run(options, stop.clone(), async |report, addresses| {
        if args.keep {
            let mut out = std::io::stderr().lock();
            // Whoever asked for it may not be looking.
            let _ = writeln!(out, "everything is left running; Ctrl-C ends it");
            for address in addresses {
                let _ = writeln!(out, "  {address}");
            }
            drop(out);
            let _ = print(args.format, report);
            stop.cancelled().await;
        }
    })
    .await
    .map_err(failure)?;
    if !args.keep {
        print(args.format, &report)?;
    }
    let shortcomings = report.shortcomings();
    for shortcoming in &shortcomings {
        output::complain(&format!("not as promised: {shortcoming}\n"));
    }
    Ok(if shortcomings.is_empty() { Exit::Done } else { Exit::Findings })
}

fn print(format: Format, report: &demo::report::Report) -> Result<Exit, Failure> {
    match format {
        Format::Text => output::print(&report.to_text()),
        Format::Json => output::print(&report.to_json()),
    }
}

fn failure(error: DemoError) -> Failure {
    let code = match &error {
        DemoError::Files(_) => Code::NotWritable,
        DemoError::Http(_) => Code::EngineAway,
        DemoError::Engine(_) => Code::RunFailed,
        DemoError::Process(_) | DemoError::Patience(_) | DemoError::Stopped => Code::Internal,
    };
    let exit = if code == Code::RunFailed { Exit::Findings } else { Exit::Internal };
    Failure::new(exit, code, error.to_string())
}

/// A seed that differs from one second to the next.
fn seed_of_now() -> u64 {
    use crate::base::clock::{Clock as _, SystemClock};
    u64::try_from(SystemClock.now().0 / 1_000).unwrap_or(0)
}
