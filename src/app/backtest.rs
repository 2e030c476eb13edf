//! The events that a store holds, played by other rules and workflows.

use std::path::PathBuf;
use std::sync::Arc;

use super::AppError;
use super::program::{StoredPlans, assemble, check};
use super::serve::sealing;
use crate::base::clock::{Clock as _, SystemClock};
use crate::config::{Config, TargetTable};
use crate::diagnostic::Code;
use crate::harness::backtest::{self, Around, Period, Recorded, Report};
use crate::harness::world::Laws;
use crate::model::target::{Mode, TargetSettings};
use crate::store::{self, SqliteStore};

/// Reads the configured store, which an engine may have open, and plays its events by the rules and workflows in `paths`.
/// Nothing is written.
///
/// # Errors
/// The new program does not check, or the store cannot be read.
pub async fn backtest(config: &Config, paths: &[PathBuf], period: Period) -> Result<Report, AppError> {
    let program = assemble(check(paths))?;
    // Before its key is looked for, which would be made for a new one.
    if !config.store.exists() {
        return Err(AppError::Failed {
            code: Code::NotReadable,
            message: format!("there is no store at `{}`", config.store.display()),
            help: Some("name the configuration of an engine that has run, with `--config`".to_owned()),
        });
    }
    let sealing = sealing(&config.encryption, &config.store)?;
    let url = format!("sqlite://{}", config.store.display());
    let store = SqliteStore::open_to_read(store::Options { url, sealing }).await?;
    let around = Around { planner: &StoredPlans, targets: approved(&config.targets), now: SystemClock.now() };
    let recorded = Recorded::read(&store, around).await?;
    store.close().await;
    let laws = Laws { program, planner: Arc::new(StoredPlans) };
    // The world has a runtime of its own, and is busy for as long as it takes.
    let played = tokio::task::spawn_blocking(move || backtest::backtest(&recorded, period, &laws));
    played.await.map_err(AppError::internal)?.map_err(AppError::internal)
}

/// What people approve is not asked again: their word is not in the new program.
fn approved(targets: &TargetTable) -> TargetTable {
    let settled = |settings: &TargetSettings| TargetSettings {
        mode: if settings.mode == Mode::Recommend { Mode::Enforce } else { settings.mode },
        ..settings.clone()
    };
    let listed = targets.names().into_iter().filter_map(|name| targets.settings(&name));
    TargetTable::new(listed.map(|settings| settled(&settings)), targets.template().map(settled))
}
