//! What the durable engine bears: events over HTTP, and runs of five steps with an effect, on SQLite with a sync before
//! each answer, beside what the disk can do in the same minute.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench engine`; `-- events` or `-- runs` for one half. The folder is the
//! system's temporary one, or `ENGINE_BENCH_FOLDER`. Clients, engine and disk share the machine.
//!
//! Events go to the engine as `serve` makes it; each is held against a rule that does not match, and settled. Runs are of
//! a workflow of five idempotent steps that do nothing, each after the other; a target takes one at a time and gets the next
//! event when its run has ended.

#[path = "engine/client.rs"]
mod client;
#[path = "engine/runs.rs"]
mod runs;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use homeostat::app;
use homeostat::config;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

const SPAN: Duration = Duration::from_secs(5);
const TARGETS: usize = 1_000;
const BATCH: usize = 100;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let half = std::env::args().skip(1).find(|argument| argument != "--bench");
    if half.as_deref() != Some("runs") {
        events().await?;
    }
    if half.as_deref() != Some("events") {
        runs::measure().await?;
    }
    Ok(())
}

pub(crate) fn folder() -> Result<tempfile::TempDir, Failure> {
    Ok(match std::env::var_os("ENGINE_BENCH_FOLDER") {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    })
}

/// What one `fdatasync` after a page takes: the median of a hundred, seconds.
pub(crate) fn sync_time(folder: &Path) -> Result<f64, Failure> {
    let mut file = std::fs::File::create(folder.join("plain"))?;
    let mut times = Vec::new();
    for _ in 0..100 {
        let begun = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// An engine as `serve` makes it, until dropped.
struct Served {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), app::AppError>>,
}

impl Served {
    async fn start(folder: &Path) -> Result<Self, Failure> {
        let rules = folder.join("ticks.rules");
        std::fs::write(
            &rules,
            "event TICK { number: int, service: string, note: string }\n\
             rule unlikely {\n    on TICK\n    when event.data.number < 0\n    emit TICK(number: 1, service: 'a', note: 'b')\n}\n",
        )?;
        let targets: String =
            (0..TARGETS).map(|target| format!("  t{target}: {{ slo: {{ p99: 250ms }} }}\n")).collect();
        let text = format!(
            "store: sqlite://{}\nlisten: 127.0.0.1:0\nprogram: [{}]\ntargets:\n{targets}",
            folder.join("store.db").display(),
            rules.display(),
        );
        let loaded = config::read("homeostat.yaml", &text, folder, &[]);
        let config = loaded.config.ok_or_else(|| format!("{:?}", loaded.diagnostics))?;
        let shutdown = CancellationToken::new();
        let (ready, address) = oneshot::channel();
        let task = tokio::spawn(app::serve(config, shutdown.clone(), ready));
        match address.await {
            Ok(address) => Ok(Self { address, shutdown, task }),
            Err(_) => Err(format!("{:?}", task.await?).into()),
        }
    }

    async fn stop(self) -> Result<(), Failure> {
        self.shutdown.cancel();
        self.task.await?.map_err(|error| error.to_string())?;
        Ok(())
    }
}

async fn events() -> Result<(), Failure> {
    let temporary = folder()?;
    let folder: PathBuf = temporary.path().to_owned();
    let served = Served::start(&folder).await?;
    println!("fdatasync after 4 KiB, median {:.2} ms", sync_time(&folder)? * 1e3);
    println!(
        "{:<34} {:>10} {:>9} {:>9} {:>9} {:>9}",
        "events over HTTP", "events/s", "p50 ms", "p99 ms", "max ms", "refused"
    );
    let batches = client::Load { connections: 10, batch: BATCH, pace: None };
    let most = line("10 connections, batches of 100", &served, batches).await?;
    line("… at half of that", &served, client::Load { pace: Some(most / 2.0), ..batches }).await?;
    let single = client::Load { connections: 64, batch: 1, pace: None };
    let most = line("64 connections, one by one", &served, single).await?;
    line("… at half of that", &served, client::Load { pace: Some(most / 2.0), ..single }).await?;
    let few = client::Load { connections: 10, batch: 1, pace: Some(100.0) };
    line("10 connections, 100 events/s", &served, few).await?;
    println!("fdatasync after 4 KiB, median {:.2} ms", sync_time(&folder)? * 1e3);
    served.stop().await
}

/// Accepted events a second.
async fn line(what: &str, served: &Served, load: client::Load) -> Result<f64, Failure> {
    let done = load.run(served.address, SPAN).await?;
    let rate = done.accepted as f64 / done.seconds;
    let at = |share: f64| done.at(share) * 1e3;
    println!("{what:<34} {rate:>10.0} {:>9.2} {:>9.2} {:>9.2} {:>9}", at(0.5), at(0.99), at(1.0), done.refused);
    // What was accepted is handled before the next line.
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(rate)
}
