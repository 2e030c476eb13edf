//! Rules, workflows and a strategy against a target in virtual time: the real engine, with agents and a target that are simulated.
//!
//! A deploy of the case is told as `DEPLOYMENT_CHANGE`, a second that broke the objective as `HIGH_LATENCY`, where the rules declare
//! these events. A load test finds what the target bears then, and takes half a minute. Simulated targets are enforced, whatever their
//! mode is. The same seed gives the same course. What must not be known here: how a course is drawn.

mod plant_agents;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};

use self::plant_agents::PlantAgents;
use super::world::Laws;
use super::world::clock::{VirtualClock, within_virtual_time};
use crate::action::Registry;
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::{RunId, TargetName};
use crate::model::event::Event;
use crate::model::load::LoadSettings;
use crate::model::record::LiveTraffic;
use crate::model::target::{MeasureLimits, MeasureSettings, Mode, TargetSettings};
use crate::runtime::control::Control;
use crate::runtime::engine::{Engine, Intake, Options};
use crate::runtime::ports::{Context, RunFilter, RunIds, Store, Targets};
use crate::service::adjust::StrategyAdjuster;
use crate::service::plant::Plant;
pub use crate::service::plant::course::{Figures, Point};
use crate::service::plant::course::{figures, point};
pub use crate::service::plant::scenario::Case;
use crate::service::plant::scenario::{LENGTH_S, Scenario, WARM_UP_S};
use crate::service::pressure::simulated::SimulatedPressure;
use crate::service::recorder::StoreRecorder;
use crate::service::steering::Steering;
use crate::store::MemoryStore;

/// When a simulation begins: any moment, always the same.
const START: Timestamp = Timestamp(1_767_225_600_000);

/// A load test takes so long.
const LOAD_TEST: Duration = Duration::from_secs(30);

const INTAKE: Intake = Intake { pending_limit: 1_000_000, dedup_window: Duration::from_hours(24 * 365) };

/// What is simulated.
#[derive(Debug)]
pub struct Order {
    pub laws: Laws,
    pub settings: TargetSettings,
    pub case: Case,
    /// What the target bears at first; drawn by the seed where it is not given.
    pub capacity_rps: Option<f64>,
    pub seed: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Simulated {
    pub points: Vec<Point>,
    pub figures: Figures,
    pub runs: Vec<RunLine>,
    /// Events that the rules do not take, by type.
    pub untaken: Vec<&'static str>,
}

/// A run that the rules started.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct RunLine {
    /// Since the figures began; those of the warm-up are before.
    pub at_s: f64,
    pub workflow: String,
    pub status: String,
}

/// Runs a simulation to its end.
///
/// # Errors
/// The engine could not be started: a defect, or a machine without threads to give.
pub fn simulate(order: Order) -> Result<Simulated, String> {
    let clock = Arc::new(VirtualClock::starting_at(START));
    within_virtual_time(&clock, drive(order, Arc::clone(&clock))).map_err(|error| error.to_string())?
}

async fn drive(order: Order, clock: Arc<VirtualClock>) -> Result<Simulated, String> {
    let Order { laws, settings, case, capacity_rps, seed } = order;
    let settings = Arc::new(enforced(settings));
    let scenario = Scenario::of(case, capacity_rps, seed);
    let agents = Arc::new(PlantAgents::new(Arc::clone(&settings), Arc::clone(&clock) as _, START));
    let pressure = Arc::new(SimulatedPressure::new(Arc::clone(&clock) as _).taking(LOAD_TEST));
    let store = Arc::new(MemoryStore::with_incarnation(1)) as Arc<dyn Store>;
    let context = Context {
        recorder: Arc::new(StoreRecorder::new(Arc::clone(&clock) as _, Arc::clone(&store))),
        clock: Arc::clone(&clock) as _,
        store: Arc::clone(&store),
        targets: Arc::new(One(Arc::clone(&settings))),
        pressure: Arc::clone(&pressure) as _,
        adjuster: Arc::new(StrategyAdjuster),
        dispatcher: Arc::clone(&agents) as _,
        planner: Arc::clone(&laws.planner),
        run_ids: Arc::new(Counted { clock: Arc::clone(&clock), count: AtomicU64::new(0) }),
        outlet: Arc::default(),
    };
    let actions = Registry::shipped().into_actions();
    let options = Options { context: context.clone(), actions, program: Arc::clone(&laws.program), intake: INTAKE };
    let engine = Engine::start(options).await.map_err(|error| error.to_string())?;
    let mut steering = Steering::new(context, Arc::clone(&engine) as _);
    let mut world = Told { engine, settings: Arc::clone(&settings), untaken: BTreeSet::new(), deploys: 0, count: 0 };
    let mut plant = Plant::new(&scenario, seed ^ 0x9e37_79b9);
    let mut points = Vec::new();
    for index in 0..WARM_UP_S + LENGTH_S {
        let at_s = f64::from(index);
        let now = START.after(Duration::from_secs(u64::from(index)));
        let capacity_rps = scenario.borne(at_s).capacity_rps;
        pressure.set_capacity(&settings.name, capacity_rps);
        agents.attend(scenario.agents(at_s), now);
        if index == 0 || scenario.steps_s().any(|step| (step - at_s).abs() < 0.5) {
            world.deploy(now).await;
        }
        steering.look().await;
        // The engine does what is to be done at this moment before the second passes.
        clock.run_until(now).await;
        let rate_rps = agents.total_rps();
        let mut second = agents.let_pass(&mut plant);
        let end = now.after(Duration::from_secs(1));
        clock.run_until(end).await;
        clock.jump_to(end);
        let (point, sample) = point(&scenario, at_s, Some(rate_rps), &mut second, (now, end), &settings.slo);
        agents.saw(sample, &scenario);
        if let Some(p99_ms) = sample.p99_ms.filter(|p99_ms| *p99_ms > settings.slo.p99_ms) {
            world.slow(p99_ms, end).await;
        }
        points.push(point);
    }
    let all = RunFilter { limit: u64::MAX, ..RunFilter::default() };
    let mut runs: Vec<RunLine> =
        store.runs(&all).await.map_err(|error| error.to_string())?.into_iter().map(line).collect();
    runs.reverse();
    let figures = figures(&scenario, &points);
    let untaken = world.untaken.into_iter().collect();
    Ok(Simulated { points, figures, runs, untaken })
}

fn line(run: crate::runtime::journal::RunSummary) -> RunLine {
    RunLine {
        at_s: run.created_at.since(START).as_secs_f64() - f64::from(WARM_UP_S),
        workflow: run.workflow.to_string(),
        status: serde_json::to_value(run.status)
            .ok()
            .and_then(|status| status.as_str().map(str::to_owned))
            .unwrap_or_default(),
    }
}

/// The target as it is simulated: enforced, and with something to load-test.
fn enforced(settings: TargetSettings) -> TargetSettings {
    let measure = settings.measure.clone().unwrap_or_else(|| MeasureSettings {
        calendar: crate::model::calendar::Calendar::default(),
        endpoint: "http://127.0.0.1/".to_owned(),
        health: None,
        live_traffic: LiveTraffic::Isolated,
        limits: MeasureLimits {
            max_rate_rps: settings.rate.ceiling_rps,
            time: Duration::from_mins(10),
            requests: 1_000_000,
        },
        request_timeout: Duration::from_secs(10),
        trial_time: Duration::from_secs(2),
        trial_requests: 300,
        precision: 0.03,
        load: LoadSettings::default(),
    });
    TargetSettings { mode: Mode::Enforce, measure: Some(measure), push_agents: Vec::new(), ..settings }
}

/// What detectors would tell the engine.
struct Told {
    engine: Arc<Engine>,
    settings: Arc<TargetSettings>,
    untaken: BTreeSet<&'static str>,
    deploys: u32,
    count: u64,
}

impl Told {
    async fn deploy(&mut self, now: Timestamp) {
        self.deploys += 1;
        let signature = format!("v{}", self.deploys);
        self.tell("DEPLOYMENT_CHANGE", json!({ "signature": signature }), now).await;
    }

    async fn slow(&mut self, p99_ms: f64, now: Timestamp) {
        self.tell("HIGH_LATENCY", json!({ "p99_ms": p99_ms }), now).await;
    }

    async fn tell(&mut self, kind: &'static str, data: Json, now: Timestamp) {
        self.count += 1;
        let event = Event {
            subject: Some(self.settings.name.clone()),
            time: now,
            data,
            ..Event::new("homeostat:simulation", self.count.to_string(), kind)
        };
        // Rules that do not declare it have no use for it; that is told with the figures.
        if self.engine.accept(vec![event]).await.is_err() {
            self.untaken.insert(kind);
        }
    }
}

#[derive(Debug)]
struct One(Arc<TargetSettings>);

impl Targets for One {
    fn settings(&self, name: &TargetName) -> Option<Arc<TargetSettings>> {
        (self.0.name == *name).then(|| Arc::clone(&self.0))
    }

    fn names(&self) -> Vec<TargetName> {
        vec![self.0.name.clone()]
    }
}

/// Ids without chance.
#[derive(Debug)]
struct Counted {
    clock: Arc<VirtualClock>,
    count: AtomicU64,
}

impl RunIds for Counted {
    fn next(&self) -> RunId {
        RunId::counted(self.clock.now(), self.count.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

#[cfg(test)]
mod tests;
