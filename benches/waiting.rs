//! What a run costs that only waits: bytes of memory, in an engine that has begun it and in one that has found it.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench waiting`. `WAITING_BENCH_RUNS` says how many runs (100,000 where it is
//! absent); the store is in the system's temporary folder, or in `STORE_BENCH_FOLDER`. A run waits for an approval, or for an
//! event with an order number of its own. Memory is what Linux counts as resident for the process.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use homeostat::action::Registry;
use homeostat::app::program::StoredPlans;
use homeostat::base::clock::{Clock, SystemClock};
use homeostat::base::digest::Digest;
use homeostat::base::id::TargetName;
use homeostat::base::source::Sources;
use homeostat::compile::compile;
use homeostat::diagnostic::Diagnostics;
use homeostat::model::target::TargetSettings;
use homeostat::router::Router;
use homeostat::runtime::engine::{Engine, Intake, Options};
use homeostat::runtime::ports::{Context, Store, Targets, UniqueRunIds};
use homeostat::runtime::program::Program;
use homeostat::security::Sealing;
use homeostat::service::adjust::StrategyAdjuster;
use homeostat::service::dispatch::RecordedDispatcher;
use homeostat::service::pressure::simulated::SimulatedPressure;
use homeostat::service::recorder::StoreRecorder;
use homeostat::store::{self, SqliteStore};
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const WORKFLOWS: [(&str, &str); 2] = [
    (
        "approval",
        "workflow: approval\nsteps:\n  ask: { uses: approval.wait, with: { reason: may it go on }, timeout: 1d }\n",
    ),
    (
        "event",
        "workflow: event\ninputs: { order: string }\nsteps:\n  paid:\n    uses: event.wait\n    \
         with: { type: PAID, data: { order: \"${inputs.order}\" } }\n    timeout: 1d\n",
    ),
];

/// How many runs are started at a time.
const AT_ONCE: usize = 256;

#[derive(Debug)]
struct NoTargets;

impl Targets for NoTargets {
    fn settings(&self, _: &TargetName) -> Option<Arc<TargetSettings>> {
        None
    }

    fn names(&self) -> Vec<TargetName> {
        Vec::new()
    }
}

fn main() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // A process of its own finds what the first one left: memory that was used once would not be given back.
    if let Some(url) = std::env::var_os("WAITING_BENCH_ORDER") {
        return runtime.block_on(measure(&url.to_string_lossy()));
    }
    let count = std::env::var("WAITING_BENCH_RUNS").ok().map_or(Ok(100_000), |count| count.parse())?;
    for (name, _) in WORKFLOWS {
        let folder = match std::env::var_os("STORE_BENCH_FOLDER") {
            Some(folder) => tempfile::tempdir_in(folder)?,
            None => tempfile::tempdir()?,
        };
        let url = format!("sqlite://{}", folder.path().join("store.db").display());
        let status = std::process::Command::new(std::env::current_exe()?)
            .env("WAITING_BENCH_ORDER", format!("{count} {name} {url}"))
            .status()?;
        let again = std::process::Command::new(std::env::current_exe()?)
            .env("WAITING_BENCH_ORDER", format!("0 {name} {url}"))
            .status()?;
        if !status.success() || !again.success() {
            return Err("a measurement failed".into());
        }
    }
    Ok(())
}

/// Starts `count` runs, or with 0 finds those that are there.
async fn measure(order: &str) -> Outcome<()> {
    let mut words = order.splitn(3, ' ');
    let (Some(count), Some(name), Some(url)) = (words.next(), words.next(), words.next()) else {
        return Err("not an order".into());
    };
    let count: usize = count.parse()?;
    let sqlite = Arc::new(SqliteStore::open(store::Options { url: url.to_owned(), sealing: Sealing::Off }).await?);
    let before = resident()?;
    let begun = Instant::now();
    let engine = start(Arc::clone(&sqlite) as Arc<dyn Store>).await?;
    if count == 0 {
        let took = begun.elapsed();
        let waiting = sqlite.load().await?.runs.len();
        let bytes = resident()?.saturating_sub(before);
        println!(
            "{name:<9} found  {waiting:>7} runs in {took:>6.1?}: at most {:>6} bytes a run, the start's own included",
            bytes / waiting.max(1)
        );
    } else {
        begin(&engine, name, count).await?;
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let bytes = resident()?.saturating_sub(before);
        println!(
            "{name:<9} begun  {count:>7} runs in {:>6.1?}: {:>6} bytes a run, {tasks} tasks alive",
            begun.elapsed(),
            bytes / count
        );
    }
    engine.drain().await;
    sqlite.close().await;
    Ok(())
}

/// Returns once every run waits.
async fn begin(engine: &Arc<Engine>, name: &str, count: usize) -> Outcome<()> {
    let metrics = tokio::runtime::Handle::current().metrics();
    let idle = metrics.num_alive_tasks() + 1;
    let mut starting = tokio::task::JoinSet::new();
    for number in 0..count {
        let (engine, workflow) = (Arc::clone(engine), name.to_owned());
        starting.spawn(async move {
            let inputs = if workflow == "event" { json!({ "order": format!("order-{number}") }) } else { json!({}) };
            engine.start_run(&workflow.as_str().into(), None, inputs).await
        });
        if starting.len() >= AT_ONCE
            && let Some(started) = starting.join_next().await
        {
            started??;
        }
    }
    while let Some(started) = starting.join_next().await {
        started??;
    }
    while metrics.num_alive_tasks() > idle {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn start(store: Arc<dyn Store>) -> Outcome<Arc<Engine>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let context = Context {
        recorder: Arc::new(StoreRecorder::new(Arc::clone(&clock), Arc::clone(&store))),
        pressure: Arc::new(SimulatedPressure::new(Arc::clone(&clock))),
        clock,
        store,
        targets: Arc::new(NoTargets),
        adjuster: Arc::new(StrategyAdjuster),
        dispatcher: Arc::new(RecordedDispatcher::with_agents([])),
        planner: Arc::new(StoredPlans),
        run_ids: Arc::new(UniqueRunIds),
        outlet: Arc::default(),
    };
    let mut sources = Sources::new();
    sources.add("events.rules", "event PAID { order: string }\n");
    for (name, text) in WORKFLOWS {
        sources.add(format!("{name}.yaml"), text);
    }
    let compiled = compile(sources, Diagnostics::new(), &homeostat::action::catalogue());
    let program = compiled.program.ok_or("the workflows do not compile")?;
    let events = program.events.iter().map(|event| (event.name.clone(), event.data.clone())).collect();
    let plans: BTreeMap<_, _> = compiled.plans.into_iter().map(|plan| (plan.workflow.clone(), plan)).collect();
    let program =
        Arc::new(Program { events, router: Router::new(Arc::new(program)), plans, digest: Digest::of("waiting") });
    let actions = Registry::shipped().into_actions();
    let intake = Intake { pending_limit: 1, dedup_window: Duration::ZERO };
    Ok(Engine::start(Options { context, actions, program, intake }).await?)
}

/// Bytes of memory that are resident.
fn resident() -> Outcome<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: usize = statm.split_whitespace().nth(1).ok_or("no second figure")?.parse()?;
    Ok(pages * rustix::param::page_size())
}
