//! `/v1/runs/{id}/journal`: everything that happened in a run, in order and with its values.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::ApiState;
use super::problem::Problem;
use super::run_view::{RunLine, StepError, WaitView, word};
use super::runs::run_id;
use crate::base::clock::Timestamp;
use crate::runtime::effect::ActionError;
use crate::runtime::journal::{Entry, Place, What};

/// A run with its journal.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JournalView {
    #[serde(flatten)]
    run: RunLine,
    entries: Vec<EntryView>,
}

/// One thing that happened in a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub(super) struct EntryView {
    #[schema(format = DateTime)]
    pub at: String,
    /// Since the run was made, in milliseconds.
    pub after_ms: i64,
    /// `began`, `attempted`, `waiting`, `answered`, `succeeded`, `failed`, `undoing`, …
    #[schema(example = "attempted")]
    pub what: String,
    pub step: Option<String>,
    /// Of a `for_each` step, from 0.
    pub item: Option<usize>,
    pub attempt: Option<u32>,
    /// The value it is about: inputs of a run or an attempt, items, an output, a checkpoint, an answer, a reason.
    #[schema(value_type = Option<Object>)]
    pub value: Option<Value>,
    /// What undoing the attempt would restore.
    #[schema(value_type = Option<Object>)]
    pub undo: Option<Value>,
    /// What `target` is in the run's expressions, at its beginning.
    #[schema(value_type = Option<Object>)]
    pub target: Option<Value>,
    pub error: Option<StepError>,
    /// What is waited for.
    pub wait: Option<WaitView>,
    /// When the next attempt begins.
    #[schema(format = DateTime)]
    pub until: Option<String>,
}

/// Shows everything that happened in a run, in order.
#[utoipa::path(get, path = "/v1/runs/{id}/journal", tag = "runs", operation_id = "replay_run", params(("id" = String, Path, description = "The run's id")), responses(
    (status = 200, description = "The run and its journal", body = JournalView),
    (status = 400, description = "The id is malformed", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(State(state): State<ApiState>, Path(id): Path<String>) -> Result<Json<JournalView>, Problem> {
    let id = run_id(&id)?;
    let run = state.store.run(id).await?;
    let run = run.ok_or_else(|| Problem::not_found(format!("there is no run {id}; `GET /v1/runs` lists them")))?;
    let made = run.summary.created_at;
    let entries = run.journal.iter().map(|entry| view(entry, made)).collect();
    Ok(Json(JournalView { run: RunLine::from(&run.summary), entries }))
}

fn view(entry: &Entry, made: Timestamp) -> EntryView {
    let mut view = EntryView {
        at: entry.at.to_string(),
        after_ms: entry.at.0 - made.0,
        what: kind(&entry.what),
        ..EntryView::default()
    };
    match &entry.what {
        What::Began { inputs, view: target, .. } => {
            view.value = Some(inputs.clone());
            view.target = Some(target.clone()).filter(|target| !target.is_null());
        }
        What::Kept { step, output } => {
            view.step = Some(step.to_string());
            view.value = Some(output.clone());
        }
        What::Skipped { step } => view.step = Some(step.to_string()),
        What::Expanded { step, items } => {
            view.step = Some(step.to_string());
            view.value = Some(Value::Array(items.clone()));
        }
        What::Attempted { place, attempt, input, undo } => {
            view.about(place, Some(input));
            view.attempt = Some(*attempt);
            view.undo.clone_from(undo);
        }
        What::Checkpointed { place, state } => view.about(place, Some(state)),
        What::Interrupted { place }
        | What::Suspended { place }
        | What::Permitted { place }
        | What::Undoing { place } => view.about(place, None),
        What::Retrying { place, error, retry_at } => {
            view.failed(place, error);
            view.until = Some(retry_at.to_string());
        }
        What::Waiting { place, wait } => {
            view.about(place, None);
            view.wait = Some(WaitView::new(wait, entry.at.to_string()));
        }
        What::Answered { place, answer } => {
            view.about(place, None);
            view.value = serde_json::to_value(answer).ok();
        }
        What::Succeeded { place, output } | What::Undone { place, output } => view.about(place, Some(output)),
        What::Failed { place, error } | What::UndoFailed { place, error } => view.failed(place, error),
        What::StopRequested { reason } => view.value = serde_json::to_value(reason).ok(),
        What::Ended { status, outputs, error, .. } => {
            view.value = Some(outputs.clone()).filter(|outputs| !outputs.is_null());
            view.error = error.as_ref().map(StepError::from);
            view.what = format!("ended: {}", status.as_str());
        }
    }
    view
}

impl EntryView {
    fn about(&mut self, place: &Place, value: Option<&Value>) {
        self.step = Some(place.step.to_string());
        self.item = place.item;
        self.value = value.cloned();
    }

    fn failed(&mut self, place: &Place, error: &ActionError) {
        self.about(place, None);
        self.error = Some(error.into());
    }
}

/// What happened, in the journal's own word.
fn kind(what: &What) -> String {
    let told = serde_json::to_value(what).unwrap_or_default();
    told.get("what").and_then(word).unwrap_or_default()
}
