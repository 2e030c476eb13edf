//! A copy of a store while it is in use, and a store from a copy.
//!
//! A copy is of one moment. A store that is restored gets a new incarnation, above all that were given: commands to agents
//! go on above those that were sent after the copy was made.

use std::path::{Path, PathBuf};

use sea_orm::{ActiveModelTrait as _, ConnectionTrait as _, EntityTrait as _, IntoActiveModel as _, Set};

use super::connection::{self, Role};
use super::entity::meta;
use super::rows::{Rows, column, number};
use super::sqlite::{KEY_CHECK, META, Options, check_key, check_version, key_check_place};
use crate::base::clock::{Clock as _, SystemClock};
use crate::runtime::ports::StoreError;
use crate::security::Vault;

/// Writes a copy of the store at `url` to `to`, which must not exist. An engine may be at work on the store.
///
/// # Errors
/// There is no store, or the copy cannot be written.
pub async fn backup(url: &str, to: &Path) -> Result<(), StoreError> {
    let path = connection::path_of(url)?;
    let failed = |problem: String| StoreError::Io { path: to.display().to_string(), problem };
    if !path.exists() {
        let problem = "there is no store yet; `homeostat serve` makes it".to_owned();
        return Err(StoreError::Io { path: path.display().to_string(), problem });
    }
    if to.exists() {
        return Err(failed("the file exists; nothing is overwritten".to_owned()));
    }
    let partial = beside(to, ".partial");
    remove(&partial).map_err(|error| failed(error.to_string()))?;
    let db = connection::connect(&path, Role::Copier).await?;
    let target = partial.display().to_string().replace('\'', "''");
    let copied = db.execute_unprepared(&format!("VACUUM INTO '{target}'")).await;
    db.close().await.map_err(|error| connection::store_error(&path.display().to_string(), &error))?;
    copied.map_err(|error| connection::store_error(&to.display().to_string(), &error))?;
    put_in_place(&partial, to).map_err(|error| failed(error.to_string()))
}

/// Makes the store that `options` name of a copy. There must be no store yet.
///
/// # Errors
/// The copy is none, or the key does not open it; then nothing was made.
pub async fn restore(from: &Path, options: Options) -> Result<(), StoreError> {
    let path = connection::path_of(&options.url)?;
    let shown = path.display().to_string();
    let failed = |problem: String| StoreError::Io { path: shown.clone(), problem };
    if !from.is_file() {
        let problem = "there is no such file".to_owned();
        return Err(StoreError::Io { path: from.display().to_string(), problem });
    }
    let lock = connection::lock(&path)?;
    if path.exists() || beside(&path, "-wal").exists() {
        return Err(failed("there is a store already; move it away first, with its `-wal` file".to_owned()));
    }
    let partial = beside(&path, ".partial");
    for leftover in [partial.clone(), beside(&partial, "-wal"), beside(&partial, "-shm")] {
        remove(&leftover).map_err(|error| failed(error.to_string()))?;
    }
    std::fs::copy(from, &partial).map_err(|error| failed(error.to_string()))?;
    let vault = Vault::new(&options.sealing).map_err(|error| failed(error.to_string()))?;
    let rows = Rows::new(vault, from.display().to_string());
    let renewed = renew(&partial, &rows).await;
    if renewed.is_err() {
        for leftover in [partial.clone(), beside(&partial, "-wal"), beside(&partial, "-shm")] {
            // What cannot be removed is found and removed at the next try.
            let _ = remove(&leftover);
        }
    }
    renewed.map_err(|error| match error {
        StoreError::Damaged { .. } => {
            let problem = "this is no copy of a store, or it is damaged".to_owned();
            StoreError::Io { path: from.display().to_string(), problem }
        }
        other => other,
    })?;
    put_in_place(&partial, &path).map_err(|error| failed(error.to_string()))?;
    drop(lock);
    Ok(())
}

/// Checks that the file is a store which the key opens, and gives it a new incarnation.
async fn renew(path: &Path, rows: &Rows) -> Result<(), StoreError> {
    let db = connection::connect(path, Role::Writer).await?;
    let renewed = async {
        check_version(&db, rows).await?;
        let found = meta::Entity::find_by_id(META).one(&db).await.map_err(|error| rows.failed(&error))?;
        let found = found.ok_or_else(|| rows.io(&"this is no copy of a store"))?;
        check_key(rows, &found)?;
        let incarnation = SystemClock.now().0.max(column(number(found.incarnation) + 1));
        let mut model = found.into_active_model();
        model.incarnation = Set(incarnation);
        model.key_check = Set(rows.seal(&key_check_place(incarnation), KEY_CHECK)?);
        model.update(&db).await.map_err(|error| rows.failed(&error))?;
        Ok(())
    }
    .await;
    // Closing brings everything from the log into the file.
    db.close().await.map_err(|error| rows.failed(&error))?;
    renewed
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The file gets its name only once it is whole and on the disk.
fn put_in_place(partial: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::File::open(partial)?.sync_all()?;
    std::fs::rename(partial, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
#[path = "backup_tests.rs"]
mod tests;
