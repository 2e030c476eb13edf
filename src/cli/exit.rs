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

impl Exit {
    pub const ALL: [Self; 6] =
        [Self::Done, Self::Findings, Self::Usage, Self::Refused, Self::Internal, Self::Inconclusive];

    /// In a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Findings => "problems were found, or the run failed",
            Self::Usage => "wrong usage or input",
            Self::Refused => "refused by permission",
            Self::Internal => "internal error",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What `--help` says of exit codes.
pub fn help() -> String {
    let list = Exit::ALL.map(|exit| format!("  {}  {}", exit as u8, exit.meaning()));
    format!("Exit codes:\n{}", list.join("\n"))
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
