//! A run's journal becomes what people are shown of the run.
//!
//! Lenient where the engine is strict: a journal that does not make sense is shown as far as it does.

use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::standstill::{self, Standstill};
use crate::runtime::effect::ActionError;
use crate::runtime::journal::{Entry, Place, RunSummary, What};
use crate::runtime::wait::{Wait, WaitOn};

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RunLine {
    #[schema(example = "0198c0de-0000-7000-8000-000000000000")]
    pub id: String,
    pub workflow: String,
    /// Digest of the plan it runs.
    pub plan: String,
    /// The target it holds or waits for; null for a run without one.
    pub target: Option<String>,
    /// The rule that started it; null where a person did.
    pub rule: Option<String>,
    /// The event that caused it.
    pub event: Option<EventRef>,
    #[schema(value_type = Object)]
    pub inputs: Json,
    /// The rule's priority: lower first among the runs that wait for one target.
    pub priority: i64,
    /// `waiting`, `running`, `succeeded`, `failed`, `cancelled`, `dropped` or `parked`.
    #[schema(example = "succeeded")]
    pub status: String,
    pub error: Option<String>,
    /// The run that it tries again; null for most.
    pub retry_of: Option<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
}

/// Names an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventRef {
    pub source: String,
    pub id: String,
}

/// A run with its steps.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RunView {
    #[serde(flatten)]
    pub summary: RunLine,
    /// In the order in which they were first heard of.
    pub steps: Vec<StepView>,
    /// Why it was told to stop, where it was: `superseded`, `cancelled` or `halted`.
    pub stop: Option<String>,
    /// What it returned, once it has ended.
    #[schema(value_type = Option<Object>)]
    pub outputs: Option<Json>,
    /// The phase it left its target in.
    pub phase: Option<String>,
    /// What the step that runs now says of itself; kept in memory only.
    #[schema(value_type = Option<Object>)]
    pub progress: Option<Json>,
    /// Why it does not go on, and what to do about it; empty where nothing keeps it.
    pub standstill: Vec<Standstill>,
}

/// A step, or one item of a `for_each` step.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct StepView {
    pub step: String,
    /// Of a `for_each` step, from 0; null for the step itself.
    pub item: Option<usize>,
    pub status: StepStatus,
    /// How many attempts were begun.
    pub attempts: u32,
    /// How often a stop of the engine cut it off.
    pub interruptions: u32,
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    #[schema(format = DateTime)]
    pub ended_at: Option<String>,
    /// When the next attempt begins, where one is to come.
    #[schema(format = DateTime)]
    pub retry_at: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub input: Option<Json>,
    #[schema(value_type = Option<Object>)]
    pub output: Option<Json>,
    pub error: Option<StepError>,
    /// What it waits for; null where it does not wait.
    pub wait: Option<WaitView>,
}

/// What a step waits for without being performed.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct WaitView {
    /// `time`, `event`, `approval`, or `opening`: the moment from which on the step may be performed.
    #[schema(example = "approval")]
    pub on: String,
    #[schema(format = DateTime)]
    pub since: String,
    /// When the wait is over if nothing comes; null: never.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// The type of the event it waits for.
    pub event: Option<String>,
    /// What that event's data must have.
    #[schema(value_type = Option<Object>)]
    pub data: Option<Json>,
    /// What a person is to decide, or what keeps the step from being performed.
    pub reason: Option<String>,
    /// Who is to decide.
    pub by: Option<String>,
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StepError {
    /// `transient`, `permanent`, `timed_out`, `halted`, `cancelled` or `lease_lost`.
    pub kind: String,
    pub message: String,
}

/// Where a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Its condition was false.
    Skipped,
    /// The run that this one continues had performed it, and what it returned still counts.
    Kept,
    Running,
    /// Waits for its next attempt.
    Retrying,
    /// Waits for a moment, an event or a person.
    Waiting,
    Succeeded,
    Failed,
    Undoing,
    Undone,
    UndoFailed,
}

impl RunView {
    /// The view of a run with this journal; `progress` is what its running step says of itself.
    pub fn fold(summary: &RunSummary, journal: &[Entry], progress: Option<Json>) -> Self {
        let mut view = Self {
            summary: summary.into(),
            steps: Vec::new(),
            stop: None,
            outputs: None,
            phase: None,
            progress,
            standstill: Vec::new(),
        };
        for entry in journal {
            view.take(entry);
        }
        view.settle_lists();
        view.standstill = standstill::of_run(&view.summary, summary.status, &view.steps);
        view
    }

    fn take(&mut self, entry: &Entry) {
        let at = entry.at.to_string();
        match &entry.what {
            What::Began { .. } | What::Checkpointed { .. } | What::Answered { .. } => {}
            What::Waiting { place, wait } => {
                let step = self.step(place);
                step.status = StepStatus::Waiting;
                step.wait = Some(WaitView::new(wait, at));
            }
            What::Kept { step, output } => {
                let step = self.step(&Place { step: step.clone(), item: None });
                step.output = Some(output.clone());
                step.end(StepStatus::Kept, at);
            }
            What::Skipped { step } => {
                self.step(&Place { step: step.clone(), item: None }).end(StepStatus::Skipped, at);
            }
            What::Expanded { step, items } => {
                let step = self.step(&Place { step: step.clone(), item: None });
                step.started_at = Some(at);
                step.input = Some(Json::Array(items.clone()));
            }
            What::Attempted { place, attempt, input, .. } => {
                let step = self.step(place);
                step.status = StepStatus::Running;
                step.attempts = *attempt;
                step.input = Some(input.clone());
                step.started_at.get_or_insert(at);
                step.retry_at = None;
            }
            What::Interrupted { place } | What::Suspended { place } => self.step(place).interruptions += 1,
            What::Permitted { place } => {
                let step = self.step(place);
                step.status = StepStatus::Running;
                step.wait = None;
            }
            What::Retrying { place, error, retry_at } => {
                let step = self.step(place);
                step.status = StepStatus::Retrying;
                step.error = Some(error.into());
                step.retry_at = Some(retry_at.to_string());
                step.wait = None;
            }
            What::Succeeded { place, output } => {
                let step = self.step(place);
                step.output = Some(output.clone());
                step.error = None;
                step.end(StepStatus::Succeeded, at);
            }
            What::Failed { place, error } => {
                let step = self.step(place);
                step.error = Some(error.into());
                step.end(StepStatus::Failed, at);
            }
            What::StopRequested { reason } => self.stop = word(reason),
            What::Undoing { place } => self.step(place).status = StepStatus::Undoing,
            What::Undone { place, .. } => self.step(place).status = StepStatus::Undone,
            What::UndoFailed { place, error } => {
                let step = self.step(place);
                step.status = StepStatus::UndoFailed;
                step.error = Some(error.into());
            }
            What::Ended { outputs, phase, .. } => {
                self.outputs = Some(outputs.clone());
                self.phase = phase.map(|phase| phase.as_str().to_owned());
            }
        }
    }

    /// A `for_each` step as a whole is journaled only at its start: how it went follows from its items.
    fn settle_lists(&mut self) {
        let items: Vec<_> = self.steps.iter().filter(|step| step.item.is_some()).cloned().collect();
        for whole in self.steps.iter_mut().filter(|step| step.item.is_none() && step.status == StepStatus::Running) {
            let Some(Json::Array(list)) = &whole.input else { continue };
            let own = || items.iter().filter(|item| item.step == whole.step);
            let count = own().count();
            if own().any(|item| item.status == StepStatus::Failed) {
                whole.status = StepStatus::Failed;
            } else if count == list.len() && own().all(|item| item.status == StepStatus::Succeeded) {
                whole.status = StepStatus::Succeeded;
            } else if count > 0 && own().all(|item| item.status == StepStatus::Undone) {
                whole.status = StepStatus::Undone;
            }
            if own().all(|item| item.ended_at.is_some()) && count == list.len() {
                whole.ended_at = own().filter_map(|item| item.ended_at.clone()).max().or(whole.started_at.clone());
            }
        }
    }

    fn step(&mut self, place: &Place) -> &mut StepView {
        let known = self.steps.iter().position(|step| step.step == place.step.as_str() && step.item == place.item);
        let index = known.unwrap_or(self.steps.len());
        if known.is_none() {
            self.steps.push(StepView::new(place));
        }
        // The index is that of the step just found or pushed.
        #[expect(clippy::indexing_slicing, reason = "found or pushed one line above")]
        &mut self.steps[index]
    }
}

impl StepView {
    fn new(place: &Place) -> Self {
        Self {
            step: place.step.to_string(),
            item: place.item,
            status: StepStatus::Running,
            attempts: 0,
            interruptions: 0,
            started_at: None,
            ended_at: None,
            retry_at: None,
            input: None,
            output: None,
            error: None,
            wait: None,
        }
    }

    fn end(&mut self, status: StepStatus, at: String) {
        self.status = status;
        self.retry_at = None;
        self.wait = None;
        self.ended_at = Some(at);
    }
}

impl From<&RunSummary> for RunLine {
    fn from(run: &RunSummary) -> Self {
        Self {
            id: run.id.to_string(),
            workflow: run.workflow.to_string(),
            plan: run.plan.to_string(),
            target: run.target.as_ref().map(ToString::to_string),
            rule: run.rule.as_ref().map(ToString::to_string),
            event: run.event.as_ref().map(|(source, id)| EventRef { source: source.clone(), id: id.clone() }),
            inputs: run.inputs.clone(),
            priority: run.priority,
            status: run.status.as_str().to_owned(),
            error: run.error.clone(),
            retry_of: run.retry.map(|retry| retry.run.to_string()),
            created_at: run.created_at.to_string(),
            started_at: run.started_at.map(|time| time.to_string()),
            ended_at: run.ended_at.map(|time| time.to_string()),
        }
    }
}

impl WaitView {
    pub(super) fn new(wait: &Wait, since: String) -> Self {
        let on = match wait.on {
            WaitOn::Time { .. } => "time",
            WaitOn::Event { .. } => "event",
            WaitOn::Approval { .. } => "approval",
            WaitOn::Opening { .. } => "opening",
        };
        let mut view = Self {
            on: on.to_owned(),
            since,
            until: wait.ends_at().map(|end| end.to_string()),
            event: None,
            data: None,
            reason: None,
            by: None,
        };
        match &wait.on {
            WaitOn::Time { .. } => {}
            WaitOn::Event { kind, data, .. } => {
                view.event = Some(kind.clone());
                view.data = Some(Json::Object(data.clone()));
            }
            WaitOn::Opening { reason, .. } => view.reason = Some(reason.clone()),
            WaitOn::Approval { reason, by, .. } => {
                view.reason = Some(reason.clone());
                view.by.clone_from(by);
            }
        }
        view
    }
}

impl From<&ActionError> for StepError {
    fn from(error: &ActionError) -> Self {
        Self { kind: word(&error.kind).unwrap_or_default(), message: error.message.clone() }
    }
}

/// The word that a plain enumeration is serialised as.
pub(super) fn word(value: &impl Serialize) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(Json::String(word)) => Some(word),
        _ => None,
    }
}
