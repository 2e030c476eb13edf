//! How many commits a second the SQLite store does, alone and with company, beside what the disk can do.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench store`; the folder is the system's temporary one, or `STORE_BENCH_FOLDER`.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use homeostat::base::clock::Timestamp;
use homeostat::base::id::RunId;
use homeostat::runtime::journal::{Entry, What};
use homeostat::runtime::ports::{Store as _, StoreError, Transaction, Write};
use homeostat::security::{MasterKey, Sealing};
use homeostat::store::{Options, SqliteStore};

const SPAN: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = match std::env::var_os("STORE_BENCH_FOLDER") {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let syncs = disk_syncs(&folder.path().join("plain"))?;
    println!("fdatasync after 4 KiB      {syncs:>9.0}/s");
    let url = format!("sqlite://{}", folder.path().join("store.db").display());
    let sealing = Sealing::Key(MasterKey::generate()?);
    let store = Arc::new(SqliteStore::open(Options { url, sealing }).await?);
    for committers in [1u32, 64] {
        let synced = store.syncs();
        let begun = Instant::now();
        let commits = commit(&store, committers).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let rate = f64::from(commits) / seconds;
        println!(
            "{committers:>2} at once: {:>9.0} commits/s = {:.2} × fdatasync; {:.1} commits a sync",
            rate,
            rate / syncs,
            f64::from(commits) / f64::from(u32::try_from(store.syncs() - synced)?),
        );
    }
    store.close().await;
    Ok(())
}

/// What the disk does: writes of a page, each with its sync.
fn disk_syncs(path: &Path) -> std::io::Result<f64> {
    let mut file = std::fs::File::create(path)?;
    let (mut count, begun) = (0u32, Instant::now());
    while begun.elapsed() < SPAN {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

/// Each committer appends to the journal of its own run, one batch of two entries after the other.
async fn commit(store: &Arc<SqliteStore>, committers: u32) -> Result<u32, Box<dyn std::error::Error>> {
    let end = Instant::now() + SPAN;
    let committers: Vec<_> = (0..committers)
        .map(|_| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let run = RunId::generate();
                let mut position = 0;
                while Instant::now() < end {
                    let entries = vec![entry("check_recorder"), entry("load_test")];
                    let append = Write::AppendJournal { run, position: u64::from(position), entries };
                    store.commit(Transaction { guards: Vec::new(), writes: vec![append] }).await?;
                    position += 1;
                }
                Ok::<_, StoreError>(position)
            })
        })
        .collect();
    let mut commits = 0;
    for committer in committers {
        commits += committer.await??;
    }
    Ok(commits)
}

fn entry(step: &str) -> Entry {
    Entry { at: Timestamp(1_700_000_000_000), what: What::Skipped { step: step.into() } }
}
