//! Parses arguments, runs, gives the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    homeostat::cli::main()
}
