//! Journal entries fold into the state of a run.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::base::clock::Timestamp;
use crate::base::id::StepName;
use crate::model::schema::JsonMap;
use crate::model::target::{Phase, TargetState};
use crate::plan::Frame;
use crate::runtime::effect::{ActionError, FailureKind};
use crate::runtime::journal::{Entry, Place, RunStatus, StopReason, What};
use crate::runtime::wait::{Answer, Wait, WaitOn};

/// Everything that a run's journal says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunState {
    pub began: Option<Began>,
    pub steps: BTreeMap<StepName, StepState>,
    pub stop: Option<StopReason>,
    /// `(source, id)` of the events that answered waits: none answers two.
    pub heard: Vec<(String, String)>,
    /// The first failure: what `error` holds in `on_failure`.
    pub failure: Option<(StepName, ActionError)>,
    pub ended: Option<End>,
}

/// How the run began.
#[derive(Clone, Debug, PartialEq)]
pub struct Began {
    pub at: Timestamp,
    pub inputs: Json,
    pub target: Option<TargetState>,
    /// What `target` is in the run's expressions.
    pub view: Json,
}

/// How the run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    pub status: RunStatus,
    pub outputs: Json,
    pub error: Option<ActionError>,
    pub phase: Option<Phase>,
}

/// Where a step is.
#[derive(Clone, Debug, PartialEq)]
pub enum StepState {
    Skipped,
    /// Another run performed it, and this one goes on with what it returned.
    Kept(Json),
    /// Neither its condition nor its inputs could be evaluated, or its list could not.
    Broken(ActionError),
    Once(Performance),
    Each {
        items: Vec<Json>,
        performances: BTreeMap<usize, Performance>,
    },
}

/// One step, or one item of it, being performed.
#[derive(Clone, Debug, PartialEq)]
pub struct Performance {
    pub attempt: u32,
    pub attempted_at: Timestamp,
    pub input: Json,
    /// What undoing needs, resolved before the effect.
    pub undo: Option<Json>,
    pub checkpoint: Option<Json>,
    pub interruptions: u32,
    /// Whether a person has approved that it is performed.
    pub permitted: bool,
    /// Whether the engine that performed it was stopped in order, and it was not taken up again yet.
    pub suspended: bool,
    pub status: Status,
    pub undoing: Undoing,
}

/// Where a performance is.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    Running,
    /// Waits for its next attempt.
    Retrying {
        at: Timestamp,
        error: ActionError,
    },
    /// Waits without being performed.
    Waiting {
        wait: Box<Wait>,
        answer: Option<Answer>,
    },
    Succeeded(Json),
    Failed(ActionError),
}

/// What a run that only waits is waiting for: enough to know when it goes on, without its state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dormancy {
    /// When it goes on by itself.
    pub wakes_at: Option<Timestamp>,
    /// The waits that an event could answer.
    pub events: Box<[Wait]>,
}

/// How far the undoing of a performance is.
#[derive(Clone, Debug, PartialEq)]
pub enum Undoing {
    NotYet,
    Running,
    Done,
    Failed(ActionError),
}

/// An entry that does not follow from what came before: the journal is damaged, or not of this plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal says `{what}` of step `{step}`, which does not follow from what came before")]
pub struct IllegalEntry {
    pub what: &'static str,
    pub step: String,
}

impl RunState {
    /// The state after these entries.
    ///
    /// # Errors
    /// The first entry that does not follow.
    pub fn replay<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Self, IllegalEntry> {
        let mut state = Self::default();
        for entry in entries {
            state.apply(entry)?;
        }
        Ok(state)
    }

    /// Takes in one entry.
    ///
    /// # Errors
    /// The entry does not follow; the state is as before.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), IllegalEntry> {
        match &entry.what {
            What::Began { inputs, target, view } => {
                let began = Began { at: entry.at, inputs: inputs.clone(), target: target.clone(), view: view.clone() };
                self.began = Some(began);
            }
            What::Skipped { step } => self.open(step, "skipped", StepState::Skipped)?,
            What::Kept { step, output } => self.open(step, "kept", StepState::Kept(output.clone()))?,
            What::Expanded { step, items } => {
                let each = StepState::Each { items: items.clone(), performances: BTreeMap::new() };
                self.open(step, "expanded", each)?;
            }
            What::Attempted { place, attempt, input, undo } => {
                self.attempt(place, *attempt, input, undo.as_ref(), entry.at)?;
            }
            What::Failed { place, error } => {
                self.fail(place, error, entry.at)?;
                self.failure.get_or_insert_with(|| (place.step.clone(), error.clone()));
            }
            What::Checkpointed { place, state } => {
                self.known(place, "checkpointed")?.checkpoint = Some(state.clone());
            }
            What::Interrupted { place } => {
                let performance = self.known(place, "interrupted")?;
                // What was being performed had been allowed to be.
                performance.permitted = true;
                // A stop in order is no crash.
                performance.interruptions += u32::from(!std::mem::take(&mut performance.suspended));
            }
            What::Suspended { place } => self.known(place, "suspended")?.suspended = true,
            What::Retrying { place, retry_at, error } => {
                self.known(place, "retrying")?.status = Status::Retrying { at: *retry_at, error: error.clone() };
            }
            What::Waiting { place, wait } => {
                let performance = self.known(place, "waiting")?;
                if performance.status != Status::Running {
                    return Err(IllegalEntry { what: "waiting", step: place.step.to_string() });
                }
                performance.status = Status::Waiting { wait: Box::new(wait.clone()), answer: None };
            }
            What::Answered { place, answer: came } => {
                match &mut self.known(place, "answered")?.status {
                    Status::Waiting { answer, .. } if answer.is_none() => *answer = Some(came.clone()),
                    _ => return Err(IllegalEntry { what: "answered", step: place.step.to_string() }),
                }
                if let Answer::Event { source, id, .. } = came {
                    self.heard.push((source.clone(), id.clone()));
                }
            }
            What::Permitted { place } => {
                let performance = self.known(place, "permitted")?;
                if !matches!(performance.status, Status::Waiting { .. }) {
                    return Err(IllegalEntry { what: "permitted", step: place.step.to_string() });
                }
                performance.status = Status::Running;
                performance.permitted = true;
            }
            What::Succeeded { place, output } => {
                self.known(place, "succeeded")?.status = Status::Succeeded(output.clone());
            }
            What::StopRequested { reason } => self.stop = Some(*reason),
            What::Undoing { place } => self.known(place, "undoing")?.undoing = Undoing::Running,
            What::Undone { place, .. } => self.known(place, "undone")?.undoing = Undoing::Done,
            What::UndoFailed { place, error } => {
                self.known(place, "undo_failed")?.undoing = Undoing::Failed(error.clone());
            }
            What::Ended { status, outputs, error, phase } => {
                let end = End { status: *status, outputs: outputs.clone(), error: error.clone(), phase: *phase };
                self.ended = Some(end);
            }
        }
        Ok(())
    }

    /// The performance at a place, once it was attempted.
    pub fn performance(&self, place: &Place) -> Option<&Performance> {
        match (self.steps.get(&place.step)?, place.item) {
            (StepState::Once(performance), None) => Some(performance),
            (StepState::Each { performances, .. }, Some(item)) => performances.get(&item),
            _ => None,
        }
    }

    /// Every performance with its place, by step and item.
    pub fn performances(&self) -> impl Iterator<Item = (Place, &Performance)> {
        self.steps.iter().flat_map(|(step, state)| {
            let place = |item| Place { step: step.clone(), item };
            let list: Vec<_> = match state {
                StepState::Once(performance) => vec![(place(None), performance)],
                StepState::Each { performances, .. } => {
                    performances.iter().map(|(item, performance)| (place(Some(*item)), performance)).collect()
                }
                StepState::Skipped | StepState::Kept(_) | StepState::Broken(_) => Vec::new(),
            };
            list
        })
    }

    /// What the run waits for, where it does nothing but wait; `None` where something is being performed or undone, or
    /// nothing is waited for.
    pub fn dormancy(&self) -> Option<Dormancy> {
        let mut events = Vec::new();
        let mut waits = false;
        for (_, performance) in self.performances() {
            match &performance.status {
                Status::Running => return None,
                _ if performance.undoing == Undoing::Running => return None,
                Status::Waiting { wait, .. } => {
                    waits = true;
                    events.extend(matches!(wait.on, WaitOn::Event { .. }).then(|| Wait::clone(wait)));
                }
                Status::Retrying { .. } | Status::Succeeded(_) | Status::Failed(_) => {}
            }
        }
        waits.then(|| Dormancy { wakes_at: self.next_moment(), events: events.into() })
    }

    /// When the run goes on by itself: at the next attempt, or at the end of a wait.
    pub fn next_moment(&self) -> Option<Timestamp> {
        let moments = self.performances().filter_map(|(_, performance)| match &performance.status {
            Status::Retrying { at, .. } => Some(*at),
            Status::Waiting { wait, .. } => wait.ends_at(),
            Status::Running | Status::Succeeded(_) | Status::Failed(_) => None,
        });
        moments.min()
    }

    /// What `steps` holds in the expressions of a frame: the output of every step of it that succeeded, under its name.
    pub fn outputs_within(&self, frame: &Frame) -> Json {
        let outputs = self.steps.iter().filter_map(|(name, state)| {
            let name = frame.written(name.as_str())?;
            Some((name.to_owned(), state.output()?))
        });
        Json::Object(outputs.collect::<JsonMap>())
    }

    /// What a call was given that began with this step; null before that.
    pub fn given(&self, entry: &StepName) -> &Json {
        match self.steps.get(entry) {
            Some(StepState::Kept(output)) => output,
            Some(StepState::Once(performance)) => performance.output().unwrap_or(&Json::Null),
            _ => &Json::Null,
        }
    }

    /// What `error` holds in `on_failure`.
    pub fn error_view(&self) -> Json {
        match &self.failure {
            Some((step, error)) => json!({ "step": step, "kind": error.kind, "message": error.message }),
            // A halt may come while no step fails of it.
            None if self.stop == Some(StopReason::Halted) => {
                json!({ "step": "", "kind": FailureKind::Halted, "message": "the target was halted" })
            }
            None => Json::Null,
        }
    }

    fn open(&mut self, step: &StepName, what: &'static str, state: StepState) -> Result<(), IllegalEntry> {
        if self.steps.contains_key(step) {
            return Err(IllegalEntry { what, step: step.to_string() });
        }
        self.steps.insert(step.clone(), state);
        Ok(())
    }

    fn attempt(
        &mut self,
        place: &Place,
        attempt: u32,
        input: &Json,
        undo: Option<&Json>,
        at: Timestamp,
    ) -> Result<(), IllegalEntry> {
        let illegal = || IllegalEntry { what: "attempted", step: place.step.to_string() };
        if let Some(performance) = self.performance_mut(place) {
            let follows = matches!(performance.status, Status::Retrying { .. }) && attempt == performance.attempt + 1;
            if !follows {
                return Err(illegal());
            }
            performance.attempt = attempt;
            performance.attempted_at = at;
            performance.status = Status::Running;
            return Ok(());
        }
        let performance = Performance::begun(attempt, input, undo, at, Status::Running);
        match (self.steps.get_mut(&place.step), place.item) {
            (None, None) => {
                self.steps.insert(place.step.clone(), StepState::Once(performance));
                Ok(())
            }
            (Some(StepState::Each { items, performances }), Some(item)) if item < items.len() => {
                performances.insert(item, performance);
                Ok(())
            }
            _ => Err(illegal()),
        }
    }

    fn fail(&mut self, place: &Place, error: &ActionError, at: Timestamp) -> Result<(), IllegalEntry> {
        let failed = Status::Failed(error.clone());
        if let Some(performance) = self.performance_mut(place) {
            let waits = matches!(&performance.status, Status::Waiting { wait, .. } if wait.is_for_permission());
            if waits && performance.attempt <= 1 && !performance.permitted {
                // Nothing was done that could be undone.
                performance.undo = None;
            }
            performance.status = failed;
            return Ok(());
        }
        match (self.steps.get_mut(&place.step), place.item) {
            // An item whose inputs could not be evaluated was never attempted.
            (Some(StepState::Each { performances, .. }), Some(item)) => {
                performances.insert(item, Performance::begun(0, &Json::Null, None, at, failed));
                Ok(())
            }
            _ => self.open(&place.step, "failed", StepState::Broken(error.clone())),
        }
    }

    fn performance_mut(&mut self, place: &Place) -> Option<&mut Performance> {
        match (self.steps.get_mut(&place.step)?, place.item) {
            (StepState::Once(performance), None) => Some(performance),
            (StepState::Each { performances, .. }, Some(item)) => performances.get_mut(&item),
            _ => None,
        }
    }

    fn known(&mut self, place: &Place, what: &'static str) -> Result<&mut Performance, IllegalEntry> {
        self.performance_mut(place).ok_or_else(|| IllegalEntry { what, step: place.step.to_string() })
    }
}

impl StepState {
    /// Whether nothing more will happen in the step, undoing aside.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Skipped | Self::Kept(_) | Self::Broken(_) => true,
            Self::Once(performance) => performance.is_settled(),
            Self::Each { items, performances } => {
                performances.len() == items.len() && performances.values().all(Performance::is_settled)
            }
        }
    }

    /// What the step returned: for `for_each` the list in item order. `None` until it has succeeded as a whole.
    pub fn output(&self) -> Option<Json> {
        match self {
            Self::Skipped | Self::Broken(_) => None,
            Self::Kept(output) => Some(output.clone()),
            Self::Once(performance) => performance.output().cloned(),
            Self::Each { items, performances } => (0..items.len())
                .map(|item| performances.get(&item).and_then(Performance::output).cloned())
                .collect::<Option<Vec<_>>>()
                .map(Json::Array),
        }
    }
}

impl Performance {
    fn begun(attempt: u32, input: &Json, undo: Option<&Json>, at: Timestamp, status: Status) -> Self {
        Self {
            attempt,
            attempted_at: at,
            input: input.clone(),
            undo: undo.cloned(),
            checkpoint: None,
            interruptions: 0,
            permitted: false,
            suspended: false,
            status,
            undoing: Undoing::NotYet,
        }
    }

    pub fn is_settled(&self) -> bool {
        matches!(self.status, Status::Succeeded(_) | Status::Failed(_))
    }

    pub fn output(&self) -> Option<&Json> {
        match &self.status {
            Status::Succeeded(output) => Some(output),
            _ => None,
        }
    }
}
