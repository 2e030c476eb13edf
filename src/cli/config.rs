//! `homeostat config`: shows every setting with its value and where it comes from.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{Format, complain, print, print_json, table};
use crate::config::{self, Config, Loaded};
use crate::diagnostic::Severity;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print every setting with its value and where it comes from; secrets are masked.
    Show(ShowArgs),
}

/// Which configuration to show.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    file: FileArgs,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Where the configuration is.
#[derive(Debug, Default, Args)]
pub struct FileArgs {
    /// The configuration; `homeostat.yaml` in the current folder where it exists, else the defaults.
    #[arg(long, value_name = "FILE", env = "HOMEOSTAT_CONFIG")]
    pub config: Option<PathBuf>,
}

impl FileArgs {
    /// Reads the configuration, and leaves it to others to tell what is wrong with it.
    pub fn read(&self) -> Loaded {
        config::load(self.config.as_deref())
    }

    /// Reads the configuration; what is wrong with it is told here.
    ///
    /// # Errors
    /// The exit code, once the problems were told.
    pub fn load(&self) -> Result<Config, Exit> {
        let loaded = self.read();
        if !loaded.diagnostics.is_empty() {
            complain(&super::output::problems(&loaded.diagnostics, &loaded.sources));
        }
        let errors = loaded.diagnostics.count(Severity::Error);
        match loaded.config {
            Some(config) if errors == 0 => Ok(config),
            _ => Err(Exit::Usage),
        }
    }
}

pub fn run(command: &Command) -> Exit {
    match command {
        Command::Show(args) => match args.file.load() {
            Ok(config) => conclude(show(&config, args.format)),
            Err(exit) => exit,
        },
    }
}

fn show(config: &Config, format: Format) -> Result<Exit, Failure> {
    match format {
        Format::Json => print_json(&json!({ "settings": config.settings })),
        Format::Text => print(&describe(config)),
    }
}

/// The settings as people read them.
pub fn describe(config: &Config) -> String {
    let mut rows = table(["SETTING", "VALUE", "FROM"]);
    for setting in &config.settings {
        let value = setting.value.clone().unwrap_or_else(|| "–".to_owned());
        rows.add_row([setting.path.clone(), value, setting.source.to_string()]);
    }
    format!("{rows}\n")
}
