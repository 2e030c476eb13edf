//! Things to store, each made with as few words as a test can do with.

use serde_json::json;

use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{RunId, TargetName};
use crate::model::assignment::{Assignment, Epoch};
use crate::model::event::{Event, Priority};
use crate::model::objective::Objective;
use crate::model::record::{Conditions, LiveTraffic, Measurement, Record, Verdict};
use crate::model::target::TargetState;
use crate::runtime::journal::{Entry, RunStatus, RunSummary, What};
use crate::runtime::ports::{
    Bookmark, EventOutcome, Guard, Holder, RuleOutcome, RuleResult, RuleState, Transaction, Write,
};
use crate::security::{MasterKey, Sealing};
use crate::store::{Options, SqliteStore};

/// A key that all tests share.
pub(in crate::store) fn sealing() -> Sealing {
    static KEY: std::sync::OnceLock<MasterKey> = std::sync::OnceLock::new();
    Sealing::Key(KEY.get_or_init(|| MasterKey::generate().unwrap()).clone())
}

pub(in crate::store) async fn sqlite(folder: &std::path::Path) -> SqliteStore {
    let url = format!("sqlite://{}", folder.join("store.db").display());
    SqliteStore::open(Options { url, sealing: sealing() }).await.unwrap()
}

/// The n-th run: later numbers are newer.
pub(in crate::store) fn run_id(n: u8) -> RunId {
    format!("01900000-0000-7000-8000-0000000000{n:02x}").parse().unwrap()
}

pub(in crate::store) fn event(source: &str, id: &str) -> Event {
    Event {
        id: id.to_owned(),
        source: source.to_owned(),
        kind: "DEPLOYMENT_CHANGE".to_owned(),
        subject: Some("checkout".into()),
        time: Timestamp(1_700_000_000_000),
        data: json!({ "signature": "sha256:abc", "load": 0.1 }),
        priority: Priority::default(),
        deliver_at: None,
        during_test: false,
        chain: 0,
        extensions: serde_json::Map::default(),
    }
}

pub(in crate::store) fn accept(source: &str, id: &str) -> Write {
    accept_at(source, id, 1_700_000_000_001)
}

/// Accepted at that moment; an event with its name that was accepted in the 100 ms before it is the same event.
pub(in crate::store) fn accept_at(source: &str, id: &str, at: i64) -> Write {
    Write::AcceptEvent { event: event(source, id), at: Timestamp(at), known_since: Timestamp(at - 100) }
}

/// What becomes of an event that cannot be handled.
pub(in crate::store) fn dead(why: &str, at: i64) -> EventOutcome {
    EventOutcome { routed_at: Timestamp(at), dead: Some(why.to_owned()), attempts: 1, ..EventOutcome::default() }
}

pub(in crate::store) fn bury(sequence: u64, why: &str) -> Write {
    Write::SettleEvent { sequence, outcome: dead(why, 1_700_000_000_005) }
}

/// Gives a dead letter back that was accepted by [`accept`].
pub(in crate::store) fn redrive(sequence: u64, source: &str, id: &str) -> Write {
    let (event, accepted_at) = (event(source, id), Timestamp(1_700_000_000_001));
    Write::RedriveEvent { sequence, event, accepted_at, attempts: 1 }
}

pub(in crate::store) fn discard(sequence: u64) -> Write {
    Write::DropEvent { sequence, outcome: EventOutcome { dropped: true, ..dead("dropped", 1_700_000_000_005) } }
}

pub(in crate::store) fn outcome(note: &str) -> EventOutcome {
    EventOutcome {
        routed_at: Timestamp(1_700_000_000_002),
        rules: vec![RuleOutcome {
            rule: "deployment_changed".into(),
            result: RuleResult::Matched,
            run: Some(run_id(1)),
            note: Some(note.to_owned()),
        }],
        answered: vec![run_id(2)],
        attempts: 1,
        ..EventOutcome::default()
    }
}

pub(in crate::store) fn settle(sequence: u64, note: &str) -> Write {
    Write::SettleEvent { sequence, outcome: outcome(note) }
}

pub(in crate::store) fn summary(n: u8, target: Option<&str>, status: RunStatus) -> RunSummary {
    RunSummary {
        id: run_id(n),
        workflow: "deployment_change".into(),
        plan: Digest::of("plan"),
        target: target.map(TargetName::from),
        rule: None,
        event: Some(("source".to_owned(), "id".to_owned())),
        inputs: json!({ "signature": "sha256:abc" }),
        priority: 0,
        status,
        supersedes: false,
        error: None,
        retry: None,
        created_at: Timestamp(1_700_000_000_000),
        started_at: None,
        ended_at: None,
    }
}

pub(in crate::store) fn entry(step: &str) -> Entry {
    Entry { at: Timestamp(1_700_000_000_003), what: What::Skipped { step: step.into() } }
}

pub(in crate::store) fn append(n: u8, position: u64) -> Write {
    let entries = vec![entry(&format!("step_{position}")), entry("another")];
    Write::AppendJournal { run: run_id(n), position, entries }
}

pub(in crate::store) fn target(name: &str, token: u64) -> TargetState {
    let mut state = TargetState::unknown(name.into(), Timestamp(1_700_000_000_004));
    state.lease.token = token;
    state
}

pub(in crate::store) fn assignment(target: &str, agent: &str, rate_rps: f64, epoch: (u64, u64, u64)) -> Assignment {
    let (incarnation, token, sequence) = epoch;
    Assignment {
        target: target.into(),
        agent: agent.into(),
        rate_rps,
        fallback_rps: rate_rps / 3.0,
        epoch: Epoch { incarnation, token, sequence },
        command_id: "command".to_owned(),
        time_to_live_ms: 30_000,
    }
}

pub(in crate::store) fn record(target: &str, signature: &str, n: u8, recorded_at: i64, max_rps: f64) -> Record {
    Record {
        target: target.into(),
        signature: signature.into(),
        measurement: Measurement {
            max_rps,
            interval_rps: [max_rps * 0.99, max_rps * 1.01],
            verdict: Verdict::Confirmed,
            stopped: None,
            started_at: Timestamp(1),
            ended_at: Timestamp(2),
            requests: 1000,
            curve: Vec::new(),
        },
        conditions: Conditions {
            objective: Objective { p99_ms: 250.0, error_rate: 0.001 },
            live_traffic: LiveTraffic::Count,
            endpoint: "http://checkout.staging.internal/".to_owned(),
            sends: None,
        },
        run: run_id(n),
        recorded_at: Timestamp(recorded_at),
    }
}

pub(in crate::store) fn rule_state(rule: &str, target: Option<&str>, count: u64) -> RuleState {
    RuleState {
        rule: rule.into(),
        target: target.map(TargetName::from),
        digest: Digest::of("rule"),
        state: json!({ "count": count }),
    }
}

pub(in crate::store) fn bookmark(schedule: &str, at: u64) -> Bookmark {
    Bookmark { holder: Holder::Schedule(schedule.into()), state: json!({ "at": at }) }
}

pub(in crate::store) fn writes(writes: impl IntoIterator<Item = Write>) -> Transaction {
    Transaction { guards: Vec::new(), writes: writes.into_iter().collect() }
}

pub(in crate::store) fn guarded(target: &str, token: u64, write: Write) -> Transaction {
    Transaction { guards: vec![Guard::Lease { target: target.into(), token }], writes: vec![write] }
}
