//! What is logged, how, and where to: standard error.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use super::failure::Failure;
use crate::config::{Log, LogFormat};

/// Above the options that every command has, so that they do not stand among its own.
pub(super) const EVERYWHERE: &str = "Options of every command";

/// How to log; each goes before what the configuration says.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct LogArgs {
    /// How log lines are written.
    #[arg(long, global = true, value_enum, value_name = "FORMAT", help_heading = EVERYWHERE)]
    pub log_format: Option<Format>,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives like `homeostat=debug`; goes before RUST_LOG.
    #[arg(long, global = true, value_name = "LEVEL", help_heading = EVERYWHERE)]
    pub log_level: Option<String>,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON document a line.
    Json,
}

/// Starts logging for the rest of the process.
///
/// # Errors
/// The level cannot be read.
pub fn start(args: &LogArgs, configured: Option<&Log>) -> Result<(), Failure> {
    let variable = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|value| !value.is_empty());
    let (from, level) = match (&args.log_level, variable, configured) {
        (Some(level), ..) => ("--log-level", level.clone()),
        (None, Some(level), _) => (EnvFilter::DEFAULT_ENV, level),
        (None, None, Some(log)) => ("log.level", log.level.clone()),
        (None, None, None) => ("the default", "info".to_owned()),
    };
    let filter = EnvFilter::try_new(&level).map_err(|error| {
        Failure::usage(format!("`{level}` ({from}) is no level for the log: {error}")).help(
            "levels are `error`, `warn`, `info`, `debug`, `trace`, or directives like `homeostat=debug,sqlx=warn`",
        )
    })?;
    let json = match args.log_format {
        Some(format) => format == Format::Json,
        None => configured.is_some_and(|log| log.format == LogFormat::Json),
    };
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_span_events(FmtSpan::NONE);
    // In tests, and where a command runs within another, logging has started already.
    let _ = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    Ok(())
}
