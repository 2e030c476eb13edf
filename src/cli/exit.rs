//! What a command's end means to the shell.

use std::process::ExitCode;

/// Exit codes; documented and for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// Problems were found, or the run failed.
    Findings = 1,
    /// Wrong usage or input.
    Usage = 2,
    /// Refused by permission.
    Refused = 3,
    Internal = 4,
    Inconclusive = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
