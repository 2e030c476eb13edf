//! `/v1/halt` and `/v1/unhalt`: the brake.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use super::{ApiState, BodyResult, body};
use crate::base::id::TargetName;

/// What to halt.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HaltOrder {
    /// Absent: everything.
    target: Option<String>,
}

/// What is halted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HaltList {
    /// Whether everything is.
    all: bool,
    /// Targets that are halted on their own.
    targets: Vec<String>,
}

/// Shows what is halted.
#[utoipa::path(get, path = "/v1/halts", tag = "halts", operation_id = "list_halts", responses(
    (status = 200, description = "What is halted", body = HaltList),
))]
pub(super) async fn list(State(state): State<ApiState>) -> Result<Json<HaltList>, Problem> {
    halts(&state).await
}

/// Stops load tests and dispatches of one target or of all, until they are unhalted.
#[utoipa::path(post, path = "/v1/halt", tag = "halts", operation_id = "halt", request_body(content = Option<HaltOrder>), responses(
    (status = 200, description = "Halted, durably; what is halted now", body = HaltList),
    (status = 404, description = "The target is not configured", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn halt(State(state): State<ApiState>, bytes: BodyResult) -> Result<Json<HaltList>, Problem> {
    let target = order(&body(bytes)?)?;
    tracing::warn!(target = target.as_ref().map_or("all", TargetName::as_str), "halt ordered");
    state.control.halt(target).await?;
    halts(&state).await
}

/// Takes a halt back.
#[utoipa::path(post, path = "/v1/unhalt", tag = "halts", operation_id = "unhalt", request_body(content = Option<HaltOrder>), responses(
    (status = 200, description = "What is halted still", body = HaltList),
    (status = 404, description = "The target is not configured", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn unhalt(State(state): State<ApiState>, bytes: BodyResult) -> Result<Json<HaltList>, Problem> {
    let target = order(&body(bytes)?)?;
    tracing::warn!(target = target.as_ref().map_or("all", TargetName::as_str), "unhalt ordered");
    state.control.unhalt(target).await?;
    halts(&state).await
}

/// An empty body halts everything: the brake must not fail for want of a `{}`.
fn order(bytes: &Bytes) -> Result<Option<TargetName>, Problem> {
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    let order: HaltOrder = serde_json::from_slice(bytes)
        .map_err(|error| Problem::malformed(format!("the body must be `{{\"target\": NAME}}` or empty: {error}")))?;
    Ok(order.target.map(Into::into))
}

async fn halts(state: &ApiState) -> Result<Json<HaltList>, Problem> {
    let halts = state.control.halts().await?;
    Ok(Json(HaltList {
        all: halts.contains(&None),
        targets: halts.into_iter().flatten().map(|target| target.to_string()).collect(),
    }))
}
