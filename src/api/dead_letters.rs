//! `/v1/dead-letters`: events that could not be handled, and what a person decides about them.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value as JsonValue;
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::{ApiState, QueryResult, query};
use crate::runtime::ports::{EventFilter, EventOrder, StoredEvent};

/// Most dead letters of one answer.
const MOST: u64 = 1000;

/// Which dead letters to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeadLetterQuery {
    /// Only those with a lower number: the next page.
    before: Option<u64>,
    /// At most this many, up to 1000; 100 where it is absent.
    limit: Option<u64>,
}

/// Dead letters, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeadLetterList {
    dead_letters: Vec<DeadLetterView>,
    /// What to give as `before` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// An event that could not be handled.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeadLetterView {
    /// The event's place among all events that were ever accepted: what the dead letter is called by.
    sequence: u64,
    /// Why it could not be handled.
    reason: String,
    /// How often handling it was tried.
    attempts: u32,
    /// When it was put aside.
    #[schema(format = DateTime)]
    dead_at: String,
    #[schema(format = DateTime)]
    accepted_at: String,
    /// The event as a CloudEvent.
    #[schema(value_type = Object)]
    event: JsonValue,
}

/// Lists events that could not be handled.
#[utoipa::path(get, path = "/v1/dead-letters", tag = "dead letters", operation_id = "list_dead_letters",
    params(DeadLetterQuery), responses(
    (status = 200, description = "The newest first", body = DeadLetterList),
    (status = 400, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<ApiState>,
    params: QueryResult<DeadLetterQuery>,
) -> Result<Json<DeadLetterList>, Problem> {
    let Query(DeadLetterQuery { before, limit }) = query(params)?;
    let limit = limit.unwrap_or(100);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::malformed(format!("`limit` is {limit}; it must be from 1 to {MOST}")));
    }
    let filter = EventFilter { only_dead_letters: true, order: EventOrder::NewestFirst { before }, limit: limit + 1 };
    let mut found = state.store.events(&filter).await?;
    let more = found.len() as u64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = found.last().filter(|_| more).map(|stored| stored.sequence);
    Ok(Json(DeadLetterList { dead_letters: found.into_iter().filter_map(view).collect(), next }))
}

/// Shows an event that could not be handled.
#[utoipa::path(get, path = "/v1/dead-letters/{sequence}", tag = "dead letters", operation_id = "show_dead_letter",
    params(("sequence" = u64, Path, description = "The event's number")), responses(
    (status = 200, description = "The dead letter", body = DeadLetterView),
    (status = 404, description = "No dead letter has that number", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    State(state): State<ApiState>,
    Path(sequence): Path<String>,
) -> Result<Json<DeadLetterView>, Problem> {
    let sequence = number(&sequence)?;
    let found = state.store.event_at(sequence).await?;
    found.and_then(view).map(Json).ok_or_else(|| {
        Problem::not_found(format!("event {sequence} is no dead letter; `GET /v1/dead-letters` lists those that are"))
    })
}

/// Handles an event once more that could not be handled: as if it had just been accepted, but with its age.
#[utoipa::path(post, path = "/v1/dead-letters/{sequence}/redrive", tag = "dead letters", operation_id = "redrive_dead_letter",
    params(("sequence" = u64, Path, description = "The event's number")), responses(
    (status = 204, description = "It waits to be handled, durably"),
    (status = 404, description = "No dead letter has that number", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "What it was put aside for is still so", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn redrive(
    State(state): State<ApiState>,
    Path(sequence): Path<String>,
) -> Result<StatusCode, Problem> {
    state.control.redrive(number(&sequence)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Drops an event that could not be handled: nothing comes of it any more.
#[utoipa::path(delete, path = "/v1/dead-letters/{sequence}", tag = "dead letters", operation_id = "drop_dead_letter",
    params(("sequence" = u64, Path, description = "The event's number")), responses(
    (status = 204, description = "It is dropped, durably"),
    (status = 404, description = "No dead letter has that number", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn discard(
    State(state): State<ApiState>,
    Path(sequence): Path<String>,
) -> Result<StatusCode, Problem> {
    state.control.drop_letter(number(&sequence)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::malformed(format!("`{text}` is no number of an event")))
}

/// `None` where the event is no dead letter.
fn view(stored: StoredEvent) -> Option<DeadLetterView> {
    let outcome = stored.dead_letter()?.clone();
    Some(DeadLetterView {
        sequence: stored.sequence,
        reason: outcome.dead.unwrap_or_default(),
        attempts: outcome.attempts,
        dead_at: outcome.routed_at.to_string(),
        accepted_at: stored.accepted_at.to_string(),
        event: stored.event.into_cloud_event(),
    })
}
