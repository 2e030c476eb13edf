//! The language server: what an editor is told of rules and workflows while they are written.
//!
//! `workspace` says which files are one program and gives their texts, open ones as they are in the editor; `check`
//! compiles them and tells what is wrong; `index` keeps their trees, in which `hover`, `completion` and `symbols` look
//! names up; `server` speaks the protocol, `transport` brings it
//! to the editor. What it must not know: how anything runs.

mod answer;
mod check;
mod completion;
mod describe;
mod documents;
mod hover;
mod index;
mod position;
mod server;
mod symbols;
mod transport;
mod workspace;

use std::io::{self, Read, Write};
use std::sync::Arc;

use tower_lsp_server::LspService;

use crate::model::action::Catalogue;
use server::Server;

/// Serves one editor until it says `exit` or is gone.
///
/// # Errors
/// No threads can be started.
pub fn serve(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    catalogue: Catalogue,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (input, output, writer) = transport::connect(input, output, runtime.handle());
    let catalogue = Arc::new(catalogue);
    let (service, socket) = LspService::build(|client| Server::new(client, catalogue))
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
