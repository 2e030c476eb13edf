//! Parses arguments, runs, gives the exit code.

use std::process::ExitCode;

/// Runs and compilation make and drop small things all the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    homeostat::cli::main()
}
