//! `homeostat serve`: runs the engine until it is told to stop.

use std::net::SocketAddr;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::{Failure, conclude};
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

/// What the shell is told where a second signal cut the shutdown short: 128 and the number of SIGINT.
const CUT_SHORT: i32 = 130;

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
        let shutdown = CancellationToken::new();
        stop_on_signal(shutdown.clone()).map_err(internal)?;
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

/// The first SIGTERM or SIGINT asks for an orderly end, the second one takes what it gets.
fn stop_on_signal(shutdown: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        for last in [false, true] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if last {
                tracing::warn!(signal = name, "stopped at once; what was running is resumed at the next start");
                std::process::exit(CUT_SHORT);
            }
            tracing::info!(signal = name, "shutting down; once more stops at once");
            shutdown.cancel();
        }
    });
    Ok(())
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
