//! `homeostat schema NAME`: the JSON Schema of a kind of file.

use clap::ValueEnum;

use super::exit::Exit;
use super::failure::conclude;
use super::output;
use crate::app::program;
use crate::json_schema;

/// Print the JSON Schema of workflows, of the configuration or of scenarios
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of which files
    pub of: Of,
}

/// What there is a schema of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Of {
    /// `*.yaml`: what is done, step by step.
    Workflow,
    /// `homeostat.yaml`: targets, limits, the program.
    Config,
    /// `*.test.yaml`: what must come of what.
    Scenario,
}

/// Prints it.
pub fn run(args: &Args) -> Exit {
    let schema = match args.of {
        Of::Workflow => json_schema::workflow(&program::catalogue()),
        Of::Config => json_schema::config(),
        Of::Scenario => json_schema::scenario(),
    };
    conclude(output::print_json(&schema))
}
