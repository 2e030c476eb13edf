//! The configured store, copied and restored.

use std::path::Path;

use super::AppError;
use super::serve::{key_error, store_url};
use crate::config::{Config, Encryption};
use crate::security::{KeySource, MasterKey, Sealing};
use crate::store;

/// Writes a copy of the configured store; an engine may be at work on it. The key is not part of it.
///
/// # Errors
/// There is no store, or the copy cannot be written.
pub async fn backup(config: &Config, to: &Path) -> Result<(), AppError> {
    Ok(store::backup(&store_url(config), to).await?)
}

/// Makes the configured store of a copy. There must be none, and the key must be that of the copy.
///
/// # Errors
/// The copy is none, its key is missing, or there is a store already.
pub async fn restore(config: &Config, from: &Path) -> Result<(), AppError> {
    let sealing = match &config.encryption {
        Encryption::Off => Sealing::Off,
        // A key that is missing is not made: it would not open the copy.
        Encryption::KeyFile { path, .. } => key(&KeySource::File(path.clone()))?,
        Encryption::KeyVariable(variable) => key(&KeySource::Variable(variable.clone()))?,
    };
    Ok(store::restore(from, store::Options { url: store_url(config), sealing }).await?)
}

fn key(source: &KeySource) -> Result<Sealing, AppError> {
    MasterKey::load(source).map(Sealing::Key).map_err(|error| key_error(&error))
}
