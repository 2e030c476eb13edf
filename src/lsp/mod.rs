//! The language server: what an editor is told of rules and workflows while they are written.
//!
//! `workspace` says which files are one program and gives their texts, open ones as they are in the editor; `check`
//! compiles and lints them and tells what is wrong; `index` keeps their trees, in which `hover`, `completion` and
//! `symbols` look names up; `beside` does the same for scenarios and the configuration; `server` speaks the protocol,
//! `transport` brings it to the editor. What it must not know: how anything runs.

mod answer;
mod beside;
mod check;
mod completion;
mod describe;
mod documents;
mod hover;
mod index;
mod indexes;
mod position;
mod server;
mod symbols;
mod transport;
mod workspace;

use std::io::{self, Read, Write};
use std::sync::Arc;

use tower_lsp_server::LspService;

use crate::base::source::{SourceId, Sources};
use crate::compile::Compilation;
use crate::config::Config;
use crate::diagnostic::Diagnostics;
use crate::lint;
use crate::model::action::Catalogue;
use server::Server;

/// What the server is given by whoever starts it.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The actions that there are.
    pub catalogue: Arc<Catalogue>,
    /// What lints need to know of a configuration.
    pub targets: fn(&Config) -> Vec<lint::Target>,
    /// What is wrong with a file of scenarios about a program; `None` where the program is wrong itself.
    pub scenarios: fn(&Compilation, SourceId, &Sources) -> Option<Diagnostics>,
}

/// Serves one editor until it says `exit` or is gone.
///
/// # Errors
/// No threads can be started.
pub fn serve(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    surroundings: Surroundings,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (input, output, writer) = transport::connect(input, output, runtime.handle());
    let (service, socket) = LspService::build(|client| Server::new(client, surroundings))
        .custom_method(transport::NO_JSON, server::no_json)
        .custom_method(transport::NO_MESSAGE, server::no_message)
        .finish();
    // One after the other: changes must be taken in in the order in which they were made.
    let server = tower_lsp_server::Server::new(input, output, socket).concurrency_level(1);
    runtime.block_on(server.serve(service));
    // What was said last is written before the process ends.
    let _ = writer.join();
    runtime.shutdown_background();
    Ok(())
}
