//! Why a command did not do its work, as a person reads it.

use std::fmt;

use super::exit::Exit;
use crate::diagnostic::Code;

/// One reason, with its code, what to do, and what it means to the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    pub code: String,
    pub message: String,
    /// What else is to be said: one line each.
    pub notes: Vec<String>,
    pub help: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, code: Code, message: impl Into<String>) -> Self {
        Self { exit, code: code.to_string(), message: message.into(), notes: Vec::new(), help: None }
    }

    /// An argument that cannot be meant.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, Code::Usage, message)
    }

    /// The same, and what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Writes it to standard error and gives the exit code.
    pub fn report(&self) -> Exit {
        let (red, bold) = (anstyle::AnsiColor::Red.on_default().bold(), anstyle::Style::new().bold());
        let mut text = format!("{red}error[{}]{red:#}{bold}: {}{bold:#}\n", self.code, self.message);
        for note in &self.notes {
            text.push_str(&format!("  {note}\n"));
        }
        if let Some(help) = &self.help {
            text.push_str(&format!("  help: {help}\n"));
        }
        super::output::complain(&text);
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)
    }
}

/// What a command that succeeded or failed means to the shell; the failure is told.
pub fn conclude(result: Result<Exit, Failure>) -> Exit {
    result.unwrap_or_else(|failure| failure.report())
}

/// Does asynchronous work to its end.
///
/// # Errors
/// The system gives no threads to work with.
pub fn within_runtime<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, Code::Internal, format!("cannot start: {error}")))?;
    Ok(runtime.block_on(work))
}
