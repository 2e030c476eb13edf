//! Rows from nouns and nouns from rows: each pair of functions names the attributes that its blob is sealed with.

use sea_orm::DbErr;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection;
use super::entity::{assignment, bookmark, event, journal, record, rule_state, run, target};
use crate::base::clock::Timestamp;
use crate::base::id::{RunId, TargetName};
use crate::model::assignment::Assignment;
use crate::model::event::Event;
use crate::model::record::Record;
use crate::model::target::TargetState;
use crate::runtime::journal::{Entry, RunSummary};
use crate::runtime::ports::{Bookmark, EventOutcome, Holder, RuleState, StoreError, StoredEvent};
use crate::security::{OpenError, Vault};

/// Values that are nested deeper than this are refused. JSON that comes from outside is at most 128 deep; a journal wraps it
/// in a few levels more.
const DEEPEST: usize = 256;

/// Which row a blob belongs to, and what else of the row must not be changed without the blob.
#[derive(Debug)]
pub(super) struct Place {
    table: &'static str,
    key: Vec<String>,
    bound: Vec<String>,
}

impl Place {
    pub(super) fn new(table: &'static str, key: impl IntoIterator<Item = impl ToString>) -> Self {
        let key = key.into_iter().map(|part| part.to_string()).collect();
        Self { table, key, bound: Vec::new() }
    }

    pub(super) fn bind(mut self, value: &impl ToString) -> Self {
        self.bound.push(value.to_string());
        self
    }

    fn attributes(&self) -> Vec<&str> {
        std::iter::once(self.table).chain(self.key.iter().chain(&self.bound).map(String::as_str)).collect()
    }

    fn damaged(&self) -> StoreError {
        StoreError::Damaged { what: format!("row `{}` of table `{}`", self.key.join(" "), self.table) }
    }
}

/// What became of an event, as columns.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) outcome: Vec<u8>,
    pub(super) dead_at: Option<i64>,
}

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
        let mut row = event::Model {
            sequence: 0,
            source: event.source.clone(),
            id: event.id.clone(),
            accepted_at: at.0,
            sealed: Vec::new(),
            outcome: None,
            dead_at: None,
            attempts: 0,
        };
        row.sealed = self.seal(&event_place(&row), event)?;
        Ok(row)
    }

    pub(super) fn event(&self, row: &event::Model) -> Result<Event, StoreError> {
        self.open(&event_place(row), &row.sealed)
    }

    pub(super) fn stored_event(&self, row: &event::Model) -> Result<StoredEvent, StoreError> {
        let outcome = row.outcome.as_deref().map(|blob| self.open(&outcome_place(row.sequence, row.dead_at), blob));
        Ok(StoredEvent {
            sequence: number(row.sequence),
            event: self.event(row)?,
            accepted_at: Timestamp(row.accepted_at),
            attempts: u32::try_from(row.attempts).unwrap_or(0),
            outcome: outcome.transpose()?,
        })
    }

    pub(super) fn new_outcome(&self, sequence: u64, outcome: &EventOutcome) -> Result<Settled, StoreError> {
        let dead_at = outcome.is_dead_letter().then_some(outcome.routed_at.0);
        Ok(Settled { outcome: self.seal(&outcome_place(column(sequence), dead_at), outcome)?, dead_at })
    }

    pub(super) fn new_run(&self, run: &RunSummary) -> Result<run::Model, StoreError> {
        let mut row = run::Model {
            id: run.id.to_string(),
            target: run.target.as_ref().map(TargetName::to_string),
            status: run.status.as_str().to_owned(),
            is_final: run.status.is_final(),
            sealed: Vec::new(),
            ended_at: run.ended_at.map(|moment| moment.0),
            cause_source: run.event.as_ref().map(|(source, _)| source.clone()),
            cause_id: run.event.as_ref().map(|(_, id)| id.clone()),
        };
        row.sealed = self.seal(&run_place(&row), run)?;
        Ok(row)
    }

    pub(super) fn run(&self, row: &run::Model) -> Result<RunSummary, StoreError> {
        self.open(&run_place(row), &row.sealed)
    }

    pub(super) fn new_journal(
        &self,
        run: RunId,
        position: u64,
        entries: &[Entry],
    ) -> Result<journal::Model, StoreError> {
        let mut row = journal::Model { run: run.to_string(), position: column(position), sealed: Vec::new() };
        row.sealed = self.seal(&journal_place(&row), entries)?;
        Ok(row)
    }

    /// The entries of a run's rows, which must be in order and all there.
    pub(super) fn journal(&self, rows: &[journal::Model]) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        for (position, row) in (0i64..).zip(rows) {
            if row.position != position {
                return Err(Place::new("journal", [&row.run, &position.to_string()]).damaged());
            }
            entries.extend(self.open::<Vec<Entry>>(&journal_place(row), &row.sealed)?);
        }
        Ok(entries)
    }

    pub(super) fn new_target(&self, state: &TargetState) -> Result<target::Model, StoreError> {
        let name = state.name.to_string();
        let sealed = self.seal(&target_place(&name), state)?;
        Ok(target::Model { name, sealed })
    }

    pub(super) fn target(&self, row: &target::Model) -> Result<TargetState, StoreError> {
        self.open(&target_place(&row.name), &row.sealed)
    }

    pub(super) fn new_record(&self, record: &Record) -> Result<record::Model, StoreError> {
        let mut row = record::Model {
            target: record.target.to_string(),
            signature: record.signature.to_string(),
            run: record.run.to_string(),
            recorded_at: record.recorded_at.0,
            sealed: Vec::new(),
        };
        row.sealed = self.seal(&record_place(&row), record)?;
        Ok(row)
    }

    pub(super) fn record(&self, row: &record::Model) -> Result<Record, StoreError> {
        self.open(&record_place(row), &row.sealed)
    }

    pub(super) fn new_assignment(&self, assignment: &Assignment) -> Result<assignment::Model, StoreError> {
        let (target, agent) = (assignment.target.to_string(), assignment.agent.to_string());
        let sealed = self.seal(&assignment_place(&target, &agent), assignment)?;
        Ok(assignment::Model { target, agent, sealed })
    }

    pub(super) fn assignment(&self, row: &assignment::Model) -> Result<Assignment, StoreError> {
        self.open(&assignment_place(&row.target, &row.agent), &row.sealed)
    }

    pub(super) fn new_rule_state(&self, state: &RuleState) -> Result<rule_state::Model, StoreError> {
        let (rule, scope) = (state.rule.to_string(), scope(state.target.as_ref()));
        let sealed = self.seal(&rule_state_place(&rule, &scope), state)?;
        Ok(rule_state::Model { rule, scope, sealed })
    }

    pub(super) fn new_bookmark(&self, bookmark: &Bookmark) -> Result<bookmark::Model, StoreError> {
        let (kind, name) = holder_columns(&bookmark.holder);
        let sealed = self.seal(&bookmark_place(kind, name), &bookmark.state)?;
        Ok(bookmark::Model { kind: kind.to_owned(), name: name.to_owned(), sealed })
    }

    pub(super) fn bookmark(&self, row: &bookmark::Model) -> Result<Bookmark, StoreError> {
        let place = bookmark_place(&row.kind, &row.name);
        let holder = match row.kind.as_str() {
            DETECTOR => Holder::Detector(row.name.as_str().into()),
            SCHEDULE => Holder::Schedule(row.name.as_str().into()),
            WEBHOOK => Holder::Webhook(row.name.as_str().into()),
            _ => return Err(place.damaged()),
        };
        Ok(Bookmark { holder, state: self.open(&place, &row.sealed)? })
    }

    pub(super) fn rule_state(&self, row: &rule_state::Model) -> Result<RuleState, StoreError> {
        self.open(&rule_state_place(&row.rule, &row.scope), &row.sealed)
    }

    pub(super) fn seal<T: Serialize + ?Sized>(&self, place: &Place, value: &T) -> Result<Vec<u8>, StoreError> {
        let plain = serde_json::to_vec(value).map_err(|error| self.io(&error))?;
        if depth(&plain) > DEEPEST {
            return Err(StoreError::Refused { problem: format!("a value is nested more than {DEEPEST} deep") });
        }
        self.vault.seal(&place.attributes(), &plain).map_err(|error| self.io(&error))
    }

    pub(super) fn open<T: DeserializeOwned>(&self, place: &Place, blob: &[u8]) -> Result<T, StoreError> {
        let plain = self.vault.open(&place.attributes(), blob).map_err(|error| match error {
            OpenError::WrongKey(key) => StoreError::WrongKey { path: self.path.clone(), key: key.to_string() },
            OpenError::Damaged => place.damaged(),
        })?;
        let mut reader = serde_json::Deserializer::from_slice(&plain);
        // The depth was limited when it was written.
        reader.disable_recursion_limit();
        T::deserialize(&mut reader).map_err(|_| place.damaged())
    }
}

/// How deep arrays and objects are nested in JSON that is well-formed.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A target that may be none, as a part of a primary key.
pub(super) fn scope(target: Option<&TargetName>) -> String {
    target.map_or_else(String::new, |target| format!(":{target}"))
}

pub(super) fn target_of_scope(scope: &str) -> Option<TargetName> {
    scope.strip_prefix(':').map(TargetName::from)
}

/// The kinds of bookmarks, by who keeps them.
const DETECTOR: &str = "detector";
const SCHEDULE: &str = "schedule";
const WEBHOOK: &str = "webhook";

/// Who keeps a bookmark, as a primary key: kinds in the order of the port's.
pub(super) fn holder_columns(holder: &Holder) -> (&'static str, &str) {
    match holder {
        Holder::Detector(name) => (DETECTOR, name.as_str()),
        Holder::Schedule(name) => (SCHEDULE, name.as_str()),
        Holder::Webhook(name) => (WEBHOOK, name.as_str()),
    }
}

/// Sequences and positions count from 0 or 1 without gaps: they stay far below 2^63.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn number(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

fn event_place(row: &event::Model) -> Place {
    Place::new("events", [&row.source, &row.id]).bind(&row.accepted_at)
}

fn outcome_place(sequence: i64, dead_at: Option<i64>) -> Place {
    let place = Place::new("events.outcome", [sequence]);
    match dead_at {
        Some(moment) => place.bind(&moment),
        None => place,
    }
}

fn run_place(row: &run::Model) -> Place {
    let target = row.target.as_deref().map(TargetName::from);
    Place::new("runs", [&row.id]).bind(&scope(target.as_ref())).bind(&row.status).bind(&row.is_final)
}

fn journal_place(row: &journal::Model) -> Place {
    Place::new("journal", [&row.run, &row.position.to_string()])
}

fn record_place(row: &record::Model) -> Place {
    Place::new("records", [&row.target, &row.signature, &row.run]).bind(&row.recorded_at)
}

fn target_place(name: &str) -> Place {
    Place::new("targets", [name])
}

fn assignment_place(target: &str, agent: &str) -> Place {
    Place::new("assignments", [target, agent])
}

fn bookmark_place(kind: &str, name: &str) -> Place {
    Place::new("bookmarks", [kind, name])
}

fn rule_state_place(rule: &str, scope: &str) -> Place {
    Place::new("rule_states", [rule, scope])
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn only_brackets_outside_strings_nest() {
        let shallow = ["1", r#""[[[""#, r#""\"[""#, r#""\\""#];
        assert_eq!(shallow.map(|json| depth(json.as_bytes())), [0; 4]);
        assert_eq!(depth(br#"{"[[":[{"a\"":[]}],"b":[[]]}"#), 4);
    }
}
