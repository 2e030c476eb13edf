use super::super::sqlite::SqliteStore;
use super::super::suite::everything;
use super::super::suite::stored::{accept, append, run_id, sealing, sqlite, summary, target, writes};
use super::*;
use crate::runtime::journal::RunStatus;
use crate::runtime::ports::{Store as _, Write};
use crate::security::{MasterKey, Sealing};

fn options(folder: &Path, sealing: Sealing) -> Options {
    Options { url: format!("sqlite://{}", folder.join("store.db").display()), sealing }
}

#[tokio::test]
async fn a_copy_of_a_store_at_work_becomes_a_store_above_it() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = sqlite(one.path()).await;
    let run = Write::PutRun(summary(1, Some("checkout"), RunStatus::Running));
    store.commit(writes([accept("a", "1"), run, append(1, 0), Write::PutTarget(target("checkout", 3))])).await.unwrap();
    let copy = one.path().join("copy.db");
    backup(&options(one.path(), sealing()).url, &copy).await.unwrap();
    let expected = everything(&store).await;
    store.commit(writes([accept("a", "2"), append(1, 1)])).await.unwrap();
    let before = store.load().await.unwrap().incarnation;

    restore(&copy, options(two.path(), sealing())).await.unwrap();
    let restored = SqliteStore::open(options(two.path(), sealing())).await.unwrap();
    let after = restored.load().await.unwrap().incarnation;
    assert!(after > before, "{after} and {before}");
    let found = everything(&restored).await.replace(&after.to_string(), &before.to_string());
    assert_eq!(found, expected, "it holds what there was when the copy was made");
    // It goes on from there.
    restored.commit(writes([append(1, 1)])).await.unwrap();
    assert_eq!(restored.run(run_id(1)).await.unwrap().unwrap().batches, 2);
    store.close().await;
    restored.close().await;
}

#[tokio::test]
async fn what_cannot_be_copied_or_restored_is_told_and_changes_nothing() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let url = options(one.path(), sealing()).url;
    let copy = one.path().join("copy.db");
    let told = |error: StoreError| {
        error
            .to_string()
            .replace(&one.path().display().to_string(), "ONE")
            .replace(&two.path().display().to_string(), "TWO")
    };
    let mut all = vec![told(backup(&url, &copy).await.unwrap_err())];
    let store = sqlite(one.path()).await;
    backup(&url, &copy).await.unwrap();
    all.push(told(backup(&url, &copy).await.unwrap_err()));
    all.push(told(restore(&copy, options(one.path(), sealing())).await.unwrap_err()));
    store.close().await;
    all.push(told(restore(&copy, options(one.path(), sealing())).await.unwrap_err()));
    all.push(told(restore(&two.path().join("none.db"), options(two.path(), sealing())).await.unwrap_err()));
    std::fs::write(two.path().join("words.db"), "no database, but longer than a header of a hundred bytes".repeat(3))
        .unwrap();
    all.push(told(restore(&two.path().join("words.db"), options(two.path(), sealing())).await.unwrap_err()));
    let other = Sealing::Key(MasterKey::generate().unwrap());
    let wrong = restore(&copy, options(two.path(), other)).await.unwrap_err();
    assert!(matches!(wrong, StoreError::WrongKey { .. }), "{wrong}");
    let left: Vec<_> = std::fs::read_dir(two.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "words.db" || name == "store.db.lock"), "{left:?}");
    insta::assert_snapshot!(all.join("\n"));
}
