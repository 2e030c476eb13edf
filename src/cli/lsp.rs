//! `homeostat lsp`: the language server, on standard input and output.

use std::sync::Arc;

use super::exit::Exit;
use super::failure::Failure;
use crate::app::program;
use crate::diagnostic::Code;
use crate::harness::scenario::{self, Known};
use crate::lsp::{self, Surroundings};

/// Tell an editor what is wrong, what things mean, and what may come next
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Speak over standard input and output; editors often add this, and nothing else is spoken
    #[arg(long)]
    pub stdio: bool,
}

/// Serves one editor until it says so or is gone.
pub fn run(_: &Args) -> Exit {
    let surroundings = Surroundings {
        catalogue: Arc::new(program::catalogue()),
        targets: program::lint_targets,
        scenarios: |compilation, source, sources| {
            let program = program::assemble(compilation.clone()).ok()?;
            Some(scenario::parse(source, sources, Known { program: &program, catalogue: &program::catalogue() }).1)
        },
    };
    match lsp::serve(std::io::stdin(), std::io::stdout(), surroundings) {
        Ok(()) => Exit::Done,
        Err(error) => {
            Failure::new(Exit::Internal, Code::Internal, format!("threads cannot be started: {error}")).report()
        }
    }
}
