//! `/v1/runs/{id}/…`: what a person may ask of a run.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::problem::Problem;
use super::run_view::RunView;
use super::runs::{run_id, view};
use super::{ApiState, BodyResult, body};
use crate::base::id::StepName;
use crate::runtime::journal::Place;
use crate::runtime::wait::Decision;

/// A decision on what a run waits for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecisionOrder {
    /// The step that waits, or one item of it as `step[0]`. Absent: the only one that does.
    #[schema(example = "ask")]
    step: Option<String>,
    /// Who decides.
    by: Option<String>,
    /// What they say about it.
    note: Option<String>,
}

/// How to try again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryOrder {
    /// Keeps what steps returned that succeeded and were not undone; the plan is that of the run. Absent: `false`, from the
    /// beginning by the workflow as it is now.
    #[serde(default)]
    from_failed_step: bool,
}

/// Approves what a run waits for.
#[utoipa::path(post, path = "/v1/runs/{id}/approve", tag = "runs", operation_id = "approve_run", params(("id" = String, Path, description = "The run's id")), request_body(content = Option<DecisionOrder>), responses(
    (status = 200, description = "Approved, durably; the run as it is now", body = RunView),
    (status = 400, description = "The id or the body is malformed", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Nothing, or something else, in it waits for approval", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn approve(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    bytes: BodyResult,
) -> Result<Json<RunView>, Problem> {
    decide(&state, &id, bytes, true).await
}

/// Rejects what a run waits for.
#[utoipa::path(post, path = "/v1/runs/{id}/reject", tag = "runs", operation_id = "reject_run", params(("id" = String, Path, description = "The run's id")), request_body(content = Option<DecisionOrder>), responses(
    (status = 200, description = "Rejected, durably; the run as it is now", body = RunView),
    (status = 400, description = "The id or the body is malformed", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Nothing, or something else, in it waits for approval", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn reject(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    bytes: BodyResult,
) -> Result<Json<RunView>, Problem> {
    decide(&state, &id, bytes, false).await
}

/// Stops a run for good; what it did is undone.
#[utoipa::path(post, path = "/v1/runs/{id}/cancel", tag = "runs", operation_id = "cancel_run", params(("id" = String, Path, description = "The run's id")), responses(
    (status = 200, description = "It is told to stop, durably; undoing may take longer", body = RunView),
    (status = 400, description = "The id is malformed", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is over", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn cancel(State(state): State<ApiState>, Path(id): Path<String>) -> Result<Json<RunView>, Problem> {
    let id = run_id(&id)?;
    state.control.cancel(id).await?;
    tracing::info!(run = %id, "run cancelled");
    view(&state, id).await
}

/// Starts a run again that is over and did not succeed. The answer shows the new run.
#[utoipa::path(post, path = "/v1/runs/{id}/retry", tag = "runs", operation_id = "retry_run", params(("id" = String, Path, description = "The run's id")), request_body(content = Option<RetryOrder>), responses(
    (status = 200, description = "The new run, which waits for its target", body = RunView),
    (status = 400, description = "The id or the body is malformed", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such run, or its target is not configured", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It cannot be tried again; the answer says why", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn retry(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    bytes: BodyResult,
) -> Result<Json<RunView>, Problem> {
    let id = run_id(&id)?;
    let RetryOrder { from_failed_step } = order(bytes, "{\"from_failed_step\": true}")?;
    let new = state.control.retry(id, from_failed_step).await?;
    tracing::info!(run = %id, %new, from_failed_step, "run tried again");
    view(&state, new).await
}

/// Lets a parked run go on, where that is possible again.
#[utoipa::path(post, path = "/v1/runs/{id}/resume", tag = "runs", operation_id = "resume_run", params(("id" = String, Path, description = "The run's id")), responses(
    (status = 200, description = "It waits for its target and goes on then", body = RunView),
    (status = 400, description = "The id is malformed", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is not parked, or still cannot go on", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn resume(State(state): State<ApiState>, Path(id): Path<String>) -> Result<Json<RunView>, Problem> {
    let id = run_id(&id)?;
    state.control.resume_run(id).await?;
    tracing::info!(run = %id, "run resumed");
    view(&state, id).await
}

async fn decide(state: &ApiState, id: &str, bytes: BodyResult, approved: bool) -> Result<Json<RunView>, Problem> {
    let id = run_id(id)?;
    let DecisionOrder { step, by, note } = order(bytes, "{\"step\": NAME, \"by\": NAME, \"note\": TEXT}")?;
    let place = step.as_deref().map(place).transpose()?;
    let who = by.clone();
    let place = state.control.decide(id, place, Decision { approved, by, note }).await?;
    tracing::info!(run = %id, %place, approved, by = who, "decided");
    view(state, id).await
}

/// An empty body asks for nothing in particular.
fn order<T: DeserializeOwned + Default>(bytes: BodyResult, form: &str) -> Result<T, Problem> {
    let bytes = body(bytes)?;
    if bytes.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::malformed(format!("the body must be like `{form}` or empty: {error}")))
}

/// `step`, or `step[item]`.
fn place(text: &str) -> Result<Place, Problem> {
    let wrong = || Problem::malformed(format!("`{text}` is no step; write `step`, or `step[0]` for the first item"));
    let Some((step, rest)) = text.split_once('[') else {
        return Ok(Place { step: StepName::from(text), item: None });
    };
    let item = rest.strip_suffix(']').and_then(|item| item.parse().ok()).ok_or_else(wrong)?;
    Ok(Place { step: StepName::from(step), item: Some(item) })
}
