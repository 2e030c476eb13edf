//! `homeostat simulate`: rules, workflows and a strategy against a target in virtual time, and what came of it as a picture.

mod draw;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use serde_json::json;

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output;
use super::telemetry::{self, LogArgs};
use crate::app::program::{self, StoredPlans, assemble, check};
use crate::base::id::TargetName;
use crate::base::literal::Rate;
use crate::base::suggest::nearest;
use crate::config::{Config, Log, LogFormat};
use crate::diagnostic::Code;
use crate::harness::simulation::{Case, Order, Simulated, simulate};
use crate::harness::world::Laws;
use crate::model::strategy::{Strategy, StrategyName};
use crate::model::target::TargetSettings;

/// What is simulated, and how it is shown.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rules and workflows; the configured program, else those that ship, where none are named.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    file: FileArgs,
    /// The configured target whose objective, limits and strategy are tried; the only one if there is one.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// What happens to it.
    #[arg(long, value_enum, default_value_t, value_name = "CASE")]
    case: CaseName,
    /// What it bears at first, like `500rps`; drawn by the seed where this is not given.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    capacity: Option<f64>,
    /// The same seed gives the same course.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Another strategy than the target's, with the settings that hold where nothing else is said.
    #[arg(long, value_enum, value_name = "NAME")]
    strategy: Option<StrategyWord>,
    /// `text` draws for a terminal, `svg` for a page; `json` is every second.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The cases by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CaseName {
    /// A deploy takes 40 % of the capacity.
    #[default]
    StepDown,
    /// A deploy brings two thirds more.
    StepUp,
    /// Latency is noisy, and the target stalls now and then.
    NoisyLatency,
    /// The capacity goes 25 % up and down within ten minutes.
    SlowDrift,
    /// Agents join and leave.
    JoinAndLeave,
    /// What is measured comes 5 s late, 30 % of it never; the capacity goes 20 % down and back.
    LateAndLost,
}

impl From<CaseName> for Case {
    fn from(name: CaseName) -> Self {
        match name {
            CaseName::StepDown => Self::StepDown,
            CaseName::StepUp => Self::StepUp,
            CaseName::NoisyLatency => Self::NoisyLatency,
            CaseName::SlowDrift => Self::SlowDrift,
            CaseName::JoinAndLeave => Self::JoinAndLeave,
            CaseName::LateAndLost => Self::LateAndLost,
        }
    }
}

/// The strategies by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StrategyWord {
    Headroom,
    Aimd,
    Pid,
    Gradient,
    Learning,
}

impl From<StrategyWord> for StrategyName {
    fn from(word: StrategyWord) -> Self {
        match word {
            StrategyWord::Headroom => Self::Headroom,
            StrategyWord::Aimd => Self::Aimd,
            StrategyWord::Pid => Self::Pid,
            StrategyWord::Gradient => Self::Gradient,
            StrategyWord::Learning => Self::Learning,
        }
    }
}

/// How the course is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
    Svg,
}

fn rate(text: &str) -> Result<f64, String> {
    let Rate(rate) = text.parse::<Rate>().map_err(|error| error.to_string())?;
    match rate {
        ..10.0 => Err("a target that bears less than 10rps cannot be simulated".to_owned()),
        // Each request is simulated.
        rate if rate > 10_000.0 => Err("a target that bears more than 10000rps cannot be simulated".to_owned()),
        rate => Ok(rate),
    }
}

/// Simulates and shows.
pub fn run(args: &Args, log: &LogArgs) -> Exit {
    let quiet = Log { level: "off".to_owned(), format: LogFormat::Text };
    if let Err(failure) = telemetry::start(log, Some(&quiet)) {
        return failure.report();
    }
    let config = match args.file.load() {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let program = if args.paths.is_empty() {
        program::load(&config.program)
    } else {
        let compilation = check(&args.paths);
        output::complain(&output::problems(&compilation.diagnostics, &compilation.sources));
        assemble(compilation)
    };
    let program = match program {
        Ok(program) => program,
        Err(error) => return super::serve::failure(error).report(),
    };
    let settings = match target(args, &config) {
        Ok(settings) => settings,
        Err(failure) => return failure.report(),
    };
    let laws = Laws { program, planner: Arc::new(StoredPlans) };
    let order = Order { laws, settings, case: args.case.into(), capacity_rps: args.capacity, seed: args.seed };
    let (case, settings) = (order.case, order.settings.clone());
    let simulated = simulate(order).map_err(|why| Failure::new(Exit::Internal, Code::Internal, why));
    conclude(simulated.and_then(|simulated| show(args, case, &settings, &simulated)))
}

/// The target that is tried.
fn target(args: &Args, config: &Config) -> Result<TargetSettings, Failure> {
    let names = config.targets.names();
    let name = match (&args.target, names.as_slice()) {
        (Some(name), _) => TargetName::from(name.as_str()),
        (None, [only]) => only.clone(),
        (None, []) => {
            return Err(Failure::usage("no target is configured")
                .help("list one under `targets` in `homeostat.yaml`, or name a configuration with `--config`"));
        }
        (None, several) => {
            let list: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            return Err(Failure::usage("several targets are configured")
                .help(format!("choose one with `--target`: {}", list.join(", "))));
        }
    };
    let Some(found) = config.targets.settings(&name) else {
        let failure = Failure::usage(format!("target `{name}` is not configured"));
        return Err(match nearest(name.as_str(), names.iter().map(TargetName::as_str)) {
            Some(known) => failure.help(format!("did you mean `{known}`?")),
            None => failure,
        });
    };
    let mut settings = TargetSettings::clone(&found);
    if let Some(word) = args.strategy.filter(|word| settings.strategy.kind.name() != StrategyName::from(*word)) {
        settings.strategy.kind = Strategy::standard(word.into());
    }
    Ok(settings)
}

fn show(args: &Args, case: Case, settings: &TargetSettings, simulated: &Simulated) -> Result<Exit, Failure> {
    let strategy = settings.strategy.kind.name().as_str();
    let title = format!("{}: {} under {strategy}, seed {}", settings.name, case.name(), args.seed);
    match args.format {
        Format::Text => output::print(&draw::text(&title, case, simulated, settings.slo.p99_ms)),
        Format::Svg => output::print(&draw::svg(&title, simulated, settings.slo.p99_ms)),
        Format::Json => output::print_json(&json!({
            "target": settings.name,
            "case": case.name(),
            "strategy": strategy,
            "seed": args.seed,
            "figures": simulated.figures,
            "runs": simulated.runs,
            "events_not_taken": simulated.untaken,
            "seconds": simulated.points,
        })),
    }
}
