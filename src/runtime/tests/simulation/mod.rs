//! A whole house in one seed: engine, desks, queues, dispatcher and agents, on a virtual clock, with a store, a network and
//! effects that take their time and fail, publishers that give up and people who interfere. Whatever happens, what is
//! promised holds; and once nothing fails any more, everything comes to its end.
//!
//! What is deterministic: all of it but the memory's layout. One thread runs everything, time moves when all wait, and every
//! delay, fault and id comes from the seed; so the same seed makes the same history, to the letter, which is tested. Which
//! task goes first at the same moment is not drawn: it follows from the order in which they were woken, and so from the
//! delays. What a disk does within a commit is not simulated here: `tests/crash` kills real engines.
//!
//! `HOMEOSTAT_SIMULATION_SEED=N` runs one seed and prints its history; `HOMEOSTAT_SIMULATION_SEEDS=N` runs the first N.

mod actions;
mod agents;
mod dice;
mod faults;
mod panics;
mod people;
mod program;
mod store;
mod watch;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::actions::{Plans, Stage};
use self::agents::{Board, SimulatedAgent};
use self::dice::Dice;
use self::faults::Faults;
use self::store::FailingStore;
use self::watch::Watch;
use crate::app::program::assemble;
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::AgentId;
use crate::base::source::Sources;
use crate::diagnostic::Diagnostics;
use crate::harness::world::clock::{VirtualClock, within_virtual_time};
use crate::harness::world::life::{Life, Lives};
use crate::harness::world::{Configured, CountedRunIds};
use crate::model::network::AllowedHosts;
use crate::runtime::control::Control as _;
use crate::runtime::engine::{Engine, EngineError, Intake, Options};
use crate::runtime::ports::{Context, Store, Targets};
use crate::runtime::program::Program;
use crate::service::adjust::StrategyAdjuster;
use crate::service::dispatch::{self, DispatchService};
use crate::service::recorder::StoreRecorder;
use crate::store::MemoryStore;

const START: Timestamp = Timestamp(1_700_000_000_000);
/// Until then things go wrong.
const CALM: Timestamp = Timestamp(START.0 + 60_000);
/// Within so long everything must come to its end after that. No wait of a program is as long.
const PATIENCE: Duration = Duration::from_mins(20);
/// In this time agents find their engine and get their rates again.
const REST: Duration = Duration::from_secs(15);
/// After so many bad seeds no more are run.
const ENOUGH: usize = 5;
/// Seeds in a plain `cargo test`.
const SEEDS: u64 = 40;

const CONFIGURATION: &str = "
targets:
  a:
    mode: enforce
    slo: { p99: 250ms, errors: 1% }
    rate: { initial: 50rps, floor: 10rps, ceiling: 1000rps, interim: 50%, time_to_live: 6s }
    strategy: { name: headroom, keep: 20% }
    measure: { endpoint: http://127.0.0.1:1/, live_traffic: isolated }
  b:
    mode: recommend
    slo: { p99: 250ms, errors: 1% }
    rate: { initial: 90rps, floor: 10rps, ceiling: 300rps, interim: 70%, time_to_live: 6s, on_expiry: refuse }
    strategy: { name: headroom, keep: 20% }
    measure: { endpoint: http://127.0.0.1:1/, live_traffic: isolated }
";

/// The engine that is alive now.
#[derive(Clone, Debug)]
struct Alive {
    engine: Arc<Engine>,
    dispatch: Arc<DispatchService>,
    life: Life,
    shutdown: CancellationToken,
}

impl Alive {
    fn life_is_over(&self) -> bool {
        self.life.is_over()
    }
}

type Slot = Arc<Mutex<Option<Alive>>>;

/// Everything that outlives an engine.
#[derive(Clone, Debug)]
struct Town {
    seed: u64,
    clock: Arc<VirtualClock>,
    faults: Faults,
    watch: Arc<Watch>,
    board: Arc<Board>,
    store: Arc<MemoryStore>,
    lives: Lives,
    targets: Arc<Configured>,
    program: Arc<Program>,
    run_ids: Arc<CountedRunIds>,
    slot: Slot,
}

impl Town {
    fn time(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }

    /// Starts an engine as `app` does, on what the last one left.
    async fn start_engine(&self) -> Result<Alive, EngineError> {
        let life = self.lives.begin();
        self.watch.next_engine();
        let store: Arc<dyn Store> = Arc::new(FailingStore {
            inner: Arc::clone(&self.store),
            clock: self.time(),
            life: life.clone(),
            lives: self.lives.clone(),
            faults: self.faults.clone(),
            dice: Dice::of(self.seed, "store"),
            watch: Arc::clone(&self.watch),
        });
        let stage = Stage {
            clock: self.time(),
            life: life.clone(),
            lives: self.lives.clone(),
            faults: self.faults.clone(),
            dice: Dice::of(self.seed, "effects"),
            watch: Arc::clone(&self.watch),
        };
        let loaded = store.load().await?;
        let targets = Arc::clone(&self.targets) as Arc<dyn Targets>;
        let dispatch = DispatchService::new(dispatch::Options {
            clock: self.time(),
            store: Arc::clone(&store),
            targets: Arc::clone(&targets),
            allowed: AllowedHosts::loopback(),
            incarnation: loaded.incarnation,
        });
        dispatch.restore(&loaded);
        let shutdown = CancellationToken::new();
        // One that dies or fails while it starts leaves nothing behind.
        let guard = shutdown.clone().drop_guard();
        drop(dispatch.start(shutdown.clone()));
        let context = Context {
            recorder: Arc::new(StoreRecorder::new(self.time(), Arc::clone(&store))),
            clock: self.time(),
            store,
            targets,
            pressure: Arc::new(stage.clone()),
            adjuster: Arc::new(StrategyAdjuster),
            dispatcher: Arc::clone(&dispatch) as _,
            planner: Arc::new(Plans),
            run_ids: Arc::clone(&self.run_ids) as _,
            outlet: Arc::default(),
        };
        let intake = Intake { pending_limit: 1_000_000, dedup_window: Duration::from_hours(24) };
        let program = Arc::clone(&self.program);
        let engine = Engine::start(Options { context, actions: stage.actions(), program, intake }).await?;
        guard.disarm();
        Ok(Alive { engine, dispatch, life, shutdown })
    }

    /// Keeps an engine alive: whenever it dies, another one follows, sooner or later.
    async fn supervise(self) {
        let dice = Dice::of(self.seed, "supervisor");
        loop {
            let started = tokio::select! {
                biased;
                started = self.start_engine() => Some(started),
                () = self.dies_while_starting() => None,
            };
            if let Some(Ok(alive)) = started {
                *self.slot.lock().unwrap() = Some(alive.clone());
                alive.life.ended().await;
                *self.slot.lock().unwrap() = None;
                alive.shutdown.cancel();
                self.watch.tell("the engine is dead".to_owned());
            } else {
                self.watch.tell(format!("the engine did not start: {:?}", started.map(|started| started.is_ok())));
                self.lives.end();
            }
            self.clock.sleep(if dice.percent(70) { dice.ms(10, 500) } else { dice.ms(500, 15_000) }).await;
        }
    }

    async fn dies_while_starting(&self) {
        // The life that `start_engine` begins is the current one by the time this is polled.
        self.lives.ended().await;
    }

    /// Lets time pass until a moment.
    async fn pass(&self, moment: Timestamp) {
        self.clock.run_until(moment).await;
        self.clock.jump_to(moment);
    }

    async fn unsettled(&self) -> Vec<String> {
        let loaded = self.store.load().await.unwrap();
        let mut left: Vec<_> = loaded.events.iter().map(|event| format!("event {}", event.sequence)).collect();
        left.extend(loaded.runs.iter().map(|run| format!("run {} {:?}", run.summary.id, run.summary.status)));
        let held = loaded.targets.iter().filter(|state| state.lease.run.is_some());
        left.extend(held.map(|state| format!("target {} {:?}", state.name, state.lease)));
        left
    }
}

/// What a seed came to: what must never be, and the history.
#[derive(Debug)]
struct Outcome {
    broken: Vec<String>,
    history: Vec<String>,
    text: String,
}

/// A town in which nothing has happened yet, and the text of its program.
fn found(seed: u64, made: &program::Made) -> (Town, String) {
    let mut sources = Sources::new();
    sources.add("sim.rules", made.rules.as_str());
    let mut text = made.rules.clone();
    for (name, workflow) in &made.workflows {
        sources.add(name.as_str(), workflow.as_str());
        text.push_str(&format!("\n# {name}\n{workflow}"));
    }
    let compiled = crate::compile::compile(sources, Diagnostics::new(), &actions::catalogue());
    let messages: Vec<_> = compiled.diagnostics.iter().map(|found| found.message.clone()).collect();
    let program = assemble(compiled).unwrap_or_else(|_| panic!("seed {seed} does not compile: {messages:?}\n{text}"));
    let settings = crate::config::read("sim.yaml", CONFIGURATION, std::path::Path::new(""), &[]).config.unwrap();
    let clock = Arc::new(VirtualClock::starting_at(START));
    let time = Arc::clone(&clock) as Arc<dyn Clock>;
    let town = Town {
        seed,
        faults: Faults::of(seed),
        watch: Arc::new(Watch::new(Arc::clone(&time), Arc::clone(&program))),
        board: Arc::default(),
        store: Arc::new(MemoryStore::with_incarnation(1)),
        lives: Lives::default(),
        targets: Arc::new(Configured(settings.targets)),
        program,
        run_ids: Arc::new(CountedRunIds::new(time)),
        slot: Slot::default(),
        clock,
    };
    (town, text)
}

fn run(seed: u64) -> Outcome {
    let made = program::make(seed);
    let (town, text) = found(seed, &made);
    let (clock, watch) = (Arc::clone(&town.clock), Arc::clone(&town.watch));
    panics::note_from_now_on();
    within_virtual_time(&clock, live(town, &made)).unwrap();
    panics::noted().into_iter().for_each(|panic| watch.wrong(format!("a panic: {panic}")));
    Outcome { broken: watch.broken(), history: watch.history(), text }
}

/// One history, from the first engine to the last check.
async fn live(town: Town, made: &program::Made) {
    let dice = Dice::of(town.seed, "town");
    for (target, agents) in [("a", 1 + dice.below(3)), ("b", dice.below(3))] {
        for number in 0..agents {
            let id = AgentId::from(format!("{target}{number}"));
            let agent = SimulatedAgent {
                target: target.into(),
                dice: Dice::of(town.seed, id.as_str()),
                id,
                board: Arc::clone(&town.board),
                clock: town.time(),
                faults: town.faults.clone(),
                watch: Arc::clone(&town.watch),
                slot: Arc::clone(&town.slot),
            };
            tokio::spawn(agent.live());
        }
    }
    tokio::spawn(town.clone().supervise());
    let published = people::live(&town);
    town.pass(CALM).await;
    town.faults.stop();
    town.watch.tell("calm".to_owned());
    tokio::spawn(people::set_right(town.clone()));
    let last = CALM.after(PATIENCE);
    let settled = loop {
        let next = town.clock.now().after(Duration::from_secs(10));
        town.pass(next).await;
        let left = town.unsettled().await;
        let unsent = published.unsent();
        if left.is_empty() && unsent.is_empty() {
            break true;
        }
        if next >= last {
            let problems = town.slot.lock().unwrap().as_ref().map(|alive| alive.engine.health().problems);
            town.watch.wrong(format!("never settled: {left:?}, unsent: {unsent:?}, problems: {problems:?}"));
            break false;
        }
    };
    if settled {
        town.pass(town.clock.now().after(REST)).await;
        let now = town.clock.now();
        for (target, agent) in town.board.uncommanded(now) {
            town.watch.wrong(format!("agent `{agent}` of `{target}` was never given a rate again"));
        }
    }
    check_events(&town, made, &published);
}

/// Nothing that was accepted is lost, and what rules make of it is what they say.
fn check_events(town: &Town, made: &program::Made, published: &people::Published) {
    let events = town.watch.events();
    for name in published.acknowledged() {
        if !events.values().any(|seen| seen.name == name) {
            town.watch.wrong(format!("event {name:?} was acknowledged and is lost"));
        }
    }
    let runs = town.watch.runs();
    for (sequence, seen) in &events {
        let Some(outcome) = &seen.settled else { continue };
        if let Some(why) = &outcome.dead {
            town.watch.wrong(format!("event {sequence} is a dead letter: {why}"));
            continue;
        }
        for plain in made.plain.iter().filter(|plain| plain.on == seen.kind) {
            let n = seen.data["n"].as_i64().unwrap_or(0);
            let matches = n % plain.modulus == plain.rest;
            let told = outcome.rules.iter().find(|told| told.rule.as_str() == plain.rule);
            if matches != told.is_some() {
                town.watch.wrong(format!("event {sequence}: `{}` matches: {matches}, told: {told:?}", plain.rule));
            }
            if let Some(run) = told.and_then(|told| told.run)
                && !runs.iter().any(|known| known.id == run)
            {
                town.watch.wrong(format!("event {sequence}: its run {run} is lost"));
            }
        }
    }
}

fn shown(seed: u64, outcome: &Outcome) -> String {
    let tail = outcome.history.len().saturating_sub(60);
    format!(
        "seed {seed}: {}\nits last moments:\n{}\nagain, with all of its history:\n  \
         HOMEOSTAT_SIMULATION_SEED={seed} cargo test --lib simulation::whatever -- --nocapture",
        outcome.broken.join("\n"),
        outcome.history[tail..].join("\n")
    )
}

#[test]
fn whatever_goes_wrong_what_is_promised_holds() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    if let Some(seed) = number("HOMEOSTAT_SIMULATION_SEED") {
        let outcome = run(seed);
        println!("{}\n{}", outcome.text, outcome.history.join("\n"));
        assert!(outcome.broken.is_empty(), "{}", outcome.broken.join("\n"));
        return;
    }
    let first = number("HOMEOSTAT_SIMULATION_FIRST").unwrap_or(0);
    let seeds = number("HOMEOSTAT_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = number("HOMEOSTAT_SIMULATION_THREADS").unwrap_or(threads as u64);
    let (next, bad) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while bad.lock().unwrap().len() < ENOUGH {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    let outcome = run(seed);
                    if !outcome.broken.is_empty() {
                        bad.lock().unwrap().push(shown(seed, &outcome));
                    }
                    if (seed + 1 - first) % 1_000 == 0 {
                        println!("{} seeds", seed + 1 - first);
                    }
                }
            });
        }
    });
    let bad = bad.into_inner().unwrap();
    assert!(bad.is_empty(), "{}", bad.join("\n\n"));
}

#[test]
fn the_same_seed_makes_the_same_history() {
    for seed in [1, 7, 23] {
        let (one, other) = (run(seed), run(seed));
        let differs = one.history.iter().zip(&other.history).position(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one.history.len(), other.history.len(), "seed {seed}");
    }
}

#[test]
fn a_publisher_that_gives_up_leaves_no_event_behind() {
    let made = program::make(0);
    let (town, _) = found(0, &made);
    let clock = Arc::clone(&town.clock);
    within_virtual_time(&clock, async {
        // The store takes its time, and nothing fails.
        town.faults.stop();
        tokio::spawn(town.clone().supervise());
        town.pass(START.after(Duration::from_secs(1))).await;
        let engine = Arc::clone(&town.slot.lock().unwrap().as_ref().unwrap().engine);
        let dice = Dice::of(0, "impatient");
        for number in 0..50 {
            let event = people::event(&dice, number);
            let accepting = engine.accept(vec![crate::model::event::Event { deliver_at: None, ..event }]);
            // It has begun, and nobody waits for its end.
            tokio::select! {
                biased;
                _ = accepting => {}
                () = std::future::ready(()) => {}
            }
        }
        town.pass(START.after(Duration::from_mins(5))).await;
        let events = town.watch.events();
        assert_eq!(events.values().filter(|seen| seen.name.0 == "sim").count(), 50);
        assert!(events.values().all(|seen| seen.settled.is_some()), "{events:#?}");
    })
    .unwrap();
}
