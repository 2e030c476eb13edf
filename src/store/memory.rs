//! A store that lasts as long as its process: plain maps behind a mutex, with the same promises but durability.
//!
//! Tests use it, and runs that nobody needs to find again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::base::clock::{Clock as _, SystemClock, Timestamp};
use crate::base::digest::Digest;
use crate::base::id::{AgentId, RuleName, RunId, Signature, TargetName};
use crate::model::assignment::Assignment;
use crate::model::event::Event;
use crate::model::record::Record;
use crate::model::target::TargetState;
use crate::runtime::journal::{Entry, RunSummary};
use crate::runtime::ports::{
    Accepted, Bookmark, EventFilter, EventOrder, EventOutcome, Guard, Holder, Loaded, PlanSource, PruneOrder, Pruned,
    Receipt, RecordFilter, RuleState, RunFilter, Store, StoreError, StoredEvent, StoredRun, Transaction, Write,
};

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    incarnation: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    events: BTreeMap<u64, StoredEvent>,
    sequences: BTreeMap<(String, String), u64>,
    runs: BTreeMap<RunId, RunSummary>,
    journal: BTreeMap<(RunId, u64), Vec<Entry>>,
    plans: BTreeMap<Digest, PlanSource>,
    targets: BTreeMap<TargetName, TargetState>,
    records: BTreeMap<(TargetName, Signature, RunId), Record>,
    assignments: BTreeMap<(TargetName, AgentId), Assignment>,
    rule_states: BTreeMap<(RuleName, Option<TargetName>), RuleState>,
    bookmarks: BTreeMap<Holder, Bookmark>,
    halts: BTreeMap<Option<TargetName>, Timestamp>,
}

impl MemoryStore {
    /// An empty store whose incarnation is above those of all that were made before.
    pub fn new() -> Self {
        Self::with_incarnation(u64::try_from(SystemClock.now().0).unwrap_or(0))
    }

    /// An empty store that always says the same of itself.
    pub fn with_incarnation(incarnation: u64) -> Self {
        Self { incarnation, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        let state = self.state();
        let pending = state.events.values().filter(|stored| stored.outcome.is_none());
        let unfinished = state.runs.values().filter(|run| !run.status.is_final());
        Ok(Loaded {
            incarnation: self.incarnation,
            events: pending.cloned().collect(),
            runs: unfinished.map(|run| state.stored_run(run)).collect(),
            targets: state.targets.values().cloned().collect(),
            assignments: state.assignments.values().cloned().collect(),
            rule_states: state.rule_states.values().cloned().collect(),
            halts: state.halts.keys().cloned().collect(),
        })
    }

    async fn commit(&self, transaction: Transaction) -> Result<Receipt, StoreError> {
        let mut state = self.state();
        for Guard::Lease { target, token } in transaction.guards {
            let current = state.token(&target);
            if current != token {
                return Err(StoreError::Fenced { target, held: token, current });
            }
        }
        let mut receipt = Receipt::default();
        let mut changing = Changing { state: &mut state, back: Vec::new() };
        for write in transaction.writes {
            if let Err(error) = changing.write(write, &mut receipt) {
                changing.take_back();
                return Err(error);
            }
        }
        Ok(receipt)
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        let state = self.state();
        let wanted = |run: &&RunSummary| {
            filter.target.as_ref().is_none_or(|target| run.target.as_ref() == Some(target))
                && filter.status.is_none_or(|status| run.status == status)
                && filter.before.is_none_or(|before| run.id < before)
        };
        Ok(state.runs.values().rev().filter(wanted).take(limit(filter.limit)).cloned().collect())
    }

    async fn run(&self, id: RunId) -> Result<Option<StoredRun>, StoreError> {
        let state = self.state();
        Ok(state.runs.get(&id).map(|run| state.stored_run(run)))
    }

    async fn targets(&self) -> Result<Vec<TargetState>, StoreError> {
        Ok(self.state().targets.values().cloned().collect())
    }

    async fn target(&self, name: &TargetName) -> Result<Option<TargetState>, StoreError> {
        Ok(self.state().targets.get(name).cloned())
    }

    async fn records(&self, filter: &RecordFilter) -> Result<Vec<Record>, StoreError> {
        let state = self.state();
        let wanted = |record: &&Record| {
            filter.target.as_ref().is_none_or(|target| record.target == *target)
                && filter.signature.as_ref().is_none_or(|signature| record.signature == *signature)
        };
        let mut records: Vec<_> = state.records.values().filter(wanted).collect();
        records.sort_by(|a, b| {
            let order = |record: &Record| (record.recorded_at, record.run);
            (order(b), &b.target, &b.signature).cmp(&(order(a), &a.target, &a.signature))
        });
        Ok(records.into_iter().take(limit(filter.limit)).cloned().collect())
    }

    async fn assignments(&self, target: &TargetName) -> Result<Vec<Assignment>, StoreError> {
        let state = self.state();
        Ok(state.assignments.values().filter(|assignment| assignment.target == *target).cloned().collect())
    }

    async fn plan(&self, digest: &Digest) -> Result<Option<PlanSource>, StoreError> {
        Ok(self.state().plans.get(digest).cloned())
    }

    async fn event(&self, source: &str, id: &str) -> Result<Option<StoredEvent>, StoreError> {
        let state = self.state();
        let sequence = state.sequences.get(&(source.to_owned(), id.to_owned()));
        Ok(sequence.and_then(|sequence| state.events.get(sequence)).cloned())
    }

    async fn event_at(&self, sequence: u64) -> Result<Option<StoredEvent>, StoreError> {
        Ok(self.state().events.get(&sequence).cloned())
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, StoreError> {
        let state = self.state();
        let wanted = |stored: &&StoredEvent| !filter.only_dead_letters || stored.dead_letter().is_some();
        let limit = limit(filter.limit);
        Ok(match filter.order {
            EventOrder::NewestFirst { before } => {
                let range = state.events.range(..before.unwrap_or(u64::MAX)).rev();
                range.map(|(_, stored)| stored).filter(wanted).take(limit).cloned().collect()
            }
            EventOrder::OldestFirst { after } => {
                let range = state.events.range(after.saturating_add(1)..);
                range.map(|(_, stored)| stored).filter(wanted).take(limit).cloned().collect()
            }
        })
    }

    async fn bookmarks(&self) -> Result<Vec<Bookmark>, StoreError> {
        Ok(self.state().bookmarks.values().cloned().collect())
    }

    async fn prune(&self, order: &PruneOrder) -> Result<Pruned, StoreError> {
        Ok(self.state().prune(order))
    }
}

impl State {
    fn token(&self, target: &TargetName) -> u64 {
        self.targets.get(target).map_or(0, |state| state.lease.token)
    }

    fn prune(&mut self, order: &PruneOrder) -> Pruned {
        let limit = limit(order.limit);
        let is_old = |run: &&RunSummary| run.status.is_final() && run.ended_at.is_some_and(|at| at < order.runs);
        let runs: Vec<_> = self.runs.values().filter(is_old).map(|run| run.id).take(limit).collect();
        for run in &runs {
            self.runs.remove(run);
            self.journal.retain(|(of, _), _| of != run);
        }
        let active: BTreeSet<_> =
            self.runs.values().filter(|run| !run.status.is_final()).filter_map(|run| run.event.clone()).collect();
        let last = self.events.last_key_value().map_or(0, |(last, _)| *last);
        let mut remove = |is_old: &dyn Fn(&StoredEvent) -> bool| {
            let name = |stored: &StoredEvent| (stored.event.source.clone(), stored.event.id.clone());
            let old = self.events.values().filter(|stored| {
                stored.sequence < last
                    && stored.accepted_at < order.known_since
                    && is_old(stored)
                    && !active.contains(&name(stored))
            });
            let old: Vec<_> = old.map(|stored| (stored.sequence, name(stored))).take(limit).collect();
            for (sequence, name) in &old {
                self.events.remove(sequence);
                if self.sequences.get(name) == Some(sequence) {
                    self.sequences.remove(name);
                }
            }
            old.len() as u64
        };
        let events = remove(&|stored| {
            stored.outcome.is_some() && stored.dead_letter().is_none() && stored.accepted_at < order.events
        });
        let dead_letters =
            remove(&|stored| stored.dead_letter().is_some_and(|outcome| outcome.routed_at < order.dead_letters));
        let is_old = |(key, record): &(&(TargetName, Signature, RunId), &Record)| {
            record.recorded_at < order.records && !order.keep_records.contains(&(key.0.clone(), key.1.clone()))
        };
        let records: Vec<_> = self.records.iter().filter(is_old).map(|(key, _)| key.clone()).take(limit).collect();
        for record in &records {
            self.records.remove(record);
        }
        Pruned { events, dead_letters, runs: runs.len() as u64, records: records.len() as u64 }
    }

    fn batches(&self, run: RunId) -> impl DoubleEndedIterator<Item = (&(RunId, u64), &Vec<Entry>)> {
        self.journal.range((run, 0)..=(run, u64::MAX))
    }

    fn next_position(&self, run: RunId) -> u64 {
        self.batches(run).next_back().map_or(0, |((_, position), _)| position + 1)
    }

    fn stored_run(&self, summary: &RunSummary) -> StoredRun {
        StoredRun {
            summary: summary.clone(),
            journal: self.batches(summary.id).flat_map(|(_, entries)| entries).cloned().collect(),
            batches: self.next_position(summary.id),
        }
    }
}

type TakeBack = Box<dyn FnOnce(&mut State)>;

/// A transaction in the middle of its writes, with what takes each of them back.
struct Changing<'a> {
    state: &'a mut State,
    back: Vec<TakeBack>,
}

impl Changing<'_> {
    fn write(&mut self, write: Write, receipt: &mut Receipt) -> Result<(), StoreError> {
        match write {
            Write::AcceptEvent { event, at, known_since } => {
                receipt.accepted.push(self.accept(event, at, known_since));
            }
            Write::SettleEvent { sequence, outcome } => self.settle(sequence, outcome)?,
            Write::RedriveEvent { sequence, event, accepted_at, attempts } => {
                self.check_dead(sequence)?;
                let stored = StoredEvent { sequence, event, accepted_at, attempts, outcome: None };
                self.set(|state| &mut state.events, sequence, Some(stored));
            }
            Write::DropEvent { sequence, outcome } => {
                self.check_dead(sequence)?;
                self.settle(sequence, outcome)?;
            }
            Write::PutRun(run) => self.set(|state| &mut state.runs, run.id, Some(run)),
            Write::AppendJournal { run, position, entries } => {
                let expected = self.state.next_position(run);
                if position != expected {
                    return Err(StoreError::JournalMoved { run, position, expected });
                }
                self.set(|state| &mut state.journal, (run, position), Some(entries));
            }
            Write::PutPlan { digest, source } => {
                if !self.state.plans.contains_key(&digest) {
                    self.set(|state| &mut state.plans, digest, Some(source));
                }
            }
            Write::PutTarget(target) => {
                let (held, current) = (target.lease.token, self.state.token(&target.name));
                if held < current {
                    return Err(StoreError::Fenced { target: target.name, held, current });
                }
                self.set(|state| &mut state.targets, target.name.clone(), Some(target));
            }
            Write::PutRecord(record) => {
                let key = (record.target.clone(), record.signature.clone(), record.run);
                if !self.state.records.contains_key(&key) {
                    self.set(|state| &mut state.records, key, Some(record));
                }
            }
            Write::PutAssignment(assignment) => {
                let key = (assignment.target.clone(), assignment.agent.clone());
                if self.state.assignments.get(&key).is_some_and(|stored| stored.epoch > assignment.epoch) {
                    return Err(StoreError::AssignmentMoved { agent: assignment.agent });
                }
                self.set(|state| &mut state.assignments, key, Some(assignment));
            }
            Write::RemoveAssignment { target, agent } => {
                self.set(|state| &mut state.assignments, (target, agent), None);
            }
            Write::PutRuleState(rule) => {
                self.set(|state| &mut state.rule_states, (rule.rule.clone(), rule.target.clone()), Some(rule));
            }
            Write::PutBookmark(bookmark) => {
                self.set(|state| &mut state.bookmarks, bookmark.holder.clone(), Some(bookmark));
            }
            Write::RemoveBookmark(holder) => self.set(|state| &mut state.bookmarks, holder, None),
            Write::PutHalt { target, at } => self.set(|state| &mut state.halts, target, Some(at)),
            Write::RemoveHalt { target } => self.set(|state| &mut state.halts, target, None),
        }
        Ok(())
    }

    fn accept(&mut self, event: Event, at: Timestamp, known_since: Timestamp) -> Accepted {
        let key = (event.source.clone(), event.id.clone());
        let earlier = self.state.sequences.get(&key).and_then(|sequence| self.state.events.get(sequence));
        if earlier.is_some_and(|earlier| earlier.outcome.is_none() || earlier.accepted_at >= known_since) {
            return Accepted::Duplicate;
        }
        let sequence = self.state.events.last_key_value().map_or(1, |(last, _)| last + 1);
        self.set(|state| &mut state.sequences, key, Some(sequence));
        let stored = StoredEvent { sequence, event, accepted_at: at, attempts: 0, outcome: None };
        self.set(|state| &mut state.events, sequence, Some(stored));
        Accepted::New { sequence }
    }

    fn check_dead(&self, sequence: u64) -> Result<(), StoreError> {
        match self.state.events.get(&sequence).and_then(StoredEvent::dead_letter) {
            Some(_) => Ok(()),
            None => Err(StoreError::Refused { problem: format!("event {sequence} is no dead letter") }),
        }
    }

    fn settle(&mut self, sequence: u64, outcome: EventOutcome) -> Result<(), StoreError> {
        let Some(mut stored) = self.state.events.get(&sequence).cloned() else {
            let problem = format!("event {sequence} was never accepted");
            return Err(StoreError::Refused { problem });
        };
        stored.outcome = Some(outcome);
        self.set(|state| &mut state.events, sequence, Some(stored));
        Ok(())
    }

    /// Puts a value into one of the maps, or with `None` takes it out.
    fn set<K, V>(&mut self, map: fn(&mut State) -> &mut BTreeMap<K, V>, key: K, value: Option<V>)
    where
        K: Ord + Clone + 'static,
        V: 'static,
    {
        let exchange = move |state: &mut State, key: K, value: Option<V>| match value {
            Some(value) => map(state).insert(key, value),
            None => map(state).remove(&key),
        };
        let before = exchange(self.state, key.clone(), value);
        self.back.push(Box::new(move |state| {
            exchange(state, key, before);
        }));
    }

    fn take_back(self) {
        for back in self.back.into_iter().rev() {
            back(self.state);
        }
    }
}

fn limit(asked: u64) -> usize {
    if asked == 0 { 100 } else { usize::try_from(asked).unwrap_or(usize::MAX) }
}
