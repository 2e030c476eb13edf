//! An engine and a store that hold what a test puts into them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use serde_json::{Value as Json, json};

use crate::api::reload::{NotReloaded, Reload, Reloaded};
use crate::api::{ApiState, metrics, router};
use crate::base::clock::{Clock, Timestamp};
use crate::base::digest::Digest;
use crate::base::id::{RunId, TargetName};
use crate::model::assignment::{Assignment, Epoch, Traffic};
use crate::model::event::Event;
use crate::model::network::AllowedHosts;
use crate::model::objective::Objective;
use crate::model::record::{Conditions, LiveTraffic, Measurement, Record, Trial, TrialVerdict, Verdict};
use crate::model::strategy::StrategySettings;
use crate::model::target::{
    MeasureLimits, MeasureSettings, Mode, OnExpiry, Phase, RateSettings, TargetSettings, TargetState,
};
use crate::plan::PlanSource;
use crate::runtime::control::{AcceptError, Acceptance, Control, ControlError, Health, QueueState};
use crate::runtime::effect::{ActionError, Link};
use crate::runtime::engine::outlet::Outlet;
use crate::runtime::journal::Place;
use crate::runtime::ports::*;
use crate::runtime::wait::Decision;
use crate::security::SecretPlaces;
use crate::service::detect::{self, Reception};
use crate::store::MemoryStore;

/// Half past nine.
pub(super) const NOW: &str = "2026-03-01T09:30:00Z";

pub(super) fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[derive(Debug)]
struct StoppedClock;

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        time(NOW)
    }

    async fn sleep_until(&self, _: Timestamp) {}
}

#[derive(Debug, Default)]
pub(super) struct FakeControl {
    pub accepted: Mutex<Vec<Event>>,
    /// What the next call of `accept` fails with.
    pub refuse: Mutex<Option<AcceptError>>,
    pub halts: Mutex<Vec<Option<TargetName>>>,
    /// What was asked of runs.
    pub orders: Mutex<Vec<String>>,
    /// Records that were measured elsewhere.
    pub taken: Mutex<Vec<Record>>,
    pub progress: Option<Json>,
    pub health: Health,
}

#[async_trait]
impl Control for FakeControl {
    async fn accept(&self, events: Vec<Event>) -> Result<Vec<Acceptance>, AcceptError> {
        if let Some(error) = self.refuse.lock().unwrap().take() {
            return Err(error);
        }
        let mut accepted = self.accepted.lock().unwrap();
        Ok(events
            .into_iter()
            .map(|event| {
                if accepted.iter().any(|known| known.source == event.source && known.id == event.id) {
                    return Acceptance::Duplicate;
                }
                accepted.push(event);
                Acceptance::Accepted { sequence: accepted.len() as u64 }
            })
            .collect())
    }

    async fn halt(&self, target: Option<TargetName>) -> Result<(), ControlError> {
        if let Some(name) = &target
            && name.as_str() != "checkout"
        {
            return Err(ControlError::UnknownTarget(name.clone()));
        }
        self.halts.lock().unwrap().push(target);
        Ok(())
    }

    async fn unhalt(&self, target: Option<TargetName>) -> Result<(), ControlError> {
        self.halts.lock().unwrap().retain(|halt| *halt != target);
        Ok(())
    }

    async fn halts(&self) -> Result<Vec<Option<TargetName>>, ControlError> {
        Ok(self.halts.lock().unwrap().clone())
    }

    async fn take_in(&self, record: Record) -> Result<bool, ControlError> {
        let mut taken = self.taken.lock().unwrap();
        let is_new = !taken.contains(&record);
        taken.push(record);
        Ok(is_new)
    }

    async fn steer(&self, _: &TargetName, _: f64, _: Json) -> Result<TargetState, ControlError> {
        Err(ControlError::Conflict("nothing is steered over HTTP".to_owned()))
    }

    async fn pause(&self, target: &TargetName) -> Result<TargetState, ControlError> {
        if target.as_str() == "checkout" {
            return Err(ControlError::Conflict("run 7 holds target `checkout`".to_owned()));
        }
        Err(ControlError::UnknownTarget(target.clone()))
    }

    async fn resume(&self, target: &TargetName) -> Result<TargetState, ControlError> {
        Ok(TargetState::unknown(target.clone(), time(NOW)))
    }

    async fn decide(&self, run: RunId, place: Option<Place>, decision: Decision) -> Result<Place, ControlError> {
        let place = place.unwrap_or(Place { step: "ask".into(), item: None });
        self.orders.lock().unwrap().push(format!("decide {run} {place} {decision:?}"));
        Ok(place)
    }

    async fn cancel(&self, run: RunId) -> Result<(), ControlError> {
        Err(ControlError::Conflict(format!("run {run} is succeeded already")))
    }

    async fn retry(&self, run: RunId, from_failed_step: bool) -> Result<RunId, ControlError> {
        self.orders.lock().unwrap().push(format!("retry {run} {from_failed_step}"));
        Ok(run)
    }

    async fn resume_run(&self, run: RunId) -> Result<(), ControlError> {
        Err(ControlError::UnknownRun(run))
    }

    async fn redrive(&self, sequence: u64) -> Result<(), ControlError> {
        match sequence {
            12 => Ok(()),
            13 => Err(ControlError::Conflict("event 13 cannot be handled now either: `type` is gone".to_owned())),
            _ => Err(ControlError::NoDeadLetter(sequence)),
        }
    }

    async fn drop_letter(&self, sequence: u64) -> Result<(), ControlError> {
        if sequence == 12 { Ok(()) } else { Err(ControlError::NoDeadLetter(sequence)) }
    }

    fn progress(&self, _: RunId) -> Option<Json> {
        self.progress.clone()
    }

    fn queue(&self) -> QueueState {
        QueueState { waiting: 7, limit: 100, due_since: Some(time("2026-03-01T09:29:58Z")) }
    }

    fn health(&self) -> Health {
        self.health.clone()
    }
}

#[derive(Debug, Default)]
pub(super) struct FakeStore {
    pub runs: Vec<StoredRun>,
    pub targets: Vec<TargetState>,
    pub records: Vec<Record>,
    pub events: Vec<StoredEvent>,
    pub bookmarks: Vec<Bookmark>,
    /// What every call fails with.
    pub broken: Option<StoreError>,
}

impl FakeStore {
    fn check(&self) -> Result<(), StoreError> {
        self.broken.clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Store for FakeStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        Ok(Loaded::default())
    }

    async fn commit(&self, _: Transaction) -> Result<Receipt, StoreError> {
        panic!("the interface never writes to the store");
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<crate::runtime::journal::RunSummary>, StoreError> {
        self.check()?;
        let fits = |run: &&StoredRun| {
            let run = &run.summary;
            filter.target.as_ref().is_none_or(|target| run.target.as_ref() == Some(target))
                && filter.status.is_none_or(|status| run.status == status)
                && filter.before.is_none_or(|before| run.id < before)
        };
        let limit = usize::try_from(filter.limit).unwrap();
        Ok(self.runs.iter().rev().filter(fits).take(limit).map(|run| run.summary.clone()).collect())
    }

    async fn run(&self, id: RunId) -> Result<Option<StoredRun>, StoreError> {
        self.check()?;
        Ok(self.runs.iter().find(|run| run.summary.id == id).cloned())
    }

    async fn targets(&self) -> Result<Vec<TargetState>, StoreError> {
        self.check()?;
        Ok(self.targets.clone())
    }

    async fn target(&self, name: &TargetName) -> Result<Option<TargetState>, StoreError> {
        self.check()?;
        Ok(self.targets.iter().find(|target| target.name == *name).cloned())
    }

    async fn records(&self, filter: &RecordFilter) -> Result<Vec<Record>, StoreError> {
        self.check()?;
        let fits = |record: &&Record| {
            filter.target.as_ref().is_none_or(|target| record.target == *target)
                && filter.signature.as_ref().is_none_or(|signature| record.signature == *signature)
        };
        Ok(self.records.iter().filter(fits).cloned().collect())
    }

    async fn assignments(&self, _: &TargetName) -> Result<Vec<Assignment>, StoreError> {
        Ok(Vec::new())
    }

    async fn plan(&self, _: &Digest) -> Result<Option<PlanSource>, StoreError> {
        Ok(None)
    }

    async fn event(&self, source: &str, id: &str) -> Result<Option<StoredEvent>, StoreError> {
        self.check()?;
        Ok(self.events.iter().find(|stored| stored.event.source == source && stored.event.id == id).cloned())
    }

    async fn event_at(&self, sequence: u64) -> Result<Option<StoredEvent>, StoreError> {
        self.check()?;
        Ok(self.events.iter().find(|stored| stored.sequence == sequence).cloned())
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, StoreError> {
        self.check()?;
        let fits = |stored: &&StoredEvent| !filter.only_dead_letters || stored.dead_letter().is_some();
        let limit = usize::try_from(filter.limit).unwrap();
        Ok(match filter.order {
            EventOrder::NewestFirst { before } => {
                let below = |stored: &&StoredEvent| before.is_none_or(|before| stored.sequence < before);
                self.events.iter().rev().filter(fits).filter(below).take(limit).cloned().collect()
            }
            EventOrder::OldestFirst { after } => {
                let above = |stored: &&StoredEvent| stored.sequence > after;
                self.events.iter().filter(fits).filter(above).take(limit).cloned().collect()
            }
        })
    }

    async fn bookmarks(&self) -> Result<Vec<Bookmark>, StoreError> {
        self.check()?;
        Ok(self.bookmarks.clone())
    }

    async fn prune(&self, _: &PruneOrder) -> Result<Pruned, StoreError> {
        panic!("the interface never removes anything");
    }
}

#[derive(Debug)]
struct OneTarget(Arc<TargetSettings>);

impl Targets for OneTarget {
    fn settings(&self, name: &TargetName) -> Option<Arc<TargetSettings>> {
        (*name == self.0.name).then(|| self.0.clone())
    }

    fn names(&self) -> Vec<TargetName> {
        vec![self.0.name.clone()]
    }
}

#[derive(Debug)]
struct Unchanged;

#[async_trait]
impl Reload for Unchanged {
    async fn reload(&self) -> Result<Reloaded, NotReloaded> {
        Ok(Reloaded { digest: "sha256:aa".to_owned(), changes: Vec::new() })
    }
}

#[derive(Debug)]
struct OneAgent;

#[async_trait]
impl Dispatcher for OneAgent {
    async fn dispatch(&self, _: DispatchOrder, _: Link) -> Result<Dispatched, ActionError> {
        panic!("the interface never dispatches");
    }

    fn agents(&self, target: &TargetName) -> Vec<AgentView> {
        if target.as_str() != "checkout" {
            return Vec::new();
        }
        vec![AgentView {
            id: "edge-1".into(),
            target: target.clone(),
            connected: true,
            rate_rps: Some(160.0),
            epoch: Some(Epoch { incarnation: 1, token: 4, sequence: 2 }),
            confirmed: true,
            passed_rps: 158.5,
            refused_rps: 3.0,
            seen_at: Some(time("2026-03-01T09:29:58Z")),
        }]
    }

    fn set_halted(&self, _: Option<&TargetName>, _: bool) {}

    fn traffic(&self, _: &TargetName, _: Timestamp, _: Timestamp) -> Option<Traffic> {
        None
    }
}

/// The interface over these, with the target `checkout` and its agent `edge-1`.
pub(super) fn interface(control: &Arc<FakeControl>, store: FakeStore) -> Router {
    router(state(control, store, metrics::recorder().unwrap().handle()), None)
}

pub(super) fn state(
    control: &Arc<FakeControl>,
    store: FakeStore,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
) -> ApiState {
    ApiState {
        control: control.clone(),
        store: Arc::new(store),
        targets: Arc::new(OneTarget(Arc::new(checkout()))),
        dispatcher: Arc::new(OneAgent),
        reloader: Arc::new(Unchanged),
        detectors: Arc::new(reception()),
        clock: Arc::new(StoppedClock),
        metrics,
    }
}

/// A detector that takes all alerts that fire, before an engine that is not there yet.
fn reception() -> Reception {
    let text = "defaults: {}\ndetectors: { alerts: { kind: alertmanager, event: FIRES } }\n";
    let config = crate::config::read("test.yaml", text, std::path::Path::new(""), &[]).config.unwrap();
    let detectors: Vec<_> = config.detectors.into_iter().map(|declared| declared.detector).collect();
    let options = detect::Options {
        clock: Arc::new(StoppedClock),
        store: Arc::new(MemoryStore::new()),
        inbox: Arc::new(Outlet::default()),
        secrets: Arc::new(SecretPlaces::default()),
        allowed: AllowedHosts::loopback(),
        board: detect::Board::default(),
    };
    Reception::new(options, &detectors)
}

fn checkout() -> TargetSettings {
    TargetSettings {
        name: "checkout".into(),
        mode: Mode::Enforce,
        labels: [("team".to_owned(), "shop".to_owned())].into(),
        slo: Objective { p99_ms: 250.0, error_rate: 0.001 },
        rate: RateSettings {
            initial_rps: 50.0,
            floor_rps: 20.0,
            ceiling_rps: 2_000.0,
            interim: 0.7,
            max_step: None,
            time_to_live: std::time::Duration::from_mins(1),
            on_expiry: OnExpiry::Floor,
        },
        strategy: StrategySettings::headroom(0.2),
        measure: Some(MeasureSettings {
            calendar: crate::model::calendar::Calendar::default(),
            endpoint: "http://user:geheim@127.0.0.1:8080/".to_owned(),
            health: None,
            live_traffic: LiveTraffic::Count,
            limits: MeasureLimits {
                max_rate_rps: 1_500.0,
                time: std::time::Duration::from_mins(10),
                requests: 500_000,
            },
            request_timeout: std::time::Duration::from_secs(10),
            trial_time: std::time::Duration::from_secs(2),
            trial_requests: 300,
            precision: 0.03,
            load: crate::model::load::LoadSettings::default(),
        }),
        push_agents: Vec::new(),
        detect: crate::model::target::DetectSettings::default(),
    }
}

/// `checkout` at rest with a verified rate.
pub(super) fn at_rest() -> TargetState {
    TargetState {
        phase: Phase::Stable,
        signature: Some("sha256:aa".into()),
        rate_rps: Some(320.0),
        verified_rps: Some(400.0),
        ..TargetState::unknown("checkout".into(), time("2026-03-01T09:00:00Z"))
    }
}

pub(super) fn record(run: RunId) -> Record {
    Record {
        target: "checkout".into(),
        signature: "sha256:aa".into(),
        measurement: Measurement {
            max_rps: 400.0,
            interval_rps: [398.0, 408.0],
            verdict: Verdict::Confirmed,
            stopped: None,
            started_at: time("2026-03-01T08:59:00Z"),
            ended_at: time("2026-03-01T09:00:00Z"),
            requests: 24_000,
            curve: vec![Trial {
                rate_rps: 400.0,
                live_rps: 20.0,
                duration_ms: 2_000,
                requests: 760,
                p50_ms: 12.5,
                p99_ms: 180.0,
                error_rate: 0.0,
                lateness_p99_ms: 0.4,
                verdict: TrialVerdict::Pass,
            }],
        },
        conditions: Conditions {
            objective: Objective { p99_ms: 250.0, error_rate: 0.001 },
            live_traffic: LiveTraffic::Count,
            endpoint: "http://127.0.0.1:8080/".to_owned(),
            sends: None,
        },
        run,
        recorded_at: time("2026-03-01T09:00:01Z"),
    }
}

pub(super) fn event(id: &str) -> Json {
    json!({
        "specversion": "1.0", "id": id, "source": "/ci", "type": "DEPLOYMENT_CHANGE", "subject": "checkout",
        "time": "2026-03-01T09:29:00Z", "data": { "signature": "sha256:aa" }
    })
}
