//! The composition root.

use std::net::SocketAddr;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::base::source::Sources;
use crate::config::Config;
use crate::diagnostic::{Code, Diagnostics};

/// Why the engine did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("{message}")]
    Failed { code: Code, message: String, help: Option<String> },
    #[error("the rules and workflows do not check")]
    Program { diagnostics: Diagnostics, sources: Sources },
}

/// Runs the engine until `shutdown`; `ready` gets the address once requests are served.
pub async fn serve(
    _config: Config,
    _shutdown: CancellationToken,
    _ready: oneshot::Sender<SocketAddr>,
) -> Result<(), AppError> {
    let message = "the engine is not part of this build".to_owned();
    Err(AppError::Failed { code: Code::Internal, message, help: None })
}
