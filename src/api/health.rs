//! `/healthz` and `/readyz`: whether the process lives, and whether it can do its work.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::ApiState;

/// That the process lives.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Alive {
    /// Always `alive`.
    status: &'static str,
    version: &'static str,
}

/// Whether the engine can do its work.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    ready: bool,
    /// Whether it is shutting down.
    draining: bool,
    /// One line for everything that is wrong.
    problems: Vec<String>,
}

/// Says that the process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", operation_id = "alive", responses((status = 200, description = "It lives", body = Alive)))]
pub(super) async fn alive() -> Json<Alive> {
    Json(Alive { status: "alive", version: env!("CARGO_PKG_VERSION") })
}

/// Says whether the engine can do its work.
#[utoipa::path(get, path = "/readyz", tag = "health", operation_id = "ready", responses(
    (status = 200, description = "It can", body = Readiness),
    (status = 503, description = "It cannot; `problems` says why", body = Readiness),
))]
pub(super) async fn ready(State(state): State<ApiState>) -> (StatusCode, Json<Readiness>) {
    let health = state.control.health();
    let ready = health.ready && !health.draining;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, draining: health.draining, problems: health.problems }))
}
