//! The composition root: a configuration becomes a running engine. The only place where ports meet what is behind them.

mod backtest;
mod backup;
pub mod called;
mod compose;
pub mod eval;
pub mod explain;
pub mod measure;
pub mod program;
pub(crate) mod reload;
mod run_once;
mod serve;

use crate::base::source::Sources;
use crate::diagnostic::{Code, Diagnostics};
use crate::runtime::engine::EngineError;
use crate::runtime::ports::StoreError;

pub use backtest::backtest;
pub use backup::{backup, restore};
pub use run_once::{Order, run_once};
pub use serve::serve;

/// Why the engine did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("{message}")]
    Failed { code: Code, message: String, help: Option<String> },
    #[error("the rules and workflows do not check")]
    Program { diagnostics: Diagnostics, sources: Sources },
}

impl AppError {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Failed { code, message: message.into(), help: None }
    }

    fn internal(message: impl std::fmt::Display) -> Self {
        Self::new(Code::Internal, message.to_string())
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::WrongKey { .. } | StoreError::Sealing { .. } => Code::BadKey,
            StoreError::Newer { .. } => Code::NewerStore,
            StoreError::Full { .. } => Code::StoreFull,
            StoreError::Refused { .. } => Code::Refused,
            StoreError::Busy { .. } => Code::StoreBusy,
            StoreError::Damaged { .. } | StoreError::Io { .. } => Code::StoreBroken,
            StoreError::Fenced { .. }
            | StoreError::JournalMoved { .. }
            | StoreError::AssignmentMoved { .. }
            | StoreError::Closed => Code::Conflict,
        };
        Self::new(code, error.to_string())
    }
}

impl From<EngineError> for AppError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::UnknownWorkflow(_) => Self::new(Code::UnknownWorkflow, error.to_string()),
            EngineError::UnknownTarget(_) => Self::new(Code::UnknownTarget, error.to_string()),
            EngineError::BadInputs(_) => Self::new(Code::BadArgument, error.to_string()),
            EngineError::Draining => Self::new(Code::Conflict, error.to_string()),
        }
    }
}
