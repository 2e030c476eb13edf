use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{RunId, TargetName};
use crate::model::assignment::Assignment;
use crate::model::objective::Objective;
use crate::model::record::{LiveTraffic, Measurement, Verdict};
use crate::model::strategy::StrategySettings;
use crate::model::target::{MeasureLimits, MeasureSettings, Mode, OnExpiry, RateSettings, TargetState};
use crate::plan::PlanSource;
use crate::runtime::journal::RunSummary;
use crate::runtime::ports::{
    Bookmark, EventFilter, Loaded, PruneOrder, Pruned, Receipt, RunFilter, StoredEvent, StoredRun,
};

/// A store that keeps records alone.
#[derive(Debug, Default)]
struct RecordsOnly {
    records: Mutex<Vec<Record>>,
    lease: u64,
}

#[async_trait]
impl Store for RecordsOnly {
    async fn load(&self) -> Result<Loaded, StoreError> {
        Ok(Loaded::default())
    }

    async fn commit(&self, transaction: Transaction) -> Result<Receipt, StoreError> {
        for Guard::Lease { target, token } in transaction.guards {
            if token != self.lease {
                return Err(StoreError::Fenced { target, held: token, current: self.lease });
            }
        }
        for write in transaction.writes {
            let Write::PutRecord(record) = write else { panic!("only records are saved: {write:?}") };
            self.records.lock().unwrap().insert(0, record);
        }
        Ok(Receipt::default())
    }

    async fn runs(&self, _: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        Ok(Vec::new())
    }

    async fn run(&self, _: RunId) -> Result<Option<StoredRun>, StoreError> {
        Ok(None)
    }

    async fn targets(&self) -> Result<Vec<TargetState>, StoreError> {
        Ok(Vec::new())
    }

    async fn target(&self, _: &TargetName) -> Result<Option<TargetState>, StoreError> {
        Ok(None)
    }

    async fn records(&self, filter: &RecordFilter) -> Result<Vec<Record>, StoreError> {
        let wanted = |record: &&Record| {
            filter.target.as_ref().is_none_or(|target| *target == record.target)
                && filter.signature.as_ref().is_none_or(|signature| *signature == record.signature)
        };
        Ok(self.records.lock().unwrap().iter().filter(wanted).cloned().collect())
    }

    async fn assignments(&self, _: &TargetName) -> Result<Vec<Assignment>, StoreError> {
        Ok(Vec::new())
    }

    async fn plan(&self, _: &Digest) -> Result<Option<PlanSource>, StoreError> {
        Ok(None)
    }

    async fn event(&self, _: &str, _: &str) -> Result<Option<StoredEvent>, StoreError> {
        Ok(None)
    }

    async fn event_at(&self, _: u64) -> Result<Option<StoredEvent>, StoreError> {
        Ok(None)
    }

    async fn events(&self, _: &EventFilter) -> Result<Vec<StoredEvent>, StoreError> {
        Ok(Vec::new())
    }

    async fn bookmarks(&self) -> Result<Vec<Bookmark>, StoreError> {
        Ok(Vec::new())
    }

    async fn prune(&self, _: &PruneOrder) -> Result<Pruned, StoreError> {
        Ok(Pruned::default())
    }
}

const NOW: Timestamp = Timestamp(1_000_000_000);
const TOKEN: u64 = 7;

/// It is always `NOW`.
#[derive(Debug)]
struct Standing;

#[async_trait]
impl Clock for Standing {
    fn now(&self) -> Timestamp {
        NOW
    }

    async fn sleep_until(&self, _: Timestamp) {}
}

fn settings() -> TargetSettings {
    TargetSettings {
        name: TargetName::from("checkout"),
        mode: Mode::Enforce,
        labels: BTreeMap::new(),
        slo: Objective { p99_ms: 250.0, error_rate: 0.001 },
        rate: RateSettings {
            initial_rps: 50.0,
            floor_rps: 20.0,
            ceiling_rps: 2_000.0,
            interim: 0.7,
            max_step: None,
            time_to_live: Duration::from_secs(30),
            on_expiry: OnExpiry::Floor,
        },
        strategy: StrategySettings::headroom(0.2),
        measure: Some(MeasureSettings {
            calendar: crate::model::calendar::Calendar::default(),
            endpoint: "http://user:secret@127.0.0.1:8080/".to_owned(),
            health: None,
            live_traffic: LiveTraffic::Count,
            limits: MeasureLimits { max_rate_rps: 1_500.0, time: Duration::from_mins(10), requests: 500_000 },
            request_timeout: Duration::from_secs(2),
            trial_time: Duration::from_millis(1_500),
            trial_requests: 300,
            precision: 0.03,
            load: crate::model::load::LoadSettings::default(),
        }),
        push_agents: Vec::new(),
        detect: crate::model::target::DetectSettings::default(),
    }
}

fn record(max_rps: f64, recorded_at: Timestamp) -> Record {
    let settings = settings();
    let measure = settings.measure.unwrap();
    Record {
        target: settings.name,
        signature: Signature::from("sha256:a"),
        measurement: Measurement {
            max_rps,
            interval_rps: [max_rps, max_rps * 1.03],
            verdict: Verdict::Confirmed,
            stopped: None,
            started_at: recorded_at,
            ended_at: recorded_at,
            requests: 1_000,
            curve: Vec::new(),
        },
        conditions: Conditions {
            objective: settings.slo,
            live_traffic: measure.live_traffic,
            endpoint: measure.endpoint,
            sends: None,
        },
        run: RunId::generate(),
        recorded_at,
    }
}

fn recorder() -> (StoreRecorder, Arc<RecordsOnly>) {
    let store = Arc::new(RecordsOnly { lease: TOKEN, ..RecordsOnly::default() });
    (StoreRecorder::new(Arc::new(Standing), Arc::clone(&store) as Arc<dyn Store>), store)
}

async fn found(recorder: &StoreRecorder, settings: &TargetSettings, max_age: Option<Duration>) -> Option<f64> {
    let found = recorder.lookup(settings, &Signature::from("sha256:a"), max_age).await.unwrap();
    found.map(|record| record.measurement.max_rps)
}

#[tokio::test]
async fn the_newest_record_of_todays_conditions_is_found() {
    let (recorder, store) = recorder();
    assert_eq!(found(&recorder, &settings(), None).await, None);
    recorder.save(record(400.0, Timestamp(NOW.0 - 3_600_000)), TOKEN).await.unwrap();
    recorder.save(record(500.0, Timestamp(NOW.0 - 60_000)), TOKEN).await.unwrap();
    assert_eq!(found(&recorder, &settings(), None).await, Some(500.0));
    assert_eq!(found(&recorder, &settings(), Some(Duration::from_mins(1))).await, Some(500.0));
    assert_eq!(found(&recorder, &settings(), Some(Duration::from_secs(59))).await, None);
    assert_eq!(recorder.lookup(&settings(), &Signature::from("sha256:b"), None).await.unwrap(), None);
    let saved = store.records.lock().unwrap().first().unwrap().conditions.endpoint.clone();
    assert_eq!(saved, "http://127.0.0.1:8080/", "credentials are not kept");
}

#[tokio::test]
async fn a_record_of_other_conditions_does_not_count() {
    let (recorder, _) = recorder();
    recorder.save(record(500.0, NOW), TOKEN).await.unwrap();
    let mut other = settings();
    other.slo.p99_ms = 100.0;
    assert_eq!(found(&recorder, &other, None).await, None);
    let mut other = settings();
    other.measure.as_mut().unwrap().live_traffic = LiveTraffic::Isolated;
    assert_eq!(found(&recorder, &other, None).await, None);
    let mut other = settings();
    other.measure.as_mut().unwrap().endpoint = "http://127.0.0.1:8081/".to_owned();
    assert_eq!(found(&recorder, &other, None).await, None);
    let mut other = settings();
    other.measure.as_mut().unwrap().load.arrivals = crate::model::load::Arrivals::Poisson;
    assert_eq!(found(&recorder, &other, None).await, None);
    let mut same = settings();
    same.measure.as_mut().unwrap().load.seed = 9;
    assert_eq!(found(&recorder, &same, None).await, Some(500.0), "chance alone makes no other load");
    let unmeasured = TargetSettings { measure: None, ..settings() };
    assert_eq!(found(&recorder, &unmeasured, None).await, None);
}

#[tokio::test]
async fn saving_a_runs_record_again_changes_nothing() {
    let (recorder, store) = recorder();
    let record = record(500.0, NOW);
    recorder.save(record.clone(), TOKEN).await.unwrap();
    recorder.save(record, TOKEN).await.unwrap();
    assert_eq!(store.records.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_whose_lease_has_passed_on_saves_nothing() {
    let (recorder, store) = recorder();
    let error = recorder.save(record(500.0, NOW), TOKEN - 1).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::LeaseLost);
    assert!(store.records.lock().unwrap().is_empty());
}
