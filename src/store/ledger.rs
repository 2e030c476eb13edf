//! Decides which transactions of a batch happen: only what is known in, a receipt or a refusal out.
//!
//! There is one writer, so what it has written is what is so. A refused transaction leaves no trace, and its neighbours
//! do not notice it; later ones see what earlier ones of the same batch did.

use std::collections::{HashMap, HashSet};

use super::change::{Change, Prepared};
use super::rows::column;
use crate::base::id::{AgentId, RunId, TargetName};
use crate::model::assignment::Epoch;
use crate::runtime::ports::{Accepted, Guard, Receipt, StoreError};

/// What must be known to admit a transaction; or what one changed in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Of the next event; `None` in a change that took in none.
    pub(super) next_sequence: Option<u64>,
    /// `(source, id)` of events that were accepted, as far as they matter now.
    pub(super) events: HashSet<(String, String)>,
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
        self.events.extend(change.events);
        self.tokens.extend(change.tokens);
        self.epochs.extend(change.epochs);
        self.positions.extend(change.positions);
        self.finished.extend(change.finished);
    }

    /// Forgets what is only of use within a batch, so that it does not grow.
    pub(super) fn forget(&mut self) {
        self.events.clear();
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
            if let Change::AcceptEvent(row) = &mut change {
                let accepted = self.accept(&row.source, &row.id);
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

    fn accept(&mut self, source: &str, id: &str) -> Accepted {
        let key = (source.to_owned(), id.to_owned());
        if self.layers().iter().any(|known| known.events.contains(&key)) {
            return Accepted::Duplicate;
        }
        let sequence = self.next_sequence();
        self.own.next_sequence = Some(sequence + 1);
        self.own.events.insert(key);
        Accepted::New { sequence }
    }

    fn check(&mut self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::SettleEvent { sequence, .. } => {
                if !(1..self.next_sequence()).contains(sequence) {
                    let problem = format!("event {sequence} was never accepted");
                    return Err(StoreError::Refused { problem });
                }
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
            Change::AcceptEvent(_)
            | Change::PutPlan(_)
            | Change::PutRecord(_)
            | Change::PutRuleState(_)
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
