//! The database file: its path, its lock, its connections, and what its errors mean.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use sea_orm::sqlx;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnAcquireErr, ConnectOptions, Database, DatabaseConnection, DbErr, RuntimeErr};

use crate::runtime::ports::StoreError;

/// Readers that may be at work at once; each has a thread.
const READERS: u32 = 4;
/// Of the writer: what runs and targets change again and again stays at hand.
const CACHE_KIB: u32 = 64 * 1024;
/// Of the write-ahead log, 4 KiB each, before they are copied into the database: a page that many commits have changed is
/// copied once.
const CHECKPOINT_PAGES: u32 = 8 * 1024;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that writes; makes the file where there is none.
    Writer,
    Readers,
    /// Makes a copy of the whole file; another process may be at work on it.
    Copier,
}

/// The path in `sqlite://PATH`.
pub(super) fn path_of(url: &str) -> Result<PathBuf, StoreError> {
    let refuse = |problem: &str| StoreError::Io { path: url.to_owned(), problem: problem.to_owned() };
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
    match path {
        None => Err(refuse("this kind of store is not known; write `sqlite://PATH`")),
        Some("" | ":memory:") => Err(refuse("the path of the database file is missing; write `sqlite://PATH`")),
        Some(path) if path.contains('?') => Err(refuse("a store takes no options; leave out `?` and what follows")),
        Some(path) => Ok(PathBuf::from(path)),
    }
}

/// Makes the folder of the database where it is missing, and takes the lock beside the file.
///
/// The lock lasts until the returned file is dropped, or the process ends in whatever way.
///
/// # Errors
/// `Busy` where another process, or another store in this one, has it.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let lock_path = {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        PathBuf::from(name)
    };
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::Full { path: path.display().to_string() },
        _ => StoreError::Io { path: lock_path.display().to_string(), problem: error.to_string() },
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = File::options().create(true).write(true).truncate(false).open(&lock_path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy { path: path.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Opens the file; for the writer in WAL mode, with a sync at the end of each commit.
pub(super) async fn connect(path: &Path, role: Role) -> Result<DatabaseConnection, StoreError> {
    // The path is given as it is, not through the URL: it may hold characters that a URL would take apart.
    let mut options = ConnectOptions::new("sqlite://homeostat");
    let file = path.to_owned();
    options
        .max_connections(if role == Role::Readers { READERS } else { 1 })
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            let sqlite = sqlite.filename(&file);
            match role {
                Role::Writer => sqlite
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .pragma("cache_size", format!("-{CACHE_KIB}"))
                    .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string()),
                Role::Copier => sqlite,
                // Whether the file is ours may not be known yet: nothing of it is changed.
                Role::Readers => sqlite.pragma("query_only", "ON"),
            }
        });
    Database::connect(options).await.map_err(|error| store_error(&path.display().to_string(), &error))
}

/// What an error of the database means to who uses the store.
pub(super) fn store_error(path: &str, error: &DbErr) -> StoreError {
    let path = path.to_owned();
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => driver_error(path, error),
        DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => StoreError::Closed,
        error => StoreError::Io { path, problem: error.to_string() },
    }
}

/// Result codes of SQLite: <https://www.sqlite.org/rescode.html>. The low byte is the primary one.
fn driver_error(path: String, error: &sqlx::Error) -> StoreError {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const CORRUPT: u32 = 11;
    const FULL: u32 = 13;
    const CANNOT_OPEN: u32 = 14;
    const NOT_A_DATABASE: u32 = 26;

    let code = match error {
        sqlx::Error::Database(error) => error.code().and_then(|code| code.parse::<u32>().ok()),
        sqlx::Error::PoolClosed => return StoreError::Closed,
        _ => None,
    };
    match code.map(|code| code & 0xff) {
        Some(FULL) => StoreError::Full { path },
        Some(BUSY | LOCKED) => StoreError::Busy { path },
        Some(CORRUPT | NOT_A_DATABASE) => StoreError::Damaged { what: format!("the database file {path}") },
        Some(CANNOT_OPEN) => {
            let problem = "the database file cannot be opened; check that it is a file, and its permissions".to_owned();
            StoreError::Io { path, problem }
        }
        _ => StoreError::Io { path, problem: error.to_string() },
    }
}
