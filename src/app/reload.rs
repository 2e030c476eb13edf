//! The configured files, read again while the engine is at work: by a request, by SIGHUP, or because they have changed.
//!
//! A set that does not check is refused as a whole. One that does takes the place of the other in one moment.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value as Json;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::AppError;
use super::program;
use crate::api::reload::{NotReloaded, Reload, Reloaded};
use crate::base::digest::Digest;
use crate::config;
use crate::config::detectors::Declared;
use crate::config::schedules::Scheduled;
use crate::diagnostic::render;
use crate::plan::diff::{self, Outline};
use crate::runtime::engine::Engine;
use crate::syntax::load::load;

/// Between looks at the files.
const PAUSE: Duration = Duration::from_secs(1);
/// Nothing must have changed for so long before files are read again.
const QUIET: Duration = Duration::from_millis(300);

/// Reads the program again.
#[derive(Debug)]
pub(crate) struct Reloader {
    engine: Arc<Engine>,
    files: config::Program,
    /// Their events must stay declared: they are not read again.
    schedules: Vec<Scheduled>,
    /// The same.
    detectors: Vec<Declared>,
    /// What is in force. Held for as long as something else is brought into force.
    outline: tokio::sync::Mutex<Outline>,
}

impl Reloader {
    /// For an engine that runs by what was compiled from these files.
    pub(crate) fn new(
        engine: Arc<Engine>,
        files: config::Program,
        schedules: Vec<Scheduled>,
        detectors: Vec<Declared>,
        outline: Outline,
    ) -> Self {
        Self { engine, files, schedules, detectors, outline: tokio::sync::Mutex::new(outline) }
    }

    /// Tells the log what came of it.
    async fn reload_for(&self, why: &str) {
        tracing::info!(why, "rules and workflows are read again");
        // What came of it is logged where it happens.
        let _ = self.reload().await;
    }
}

#[async_trait]
impl Reload for Reloader {
    async fn reload(&self) -> Result<Reloaded, NotReloaded> {
        let mut outline = self.outline.lock().await;
        let files = self.files.clone();
        let compiled = tokio::task::spawn_blocking(move || program::compile(&files)).await;
        let compiled = compiled.map_err(|error| refuse(error.to_string(), Vec::new()))?;
        let new = program::outline(&compiled);
        let mut misfits = program::check_schedules(&self.schedules, &compiled);
        misfits.extend(program::check_detectors(&self.detectors, &compiled));
        if !misfits.is_empty() {
            let told: Vec<_> = misfits.into_iter().map(|misfit| misfit.message).collect();
            let refused = refuse(told.join("; "), Vec::new());
            tracing::error!("{}", refused.summary);
            return Err(refused);
        }
        let program = match program::assemble(compiled) {
            Ok(program) => program,
            Err(AppError::Program { diagnostics, sources }) => {
                let summary = render::summary(&diagnostics, sources.iter().count());
                tracing::error!(
                    "{summary}; the rules and workflows of before stay in force\n{}",
                    render::to_people(&diagnostics, &sources, false)
                );
                let problems = serde_json::from_str(&render::to_json(&diagnostics, &sources)).unwrap_or_default();
                return Err(refuse(summary, problems));
            }
            Err(error) => return Err(refuse(error.to_string(), Vec::new())),
        };
        let changes = diff::diff(&outline, &new);
        let digest = program.digest.to_string();
        if changes.is_empty() {
            tracing::info!(digest, "rules and workflows mean what they meant before");
        } else {
            tracing::info!(
                digest,
                changes = changes.len(),
                "other rules and workflows are in force\n{}",
                diff::to_text(&changes)
            );
        }
        self.engine.replace_program(program);
        *outline = new;
        let changes = match diff::to_json(&changes).get_mut("changes").map(Json::take) {
            Some(Json::Array(changes)) => changes,
            _ => Vec::new(),
        };
        Ok(Reloaded { digest, changes })
    }
}

fn refuse(why: String, problems: Vec<Json>) -> NotReloaded {
    NotReloaded { summary: format!("{why}; the rules and workflows of before stay in force"), problems }
}

/// Reloads whenever something has changed in the configured files and folders, until `stop`.
///
/// The files are looked at again and again: that works on every file system, and whichever way a file was put in place of another.
pub(super) fn at_change(reloader: Arc<Reloader>, stop: CancellationToken) {
    let config::Program::Paths(paths) = reloader.files.clone() else { return };
    tokio::spawn(async move {
        let mut known = look(&paths).await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
            let mut found = look(&paths).await;
            if found == known {
                continue;
            }
            // Who writes one file often writes the next one, too.
            loop {
                tokio::time::sleep(QUIET).await;
                let again = look(&paths).await;
                if again == found {
                    break;
                }
                found = again;
            }
            known = found;
            reloader.reload_for("a file has changed").await;
        }
    });
}

/// What the files hold now; `None` where nobody could look.
async fn look(paths: &[PathBuf]) -> Option<Digest> {
    let paths = paths.to_vec();
    let looked = tokio::task::spawn_blocking(move || {
        let (sources, _) = load(&paths);
        let parts = sources.iter().flat_map(|(_, source)| [source.path.as_str(), &source.text]);
        Digest::of(parts.collect::<Vec<_>>().join("\0"))
    });
    looked.await.ok()
}

/// Reloads at each SIGHUP until `stop`.
///
/// # Errors
/// The system does not let signals be received.
pub(super) fn at_signal(reloader: Arc<Reloader>, stop: CancellationToken) -> Result<(), AppError> {
    let mut hangup = signal(SignalKind::hangup()).map_err(AppError::internal)?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                received = hangup.recv() => if received.is_none() { return },
            }
            reloader.reload_for("SIGHUP").await;
        }
    });
    Ok(())
}
