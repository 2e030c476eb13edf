//! `homeostat serve`: runs the engine until it is told to stop.

use std::net::SocketAddr;

use tokio::sync::oneshot;

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::signals::stop_on_signal;
use super::telemetry::{self, LogArgs};
use crate::app::{self, AppError};
use crate::config::Config;
use crate::diagnostic::Code;

/// How to serve.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: FileArgs,
    /// Where to listen, in place of what the configuration says; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

pub fn run(args: &Args, log: &LogArgs) -> Exit {
    match args.file.load() {
        Ok(config) => conclude(serve(config, args.listen, log)),
        Err(exit) => exit,
    }
}

fn serve(mut config: Config, listen: Option<SocketAddr>, log: &LogArgs) -> Result<Exit, Failure> {
    if let Some(address) = listen {
        config.listen_on(address).map_err(|why| {
            Failure::new(Exit::Usage, Code::NotLoopback, why).help("listen on `127.0.0.1` or `[::1]`")
        })?;
    }
    telemetry::start(log, Some(&config.log))?;
    let internal =
        |error: std::io::Error| Failure::new(Exit::Internal, Code::Internal, format!("cannot start: {error}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(internal)?;
    runtime.block_on(async {
        let shutdown = stop_on_signal()?;
        let (ready, listening) = oneshot::channel();
        tokio::spawn(async move {
            if let Ok(address) = listening.await {
                tracing::info!(%address, "listening on http://{address}");
            }
        });
        app::serve(config, shutdown, ready).await.map_err(failure)?;
        tracing::info!("stopped");
        Ok(Exit::Done)
    })
}

/// An error of the application in the terms of the command line.
pub(super) fn failure(error: AppError) -> Failure {
    match error {
        AppError::Failed { code, message, help } => {
            let exit = match code {
                Code::Internal | Code::StoreFull | Code::StoreBroken => Exit::Internal,
                _ => Exit::Usage,
            };
            let failure = Failure::new(exit, code, message);
            match help {
                Some(help) => failure.help(help),
                None => failure,
            }
        }
        AppError::Program { diagnostics, sources } => {
            super::output::complain(&super::output::problems(&diagnostics, &sources));
            Failure::usage("the rules and workflows do not check; nothing was started")
                .help("`homeostat validate` checks them without starting anything")
        }
    }
}
