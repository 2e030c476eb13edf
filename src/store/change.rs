//! A transaction made ready for the writer: what is left of it are rows, and what the ledger must know to admit them.

use super::entity::{assignment, bookmark, event, halt, journal, plan, record, rule_state, run, target};
use super::plan_row;
use super::rows::{Rows, Settled, holder_columns, scope};
use crate::base::id::{AgentId, RunId, TargetName};
use crate::model::assignment::Epoch;
use crate::runtime::ports::{Guard, StoreError, Transaction, Write};

/// A transaction with its blobs sealed.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) guards: Vec<Guard>,
    pub(super) changes: Vec<Change>,
}

/// One write as rows.
#[derive(Debug)]
pub(super) enum Change {
    /// The ledger gives it its sequence.
    AcceptEvent {
        row: event::Model,
        known_since: i64,
    },
    SettleEvent {
        sequence: u64,
        settled: Settled,
    },
    RedriveEvent {
        sequence: u64,
        sealed: Vec<u8>,
        attempts: i64,
    },
    DropEvent {
        sequence: u64,
        settled: Settled,
    },
    PutRun {
        run: RunId,
        row: run::Model,
    },
    AppendJournal {
        run: RunId,
        position: u64,
        row: journal::Model,
    },
    PutPlan(plan::Model),
    PutTarget {
        target: TargetName,
        token: u64,
        row: target::Model,
    },
    PutRecord(record::Model),
    PutAssignment {
        target: TargetName,
        agent: AgentId,
        epoch: Epoch,
        row: assignment::Model,
    },
    RemoveAssignment {
        target: TargetName,
        agent: AgentId,
    },
    PutRuleState(rule_state::Model),
    PutBookmark(bookmark::Model),
    RemoveBookmark {
        kind: &'static str,
        name: String,
    },
    PutHalt(halt::Model),
    RemoveHalt {
        scope: String,
    },
}

impl Prepared {
    pub(super) fn new(transaction: Transaction, rows: &Rows) -> Result<Self, StoreError> {
        let changes = transaction.writes.into_iter().map(|write| Change::new(write, rows)).collect::<Result<_, _>>()?;
        Ok(Self { guards: transaction.guards, changes })
    }
}

impl Change {
    fn new(write: Write, rows: &Rows) -> Result<Self, StoreError> {
        Ok(match write {
            Write::AcceptEvent { event, at, known_since } => {
                Self::AcceptEvent { row: rows.new_event(&event, at)?, known_since: known_since.0 }
            }
            Write::SettleEvent { sequence, outcome } => {
                Self::SettleEvent { sequence, settled: rows.new_outcome(sequence, &outcome)? }
            }
            Write::RedriveEvent { sequence, event, accepted_at, attempts } => Self::RedriveEvent {
                sequence,
                sealed: rows.new_event(&event, accepted_at)?.sealed,
                attempts: attempts.into(),
            },
            Write::DropEvent { sequence, outcome } => {
                Self::DropEvent { sequence, settled: rows.new_outcome(sequence, &outcome)? }
            }
            Write::PutRun(run) => Self::PutRun { run: run.id, row: rows.new_run(&run)? },
            Write::AppendJournal { run, position, entries } => {
                Self::AppendJournal { run, position, row: rows.new_journal(run, position, &entries)? }
            }
            Write::PutPlan { digest, source } => Self::PutPlan(plan_row::row(&digest, source)?),
            Write::PutTarget(state) => {
                let row = rows.new_target(&state)?;
                Self::PutTarget { target: state.name, token: state.lease.token, row }
            }
            Write::PutRecord(record) => Self::PutRecord(rows.new_record(&record)?),
            Write::PutAssignment(assignment) => {
                let row = rows.new_assignment(&assignment)?;
                let (target, agent) = (assignment.target, assignment.agent);
                Self::PutAssignment { target, agent, epoch: assignment.epoch, row }
            }
            Write::RemoveAssignment { target, agent } => Self::RemoveAssignment { target, agent },
            Write::PutRuleState(state) => Self::PutRuleState(rows.new_rule_state(&state)?),
            Write::PutBookmark(bookmark) => Self::PutBookmark(rows.new_bookmark(&bookmark)?),
            Write::RemoveBookmark(holder) => {
                let (kind, name) = holder_columns(&holder);
                Self::RemoveBookmark { kind, name: name.to_owned() }
            }
            Write::PutHalt { target, at } => {
                Self::PutHalt(halt::Model { scope: scope(target.as_ref()), halted_at: at.0 })
            }
            Write::RemoveHalt { target } => Self::RemoveHalt { scope: scope(target.as_ref()) },
        })
    }
}
