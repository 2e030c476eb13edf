//! Steering on a real engine and a store in memory; what agents see is made up, time is moved.

use std::sync::Mutex;

use super::*;
use crate::action;
use crate::base::clock::{Clock, ManualClock};
use crate::base::digest::Digest;
use crate::base::id::{IdempotencyKey, RunId};
use crate::base::source::Sources;
use crate::compile;
use crate::diagnostic::Diagnostics;
use crate::model::assignment::Traffic;
use crate::model::record::{Conditions, LiveTraffic, Measurement, Record, Verdict};
use crate::model::strategy::{StrategyName, StrategySettings};
use crate::model::target::{MeasureLimits, MeasureSettings, Phase};
use crate::plan::{Plan, PlanSource};
use crate::router::Router;
use crate::runtime::engine::{Engine, Intake, Options};
use crate::runtime::ports::{
    AgentView, Dispatched, Dispatcher, EventFilter, Planner, Store, Targets, Transaction, UniqueRunIds, Write,
};
use crate::runtime::program::Program;
use crate::service::adjust::StrategyAdjuster;
use crate::service::dispatch::RecordedDispatcher;
use crate::service::pressure::simulated::SimulatedPressure;
use crate::service::recorder::StoreRecorder;
use crate::store::MemoryStore;

const START: Timestamp = Timestamp(1_700_000_000_000);

#[derive(Debug)]
struct Changeable(Mutex<Arc<TargetSettings>>);

impl Targets for Changeable {
    fn settings(&self, name: &TargetName) -> Option<Arc<TargetSettings>> {
        let settings = self.0.lock().unwrap();
        (settings.name == *name).then(|| Arc::clone(&settings))
    }

    fn names(&self) -> Vec<TargetName> {
        vec![self.0.lock().unwrap().name.clone()]
    }
}

#[derive(Debug)]
struct NoPlans;

impl Planner for NoPlans {
    fn plan(&self, _: &PlanSource) -> Result<Plan, String> {
        Err("there are none".to_owned())
    }
}

/// Agents whose target answers as it is told to.
#[derive(Debug)]
struct Told {
    inner: RecordedDispatcher,
    /// p50 and p99; `None`: nothing is reported.
    latency_ms: Mutex<Option<(f64, f64)>>,
}

#[async_trait::async_trait]
impl Dispatcher for Told {
    async fn dispatch(&self, order: DispatchOrder, link: Link) -> Result<Dispatched, ActionError> {
        self.inner.dispatch(order, link).await
    }

    fn agents(&self, target: &TargetName) -> Vec<AgentView> {
        self.inner.agents(target)
    }

    fn set_halted(&self, target: Option<&TargetName>, halted: bool) {
        self.inner.set_halted(target, halted);
    }

    fn traffic(&self, target: &TargetName, from: Timestamp, to: Timestamp) -> Option<Traffic> {
        self.inner.traffic(target, from, to)
    }

    fn sample(&self, target: &TargetName, from: Timestamp, to: Timestamp) -> Option<Sample> {
        let (p50_ms, p99_ms) = (*self.latency_ms.lock().unwrap())?;
        let passed = self.inner.total_rps(target).unwrap_or(100.0) * to.since(from).as_secs_f64();
        let (p50_ms, p99_ms) = (Some(p50_ms), Some(p99_ms));
        Some(Sample { from, to, passed, refused: 10.0, answered: passed, failed: 0.0, p50_ms, p99_ms })
    }
}

struct House {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    targets: Arc<Changeable>,
    agents: Arc<Told>,
    engine: Arc<Engine>,
    context: Context,
    steering: Steering,
}

fn settings(name: StrategyName, mode: Mode) -> TargetSettings {
    let mut settings = crate::service::dispatch::tests::fixture::settings("checkout");
    settings.strategy = StrategySettings::standard(name);
    settings.mode = mode;
    settings.measure = Some(MeasureSettings {
        calendar: crate::model::calendar::Calendar::default(),
        endpoint: "http://127.0.0.1:1/".to_owned(),
        health: None,
        live_traffic: LiveTraffic::Count,
        limits: MeasureLimits { max_rate_rps: 1_500.0, time: Duration::from_mins(10), requests: 500_000 },
        request_timeout: Duration::from_secs(1),
        trial_time: Duration::from_secs(2),
        trial_requests: 300,
        precision: 0.03,
        load: crate::model::load::LoadSettings::default(),
    });
    settings
}

impl House {
    /// A target at rest at 100 requests a second, whose deployment was measured to bear 125.
    async fn new(name: StrategyName, mode: Mode) -> Self {
        let settings = settings(name, mode);
        let record = Record {
            target: "checkout".into(),
            signature: "v1".into(),
            measurement: Measurement {
                max_rps: 125.0,
                interval_rps: [124.0, 126.0],
                verdict: Verdict::Confirmed,
                started_at: START,
                ended_at: START,
                requests: 1_000,
                stopped: None,
                curve: Vec::new(),
            },
            conditions: Conditions::of(&settings).unwrap(),
            run: RunId::counted(START, 1),
            recorded_at: START,
        };
        let state = TargetState {
            phase: Phase::Stable,
            signature: Some("v1".into()),
            rate_rps: Some(100.0),
            verified_rps: Some(125.0),
            ..TargetState::unknown("checkout".into(), START)
        };
        let store = Arc::new(MemoryStore::new());
        let writes = vec![Write::PutTarget(state), Write::PutRecord(record)];
        store.commit(Transaction { writes, ..Transaction::default() }).await.unwrap();
        Self::on(store, settings).await
    }

    async fn on(store: Arc<MemoryStore>, settings: TargetSettings) -> Self {
        let clock = Arc::new(ManualClock::starting_at(START));
        let targets = Arc::new(Changeable(Mutex::new(Arc::new(settings))));
        let agents = Arc::new(Told {
            inner: RecordedDispatcher::with_agents(["one", "two"]),
            latency_ms: Mutex::new(Some((20.0, 40.0))),
        });
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let context = Context {
            recorder: Arc::new(StoreRecorder::new(Arc::clone(&time), Arc::clone(&store) as _)),
            pressure: Arc::new(SimulatedPressure::new(Arc::clone(&time))),
            clock: time,
            store: Arc::clone(&store) as _,
            targets: Arc::clone(&targets) as _,
            adjuster: Arc::new(StrategyAdjuster),
            dispatcher: Arc::clone(&agents) as _,
            planner: Arc::new(NoPlans),
            run_ids: Arc::new(UniqueRunIds),
            outlet: Arc::default(),
        };
        let mut sources = Sources::new();
        sources.add("a.rules", "event RETEST_DUE { signature: string }\n");
        let compiled = compile::compile(sources, Diagnostics::new(), &action::catalogue());
        let program = compiled.program.unwrap();
        let events = program.events.iter().map(|event| (event.name.clone(), event.data.clone())).collect();
        let router = Router::new(Arc::new(program));
        let program = Arc::new(Program { events, router, plans: BTreeMap::new(), digest: Digest::of("one event") });
        let actions = action::Registry::shipped().into_actions();
        let intake = Intake { pending_limit: 100, dedup_window: Duration::from_hours(1) };
        let engine = Engine::start(Options { context: context.clone(), actions, program, intake }).await.unwrap();
        let steering = Steering::new(context.clone(), Arc::clone(&engine) as _);
        Self { clock, store, targets, agents, engine, context, steering }
    }

    async fn seconds(&mut self, count: u32) {
        for _ in 0..count {
            self.clock.advance(Duration::from_secs(1));
            self.steering.look().await;
            while self.steering.sending.join_next().await.is_some() {}
        }
    }

    async fn state(&self) -> TargetState {
        self.store.target(&"checkout".into()).await.unwrap().unwrap()
    }

    async fn rate_rps(&self) -> f64 {
        self.state().await.rate_rps.unwrap()
    }

    fn sent_rps(&self) -> Option<f64> {
        self.agents.inner.total_rps(&"checkout".into())
    }

    fn keys(&self) -> Vec<IdempotencyKey> {
        self.agents.inner.orders().into_iter().map(|order| order.key).collect()
    }
}

#[tokio::test]
async fn what_agents_see_moves_the_rate_and_what_is_kept_is_what_is_sent() {
    let mut house = House::new(StrategyName::Pid, Mode::Enforce).await;
    house.seconds(20).await;
    let risen = house.rate_rps().await;
    assert!(risen > 101.0, "{risen}");
    assert_eq!(house.sent_rps(), Some(risen));
    *house.agents.latency_ms.lock().unwrap() = Some((400.0, 420.0));
    house.seconds(2).await;
    let braked = house.rate_rps().await;
    assert!(braked < 0.6 * risen, "{braked}");
    assert_eq!(house.sent_rps(), Some(braked));
    let keys = house.keys();
    let once: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(once.len(), keys.len(), "no key stands for two rates");
}

#[tokio::test]
async fn an_engine_that_starts_again_goes_on_with_what_the_strategy_remembered() {
    let mut house = House::new(StrategyName::Aimd, Mode::Enforce).await;
    house.seconds(60).await;
    let (risen, kept) = (house.rate_rps().await, house.state().await.steering);
    assert!(risen > 105.0 && kept.is_some(), "{risen}");
    house.engine.drain().await;
    let mut again = House::on(Arc::clone(&house.store), settings(StrategyName::Aimd, Mode::Enforce)).await;
    again.clock.advance(Duration::from_mins(1));
    again.seconds(3).await;
    let after = again.rate_rps().await;
    assert!((after / risen - 1.0).abs() < 0.05, "it did not begin anew at the record: {risen} to {after}");
}

#[tokio::test]
async fn only_a_target_that_is_enforced_is_steered() {
    for mode in [Mode::Observe, Mode::Recommend] {
        let mut house = House::new(StrategyName::Gradient, mode).await;
        house.seconds(30).await;
        assert_eq!((house.rate_rps().await, house.sent_rps()), (100.0, None), "{mode:?}");
    }
}

#[tokio::test]
async fn headroom_sets_nothing_and_asks_for_one_retest_of_an_old_record() {
    let mut house = House::new(StrategyName::Headroom, Mode::Enforce).await;
    *house.agents.latency_ms.lock().unwrap() = None;
    house.seconds(10).await;
    assert_eq!((house.rate_rps().await, house.sent_rps()), (100.0, None));
    let all = EventFilter::default();
    assert!(house.store.events(&all).await.unwrap().is_empty());
    house.clock.advance(Duration::from_hours(31 * 24));
    house.seconds(5).await;
    let events = house.store.events(&all).await.unwrap();
    let [stored] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((stored.event.kind.as_str(), &stored.event.data), ("RETEST_DUE", &json!({ "signature": "v1" })));
}

#[tokio::test]
async fn another_strategy_takes_over_without_a_restart() {
    let mut house = House::new(StrategyName::Headroom, Mode::Enforce).await;
    house.seconds(10).await;
    assert_eq!(house.sent_rps(), None);
    *house.targets.0.lock().unwrap() = Arc::new(settings(StrategyName::Pid, Mode::Enforce));
    house.seconds(30).await;
    assert!(house.rate_rps().await > 101.0);
}

#[tokio::test]
async fn a_halted_or_paused_target_is_left_alone() {
    let mut house = House::new(StrategyName::Pid, Mode::Enforce).await;
    let name = TargetName::from("checkout");
    house.engine.halt(Some(name.clone())).await.unwrap();
    house.seconds(20).await;
    assert_eq!((house.rate_rps().await, house.sent_rps()), (100.0, None));
    house.engine.unhalt(Some(name.clone())).await.unwrap();
    house.engine.pause(&name).await.unwrap();
    house.seconds(20).await;
    assert_eq!((house.rate_rps().await, house.sent_rps()), (100.0, None));
    house.engine.resume(&name).await.unwrap();
    house.seconds(20).await;
    assert!(house.rate_rps().await > 101.0);
    assert_eq!(house.context.targets.names(), [name]);
}
