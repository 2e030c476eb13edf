//! `homeostat lsp`: the language server, on standard input and output.

use super::exit::Exit;
use super::failure::Failure;
use crate::app::program;
use crate::diagnostic::Code;
use crate::lsp;

/// Tell an editor what is wrong, what things mean, and what may come next
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Speak over standard input and output; editors often add this, and nothing else is spoken
    #[arg(long)]
    pub stdio: bool,
}

/// Serves one editor until it says so or is gone.
pub fn run(_: &Args) -> Exit {
    match lsp::serve(std::io::stdin(), std::io::stdout(), program::catalogue()) {
        Ok(()) => Exit::Done,
        Err(error) => {
            Failure::new(Exit::Internal, Code::Internal, format!("threads cannot be started: {error}")).report()
        }
    }
}
