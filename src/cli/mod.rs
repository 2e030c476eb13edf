//! The command line: arguments in, output and an exit code out. One file a command.
//!
//! Data goes to standard output, everything else to standard error.

pub mod exit;
pub mod init;
pub mod keys;
