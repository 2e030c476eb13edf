//! What the configuration says of a target, and the state that is kept for it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::calendar::Calendar;
use super::load::LoadSettings;
use super::objective::Objective;
use super::record::{LiveTraffic, Record};
use super::schema::{Field, Object, Shape};
use super::strategy::StrategySettings;
use crate::base::clock::Timestamp;
use crate::base::id::{AgentId, RunId, Signature, TargetName};

/// A target's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// At rest, as it should be.
    #[default]
    Stable,
    /// A run holds it.
    Adjusting,
    /// At rest after a failure.
    Degraded,
    /// At rest until woken.
    Paused,
}

impl Phase {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Adjusting => "adjusting",
            Self::Degraded => "degraded",
            Self::Paused => "paused",
        }
    }
}

/// How far Homeostat may go with a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing is enforced, no load test is run.
    #[default]
    Observe,
    /// A dispatch waits for approval.
    Recommend,
    Enforce,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Recommend => "recommend",
            Self::Enforce => "enforce",
        }
    }
}

/// A target as it is configured, defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetSettings {
    pub name: TargetName,
    pub mode: Mode,
    pub labels: BTreeMap<String, String>,
    pub slo: Objective,
    pub rate: RateSettings,
    pub strategy: StrategySettings,
    /// `None`: the target cannot be load-tested.
    pub measure: Option<MeasureSettings>,
    /// Agents that take their commands over HTTP instead of dialling in.
    pub push_agents: Vec<PushAgent>,
    pub detect: DetectSettings,
}

/// What is told of a target that its agents report; `None`: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DetectSettings {
    /// A latency that was above the objective for so long is `HIGH_LATENCY`.
    pub latency: Option<Duration>,
    /// A target to which nothing came for so long is `IDLE`; and one that sleeps is woken by what comes.
    pub idle: Option<Duration>,
}

/// Why a target is paused that a person paused.
pub const PAUSED_BY_A_PERSON: &str = "paused by a person";

/// What the target's total rate may be.
#[derive(Clone, Debug, PartialEq)]
pub struct RateSettings {
    /// Before anything is known.
    pub initial_rps: f64,
    pub floor_rps: f64,
    pub ceiling_rps: f64,
    /// Share of the current rate that an unknown deployment gets.
    pub interim: f64,
    /// Largest rise in one adjustment, as a share of the current rate; `None` for no limit.
    pub max_step: Option<f64>,
    /// How long an assignment holds without renewal.
    pub time_to_live: Duration,
    /// What an agent does when its assignment ends without renewal.
    pub on_expiry: OnExpiry,
}

/// What an agent does once its assignment has ended and no other came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    /// Its share of the target's floor.
    #[default]
    Floor,
    /// Nothing passes.
    Refuse,
}

/// How the target may be load-tested.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureSettings {
    pub endpoint: String,
    /// Answers with success while the target is well; `None`: nothing is asked.
    pub health: Option<String>,
    pub live_traffic: LiveTraffic,
    pub limits: MeasureLimits,
    /// When a test may be under way.
    pub calendar: Calendar,
    /// A request that takes longer counts as failed.
    pub request_timeout: Duration,
    /// A trial lasts at least this long …
    pub trial_time: Duration,
    /// … and sends at least this many requests.
    pub trial_requests: u64,
    /// The search ends when its bounds are this close, as a share of the upper one.
    pub precision: f64,
    /// What is sent.
    pub load: LoadSettings,
}

/// What a load test may never exceed.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureLimits {
    pub max_rate_rps: f64,
    pub time: Duration,
    pub requests: u64,
}

/// An agent of another make: its commands are posted to `url`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushAgent {
    pub id: AgentId,
    pub url: String,
}

/// What is kept, durably, for a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetState {
    pub name: TargetName,
    pub phase: Phase,
    /// The resting phase before the run that holds the target now.
    pub phase_before: Phase,
    /// Why the phase is what it is, where someone said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The deployment that is running, once one was settled.
    pub signature: Option<Signature>,
    /// The total rate that was last decided; `None` before the first.
    pub rate_rps: Option<f64>,
    /// What is verified for `signature`; an undo does not go above it.
    pub verified_rps: Option<f64>,
    /// What the strategy remembers that set the rate, as it wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steering: Option<Json>,
    pub lease: Lease,
    pub updated_at: Timestamp,
}

/// Who may act on a target. The token only grows; the store refuses writes under an older one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub token: u64,
    /// `None`: free.
    pub run: Option<RunId>,
}

impl TargetState {
    /// A target of which nothing is known yet.
    pub fn unknown(name: TargetName, now: Timestamp) -> Self {
        Self {
            name,
            phase: Phase::Stable,
            phase_before: Phase::Stable,
            reason: None,
            signature: None,
            rate_rps: None,
            verified_rps: None,
            steering: None,
            lease: Lease::default(),
            updated_at: now,
        }
    }
}

impl TargetSettings {
    /// The total rate that an unknown deployment gets while the target stands at `state`.
    pub fn interim_rps(&self, state: &TargetState) -> f64 {
        let current = state.rate_rps.unwrap_or(self.rate.initial_rps);
        (current * self.rate.interim).max(self.rate.floor_rps).min(self.rate.ceiling_rps)
    }

    /// The target as expressions see it: of the shape that [`shape`] tells.
    pub fn view(&self, state: &TargetState, record: Option<&Record>) -> Json {
        json!({
            "name": self.name,
            "phase": state.phase.as_str(),
            "mode": self.mode.as_str(),
            "signature": state.signature,
            "rate_rps": state.rate_rps,
            "slo": { "p99_ms": self.slo.p99_ms, "error_rate": self.slo.error_rate },
            "rate": {
                "initial_rps": self.rate.initial_rps,
                "floor_rps": self.rate.floor_rps,
                "ceiling_rps": self.rate.ceiling_rps,
                "interim_rps": self.interim_rps(state),
            },
            "labels": self.labels,
            "flags": {},
            "record": record.map(|record| json!({
                "max_rps": record.measurement.max_rps,
                "recorded_at": record.recorded_at,
            })),
        })
    }
}

/// What `target` is in rules and workflows. Every field always exists; what is unknown is null.
pub fn shape() -> Object {
    let slo = Object::new(vec![
        Field::required("p99_ms", Shape::Double, "99th percentile of latency, milliseconds"),
        Field::required("error_rate", Shape::Double, "share of failed requests, 0 to 1"),
    ]);
    let rate = Object::new(vec![
        Field::required("initial_rps", Shape::Double, "before anything is known"),
        Field::required("floor_rps", Shape::Double, "never below"),
        Field::required("ceiling_rps", Shape::Double, "never above"),
        Field::required("interim_rps", Shape::Double, "what an unknown deployment gets now"),
    ]);
    let record = Object::new(vec![
        Field::required("max_rps", Shape::Double, "the highest verified rate"),
        Field::required("recorded_at", Shape::Timestamp, "when it was recorded"),
    ]);
    Object::new(vec![
        Field::required("name", Shape::String, "as the configuration lists it"),
        Field::required("phase", Shape::String, "`stable`, `adjusting`, `degraded` or `paused`"),
        Field::required("mode", Shape::String, "`observe`, `recommend` or `enforce`"),
        Field::nullable("signature", Shape::String, "the deployment that runs; null before the first"),
        Field::nullable("rate_rps", Shape::Double, "the total rate that was last decided; null before the first"),
        Field::required("slo", Shape::Object(slo), "the service-level objective"),
        Field::required("rate", Shape::Object(rate), "the limits of the total rate"),
        Field::required("labels", Shape::Map(Box::new(Shape::String)), "as configured"),
        Field::required("flags", Shape::Map(Box::new(Shape::Bool)), "empty in this version: nothing sets one yet"),
        Field::nullable("record", Shape::Object(record), "of the running signature; null where there is none"),
    ])
}
