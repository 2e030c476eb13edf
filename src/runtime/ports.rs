//! The world as the runtime sees it: small traits, gathered in one [`Context`].

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::effect::{ActionError, Effect, Link, Outcome};
use super::engine::outlet::Outlet;
use super::journal::{Entry, RunStatus, RunSummary};
pub use super::run_ids::{RunIds, UniqueRunIds};
use super::wait::Wait;
use crate::base::clock::{Clock, Timestamp};
use crate::base::digest::Digest;
use crate::base::id::{AgentId, IdempotencyKey, RuleName, RunId, Signature, TargetName};
use crate::model::action::ActionSignature;
use crate::model::assignment::{Assignment, Epoch, Traffic};
use crate::model::event::Event;
use crate::model::record::{Measurement, Record};
use crate::model::schema::JsonMap;
use crate::model::target::{TargetSettings, TargetState};
use crate::plan::Plan;
pub use crate::plan::PlanSource;

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

// ---- store -------------------------------------------------------------------------------------------------------

/// Where everything durable is. One transaction is all or nothing, and durable when `commit` returns.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// What an engine needs to go on from where the last one stopped.
    async fn load(&self) -> Result<Loaded, StoreError>;

    /// Checks the guards, then writes; many callers may share one sync.
    async fn commit(&self, transaction: Transaction) -> Result<Receipt, StoreError>;

    /// The newest first.
    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError>;

    async fn run(&self, id: RunId) -> Result<Option<StoredRun>, StoreError>;

    async fn targets(&self) -> Result<Vec<TargetState>, StoreError>;

    async fn target(&self, name: &TargetName) -> Result<Option<TargetState>, StoreError>;

    /// The newest first.
    async fn records(&self, filter: &RecordFilter) -> Result<Vec<Record>, StoreError>;

    async fn assignments(&self, target: &TargetName) -> Result<Vec<Assignment>, StoreError>;

    async fn plan(&self, digest: &Digest) -> Result<Option<PlanSource>, StoreError>;

    /// What became of an event; `None` for one that was never accepted (or has left the dedup window).
    async fn event(&self, source: &str, id: &str) -> Result<Option<StoredEvent>, StoreError>;
}

/// The unfinished business of a store.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Of this store: the first part of every epoch. Grows when a store is restored.
    pub incarnation: u64,
    /// Accepted and not settled, by sequence.
    pub events: Vec<(u64, Event)>,
    /// Not final, by id.
    pub runs: Vec<StoredRun>,
    pub targets: Vec<TargetState>,
    pub assignments: Vec<Assignment>,
    pub rule_states: Vec<RuleState>,
    /// `None` stands for all targets.
    pub halts: Vec<Option<TargetName>>,
}

/// A run with its journal.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRun {
    pub summary: RunSummary,
    pub journal: Vec<Entry>,
    /// How many batches the journal has: the position of the next one.
    pub batches: u64,
}

/// An event and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredEvent {
    pub sequence: u64,
    pub event: Event,
    pub accepted_at: Timestamp,
    /// `None`: not handled yet.
    pub outcome: Option<EventOutcome>,
}

/// What became of an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventOutcome {
    pub routed_at: Timestamp,
    /// One line for each rule that matched or could not be evaluated; the others on the event's type did not match.
    pub rules: Vec<RuleOutcome>,
    /// Why it was put aside, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead: Option<String>,
    /// Runs that waited for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<RunId>,
}

/// What one rule made of an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleOutcome {
    pub rule: RuleName,
    pub result: RuleResult,
    /// The run it led to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The error in `when`, the count towards a threshold, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How far an event came in one rule's clauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleResult {
    Matched,
    /// `when` was false.
    NoMatch,
    /// `when` could not be evaluated.
    Error,
    BelowThreshold,
    Debounced,
    Throttled,
    /// The target was adjusting, and the rule says `busy drop` or `busy coalesce`.
    Busy,
}

/// What a rule's clauses remember for one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleState {
    pub rule: RuleName,
    /// `None`: events without a subject.
    pub target: Option<TargetName>,
    /// Of the rule's text: a changed rule starts anew.
    pub digest: Digest,
    pub state: Json,
}

/// Writes that happen together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    pub guards: Vec<Guard>,
    pub writes: Vec<Write>,
}

/// What must be so for a transaction to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The target's lease still has this token.
    Lease { target: TargetName, token: u64 },
}

/// One change.
#[derive(Clone, Debug)]
pub enum Write {
    /// Takes an event in, unless one with the same `(source, id)` was.
    AcceptEvent {
        event: Event,
        at: Timestamp,
    },
    SettleEvent {
        sequence: u64,
        outcome: EventOutcome,
    },
    /// Inserts or replaces.
    PutRun(RunSummary),
    /// The store refuses a position that is taken or leaves a gap.
    AppendJournal {
        run: RunId,
        position: u64,
        entries: Vec<Entry>,
    },
    PutPlan {
        digest: Digest,
        source: PlanSource,
    },
    /// Refused if the lease's token is lower than the stored one.
    PutTarget(TargetState),
    PutRecord(Record),
    /// Replaces the agent's assignment, unless the stored one has a higher epoch: then refused.
    PutAssignment(Assignment),
    RemoveAssignment {
        target: TargetName,
        agent: AgentId,
    },
    PutRuleState(RuleState),
    PutHalt {
        target: Option<TargetName>,
        at: Timestamp,
    },
    RemoveHalt {
        target: Option<TargetName>,
    },
}

/// What a commit answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// One for every `AcceptEvent`, in order.
    pub accepted: Vec<Accepted>,
}

/// Whether an event was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    New { sequence: u64 },
    Duplicate,
}

/// Which runs to list.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    pub target: Option<TargetName>,
    pub status: Option<RunStatus>,
    /// Only runs with an id below it: the next page.
    pub before: Option<RunId>,
    /// 0 stands for 100.
    pub limit: u64,
}

/// Which records to list.
#[derive(Clone, Debug, Default)]
pub struct RecordFilter {
    pub target: Option<TargetName>,
    pub signature: Option<Signature>,
    /// 0 stands for 100.
    pub limit: u64,
}

/// Why the store did not do what was asked. Nothing of the transaction has happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the lease on `{target}` has passed on: token {held} is older than {current}")]
    Fenced { target: TargetName, held: u64, current: u64 },
    #[error("the journal of run {run} goes on at {expected}, not at {position}: another engine writes it")]
    JournalMoved { run: RunId, position: u64, expected: u64 },
    #[error("the assignment of agent `{agent}` is newer in the store")]
    AssignmentMoved { agent: AgentId },
    #[error("{path}: the disk is full; free some space, nothing that was accepted is lost")]
    Full { path: String },
    #[error("{path}: another process holds the store; only one engine may open it")]
    Busy { path: String },
    #[error(
        "{path}: the store was written by a newer version of Homeostat (schema {found}, this version knows {known})"
    )]
    Newer { path: String, found: String, known: String },
    #[error("{path}: the key does not open this store (it was sealed with key {key}); give the key it was made with")]
    WrongKey { path: String, key: String },
    /// A sealed store is opened without a key, or an unsealed one with a key.
    #[error("{path}: {problem}")]
    Sealing { path: String, problem: String },
    #[error("{what} in the store cannot be opened: it was changed or damaged; restore a backup")]
    Damaged { what: String },
    /// Nothing the store could ever take: waiting does not mend it.
    #[error("{problem}; this cannot be stored")]
    Refused { problem: String },
    #[error("{path}: {problem}")]
    Io { path: String, problem: String },
    #[error("the store is closed")]
    Closed,
}

// ---- services ----------------------------------------------------------------------------------------------------

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
    pub agents: &'a [AgentId],
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
