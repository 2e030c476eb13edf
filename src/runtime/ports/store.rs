//! The port to everything durable: what is written together, what is read, and how it fails.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{AgentId, DetectorName, RuleName, RunId, ScheduleName, Signature, TargetName, WebhookName};
use crate::model::assignment::Assignment;
use crate::model::event::Event;
use crate::model::record::Record;
use crate::model::target::TargetState;
use crate::plan::PlanSource;
use crate::runtime::journal::{Entry, RunStatus, RunSummary};

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

    /// What became of the newest event of that name; `None` for one that was never accepted or is no longer kept.
    async fn event(&self, source: &str, id: &str) -> Result<Option<StoredEvent>, StoreError>;

    /// The event with that number; `None` as for [`Self::event`].
    async fn event_at(&self, sequence: u64) -> Result<Option<StoredEvent>, StoreError>;

    async fn events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, StoreError>;

    /// How far each has come that keeps a bookmark, by holder.
    async fn bookmarks(&self) -> Result<Vec<Bookmark>, StoreError>;

    /// Removes a little of what is too old: what waits for the writer meanwhile waits for no more than that.
    async fn prune(&self, order: &PruneOrder) -> Result<Pruned, StoreError>;
}

/// The unfinished business of a store.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Of this store: the first part of every epoch. Grows when a store is restored.
    pub incarnation: u64,
    /// Accepted and not settled, by sequence.
    pub events: Vec<StoredEvent>,
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
    /// How often handling it was tried in vain before a person gave it back to the engine.
    pub attempts: u32,
    /// `None`: not handled yet.
    pub outcome: Option<EventOutcome>,
}

impl StoredEvent {
    /// What it was put aside for, if it is a dead letter.
    pub fn dead_letter(&self) -> Option<&EventOutcome> {
        self.outcome.as_ref().filter(|outcome| outcome.is_dead_letter())
    }
}

/// What became of an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventOutcome {
    pub routed_at: Timestamp,
    /// One line for each rule that matched or could not be evaluated; the others on the event's type did not match.
    pub rules: Vec<RuleOutcome>,
    /// Why it was put aside, where it was: it could not be handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead: Option<String>,
    /// Runs that waited for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<RunId>,
    /// How often handling it was tried, this time included.
    #[serde(default)]
    pub attempts: u32,
    /// A person has dropped it: nothing is to come of it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dropped: bool,
}

impl EventOutcome {
    /// Whether the event waits among the dead letters for a person to decide.
    pub fn is_dead_letter(&self) -> bool {
        self.dead.is_some() && !self.dropped
    }
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

/// How far something has come that goes on from where it stopped: a schedule along the time, a
/// webhook along the events, a detector along what it told.
#[derive(Clone, Debug, PartialEq)]
pub struct Bookmark {
    pub holder: Holder,
    pub state: Json,
}

/// Who keeps a bookmark.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    Detector(DetectorName),
    Schedule(ScheduleName),
    Webhook(WebhookName),
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
    /// Takes an event in, unless one with the same `(source, id)` is not settled yet or was accepted at or after
    /// `known_since`.
    AcceptEvent {
        event: Event,
        at: Timestamp,
        known_since: Timestamp,
    },
    SettleEvent {
        sequence: u64,
        outcome: EventOutcome,
    },
    /// Makes a dead letter an event again that is not settled. Refused where it is no dead letter.
    RedriveEvent {
        sequence: u64,
        event: Event,
        /// As it was: the event keeps its age.
        accepted_at: Timestamp,
        attempts: u32,
    },
    /// Settles a dead letter for good. Refused where it is no dead letter.
    DropEvent {
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
    /// Inserts or replaces.
    PutBookmark(Bookmark),
    RemoveBookmark(Holder),
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

/// Which events to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventFilter {
    pub only_dead_letters: bool,
    pub order: EventOrder,
    /// 0 stands for 100.
    pub limit: u64,
}

/// From where on, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventOrder {
    /// Those with a number below it, where there is one.
    NewestFirst { before: Option<u64> },
    /// Those with a number above it.
    OldestFirst { after: u64 },
}

impl Default for EventOrder {
    fn default() -> Self {
        Self::NewestFirst { before: None }
    }
}

/// What is too old to be kept. What is active stays whatever its age: events that are not settled or that an unfinished run
/// came from, and unfinished runs.
#[derive(Clone, Debug, PartialEq)]
pub struct PruneOrder {
    /// Settled events that were accepted before.
    pub events: Timestamp,
    /// Dead letters that were put aside before; and what is dropped of them is an event like others.
    pub dead_letters: Timestamp,
    /// Runs that ended before, with their journals.
    pub runs: Timestamp,
    /// Records that were saved before, but for those of `keep_records`.
    pub records: Timestamp,
    /// No event accepted at or after it is removed: a repetition must be known.
    pub known_since: Timestamp,
    pub keep_records: Vec<(TargetName, Signature)>,
    /// At most so many of each kind.
    pub limit: u64,
}

/// How much was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub events: u64,
    pub dead_letters: u64,
    pub runs: u64,
    pub records: u64,
}

impl Pruned {
    /// The most that was removed of one kind.
    pub fn largest(self) -> u64 {
        self.events.max(self.dead_letters).max(self.runs).max(self.records)
    }
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

impl StoreError {
    /// Whether it may go away by itself: the disk is full, cannot be reached, or the database is locked for a moment.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Io { .. } | Self::Busy { .. })
    }
}
