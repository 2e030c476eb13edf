//! Decides which transactions of a batch happen: only what is known in, a receipt or a refusal out.
//!
//! There is one writer, so what it has written is what is so. A refused transaction leaves no trace, and its neighbours
//! do not notice it; later ones see what earlier ones of the same batch did.

use std::collections::{HashMap, HashSet};

use super::change::{Change, Prepared};
use super::entity::event;
use super::rows::column;
use crate::base::id::{AgentId, RunId, TargetName};
use crate::model::assignment::Epoch;
use crate::runtime::ports::{Accepted, Guard, Receipt, StoreError};

/// An event that was accepted before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Earlier {
    pub(super) sequence: u64,
    pub(super) accepted_at: i64,
    /// Before the batch.
    pub(super) was_settled: bool,
}

/// What must be known to admit a transaction; or what one changed in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Of the next event; `None` in a change that took in none.
    pub(super) next_sequence: Option<u64>,
    /// By `(source, id)` events that were accepted, as far as they matter now.
    pub(super) events: HashMap<(String, String), Vec<Earlier>>,
    /// Events that were settled within the batch.
    pub(super) settled: HashSet<u64>,
    /// Whether events are dead letters, as far as it matters now.
    pub(super) dead: HashMap<u64, bool>,
    /// Of every target.
    pub(super) tokens: HashMap<TargetName, u64>,
    /// Of every assignment; `None` for one that was removed.
    pub(super) epochs: HashMap<(TargetName, AgentId), Option<Epoch>>,
    /// How many batches a journal has, of runs that are not final.
    pub(super) positions: HashMap<RunId, u64>,
    /// Runs that became final.
    pub(super) finished: Vec<RunId>,
}

impl Known {
    /// Takes over what is so after a change.
    pub(super) fn absorb(&mut self, change: Self) {
        self.next_sequence = change.next_sequence.or(self.next_sequence);
        for (name, accepted) in change.events {
            self.events.entry(name).or_default().extend(accepted);
        }
        self.settled.extend(change.settled);
        self.dead.extend(change.dead);
        self.tokens.extend(change.tokens);
        self.epochs.extend(change.epochs);
        self.positions.extend(change.positions);
        self.finished.extend(change.finished);
    }

    /// Forgets what is only of use within a batch, so that it does not grow.
    pub(super) fn forget(&mut self) {
        self.events.clear();
        self.settled.clear();
        self.dead.clear();
        self.epochs.retain(|_, epoch| epoch.is_some());
        for run in self.finished.drain(..) {
            self.positions.remove(&run);
        }
    }
}

/// Admits transactions, one after the other, on top of what is durable.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    durable: &'a Known,
    /// What the admitted transactions of the batch changed.
    batch: Known,
    /// What the transaction changed that is looked at now.
    own: Known,
}

impl<'a> Ledger<'a> {
    /// `looked_up` is what was found out for this batch alone.
    pub(super) fn new(durable: &'a Known, looked_up: Known) -> Self {
        Self { durable, batch: looked_up, own: Known::default() }
    }

    /// The changes to make, without the events that were accepted before.
    pub(super) fn admit(&mut self, prepared: Prepared) -> Result<(Receipt, Vec<Change>), StoreError> {
        self.own = Known::default();
        for Guard::Lease { target, token } in prepared.guards {
            let current = self.token(&target);
            if current != token {
                return Err(StoreError::Fenced { target, held: token, current });
            }
        }
        let mut receipt = Receipt::default();
        let mut changes = Vec::with_capacity(prepared.changes.len());
        for mut change in prepared.changes {
            if let Change::AcceptEvent { row, known_since } = &mut change {
                let accepted = self.accept(row, *known_since);
                receipt.accepted.push(accepted);
                let Accepted::New { sequence } = accepted else { continue };
                row.sequence = column(sequence);
            } else {
                self.check(&change)?;
            }
            changes.push(change);
        }
        self.batch.absorb(std::mem::take(&mut self.own));
        Ok((receipt, changes))
    }

    /// What is so once the batch is durable.
    pub(super) fn into_batch(self) -> Known {
        self.batch
    }

    fn accept(&mut self, row: &event::Model, known_since: i64) -> Accepted {
        let key = (row.source.clone(), row.id.clone());
        let layers = self.layers();
        let is_known = |earlier: &Earlier| {
            let is_settled = || layers.iter().any(|known| known.settled.contains(&earlier.sequence));
            earlier.accepted_at >= known_since || !(earlier.was_settled || is_settled())
        };
        if layers.iter().filter_map(|known| known.events.get(&key)).flatten().any(is_known) {
            return Accepted::Duplicate;
        }
        let sequence = self.next_sequence();
        self.own.next_sequence = Some(sequence + 1);
        let earlier = Earlier { sequence, accepted_at: row.accepted_at, was_settled: false };
        self.own.events.entry(key).or_default().push(earlier);
        Accepted::New { sequence }
    }

    fn check(&mut self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::SettleEvent { sequence, settled } => {
                if !(1..self.next_sequence()).contains(sequence) {
                    let problem = format!("event {sequence} was never accepted");
                    return Err(StoreError::Refused { problem });
                }
                self.own.dead.insert(*sequence, settled.dead_at.is_some());
                self.own.settled.insert(*sequence);
            }
            Change::RedriveEvent { sequence, .. } | Change::DropEvent { sequence, .. } => {
                if self.find(|known| known.dead.get(sequence).copied()) != Some(true) {
                    return Err(StoreError::Refused { problem: format!("event {sequence} is no dead letter") });
                }
                self.own.dead.insert(*sequence, false);
            }
            Change::PutRun { run, row } => {
                if row.is_final {
                    self.own.finished.push(*run);
                }
            }
            Change::AppendJournal { run, position, .. } => {
                let expected = self.find(|known| known.positions.get(run).copied()).unwrap_or(0);
                if *position != expected {
                    return Err(StoreError::JournalMoved { run: *run, position: *position, expected });
                }
                self.own.positions.insert(*run, expected + 1);
            }
            Change::PutTarget { target, token, .. } => {
                let current = self.token(target);
                if *token < current {
                    return Err(StoreError::Fenced { target: target.clone(), held: *token, current });
                }
                self.own.tokens.insert(target.clone(), *token);
            }
            Change::PutAssignment { target, agent, epoch, .. } => {
                let key = (target.clone(), agent.clone());
                let current = self.find(|known| known.epochs.get(&key).copied()).flatten();
                if current.is_some_and(|current| *epoch < current) {
                    return Err(StoreError::AssignmentMoved { agent: agent.clone() });
                }
                self.own.epochs.insert(key, Some(*epoch));
            }
            Change::RemoveAssignment { target, agent } => {
                self.own.epochs.insert((target.clone(), agent.clone()), None);
            }
            Change::AcceptEvent { .. }
            | Change::PutPlan(_)
            | Change::PutRecord(_)
            | Change::PutRuleState(_)
            | Change::PutBookmark(_)
            | Change::RemoveBookmark { .. }
            | Change::PutHalt(_)
            | Change::RemoveHalt { .. } => {}
        }
        Ok(())
    }

    /// A target that was never written has token 0, as a free lease has.
    fn token(&self, target: &TargetName) -> u64 {
        self.find(|known| known.tokens.get(target).copied()).unwrap_or(0)
    }

    fn next_sequence(&self) -> u64 {
        self.find(|known| known.next_sequence).unwrap_or(1)
    }

    /// The newest that is known.
    fn find<T>(&self, look: impl Fn(&Known) -> Option<T>) -> Option<T> {
        self.layers().into_iter().find_map(look)
    }

    fn layers(&self) -> [&Known; 3] {
        [&self.own, &self.batch, self.durable]
    }
}
