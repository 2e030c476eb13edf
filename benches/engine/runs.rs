//! Runs of five steps, from their events to their ends: many at a time over many targets, and one alone.
//! What it must not know: HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use homeostat::base::clock::SystemClock;
use homeostat::base::digest::Digest;
use homeostat::base::id::{RunId, TargetName};
use homeostat::base::source::Sources;
use homeostat::compile::{compile, plan_of};
use homeostat::config::{self, TargetTable};
use homeostat::diagnostic::Diagnostics;
use homeostat::model::action::{ActionSignature, Catalogue, Effect as Kind};
use homeostat::model::assignment::Assignment;
use homeostat::model::event::{Event, Priority};
use homeostat::model::record::{Measurement, Record};
use homeostat::model::target::{TargetSettings, TargetState};
use homeostat::plan::Plan;
use homeostat::router::Router;
use homeostat::runtime::control::Control as _;
use homeostat::runtime::effect::{ActionError, Effect, Link, Outcome};
use homeostat::runtime::engine::{Engine, Intake, Options};
use homeostat::runtime::journal::{RunStatus, RunSummary};
use homeostat::runtime::ports::{
    Action, Bookmark, Context, EventFilter, Loaded, MeasureOrder, PlanSource, Planner, Pressure, PruneOrder, Pruned, Receipt,
    RecordFilter, RunFilter, Store, StoreError, StoredEvent, StoredRun, Targets, Transaction, UniqueRunIds, Write,
};
use homeostat::runtime::program::Program;
use homeostat::security::{MasterKey, Sealing};
use homeostat::service::adjust::StrategyAdjuster;
use homeostat::service::dispatch::RecordedDispatcher;
use homeostat::service::recorder::StoreRecorder;
use homeostat::store::{self, SqliteStore};
use serde_json::json;
use tokio::sync::mpsc;

use super::{Failure, SPAN, TARGETS, folder, sync_time};

const RULES: &str = "event GO { number: int }\nrule go {\n    on GO\n    when event.data.number >= 0\n    run five(number: event.data.number)\n}\n";
const WORKFLOW: &str = "workflow: five\ninputs: { number: int }\nsteps:\n  one: { uses: bench.touch, timeout: 10s }\n  two: { uses: bench.touch, timeout: 10s, needs: [one] }\n  three: { uses: bench.touch, timeout: 10s, needs: [two] }\n  four: { uses: bench.touch, timeout: 10s, needs: [three] }\n  five: { uses: bench.touch, timeout: 10s, needs: [four] }\n";

pub(crate) async fn measure() -> Result<(), Failure> {
    let temporary = folder()?;
    let mut house = House::open(temporary.path()).await?;

    let before = sync_time(temporary.path())?;
    let (mut times, syncs) = (Vec::new(), house.sqlite.syncs());
    for number in 0..200 {
        let begun = Instant::now();
        house.send(vec![0], number).await?;
        house.ended.recv().await.ok_or("the engine has ended")?;
        times.push(begun.elapsed().as_secs_f64());
    }
    let syncs = (house.sqlite.syncs() - syncs) as f64 / times.len() as f64;
    let sync = f64::midpoint(before, sync_time(temporary.path())?);
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "five steps with an effect each, one run alone: p50 {:.2} ms, p99 {:.2} ms",
        at(0.5) * 1e3,
        at(0.99) * 1e3
    );
    println!(
        "  {syncs:.2} syncs a run, its event's included; fdatasync median {:.2} ms; p50 is {:.2} × 6 × that",
        sync * 1e3,
        at(0.5) / 6.0 / sync
    );
    for targets in [64, TARGETS] {
        let before = sync_time(temporary.path())?;
        let done = house.many(targets).await?;
        let sync = f64::midpoint(before, sync_time(temporary.path())?);
        println!(
            "{targets:>5} targets at a time: {:>7.0} runs/s, p50 {:.0} ms, p99 {:.0} ms; {:.0} syncs/s, {:.0} fdatasync/s alone, {:.1} runs a sync",
            done.rate,
            done.p50 * 1e3,
            done.p99 * 1e3,
            done.syncs,
            1.0 / sync,
            done.rate / done.syncs
        );
    }
    house.engine.drain().await;
    house.sqlite.close().await;
    Ok(())
}

struct Many {
    rate: f64,
    p50: f64,
    p99: f64,
    syncs: f64,
}

/// An engine on a store on the disk.
struct House {
    engine: Arc<Engine>,
    sqlite: Arc<SqliteStore>,
    ended: mpsc::UnboundedReceiver<TargetName>,
    sent: u64,
}

impl House {
    async fn open(folder: &std::path::Path) -> Result<Self, Failure> {
        let url = format!("sqlite://{}", folder.join("store.db").display());
        let sealing = Sealing::Key(MasterKey::generate()?);
        let sqlite = Arc::new(SqliteStore::open(store::Options { url, sealing }).await?);
        let (tell, ended) = mpsc::unbounded_channel();
        let store: Arc<dyn Store> = Arc::new(Watched { inner: Arc::clone(&sqlite), tell });
        let names: String = (0..TARGETS).map(|target| format!("  t{target}: {{ slo: {{ p99: 250ms }} }}\n")).collect();
        let text = format!("store: sqlite://unused.db\nprogram: [unused]\ntargets:\n{names}");
        let loaded = config::read("homeostat.yaml", &text, folder, &[]);
        let table = loaded.config.ok_or_else(|| format!("{:?}", loaded.diagnostics))?.targets;
        let context = Context {
            clock: Arc::new(SystemClock),
            targets: Arc::new(Table(table)),
            recorder: Arc::new(StoreRecorder::new(Arc::new(SystemClock), Arc::clone(&store))),
            store,
            pressure: Arc::new(Nothing),
            adjuster: Arc::new(StrategyAdjuster),
            dispatcher: Arc::new(RecordedDispatcher::with_agents([])),
            planner: Arc::new(Nothing),
            run_ids: Arc::new(UniqueRunIds),
            outlet: Arc::default(),
        };
        let touch: Arc<dyn Action> = Arc::new(Nothing);
        let actions = BTreeMap::from([(touch.signature().name, touch)]);
        let intake = Intake { pending_limit: 100_000, dedup_window: Duration::from_secs(3600) };
        let engine = Engine::start(Options { context, actions, program: program()?, intake }).await?;
        Ok(Self { engine, sqlite, ended, sent: 0 })
    }

    /// One event for each of these targets.
    async fn send(&mut self, targets: Vec<usize>, number: i64) -> Result<(), Failure> {
        let events = targets.into_iter().map(|target| {
            self.sent += 1;
            Event {
                id: self.sent.to_string(),
                source: "bench".to_owned(),
                kind: "GO".to_owned(),
                subject: Some(format!("t{target}").as_str().into()),
                time: homeostat::base::clock::Timestamp(1_700_000_000_000),
                data: json!({ "number": number }),
                priority: Priority::default(),
                deliver_at: None,
                during_test: false,
                chain: 0,
                extensions: serde_json::Map::new(),
            }
        });
        let events = events.collect();
        self.engine.accept(events).await.map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Every target gets the next event when its run has ended.
    async fn many(&mut self, targets: usize) -> Result<Many, Failure> {
        let mut due: Vec<Option<Instant>> = vec![None; targets];
        let mut times = Vec::new();
        let mut next: Vec<usize> = (0..targets).collect();
        let (begun, syncs) = (Instant::now(), self.sqlite.syncs());
        let (mut counted, mut busy) = (None, 0);
        loop {
            // The first second warms up.
            if counted.is_none() && begun.elapsed() > Duration::from_secs(1) {
                counted = Some((Instant::now(), times.len(), self.sqlite.syncs()));
            }
            if begun.elapsed() < SPAN + Duration::from_secs(1) && !next.is_empty() {
                next.iter().for_each(|target| due[*target] = Some(Instant::now()));
                busy += next.len();
                self.send(std::mem::take(&mut next), 1).await?;
            }
            if begun.elapsed() >= SPAN + Duration::from_secs(1) {
                break;
            }
            let mut names = Vec::new();
            self.ended.recv_many(&mut names, 1_000).await;
            for name in names {
                let target: usize = name.as_str().trim_start_matches('t').parse()?;
                busy -= 1;
                times.extend(due[target].map(|due| due.elapsed().as_secs_f64()));
                next.push(target);
            }
        }
        let (since, before, synced) = counted.unwrap_or((begun, 0, syncs));
        let seconds = since.elapsed().as_secs_f64();
        let rate = (times.len() - before) as f64 / seconds;
        let syncs = (self.sqlite.syncs() - synced) as f64 / seconds;
        while busy > 0 {
            self.ended.recv().await.ok_or("the engine has ended")?;
            busy -= 1;
        }
        let mut times = times.split_off(before);
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        Ok(Many { rate, p50: at(0.5), p99: at(0.99), syncs })
    }
}

fn catalogue() -> Catalogue {
    Catalogue::new([Action::signature(&Nothing)])
}

fn program() -> Result<Arc<Program>, Failure> {
    let mut sources = Sources::new();
    sources.add("go.rules", RULES);
    sources.add("five.yaml", WORKFLOW);
    let compiled = compile(sources, Diagnostics::new(), &catalogue());
    let program = compiled.program.ok_or_else(|| format!("{:?}", compiled.diagnostics))?;
    let events = program.events.iter().map(|event| (event.name.clone(), event.data.clone())).collect();
    let plans = compiled.plans.into_iter().map(|plan| (plan.workflow.clone(), plan)).collect();
    Ok(Arc::new(Program { events, router: Router::new(Arc::new(program)), plans, digest: Digest::of("bench") }))
}

/// The action whose effect is nothing, and ports that nobody asks.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Action for Nothing {
    fn signature(&self) -> ActionSignature {
        let pure =
            ActionSignature::pure("bench.touch", "Does nothing, as if it changed the world.", Vec::new(), Vec::new());
        ActionSignature { effect: Kind::Idempotent, ..pure }
    }

    async fn perform(&self, _effect: &Effect, _context: &Context) -> Outcome {
        Ok(json!({}))
    }
}

#[async_trait]
impl Pressure for Nothing {
    async fn measure(&self, _order: MeasureOrder, _link: Link) -> Result<Measurement, ActionError> {
        Err(ActionError::permanent("nothing is measured here".to_owned()))
    }
}

impl Planner for Nothing {
    fn plan(&self, source: &PlanSource) -> Result<Plan, String> {
        plan_of(source, &catalogue()).map_err(|problems| format!("{problems:?}"))
    }
}

#[derive(Debug)]
struct Table(TargetTable);

impl Targets for Table {
    fn settings(&self, name: &TargetName) -> Option<Arc<TargetSettings>> {
        self.0.settings(name)
    }

    fn names(&self) -> Vec<TargetName> {
        self.0.names()
    }
}

/// The store, which tells when a run has ended.
#[derive(Debug)]
struct Watched {
    inner: Arc<SqliteStore>,
    tell: mpsc::UnboundedSender<TargetName>,
}

#[async_trait]
impl Store for Watched {
    async fn load(&self) -> Result<Loaded, StoreError> {
        self.inner.load().await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Receipt, StoreError> {
        let ended: Vec<TargetName> = transaction
            .writes
            .iter()
            .filter_map(|write| match write {
                Write::PutRun(run) if run.status == RunStatus::Succeeded => run.target.clone(),
                _ => None,
            })
            .collect();
        let receipt = self.inner.commit(transaction).await?;
        for target in ended {
            // Who no longer counts has gone.
            let _ = self.tell.send(target);
        }
        Ok(receipt)
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        self.inner.runs(filter).await
    }

    async fn run(&self, id: RunId) -> Result<Option<StoredRun>, StoreError> {
        self.inner.run(id).await
    }

    async fn targets(&self) -> Result<Vec<TargetState>, StoreError> {
        self.inner.targets().await
    }

    async fn target(&self, name: &TargetName) -> Result<Option<TargetState>, StoreError> {
        self.inner.target(name).await
    }

    async fn records(&self, filter: &RecordFilter) -> Result<Vec<Record>, StoreError> {
        self.inner.records(filter).await
    }

    async fn assignments(&self, target: &TargetName) -> Result<Vec<Assignment>, StoreError> {
        self.inner.assignments(target).await
    }

    async fn plan(&self, digest: &Digest) -> Result<Option<PlanSource>, StoreError> {
        self.inner.plan(digest).await
    }

    async fn event(&self, source: &str, id: &str) -> Result<Option<StoredEvent>, StoreError> {
        self.inner.event(source, id).await
    }

    async fn event_at(&self, sequence: u64) -> Result<Option<StoredEvent>, StoreError> {
        self.inner.event_at(sequence).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, StoreError> {
        self.inner.events(filter).await
    }

    async fn bookmarks(&self) -> Result<Vec<Bookmark>, StoreError> {
        self.inner.bookmarks().await
    }

    async fn prune(&self, order: &PruneOrder) -> Result<Pruned, StoreError> {
        self.inner.prune(order).await
    }
}
