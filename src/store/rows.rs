//! Rows from nouns and nouns from rows: each pair of functions names the attributes that its blob is sealed with.

use sea_orm::DbErr;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection;
use super::entity::{assignment, event, journal, record, rule_state, run, target};
use crate::base::clock::Timestamp;
use crate::base::id::{RunId, TargetName};
use crate::model::assignment::Assignment;
use crate::model::event::Event;
use crate::model::record::Record;
use crate::model::target::TargetState;
use crate::runtime::journal::{Entry, RunSummary};
use crate::runtime::ports::{EventOutcome, RuleState, StoreError, StoredEvent};
use crate::security::{OpenError, Vault};

/// Seals what goes into the database at `path`, and opens what comes out.
#[derive(Debug)]
pub(super) struct Rows {
    vault: Vault,
    path: String,
}

impl Rows {
    pub(super) fn new(vault: Vault, path: String) -> Self {
        Self { vault, path }
    }

    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Anything that went wrong with the file, as the port names it.
    pub(super) fn failed(&self, error: &DbErr) -> StoreError {
        connection::store_error(&self.path, error)
    }

    pub(super) fn io(&self, problem: &impl ToString) -> StoreError {
        StoreError::Io { path: self.path.clone(), problem: problem.to_string() }
    }

    /// The row of an event that has no sequence yet.
    pub(super) fn new_event(&self, event: &Event, at: Timestamp) -> Result<event::Model, StoreError> {
        let (source, id) = (event.source.clone(), event.id.clone());
        let sealed = self.seal(&["events", &source, &id, &at.0.to_string()], event)?;
        Ok(event::Model { sequence: 0, source, id, accepted_at: at.0, sealed, outcome: None })
    }

    pub(super) fn event(&self, row: &event::Model) -> Result<Event, StoreError> {
        self.open(&["events", &row.source, &row.id, &row.accepted_at.to_string()], &row.sealed)
    }

    pub(super) fn stored_event(&self, row: &event::Model) -> Result<StoredEvent, StoreError> {
        let outcome = row.outcome.as_deref().map(|blob| self.open(&outcome_attributes(row.sequence), blob));
        Ok(StoredEvent {
            sequence: number(row.sequence),
            event: self.event(row)?,
            accepted_at: Timestamp(row.accepted_at),
            outcome: outcome.transpose()?,
        })
    }

    pub(super) fn new_outcome(&self, sequence: u64, outcome: &EventOutcome) -> Result<Vec<u8>, StoreError> {
        self.seal(&outcome_attributes(column(sequence)), outcome)
    }

    pub(super) fn new_run(&self, run: &RunSummary) -> Result<run::Model, StoreError> {
        let mut row = run::Model {
            id: run.id.to_string(),
            target: run.target.as_ref().map(TargetName::to_string),
            status: run.status.as_str().to_owned(),
            is_final: run.status.is_final(),
            sealed: Vec::new(),
        };
        row.sealed = self.seal(&run_attributes(&row), run)?;
        Ok(row)
    }

    pub(super) fn run(&self, row: &run::Model) -> Result<RunSummary, StoreError> {
        self.open(&run_attributes(row), &row.sealed)
    }

    pub(super) fn new_journal(
        &self,
        run: RunId,
        position: u64,
        entries: &[Entry],
    ) -> Result<journal::Model, StoreError> {
        let mut row = journal::Model { run: run.to_string(), position: column(position), sealed: Vec::new() };
        row.sealed = self.seal(&journal_attributes(&row), entries)?;
        Ok(row)
    }

    /// The entries of a run's rows, which must be in order and all there.
    pub(super) fn journal(&self, rows: &[journal::Model]) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        for (position, row) in (0i64..).zip(rows) {
            if row.position != position {
                return Err(StoreError::Damaged { what: format!("the journal of run {} at {position}", row.run) });
            }
            entries.extend(self.open::<Vec<Entry>>(&journal_attributes(row), &row.sealed)?);
        }
        Ok(entries)
    }

    pub(super) fn new_target(&self, state: &TargetState) -> Result<target::Model, StoreError> {
        let name = state.name.to_string();
        let sealed = self.seal(&["targets", &name], state)?;
        Ok(target::Model { name, sealed })
    }

    pub(super) fn target(&self, row: &target::Model) -> Result<TargetState, StoreError> {
        self.open(&["targets", &row.name], &row.sealed)
    }

    pub(super) fn new_record(&self, record: &Record) -> Result<record::Model, StoreError> {
        let mut row = record::Model {
            target: record.target.to_string(),
            signature: record.signature.to_string(),
            run: record.run.to_string(),
            recorded_at: record.recorded_at.0,
            sealed: Vec::new(),
        };
        row.sealed = self.seal(&record_attributes(&row), record)?;
        Ok(row)
    }

    pub(super) fn record(&self, row: &record::Model) -> Result<Record, StoreError> {
        self.open(&record_attributes(row), &row.sealed)
    }

    pub(super) fn new_assignment(&self, assignment: &Assignment) -> Result<assignment::Model, StoreError> {
        let (target, agent) = (assignment.target.to_string(), assignment.agent.to_string());
        let sealed = self.seal(&["assignments", &target, &agent], assignment)?;
        Ok(assignment::Model { target, agent, sealed })
    }

    pub(super) fn assignment(&self, row: &assignment::Model) -> Result<Assignment, StoreError> {
        self.open(&["assignments", &row.target, &row.agent], &row.sealed)
    }

    pub(super) fn new_rule_state(&self, state: &RuleState) -> Result<rule_state::Model, StoreError> {
        let (rule, scope) = (state.rule.to_string(), scope(state.target.as_ref()));
        let sealed = self.seal(&["rule_states", &rule, &scope], state)?;
        Ok(rule_state::Model { rule, scope, sealed })
    }

    pub(super) fn rule_state(&self, row: &rule_state::Model) -> Result<RuleState, StoreError> {
        self.open(&["rule_states", &row.rule, &row.scope], &row.sealed)
    }

    pub(super) fn seal<S: AsRef<str>, T: Serialize + ?Sized>(
        &self,
        attributes: &[S],
        value: &T,
    ) -> Result<Vec<u8>, StoreError> {
        let plain = serde_json::to_vec(value).map_err(|error| self.io(&error))?;
        let attributes: Vec<_> = attributes.iter().map(AsRef::as_ref).collect();
        self.vault.seal(&attributes, &plain).map_err(|error| self.io(&error))
    }

    pub(super) fn open<T: DeserializeOwned>(
        &self,
        attributes: &[impl AsRef<str>],
        blob: &[u8],
    ) -> Result<T, StoreError> {
        let attributes: Vec<_> = attributes.iter().map(AsRef::as_ref).collect();
        let damaged = || StoreError::Damaged { what: attributes.join(" ") };
        let plain = self.vault.open(&attributes, blob).map_err(|error| match error {
            OpenError::WrongKey(key) => StoreError::WrongKey { path: self.path.clone(), key: key.to_string() },
            OpenError::Damaged => damaged(),
        })?;
        serde_json::from_slice(&plain).map_err(|_| damaged())
    }
}

/// A target that may be none, as a part of a primary key.
pub(super) fn scope(target: Option<&TargetName>) -> String {
    target.map_or_else(String::new, |target| format!(":{target}"))
}

pub(super) fn target_of_scope(scope: &str) -> Option<TargetName> {
    scope.strip_prefix(':').map(TargetName::from)
}

/// Sequences and positions count from 0 or 1 without gaps: they stay far below 2^63.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn number(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

fn outcome_attributes(sequence: i64) -> [String; 2] {
    ["outcomes".to_owned(), sequence.to_string()]
}

fn run_attributes(row: &run::Model) -> [String; 5] {
    let target = row.target.as_deref().map(TargetName::from);
    ["runs".to_owned(), row.id.clone(), scope(target.as_ref()), row.status.clone(), row.is_final.to_string()]
}

fn journal_attributes(row: &journal::Model) -> [String; 3] {
    ["journal".to_owned(), row.run.clone(), row.position.to_string()]
}

fn record_attributes(row: &record::Model) -> [String; 5] {
    ["records".to_owned(), row.target.clone(), row.signature.clone(), row.run.clone(), row.recorded_at.to_string()]
}
