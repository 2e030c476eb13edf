//! Signals become a wish to end.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::failure::Failure;
use crate::diagnostic::Code;

/// What the shell is told where a second signal cut an orderly end short: 128 and the number of SIGINT.
const CUT_SHORT: i32 = 130;

/// A token that the first SIGTERM or SIGINT cancels; the second one ends the process at once. Must be called inside the
/// runtime.
///
/// # Errors
/// The system does not let signals be received.
pub(super) fn stop_on_signal() -> Result<CancellationToken, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Internal, Code::Internal, format!("cannot receive signals: {error}"))
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let stop = CancellationToken::new();
    let token = stop.clone();
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
            token.cancel();
        }
    });
    Ok(stop)
}
