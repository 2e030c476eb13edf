use std::path::Path;

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait as _, TryGetable};

use super::super::suite::everything;
use super::super::suite::stored::{accept, append, assignment, run_id, sealing, sqlite, summary, target, writes};
use super::*;
use crate::runtime::journal::RunStatus;
use crate::runtime::ports::Write;
use crate::security::MasterKey;

fn options(path: &Path, sealing: Sealing) -> Options {
    Options { url: format!("sqlite://{}", path.display()), sealing }
}

/// The error of opening, with the path taken out.
async fn refusal(path: &Path, sealing: Sealing) -> String {
    let error = SqliteStore::open(options(path, sealing)).await.unwrap_err();
    error.to_string().replace(&path.display().to_string(), "PATH")
}

/// Another program at work on the file.
async fn by_hand(path: &Path, sql: &str) {
    let db = connection::connect(path, Role::Writer).await.unwrap();
    db.execute_unprepared(sql).await.unwrap();
    db.close().await.unwrap();
}

async fn pragma<T: TryGetable>(db: &DatabaseConnection, name: &str) -> T {
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, format!("PRAGMA {name}"));
    db.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn some_of_everything(store: &SqliteStore) {
    let writes = writes([
        accept("a", "1"),
        Write::PutRun(summary(1, Some("checkout"), RunStatus::Running)),
        append(1, 0),
        append(1, 1),
        Write::PutTarget(target("checkout", 3)),
        Write::PutAssignment(assignment("checkout", "a", 0.1, (1, 3, 1))),
    ]);
    store.commit(writes).await.unwrap();
}

#[tokio::test]
async fn a_commit_is_answered_after_its_sync() {
    // What SQLite promises of these two: a commit's frames are synced to the log before the commit returns.
    let folder = tempfile::tempdir().unwrap();
    let db = connection::connect(&folder.path().join("store.db"), Role::Writer).await.unwrap();
    assert_eq!(pragma::<String>(&db, "journal_mode").await, "wal");
    assert_eq!(pragma::<i32>(&db, "synchronous").await, 2);
}

#[tokio::test]
async fn the_writer_has_room() {
    let folder = tempfile::tempdir().unwrap();
    let db = connection::connect(&folder.path().join("store.db"), Role::Writer).await.unwrap();
    // Below nothing: in KiB.
    assert_eq!(pragma::<i32>(&db, "cache_size").await, -65_536);
    assert_eq!(pragma::<i32>(&db, "wal_autocheckpoint").await, 8_192);
}

#[tokio::test]
async fn what_is_read_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    store.readers.execute_unprepared("DELETE FROM meta").await.unwrap_err();
    store.close().await;
}

#[tokio::test]
async fn many_share_one_sync() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    assert_eq!(store.syncs(), 0);
    join_all((0..64).map(|n: i32| store.commit(writes([accept("a", &n.to_string())])))).await;
    assert_eq!(store.syncs(), 1);
    let again = store.commit(writes([accept("a", "1")])).await.unwrap();
    assert_eq!((again.accepted.len(), store.syncs()), (1, 1), "nothing was written, so nothing was synced");
    store.close().await;
}

#[tokio::test]
async fn closing_performs_what_waits_and_frees_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    let (committed, ()) = tokio::join!(store.commit(writes([accept("a", "1")])), store.close());
    committed.unwrap();
    assert_eq!(store.commit(writes([accept("a", "2")])).await, Err(StoreError::Closed));
    assert_eq!(store.event("a", "1").await, Err(StoreError::Closed));
    let store = sqlite(folder.path()).await;
    assert_eq!(store.load().await.unwrap().events.len(), 1);
    store.close().await;
}

#[tokio::test]
async fn opened_again_it_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    some_of_everything(&store).await;
    let before = everything(&store).await;
    store.close().await;
    let store = sqlite(folder.path()).await;
    assert_eq!(everything(&store).await, before);
    // Also what is refused.
    let fenced = store.commit(writes([Write::PutTarget(target("checkout", 2))])).await;
    assert_eq!(fenced, Err(StoreError::Fenced { target: "checkout".into(), held: 2, current: 3 }));
    let moved = store.commit(writes([append(1, 1)])).await;
    assert_eq!(moved, Err(StoreError::JournalMoved { run: run_id(1), position: 1, expected: 2 }));
    let moved = Write::PutAssignment(assignment("checkout", "a", 9.0, (1, 3, 0)));
    assert_eq!(store.commit(writes([moved])).await, Err(StoreError::AssignmentMoved { agent: "a".into() }));
    store.close().await;
}

#[tokio::test]
async fn a_store_that_replaces_a_lost_one_starts_above_it() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = sqlite(first.path()).await;
    let before = store.load().await.unwrap().incarnation;
    store.close().await;
    std::thread::sleep(std::time::Duration::from_millis(2));
    let store = sqlite(second.path()).await;
    assert!(store.load().await.unwrap().incarnation > before);
    store.close().await;
}

#[tokio::test]
async fn a_full_disk_refuses_a_batch_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let lock = connection::lock(&path).unwrap();
    let rows = Arc::new(Rows::new(Vault::new(&sealing()).unwrap(), path.display().to_string()));
    let db = connection::connect(&path, Role::Writer).await.unwrap();
    let store = SqliteStore::start(path.clone(), lock, rows, db.clone()).await.unwrap();
    some_of_everything(&store).await;
    let before = everything(&store).await;

    let pages: i64 = pragma(&db, "page_count").await;
    db.execute_unprepared(&format!("PRAGMA max_page_count = {pages}")).await.unwrap();
    let mut large = super::super::suite::stored::event("a", "large");
    large.data = serde_json::json!("x".repeat(100_000));
    let batch = [
        writes([accept("a", "small")]),
        writes([Write::AcceptEvent {
            event: large,
            at: crate::base::clock::Timestamp(1),
            known_since: crate::base::clock::Timestamp(0),
        }]),
        writes([Write::PutTarget(target("checkout", 4))]),
    ];
    let full = Err(StoreError::Full { path: path.display().to_string() });
    for result in join_all(batch.map(|transaction| store.commit(transaction))).await {
        assert_eq!(result, full);
    }
    assert_eq!(everything(&store).await, before);
    db.ping().await.expect_err("a connection that failed is not used again");

    // The writer connects anew, which lifts the limit of the old connection: as if space had been made.
    let accepted = store.commit(writes([accept("a", "small"), Write::PutTarget(target("checkout", 3))])).await.unwrap();
    assert_eq!(accepted.accepted, [crate::runtime::ports::Accepted::New { sequence: 2 }]);
    store.close().await;
}

#[tokio::test]
async fn a_store_that_does_not_open_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let mut messages = Vec::new();

    let sealed = place("nested/folder/sealed.db");
    let key = Sealing::Key(MasterKey::generate().unwrap());
    let store = SqliteStore::open(options(&sealed, key.clone())).await.unwrap();
    messages.push(refusal(&sealed, key.clone()).await);
    store.close().await;
    let id = |sealing: &Sealing| match sealing {
        Sealing::Key(key) => key.id().to_string(),
        Sealing::Off => String::new(),
    };
    for wrong in [sealing(), Sealing::Off] {
        messages.push(refusal(&sealed, wrong).await.replace(&id(&key), "KEY"));
    }

    let plain = place("plain.db");
    SqliteStore::open(options(&plain, Sealing::Off)).await.unwrap().close().await;
    messages.push(refusal(&plain, sealing()).await);
    SqliteStore::open(options(&plain, Sealing::Off)).await.unwrap().close().await;

    by_hand(&sealed, "INSERT INTO seaql_migrations VALUES ('m9999_later', 0)").await;
    messages.push(refusal(&sealed, key.clone()).await);

    let foreign = place("foreign.db");
    by_hand(&foreign, "CREATE TABLE meta (id INTEGER)").await;
    messages.push(refusal(&foreign, key.clone()).await);

    let text = place("text.db");
    std::fs::write(&text, "this is no database, however long it goes on, and nothing will make it one".repeat(20))
        .unwrap();
    messages.push(refusal(&text, key.clone()).await);

    messages.push(refusal(folder.path(), key.clone()).await);
    for url in ["postgres://host/store", "sqlite://", "sqlite::memory:", "sqlite://a.db?mode=ro"] {
        let error = SqliteStore::open(Options { url: url.to_owned(), sealing: key.clone() }).await.unwrap_err();
        messages.push(error.to_string());
    }
    insta::assert_snapshot!(messages.join("\n"));
}

#[tokio::test]
async fn a_start_that_was_cut_off_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    // The file is there, and nothing in it: what a first start makes, it makes in one transaction.
    std::fs::write(folder.path().join("store.db"), "").unwrap();
    let store = sqlite(folder.path()).await;
    some_of_everything(&store).await;
    store.close().await;
}

#[tokio::test]
async fn what_is_nested_deeply_comes_back_or_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    let accept_nested = |depth: usize| {
        let mut event = super::super::suite::stored::event("a", &depth.to_string());
        event.data = (0..depth).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
        writes([Write::AcceptEvent {
            event,
            at: crate::base::clock::Timestamp(1),
            known_since: crate::base::clock::Timestamp(0),
        }])
    };
    store.commit(accept_nested(255)).await.unwrap();
    let error = store.commit(accept_nested(256)).await.unwrap_err();
    assert!(error.to_string().contains("nested more than 256 deep"), "{error}");
    assert_eq!(store.load().await.unwrap().events.len(), 1);
    store.close().await;
}

#[tokio::test]
async fn damage_is_found_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = sqlite(folder.path()).await;
    some_of_everything(&store).await;
    store.commit(writes([append(2, 0), Write::PutRun(summary(2, None, RunStatus::Succeeded))])).await.unwrap();
    store.close().await;
    let pristine = std::fs::read(&path).unwrap();

    let change = |table: &str| format!("UPDATE {table} SET sealed = sealed || x'00'");
    let damages = [
        change("events"),
        change("runs"),
        change("journal"),
        change("targets"),
        change("assignments"),
        "UPDATE journal SET sealed = (SELECT sealed FROM journal WHERE run LIKE '%02') WHERE position = 1".to_owned(),
        "DELETE FROM journal WHERE position = 0".to_owned(),
        "UPDATE runs SET status = 'waiting' WHERE status = 'running'".to_owned(),
        "UPDATE targets SET sealed = x'00' || CAST('{}' AS BLOB)".to_owned(),
        "UPDATE meta SET key_check = x'01'".to_owned(),
        "UPDATE meta SET incarnation = incarnation + 1".to_owned(),
    ];
    let mut found = Vec::new();
    for (at, damage) in damages.iter().enumerate() {
        // A file of its own: connections of a store that did not open may be closed a little later.
        let path = folder.path().join(format!("{at}.db"));
        std::fs::write(&path, &pristine).unwrap();
        by_hand(&path, damage).await;
        let error = match SqliteStore::open(options(&path, sealing())).await {
            Err(error) => error,
            Ok(store) => {
                let error = store.load().await.unwrap_err();
                store.close().await;
                error
            }
        };
        found.push(format!("{damage}\n    {error}"));
    }
    insta::assert_snapshot!(found.join("\n"));
}

#[tokio::test]
async fn a_store_is_looked_at_beside_the_engine_that_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = sqlite(folder.path()).await;
    some_of_everything(&store).await;
    let reader = SqliteStore::open_to_read(options(&path, sealing())).await.unwrap();
    let all = EventFilter::default();
    let events = reader.events(&all).await.unwrap();
    assert!(!events.is_empty());
    assert_eq!(events, store.events(&all).await.unwrap());
    let refused = reader.commit(writes([Write::PutRun(summary(9, None, RunStatus::Succeeded))])).await;
    assert_eq!(refused.unwrap_err(), StoreError::Closed);
    reader.close().await;
    // The engine goes on.
    store.commit(writes([Write::PutRun(summary(9, None, RunStatus::Succeeded))])).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn looking_makes_no_store_and_needs_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let missing = SqliteStore::open_to_read(options(&path, sealing())).await.unwrap_err();
    assert!(missing.to_string().contains("there is no store"), "{missing}");
    assert!(!path.exists());
    sqlite(folder.path()).await.close().await;
    let other = Sealing::Key(MasterKey::generate().unwrap());
    let refused = SqliteStore::open_to_read(options(&path, other)).await.unwrap_err();
    assert!(matches!(refused, StoreError::WrongKey { .. }), "{refused}");
}
