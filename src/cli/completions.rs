//! `homeostat completions SHELL`: a script that lets a shell complete commands and options.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::exit::Exit;
use super::failure::conclude;
use super::{Cli, output};

/// Print a script that lets a shell complete commands and options
#[derive(Debug, clap::Args)]
pub struct Args {
    /// For which shell
    pub shell: Shell,
}

/// Prints it.
pub fn run(args: &Args) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "homeostat", &mut script);
    conclude(output::print(&String::from_utf8_lossy(&script)))
}
