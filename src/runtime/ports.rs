//! The world as the runtime sees it: small traits, gathered in one [`Context`].

mod store;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::effect::{ActionError, Effect, Link, Outcome};
use super::engine::outlet::Outlet;
pub use super::run_ids::{RunIds, UniqueRunIds};
use super::wait::Wait;
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::{AgentId, IdempotencyKey, RunId, Signature, TargetName};
use crate::model::action::ActionSignature;
use crate::model::assignment::{Epoch, Traffic};
use crate::model::record::{Measurement, Record};
use crate::model::sample::Sample;
use crate::model::schema::JsonMap;
use crate::model::target::{TargetSettings, TargetState};
use crate::plan::Plan;
pub use crate::plan::{CalledSource, PlanSource};
pub use store::{
    Accepted, Bookmark, EventFilter, EventOrder, EventOutcome, Guard, Holder, Loaded, PruneOrder, Pruned, Receipt,
    RecordFilter, RuleOutcome, RuleResult, RuleState, RunFilter, Store, StoreError, StoredEvent, StoredRun,
    Transaction, Write,
};

/// Everything outside: what dependency injection injects.
#[derive(Clone, Debug)]
pub struct Context {
    pub clock: Arc<dyn Clock>,
    pub store: Arc<dyn Store>,
    pub targets: Arc<dyn Targets>,
    pub recorder: Arc<dyn Recorder>,
    pub pressure: Arc<dyn Pressure>,
    pub adjuster: Arc<dyn Adjuster>,
    pub dispatcher: Arc<dyn Dispatcher>,
    pub planner: Arc<dyn Planner>,
    pub run_ids: Arc<dyn RunIds>,
    pub outlet: Arc<Outlet>,
}

/// Something a step can use.
#[async_trait]
pub trait Action: Debug + Send + Sync {
    fn signature(&self) -> ActionSignature;

    /// What `undo: previous` will need, taken before the effect; `None` where there is nothing to restore.
    async fn remember(&self, _effect: &Effect, _context: &Context) -> Result<Option<Json>, ActionError> {
        Ok(None)
    }

    /// What the step waits for instead of being performed; `None`: it is performed. Asked only of an action that `waits`.
    fn wait(&self, _effect: &Effect, _context: &Context) -> Result<Option<Wait>, ActionError> {
        Ok(None)
    }

    /// What a person must approve before the step is performed; `None`: nothing. Not asked again for another attempt.
    fn permission(&self, _effect: &Effect) -> Option<String> {
        None
    }

    /// From which moment on the step may be performed, and what keeps it from that now; `None`: now. Asked before each attempt,
    /// and again when the moment has come.
    fn opens(&self, _effect: &Effect, _now: Timestamp) -> Option<(Timestamp, String)> {
        None
    }

    async fn perform(&self, effect: &Effect, context: &Context) -> Outcome;

    /// Restores what `remember` returned; the output is read as `perform`'s is.
    async fn undo(&self, _effect: &Effect, _remembered: &Json, _context: &Context) -> Outcome {
        Ok(Json::Object(JsonMap::new()))
    }
}

/// Makes a plan again from the text that was stored with its runs.
pub trait Planner: Debug + Send + Sync {
    /// # Errors
    /// What is wrong with the text for this version, in one line.
    fn plan(&self, source: &PlanSource) -> Result<Plan, String>;
}

/// The configured targets.
pub trait Targets: Debug + Send + Sync {
    /// The settings of a target: its own, or the defaults where there are any; `None` for an unknown one.
    fn settings(&self, name: &TargetName) -> Option<Arc<TargetSettings>>;

    /// The targets that are listed, by name.
    fn names(&self) -> Vec<TargetName>;
}

/// Secrets by name. They are looked up when they are needed and never kept.
#[async_trait]
pub trait Secrets: Debug + Send + Sync {
    /// # Errors
    /// There is none of that name, or it cannot be read; the message holds none of it.
    async fn secret(&self, name: &str) -> Result<SecretString, String>;
}

/// Remembers what was measured.
#[async_trait]
pub trait Recorder: Debug + Send + Sync {
    /// The newest record of the signature whose conditions are those of today and that is no older than `max_age`.
    async fn lookup(
        &self,
        settings: &TargetSettings,
        signature: &Signature,
        max_age: Option<Duration>,
    ) -> Result<Option<Record>, ActionError>;

    /// Durable when it returns. Saving the same run's record again changes nothing.
    async fn save(&self, record: Record, token: u64) -> Result<(), ActionError>;
}

/// Finds the highest rate a target bears.
#[async_trait]
pub trait Pressure: Debug + Send + Sync {
    /// Runs one capacity search. Its state goes to `link.checkpoints` after every trial, and [`MeasureProgress`] to
    /// `link.progress`; it stops within a second when `link.stop` is cancelled, or when `link.lease_until` has passed.
    async fn measure(&self, order: MeasureOrder, link: Link) -> Result<Measurement, ActionError>;
}

/// What to measure, and how far to go.
#[derive(Clone, Debug)]
pub struct MeasureOrder {
    pub run: RunId,
    pub key: IdempotencyKey,
    pub settings: Arc<TargetSettings>,
    /// The fencing token, for holding the agents at the floor where `live_traffic` is `hold`.
    pub token: u64,
    /// What the deployment is thought to bear: where to start.
    pub hint_rps: Option<f64>,
    /// How often a crash cut the search off, and what it had found.
    pub interruptions: u32,
    pub checkpoint: Option<Json>,
}

/// What is shown of a load test while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasureProgress {
    /// `ramp`, `search`, `confirm` or `cooldown`.
    pub stage: String,
    pub trials: u32,
    /// Offered in the current trial, live traffic included.
    pub rate_rps: f64,
    pub live_rps: f64,
    /// Of the last trial that ended.
    pub p99_ms: Option<f64>,
    pub error_rate: Option<f64>,
    /// The highest rate that held, and the lowest that did not.
    pub lower_rps: Option<f64>,
    pub upper_rps: Option<f64>,
    pub elapsed_ms: u64,
    pub requests: u64,
}

/// Decides what rate each agent gets. Pure: the same order gives the same proposal.
pub trait Adjuster: Debug + Send + Sync {
    /// # Errors
    /// No positive maximum.
    fn compute(&self, order: &AdjustOrder<'_>) -> Result<Proposal, ActionError>;
}

/// What is known when a rate is to be set.
#[derive(Clone, Debug)]
pub struct AdjustOrder<'a> {
    pub settings: &'a TargetSettings,
    pub state: &'a TargetState,
    pub max_rps: f64,
    pub agents: &'a [Claimant],
}

/// An agent that is to have its part of a total.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimant {
    pub agent: AgentId,
    /// What came to it lately, requests a second; `None` where it does not tell.
    pub demand_rps: Option<f64>,
}

/// A new total and its shares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    pub total_rps: f64,
    pub assignments: Vec<Share>,
}

/// One agent's part of a total.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    pub agent: AgentId,
    pub rate_rps: f64,
}

/// Tells agents what they may send.
#[async_trait]
pub trait Dispatcher: Debug + Send + Sync {
    /// Sends decreases, waits for them to be confirmed or to run out, then sends increases. The same key again sends the
    /// same commands again and changes nothing more.
    async fn dispatch(&self, order: DispatchOrder, link: Link) -> Result<Dispatched, ActionError>;

    /// Every agent of the target that is known, connected or not, by id.
    fn agents(&self, target: &TargetName) -> Vec<AgentView>;

    /// While halted, dispatches that run are cancelled and new ones refused; what agents hold is renewed all the same.
    /// `None` stands for all targets.
    fn set_halted(&self, target: Option<&TargetName>, halted: bool);

    /// What the target's agents passed between two moments; `None` where reports do not cover the span.
    fn traffic(&self, target: &TargetName, from: Timestamp, to: Timestamp) -> Option<Traffic>;

    /// What the agents that are connected saw of the target between two moments; `None` where not all of them have told yet.
    fn sample(&self, _target: &TargetName, _from: Timestamp, _to: Timestamp) -> Option<Sample> {
        None
    }
}

/// What to tell the agents of a target.
#[derive(Clone, Debug)]
pub struct DispatchOrder {
    pub key: IdempotencyKey,
    pub settings: Arc<TargetSettings>,
    /// The fencing token: second part of every epoch.
    pub token: u64,
    pub rates: Rates,
}

/// How the total is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Rates {
    /// To be split over the agents there are.
    Total(f64),
    Each(Vec<Share>),
}

/// What came of a dispatch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dispatched {
    pub total_rps: f64,
    pub assignments: Vec<AssignedRate>,
    /// Agents that did not confirm: they hold their old rate until it runs out.
    pub unconfirmed: Vec<AgentId>,
}

/// What one agent was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssignedRate {
    pub agent: AgentId,
    pub rate_rps: f64,
    pub confirmed: bool,
}

/// An agent as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentView {
    pub id: AgentId,
    pub target: TargetName,
    pub connected: bool,
    /// What it was last told.
    pub rate_rps: Option<f64>,
    pub epoch: Option<Epoch>,
    /// Whether it has confirmed that.
    pub confirmed: bool,
    /// Over its last report.
    pub passed_rps: f64,
    pub refused_rps: f64,
    pub seen_at: Option<Timestamp>,
}
