//! Everything that happened in the world, in order: what verdicts, coverage and traces are made from.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::clock::{Clock, Timestamp};
use crate::base::id::{RunId, StepName, WorkflowName};
use crate::model::event::Event;
use crate::model::record::Record;
use crate::model::target::TargetState;
use crate::runtime::journal::{Entry, RunSummary};
use crate::runtime::ports::{DispatchOrder, Dispatched, EventOutcome};

/// Something that happened, and when.
#[derive(Clone, Debug)]
pub struct Moment {
    pub at: Timestamp,
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Happening {
    /// An event was taken in, from outside or from a rule.
    Accepted {
        sequence: u64,
        event: Event,
    },
    /// What rules made of an event.
    Settled {
        sequence: u64,
        outcome: EventOutcome,
    },
    /// A run came into being or changed its status.
    Run(RunSummary),
    Journaled {
        run: RunId,
        entry: Entry,
    },
    Target(TargetState),
    Recorded(Record),
    /// An action was performed, by itself or by a mock; also again after a crash.
    Performed {
        run: RunId,
        step: StepName,
        is_undo: bool,
    },
    /// Agents were told their rates; a repetition under the same key is not told again.
    Dispatched {
        order: DispatchOrder,
        result: Dispatched,
    },
    /// The engine was killed.
    Crashed,
    /// An engine started on what the last one left.
    Recovered,
    /// A load test was asked for, and no mock says what it finds.
    NotMocked {
        run: RunId,
        step: StepName,
    },
    /// What a person asked for was refused.
    Refused {
        /// `source` and `id`, where it was an event.
        event: Option<(String, String)>,
        what: String,
    },
}

/// What happened so far. Cheap to hand around: all copies are one.
#[derive(Clone, Debug)]
pub struct History {
    clock: Arc<dyn Clock>,
    moments: Arc<Mutex<Vec<Moment>>>,
}

impl History {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, moments: Arc::default() }
    }

    pub fn note(&self, what: Happening) {
        let at = self.clock.now();
        self.moments().push(Moment { at, what });
    }

    /// Everything so far, in order.
    pub fn all(&self) -> Vec<Moment> {
        self.moments().clone()
    }

    /// The event that was taken in under that number.
    pub fn accepted(&self, number: u64) -> Option<Event> {
        self.moments().iter().rev().find_map(|moment| match &moment.what {
            Happening::Accepted { sequence, event } if *sequence == number => Some(event.clone()),
            _ => None,
        })
    }

    /// The workflow that a run performs.
    pub fn workflow_of(&self, id: RunId) -> Option<WorkflowName> {
        self.moments().iter().rev().find_map(|moment| match &moment.what {
            Happening::Run(run) if run.id == id => Some(run.workflow.clone()),
            _ => None,
        })
    }

    fn moments(&self) -> MutexGuard<'_, Vec<Moment>> {
        self.moments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
