//! `homeostat backup` and `homeostat restore`: a copy of the store while it is in use, and a store from a copy.

use std::path::PathBuf;

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::print;
use super::serve::failure;
use crate::app;
use crate::config::Config;
use crate::diagnostic::Code;

/// Which copy.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The copy.
    file: PathBuf,
    #[command(flatten)]
    config: FileArgs,
}

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Backup,
    Restore,
}

pub fn run(args: &Args, order: Order) -> Exit {
    match args.config.load() {
        Ok(config) => conclude(perform(&config, args, order)),
        Err(exit) => exit,
    }
}

fn perform(config: &Config, args: &Args, order: Order) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, Code::Internal, format!("cannot start: {error}")))?;
    let (store, file) = (config.store.display(), args.file.display());
    match order {
        Order::Backup => {
            runtime.block_on(app::backup(config, &args.file)).map_err(failure)?;
            print(&format!("copied {store} to {file}; the key is not in it: keep a copy of that elsewhere\n"))
        }
        Order::Restore => {
            runtime.block_on(app::restore(config, &args.file)).map_err(failure)?;
            print(&format!("restored {store} from {file}; `homeostat serve` goes on from there\n"))
        }
    }
}
