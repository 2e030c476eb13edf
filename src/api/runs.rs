//! `/v1/runs`: what was run, and how far it is.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::run_view::{RunLine, RunView};
use super::{ApiState, QueryResult, query, standstill, surroundings};
use crate::base::id::RunId;
use crate::runtime::journal::RunStatus;
use crate::runtime::ports::RunFilter;

/// Most entries of one page.
pub(super) const MAX_PAGE: u64 = 1_000;

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RunQuery {
    /// Only those of this target.
    target: Option<String>,
    /// Only those in this state: `waiting`, `running`, `succeeded`, `failed`, `cancelled`, `dropped` or `parked`.
    status: Option<String>,
    /// Only those older than this run: its id.
    before: Option<String>,
    /// At most this many; 100 where it is absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Runs, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunList {
    runs: Vec<RunLine>,
    /// What to give as `before` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists runs, the newest first.
#[utoipa::path(get, path = "/v1/runs", tag = "runs", operation_id = "list_runs", params(RunQuery), responses(
    (status = 200, description = "Runs, the newest first", body = RunList),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The store cannot be read", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<ApiState>,
    params: QueryResult<RunQuery>,
) -> Result<Json<RunList>, Problem> {
    let Query(params) = query(params)?;
    let limit = page(params.limit)?;
    let filter = RunFilter {
        target: params.target.map(Into::into),
        status: params.status.as_deref().map(status).transpose()?,
        before: params.before.as_deref().map(run_id).transpose()?,
        // One more than is shown tells whether there is another page.
        limit: limit + 1,
    };
    let mut runs = state.store.runs(&filter).await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let next = if runs.len() > shown {
        runs.truncate(shown);
        runs.last().map(|run| run.id.to_string())
    } else {
        None
    };
    Ok(Json(RunList { runs: runs.iter().map(RunLine::from).collect(), next }))
}

/// Shows one run with its steps.
#[utoipa::path(get, path = "/v1/runs/{id}", tag = "runs", operation_id = "show_run", params(("id" = String, Path, description = "The run's id")), responses(
    (status = 200, description = "The run and its steps", body = RunView),
    (status = 400, description = "The id is malformed", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(State(state): State<ApiState>, Path(id): Path<String>) -> Result<Json<RunView>, Problem> {
    view(&state, run_id(&id)?).await
}

/// A run as it is now.
pub(super) async fn view(state: &ApiState, id: RunId) -> Result<Json<RunView>, Problem> {
    let run = state.store.run(id).await?;
    let run = run.ok_or_else(|| Problem::not_found(format!("there is no run {id}; `GET /v1/runs` lists them")))?;
    let progress = if run.summary.status.is_final() { None } else { state.control.progress(id) };
    let mut view = RunView::fold(&run.summary, &run.journal, progress);
    if let (RunStatus::Waiting, Some(target)) = (run.summary.status, &run.summary.target) {
        let around = surroundings::of(state, target).await?;
        view.standstill = standstill::of_waiting(&view.summary, target, &around);
    }
    Ok(Json(view))
}

/// The size of a page, held against what is allowed.
pub(super) fn page(limit: Option<u64>) -> Result<u64, Problem> {
    match limit.unwrap_or(100) {
        limit if (1..=MAX_PAGE).contains(&limit) => Ok(limit),
        limit => Err(Problem::malformed(format!("`limit` must be 1 to {MAX_PAGE}, but it is {limit}"))),
    }
}

pub(super) fn run_id(text: &str) -> Result<RunId, Problem> {
    text.parse().map_err(|_| {
        Problem::malformed(format!("`{text}` is no id of a run; ids look like `0198c0de-0000-7000-8000-000000000000`"))
    })
}

fn status(text: &str) -> Result<RunStatus, Problem> {
    serde_json::from_value(text.into()).map_err(|_| {
        Problem::malformed(format!(
            "`{text}` is no state of a run; there are `waiting`, `running`, `succeeded`, `failed`, `cancelled`, `dropped` and \
             `parked`"
        ))
    })
}
