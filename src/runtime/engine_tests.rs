//! The shipped rules and workflows on the whole runtime: a store in memory, services that are simulated, time that is moved.

mod waiting_tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::clauses::Memory;
use super::control::{AcceptError, Acceptance, Control as _, ControlError, RefusalKind};
use super::engine::{Engine, Intake, Options};
use super::journal::{RunStatus, RunSummary};
use super::ports::{Context, Planner, RuleResult, RuleState, RunFilter, Store, Targets, Transaction, Write};
use super::program::Program;
use crate::action::Registry;
use crate::app::explain;
use crate::base::clock::{Clock, ManualClock, Timestamp};
use crate::base::digest::Digest;
use crate::base::id::TargetName;
use crate::base::source::Sources;
use crate::compile;
use crate::config::TargetTable;
use crate::diagnostic::Diagnostics;
use crate::model::event::{Event, Priority};
use crate::model::objective::Objective;
use crate::model::record::LiveTraffic;
use crate::model::strategy::StrategySettings;
use crate::model::target::{
    MeasureLimits, MeasureSettings, Mode, OnExpiry, Phase, RateSettings, TargetSettings, TargetState,
};
use crate::plan::{Plan, PlanSource};
use crate::router::Router;
use crate::service::adjust::StrategyAdjuster;
use crate::service::dispatch::RecordedDispatcher;
use crate::service::pressure::simulated::SimulatedPressure;
use crate::service::recorder::StoreRecorder;
use crate::shipped;
use crate::store::MemoryStore;

/// When everything begins.
const START: Timestamp = Timestamp(1_700_000_000_000);
/// How long a simulated load test takes.
const LOAD_TEST: Duration = Duration::from_secs(30);
/// How long a repeated event is known.
const DEDUP_WINDOW: Duration = Duration::from_hours(1);

#[derive(Debug)]
struct OneTarget(Arc<TargetSettings>);

impl Targets for OneTarget {
    fn settings(&self, name: &TargetName) -> Option<Arc<TargetSettings>> {
        (self.0.name == *name).then(|| Arc::clone(&self.0))
    }

    fn names(&self) -> Vec<TargetName> {
        vec![self.0.name.clone()]
    }
}

#[derive(Debug)]
struct FromText;

impl Planner for FromText {
    fn plan(&self, source: &PlanSource) -> Result<Plan, String> {
        compile::plan_of(source, &crate::action::catalogue()).map_err(|found| format!("{found:?}"))
    }
}

fn program() -> Arc<Program> {
    let mut sources = Sources::new();
    for file in shipped::FILES {
        sources.add(file.name, file.text);
    }
    compiled(sources)
}

fn compiled(sources: Sources) -> Arc<Program> {
    let compiled = compile::compile(sources, Diagnostics::new(), &crate::action::catalogue());
    let program = compiled.program.unwrap();
    let events = program.events.iter().map(|event| (event.name.clone(), event.data.clone())).collect();
    let plans: BTreeMap<_, _> = compiled.plans.into_iter().map(|plan| (plan.workflow.clone(), plan)).collect();
    Arc::new(Program { events, router: Router::new(Arc::new(program)), plans, digest: Digest::of("shipped") })
}

fn settings() -> TargetSettings {
    TargetSettings {
        name: "checkout".into(),
        mode: Mode::Enforce,
        labels: BTreeMap::new(),
        slo: Objective { p99_ms: 250.0, error_rate: 0.01 },
        rate: RateSettings {
            initial_rps: 50.0,
            floor_rps: 20.0,
            ceiling_rps: 2_000.0,
            interim: 0.5,
            max_step: None,
            time_to_live: Duration::from_mins(1),
            on_expiry: OnExpiry::Floor,
        },
        strategy: StrategySettings::headroom(0.2),
        measure: Some(MeasureSettings {
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
        }),
        push_agents: Vec::new(),
        detect: crate::model::target::DetectSettings::default(),
    }
}

/// An engine and all that it stands on; the engine can be started again on the same store.
struct House {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    pressure: Arc<SimulatedPressure>,
    dispatcher: Arc<RecordedDispatcher>,
    engine: Arc<Engine>,
    program: Arc<Program>,
    target: TargetName,
    sent: u32,
}

impl House {
    async fn new() -> Self {
        Self::on(MemoryStore::new()).await
    }

    /// On a store that holds something already.
    async fn on(store: MemoryStore) -> Self {
        Self::under(store, program()).await
    }

    async fn under(store: MemoryStore, program: Arc<Program>) -> Self {
        let clock = Arc::new(ManualClock::starting_at(START));
        let store = Arc::new(store);
        let pressure = Arc::new(SimulatedPressure::new(Arc::clone(&clock) as Arc<dyn Clock>).taking(LOAD_TEST));
        let dispatcher = Arc::new(RecordedDispatcher::with_agents(["one", "two"]));
        let engine = start(&clock, &store, &pressure, &dispatcher, &program).await;
        let target = TargetName::from("checkout");
        pressure.set_capacity(&target, 400.0);
        Self { clock, store, pressure, dispatcher, engine, program, target, sent: 0 }
    }

    /// Stops the engine in order and starts another one.
    async fn restart(&mut self) {
        let drained = {
            let engine = Arc::clone(&self.engine);
            tokio::spawn(async move { engine.drain().await })
        };
        // What still runs is told to stop after its grace.
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.clock.advance(Duration::from_secs(1));
        }
        drained.await.unwrap();
        self.engine = start(&self.clock, &self.store, &self.pressure, &self.dispatcher, &self.program).await;
    }

    fn event(&mut self, kind: &str, data: Json) -> Event {
        self.sent += 1;
        Event {
            id: self.sent.to_string(),
            source: "test".to_owned(),
            kind: kind.to_owned(),
            subject: Some(self.target.clone()),
            time: self.clock.now(),
            data,
            priority: Priority::default(),
            deliver_at: None,
            during_test: false,
            chain: 0,
            extensions: serde_json::Map::new(),
        }
    }

    async fn send(&mut self, kind: &str, data: Json) -> String {
        let event = self.event(kind, data);
        let id = event.id.clone();
        let answers = self.engine.accept(vec![event]).await.unwrap();
        assert!(matches!(answers[..], [Acceptance::Accepted { .. }]));
        id
    }

    async fn deploy(&mut self, signature: &str) -> String {
        self.send("DEPLOYMENT_CHANGE", json!({ "signature": signature })).await
    }

    /// What the rules made of an event, once it was routed.
    async fn results(&self, id: &str) -> Vec<RuleResult> {
        let outcome =
            self.until(async || self.store.event("test", id).await.unwrap().and_then(|stored| stored.outcome)).await;
        outcome.rules.iter().map(|rule| rule.result).collect()
    }

    async fn runs(&self) -> Vec<RunSummary> {
        let mut runs = self.store.runs(&RunFilter::default()).await.unwrap();
        runs.reverse();
        runs
    }

    async fn state(&self) -> TargetState {
        self.store.target(&self.target).await.unwrap().unwrap()
    }

    /// Asks until there is an answer. Only waiting for other tasks takes real time here.
    async fn until<T>(&self, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        for _ in 0..20_000 {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("it did not come to that: {:#?}", self.runs().await);
    }

    /// Until so many runs are over, time moving on.
    async fn until_over(&self, count: usize) -> Vec<RunSummary> {
        self.until(async || {
            let runs = self.runs().await;
            let over = runs.iter().filter(|run| run.status.is_final()).count();
            if over < count {
                self.clock.advance(Duration::from_secs(1));
            }
            (over >= count).then_some(runs)
        })
        .await
    }

    async fn until_measuring(&self, orders: usize) {
        self.until(async || (self.pressure.orders().len() >= orders).then_some(())).await;
    }
}

async fn start(
    clock: &Arc<ManualClock>,
    store: &Arc<MemoryStore>,
    pressure: &Arc<SimulatedPressure>,
    dispatcher: &Arc<RecordedDispatcher>,
    program: &Arc<Program>,
) -> Arc<Engine> {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let store = Arc::clone(store) as Arc<dyn Store>;
    let context = Context {
        recorder: Arc::new(StoreRecorder::new(Arc::clone(&clock), Arc::clone(&store))),
        clock,
        store,
        targets: Arc::new(OneTarget(Arc::new(settings()))),
        pressure: Arc::clone(pressure) as _,
        adjuster: Arc::new(StrategyAdjuster),
        dispatcher: Arc::clone(dispatcher) as _,
        planner: Arc::new(FromText),
        run_ids: Arc::new(super::ports::UniqueRunIds),
        outlet: Arc::default(),
    };
    let actions = Registry::shipped().into_actions();
    Engine::start(Options {
        context,
        actions,
        program: Arc::clone(program),
        intake: Intake { pending_limit: 10, dedup_window: DEDUP_WINDOW },
    })
    .await
    .unwrap()
}

fn statuses(runs: &[RunSummary]) -> Vec<(&str, RunStatus)> {
    runs.iter().map(|run| (run.workflow.as_str(), run.status)).collect()
}

#[tokio::test]
async fn a_deployment_is_measured_once_and_recognised_after() {
    let mut house = House::new().await;
    house.deploy("a").await;
    house.until_over(1).await;
    let state = house.state().await;
    assert_eq!((state.phase, state.signature.as_ref().map(ToString::to_string)), (Phase::Stable, Some("a".to_owned())));
    let measured = state.verified_rps.unwrap();
    assert!((state.rate_rps.unwrap() - measured * 0.8).abs() < 1e-6, "{state:?}");

    let again = house.deploy("a").await;
    assert_eq!(house.results(&again).await, [], "it is the deployment that runs");

    house.deploy("b").await;
    house.until_over(2).await;
    house.deploy("a").await;
    let runs = house.until_over(3).await;
    assert!(runs.iter().all(|run| run.status == RunStatus::Succeeded), "{runs:#?}");
    assert_eq!(house.pressure.orders().len(), 2, "the rollback was not measured again");
    // Interim first, then the measured share: for A, for B, and for the rollback the share alone.
    assert_eq!(house.dispatcher.orders().len(), 5);
}

#[tokio::test]
async fn a_later_deployment_takes_the_target_over_in_the_middle_of_a_load_test() {
    let mut house = House::new().await;
    house.deploy("a").await;
    house.until_measuring(1).await;
    let same = house.deploy("a").await;
    assert_eq!(house.results(&same).await, [RuleResult::Busy], "the same again is dropped");
    house.deploy("b").await;
    let runs = house.until_over(2).await;
    let expected = [("deployment_change", RunStatus::Cancelled), ("deployment_change", RunStatus::Succeeded)];
    assert_eq!(statuses(&runs), expected);
    let state = house.state().await;
    assert_eq!(state.signature.unwrap().as_str(), "b");
    assert_eq!(state.phase, Phase::Stable);
    assert_eq!(state.lease.token, 2);
}

#[tokio::test]
async fn a_halt_stops_the_load_test_and_holds_what_comes_after() {
    let mut house = House::new().await;
    house.deploy("a").await;
    house.until_measuring(1).await;
    house.engine.halt(Some(house.target.clone())).await.unwrap();
    let runs = house.until(async || house.runs().await.pop().filter(|run| run.status.is_final())).await;
    assert_eq!(runs.status, RunStatus::Failed);
    assert_eq!(house.state().await.phase, Phase::Degraded);

    let next = house.deploy("b").await;
    assert_eq!(house.results(&next).await, [RuleResult::Matched]);
    house.restart().await;
    assert_eq!(house.runs().await[1].status, RunStatus::Waiting, "a halt outlives the engine");
    house.engine.unhalt(Some(house.target.clone())).await.unwrap();
    let runs = house.until_over(2).await;
    assert_eq!(runs[1].status, RunStatus::Succeeded);
}

#[tokio::test]
async fn an_engine_that_was_stopped_goes_on_where_it_was() {
    let mut house = House::new().await;
    house.deploy("a").await;
    house.until_measuring(1).await;
    house.restart().await;
    let runs = house.until_over(1).await;
    assert_eq!(statuses(&runs), [("deployment_change", RunStatus::Succeeded)]);
    let orders = house.pressure.orders();
    assert_eq!(orders.len(), 2);
    assert_eq!(orders[0].key, orders[1].key, "it is repeated under the same key");
    assert_eq!(orders[1].interruptions, 0, "a stop in order is no crash");
}

#[tokio::test]
async fn a_paused_target_keeps_its_events_until_it_is_woken() {
    let mut house = House::new().await;
    house.deploy("a").await;
    house.until_over(1).await;
    house.engine.pause(&house.target.clone()).await.unwrap();
    assert!(matches!(house.engine.pause(&house.target.clone()).await, Err(ControlError::Conflict(_))));
    let kept = house.deploy("b").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(house.store.event("test", &kept).await.unwrap().unwrap().outcome, None);
    let wake = house.send("WAKE", json!({})).await;
    assert_eq!(house.results(&wake).await, [RuleResult::Matched], "the rule sees the target paused");
    assert_eq!(house.results(&kept).await, [RuleResult::Matched]);
    let runs = house.until_over(3).await;
    let workflows: Vec<_> = runs.iter().map(|run| run.workflow.as_str()).collect();
    assert_eq!(workflows, ["deployment_change", "wake_up", "deployment_change"]);
}

#[tokio::test]
async fn an_idle_target_rests_at_its_floor_until_it_is_woken() {
    let mut house = House::new().await;
    house.deploy("a").await;
    let runs = house.until_over(1).await;
    assert_eq!(statuses(&runs), [("deployment_change", RunStatus::Succeeded)]);
    let awake = house.state().await.rate_rps.unwrap();
    house.send("IDLE", json!({})).await;
    house.until_over(2).await;
    let state = house.state().await;
    assert_eq!((state.phase, state.rate_rps), (Phase::Paused, Some(20.0)));
    house.send("WAKE", json!({})).await;
    let runs = house.until_over(3).await;
    assert_eq!(runs[2].status, RunStatus::Succeeded, "{runs:#?}");
    let state = house.state().await;
    assert_eq!(state.phase, Phase::Stable);
    assert!((state.rate_rps.unwrap() - awake).abs() < 1e-6, "{state:?}");
}

#[tokio::test]
async fn three_spikes_back_off_once_and_are_measured_again_later() {
    use RuleResult::{BelowThreshold, Matched};

    let mut house = House::new().await;
    house.deploy("a").await;
    house.until_over(1).await;
    let before = house.state().await.rate_rps.unwrap();
    let mut all = Vec::new();
    for _ in 0..4 {
        let id = house.send("HIGH_LATENCY", json!({ "p99_ms": 900 })).await;
        all.push(house.results(&id).await);
        house.clock.advance(Duration::from_secs(5));
    }
    assert_eq!(
        all,
        [
            [BelowThreshold, BelowThreshold],
            [BelowThreshold, BelowThreshold],
            [Matched, Matched],
            [BelowThreshold, BelowThreshold]
        ]
    );
    house.until_over(2).await;
    let lowered = house.state().await.rate_rps.unwrap();
    assert!((lowered - before * 0.8).abs() < 1e-6, "{before} to {lowered}");
    assert_eq!(house.pressure.orders().len(), 1);
    // The emitted event is durable: another engine delivers it.
    house.restart().await;
    house.clock.advance(Duration::from_mins(30));
    house.until_over(3).await;
    assert_eq!(house.pressure.orders().len(), 2, "the retest was due");
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_all_its_reasons() {
    use RefusalKind::{BadData, UnknownTarget, UnknownType};

    let mut house = House::new().await;
    let mut wrong = house.event("DEPLOYMENT_CHANG", json!({}));
    wrong.subject = Some("chekout".into());
    let bad_data = house.event("HIGH_LATENCY", json!({ "p99_ms": "fast", "p95_ms": 1 }));
    let Err(AcceptError::Refused(refusals)) = house.engine.accept(vec![wrong, bad_data]).await else {
        panic!("it was taken")
    };
    let kinds: Vec<_> = refusals.iter().map(|refusal| (refusal.index, refusal.kind)).collect();
    assert_eq!(kinds, [(0, UnknownType), (0, UnknownTarget), (1, BadData), (1, BadData)]);
    assert!(refusals[0].message.contains("did you mean `DEPLOYMENT_CHANGE`?"), "{}", refusals[0].message);

    let event = house.event("DEPLOYMENT_CHANGE", json!({ "signature": "a" }));
    house.engine.accept(vec![event.clone()]).await.unwrap();
    assert_eq!(house.engine.accept(vec![event]).await.unwrap(), [Acceptance::Duplicate]);
    let many = (0..11).map(|_| house.event("DEPLOYMENT_CHANGE", json!({ "signature": "z" }))).collect();
    assert!(matches!(house.engine.accept(many).await, Err(AcceptError::Busy { .. })));
    assert_eq!(house.until_over(1).await.len(), 1, "nothing of what was refused has run");
}

#[tokio::test]
async fn an_event_that_can_wait_is_turned_away_where_too_many_wait() {
    let mut house = House::new().await;
    // A paused target lets its events wait.
    house.engine.pause(&"checkout".into()).await.unwrap();
    let outlet = house.engine.context().outlet;
    for _ in 0..10 {
        let event = house.event("DEPLOYMENT_CHANGE", json!({ "signature": "a" }));
        outlet.offer_with(event, Vec::new()).await.unwrap();
    }
    let event = house.event("DEPLOYMENT_CHANGE", json!({ "signature": "b" }));
    let refused = outlet.offer_with(event.clone(), Vec::new()).await.unwrap_err();
    assert_eq!((refused.may_retry(), refused.message.as_str()), (true, "10 events wait already"));
    outlet.emit_with(event, Vec::new()).await.unwrap();
}

/// How a target may stand, and an event that comes then.
fn situations() -> impl Strategy<Value = (explain::State, &'static str, Json)> {
    let event = prop_oneof![
        prop::sample::select(vec![100.0, 501.0, 1200.0]).prop_map(|p99| ("HIGH_LATENCY", json!({ "p99_ms": p99 }))),
        prop::sample::select(vec!["a", "b"]).prop_map(|of| ("RETEST_DUE", json!({ "signature": of }))),
        prop::sample::select(vec!["a", "b"]).prop_map(|of| ("DEPLOYMENT_CHANGE", json!({ "signature": of }))),
        Just(("IDLE", json!({}))),
        Just(("WAKE", json!({}))),
    ];
    let counted = || (0..4_usize, 0..2_usize).prop_map(|(matches, passed)| explain::Counted { matches, passed });
    let phase = prop::sample::select(vec![Phase::Stable, Phase::Degraded, Phase::Paused]);
    (phase, prop::option::of(Just("a".to_owned())), prop::option::of(Just(120.0)), counted(), counted(), event)
        .prop_map(|(phase, signature, rate_rps, spike, retest, (kind, data))| {
            let rules = BTreeMap::from([("latency_spike".into(), spike), ("latency_retest".into(), retest)]);
            let state = explain::State { phase, signature, rate_rps, rules, ..explain::State::default() };
            (state, kind, data)
        })
}

/// A store in which the target stands like that.
async fn standing(state: &explain::State) -> MemoryStore {
    let target = TargetState {
        phase: state.phase,
        phase_before: state.phase,
        signature: state.signature.as_deref().map(Into::into),
        rate_rps: state.rate_rps,
        ..TargetState::unknown("checkout".into(), START)
    };
    let program = program();
    let mut writes = vec![Write::PutTarget(target.clone())];
    for (name, counted) in &state.rules {
        let memory = Memory::of(counted.matches, counted.passed, START);
        writes.push(Write::PutRuleState(RuleState {
            rule: name.clone(),
            target: Some(target.name.clone()),
            digest: program.router.rule(name.as_str()).unwrap().digest.clone(),
            state: serde_json::to_value(memory).unwrap(),
        }));
    }
    let store = MemoryStore::new();
    store.commit(Transaction { writes, ..Transaction::default() }).await.unwrap();
    store
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_explained_is_what_the_engine_does((state, kind, data) in situations()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut house = House::on(standing(&state).await).await;
            let event = house.event(kind, data.clone());
            let targets = TargetTable::new([settings()], None);
            let told = explain::explain(&program(), &Sources::new(), &targets, event, &state, START);
            assert!(told.refused.is_empty(), "{told:#?}");
            house.sent = 0;
            let id = house.send(kind, data).await;
            if told.waits.is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
                assert_eq!(house.store.event("test", &id).await.unwrap().unwrap().outcome, None, "it waits");
                return;
            }
            let outcome =
                house.until(async || house.store.event("test", &id).await.unwrap().and_then(|stored| stored.outcome)).await;
            let done: Vec<_> = outcome.rules.iter().map(|rule| (rule.rule.clone(), rule.result, rule.note.clone())).collect();
            // Of rules that do not match the engine says nothing.
            let told: Vec<_> = told.rules.iter().filter(|rule| rule.result != RuleResult::NoMatch).collect();
            let said: Vec<_> = told.iter().map(|rule| (rule.rule.clone(), rule.result, rule.note.clone())).collect();
            assert_eq!(said, done);
            let runs = house.runs().await;
            for (told, done) in told.iter().zip(&outcome.rules) {
                let run = runs.iter().find(|run| Some(run.id) == done.run);
                let made = run.map(|run| (run.workflow.to_string(), Some(run.inputs.clone())));
                let starts = told.run.as_ref().filter(|run| run.starts);
                assert_eq!(starts.map(|run| (run.workflow.clone(), run.inputs.clone())), made);
                for (number, emitted) in told.emit.iter().enumerate() {
                    let source = format!("homeostat/rules/{}", told.rule);
                    let stored = house.store.event(&source, &format!("{id}/{}/{number}", told.rule)).await.unwrap().unwrap();
                    let event = stored.event;
                    assert_eq!((&event.kind, &event.data, event.deliver_at), (&emitted.kind, &emitted.data, emitted.deliver_at));
                }
            }
        });
    }
}
